"""What DifficultyTracker refuses: batches, moments, arguments, consumers of others, states of other classes."""

import gc
import logging
import re

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from cdb_video import DifficultyTracker
from cdb_video.losses import CDBLoss
from cdb_video.samplers import CDBSampler, ClassSampler, ProgressiveSampler
from tests.difficulty.tracking.test_tracker import COUNTS, NAMES, counted, validation

SCORES = torch.tensor([[0.1, 0.9], [0.6, 0.4]])


@pytest.mark.parametrize(
    ('scores', 'labels', 'options', 'kind', 'said'),
    [
        (SCORES * float('nan'), [0, 1], {}, ValueError, 'scores of 2 of 2 samples of this batch hold NaN.*lower the'),
        (SCORES, [0, 2], {}, ValueError, r'labels: sample 1 of the batch has 2, num_classes is 2: must be in 0\.\.1'),
        (SCORES, [-1, 0], {}, ValueError, 'labels: sample 0 of the batch has -1.*ignored left out'),
        ([0, 5], [0, 1], {}, ValueError, 'predictions: sample 1 of the batch has 5'),
        (SCORES, [0], {}, ValueError, '2 scores or predictions and 1 labels: .*same samples'),
        (SCORES[:, :1], [0, 1], {}, ValueError, r'scores of shape \(2, 1\), num_classes is 2: must be \(N, 2\)'),
        (SCORES[None], [0], {}, ValueError, r'scores of shape \(1, 2, 2\)'),
        (SCORES, [[0], [1]], {}, ValueError, r'labels of shape \(2, 1\): must be \(N,\)'),
        (SCORES, [0.0, 1.0], {}, TypeError, 'labels of type float64: must be whole numbers'),
        (SCORES[:, 0], [0, 1], {}, TypeError, 'predictions of type float32: must be whole numbers'),
        (SCORES > 1, [0, 1], {}, TypeError, 'scores of type bool: must be numbers'),
        (3.0, [0], {}, ValueError, 'no scores or predictions and 1 labels'),
        ([0, 1], [0, 1], {'measure': 'probability'}, ValueError, r"measure='probability' needs.*scores.softmax\(1\)"),
        (SCORES * 4, [0, 1], {'measure': 'probability'}, ValueError, 'scores of a sample are 0.4 to 3.6 with the sum'),
    ],
)
def test_batches_that_cannot_be_counted_are_refused_and_count_nothing(scores, labels, options, kind, said):
    tracker = DifficultyTracker(2, **options)
    with pytest.raises(kind, match=said):
        tracker.update(scores, labels)
    with pytest.raises(ValueError, match='compute without update: no sample was counted'):
        tracker.compute(epoch=1, iteration=1)


@pytest.mark.parametrize(
    ('moment', 'said'),
    [
        ({'epoch': 2, 'iteration': 10}, 'the last validation was after epoch 1 and iteration 10'),
        ({'epoch': 0, 'iteration': 11}, 'epoch=0, iteration=11: the last validation was'),
        ({'epoch': 1.5, 'iteration': 11}, 'epoch=1.5: must be a whole number >= 0'),
        ({'epoch': 2, 'iteration': True}, 'iteration=True: must be a whole number'),
        ({'epoch': 2, 'iteration': 11, 'size': 20}, 'process 0 of 1 has evaluated 29 samples, and its share of 20'),
        ({'epoch': 2, 'iteration': 11, 'size': 0}, 'size=0: must be a whole number >= 1'),
    ],
)
def test_moments_and_sizes_that_do_not_fit_are_refused_and_the_next_validation_counts(moment, said):
    tracker = DifficultyTracker(4)
    first = counted(tracker, *validation())
    with pytest.raises(ValueError, match=said):
        counted(tracker, *validation(), **moment)
    assert tracker.state_ is first
    assert counted(tracker, *validation(), epoch=2, iteration=12).num_clips.sum() == 29


def test_fewer_samples_than_the_set_has_are_warned_of(caplog):
    with caplog.at_level(logging.WARNING, 'cdb_video'):
        counted(DifficultyTracker(4), *validation(), size=32)
    assert '29 of the 32 samples of the set were counted: is drop_last=True' in caplog.text


LABELS = np.repeat(np.arange(4), COUNTS)
ACCUMULATED = {'law': 'accumulated'}


@pytest.mark.parametrize(
    ('make', 'kind', 'said'),
    [
        (lambda: DifficultyTracker(0), ValueError, 'num_classes=0: must be a whole number >= 1'),
        (lambda: DifficultyTracker(None), ValueError, 'num_classes=None'),
        (lambda: DifficultyTracker(4, [1, 2]), ValueError, r'train_counts: int64 of shape \(2,\), num_classes is 4'),
        (lambda: DifficultyTracker(2, [1, -2]), ValueError, 'whole numbers >= 0.*np.bincount'),
        (lambda: DifficultyTracker(2, class_names='ab'), ValueError, "class_names='ab': must be a list"),
        (lambda: DifficultyTracker(2, class_names=['a']), ValueError, 'class_names: has 1 names, num_classes is 2'),
        (lambda: DifficultyTracker(2, momentum=1.0), ValueError, 'momentum=1.0: must be in'),
        (lambda: DifficultyTracker(2, measure='loss'), ValueError, "measure='loss': must be 'accuracy'"),
        (lambda: DifficultyTracker(2, planned_validations=0), ValueError, 'planned_validations=0: must be'),
        (lambda: DifficultyTracker(2, max_epochs=1.0), ValueError, 'max_epochs=1.0: must be'),
        (
            lambda: DifficultyTracker(4, consumers=DataLoader(LABELS)),
            TypeError,
            'DataLoader has no set_class_difficulty.*give the sampler',
        ),
        (
            lambda: DifficultyTracker(4, consumers=[torch.nn.Linear(2, 4)]),
            TypeError,
            'consumers: Linear has no set_class_difficulty',
        ),
        (
            lambda: DifficultyTracker(4, consumers=CDBLoss(**ACCUMULATED), planned_validations=3),
            ValueError,
            "law='accumulated' needs the mean difficulty.*DifficultyTracker has momentum=0.0: set momentum='mean'",
        ),
        (
            lambda: DifficultyTracker(4, consumers=CDBLoss(**ACCUMULATED), momentum='mean'),
            ValueError,
            'planned_validations=None: set it to the validations of the whole training',
        ),
        (
            lambda: DifficultyTracker(4, consumers=CDBLoss(begin=2)),
            ValueError,
            'CDBLoss changes with the epoch .*max_epochs=None: set max_epochs',
        ),
        (
            lambda: DifficultyTracker(4, consumers=CDBLoss(logit_adjustment=1.0)),
            ValueError,
            'CDBLoss needs the class frequencies, and train_counts=None: give',
        ),
        (
            lambda: DifficultyTracker(
                4, consumers=[ClassSampler(LABELS, labels=LABELS), CDBSampler(LABELS, labels=LABELS)]
            ),
            ValueError,
            'ClassSampler and CDBSampler are samplers with a law of classes each',
        ),
        (
            lambda: DifficultyTracker(5, consumers=CDBSampler(LABELS, labels=LABELS)),
            ValueError,
            'the difficulty has 5 classes, ndarray has 4',
        ),
        (lambda: DifficultyTracker(4, consumers=CDBLoss(num_classes=3)), ValueError, 'the difficulty has 4 classes'),
        (
            lambda: DifficultyTracker(4, consumers=ProgressiveSampler(LABELS, labels=LABELS), max_epochs=2).set_epoch(
                3.0
            ),
            ValueError,
            'epoch=3.0: must be a whole number >= 0',
        ),
    ],
)
def test_trackers_that_cannot_work_are_refused_when_they_are_made(make, kind, said):
    with pytest.raises(kind, match=re.compile(said, re.DOTALL)):
        make()


def test_two_trackers_for_one_loss_are_refused_while_both_live():
    loss, other = CDBLoss(num_classes=4), CDBLoss(num_classes=4)
    first = DifficultyTracker(4, consumers=loss)
    with pytest.raises(ValueError, match=r'CDBLoss is handed its difficulty by another DifficultyTracker.*one tracker'):
        DifficultyTracker(4, consumers=[other, loss])
    counted(first, *validation())  # goes on as it was
    assert DifficultyTracker(4, consumers=other) is not None  # the refused one holds nothing
    del first
    gc.collect()
    assert counted(DifficultyTracker(4, consumers=loss), *validation()).num_validations == 1


def entry(**changes):
    tracker = DifficultyTracker(4, class_names=NAMES)
    counted(tracker, *validation())
    return tracker.state_dict() | changes


@pytest.mark.parametrize(
    ('options', 'state', 'said'),
    [
        ({'num_classes': 5}, entry(), 'difficulty of 4 classes, this tracker has 5: load'),
        ({'class_names': ('lift', 'cut', 'dry', 'spread')}, entry(), "class 2 is 'wash' in the state and 'dry' in"),
        ({}, {'model': {}, 'class_difficulty': entry()}, "keys model, class_difficulty.*give its entry 'class_diff"),
        ({}, {'model': {}}, "entry 'class_difficulty' cannot be read"),
        ({}, entry(version=99), 'version 99 is newer'),
        ({}, None, 'cannot be read'),
    ],
)
def test_states_that_do_not_fit_are_refused_and_change_nothing(options, state, said):
    loss = CDBLoss()
    tracker = DifficultyTracker(**({'num_classes': 4} | options), consumers=loss)
    before = counted(tracker, *validation(seed=3, num_classes=tracker.num_classes))
    weights = loss.class_weight
    with pytest.raises(ValueError, match=said):
        tracker.load_state_dict(state)
    assert tracker.state_ is before
    assert torch.equal(loss.class_weight, weights)


def test_an_epoch_beyond_the_training_is_refused():
    tracker = DifficultyTracker(2, max_epochs=3)
    tracker.set_epoch(3)
    with pytest.raises(ValueError, match='epoch=4, and max_epochs=3'):
        tracker.set_epoch(4)
