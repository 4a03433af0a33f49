"""`EvaluatedModel`: which difficulty, epoch and consumers belong to a model that is tested."""

from types import SimpleNamespace

import numpy as np
import pytest
from torch import nn

from cdb_video.difficulty.counts import ClassCounts
from cdb_video.difficulty.records import Derived
from cdb_video.difficulty.state import CHECKPOINT_KEY, DifficultyState
from cdb_video.metrics.class_accuracy import ClassAccuracy
from cdb_video.run.checkpoint_entry import CheckpointEntry
from cdb_video.run.reporting.evaluated_model import EvaluatedModel
from tests.support.toys import LabelsOnly

NAMES = ('lift', 'cut')
STATE = DifficultyState.start(np.array([9, 5]), NAMES).updated(
    np.array([4, 2]), np.array([3, 2]), epoch=1, iteration=10
)
COUNTS = ClassCounts(np.array([6, 6]), np.array([1, 2]), np.array([1, 5]))
VECTORS = {'CDBLoss': {'tau': 1.0}}


def checkpoint(**meta):
    report = {'consumers': VECTORS, 'source': 'train'}
    return CheckpointEntry.of({CHECKPOINT_KEY: STATE.to_checkpoint() | {'report': report}, 'meta': meta})


def test_trained_model_has_the_epoch_of_the_loop_and_the_difficulty_in_force():
    loop = SimpleNamespace(epoch=3, iteration=30)
    handover = SimpleNamespace(state=STATE, vectors=VECTORS, parts=SimpleNamespace(loop=loop))
    made = EvaluatedModel.trained(handover, 'replay').evaluation(COUNTS, None, {'acc/mean1': np.float32(0.25)})
    assert (made.state.epoch, made.state.iteration) == (3, 30)
    assert made.state.difficulty is STATE.difficulty
    assert (made.split, made.source, made.consumers, made.metrics) == ('test', 'replay', VECTORS, {'acc/mean1': 0.25})
    assert (made.num_clips.tolist(), made.num_correct.tolist()) == ([6, 6], [1, 2])


@pytest.mark.parametrize(('meta', 'expected'), [({'epoch': 2, 'iter': 20}, (2, 20)), ({'epoch': 2}, (1, 10))])
def test_loaded_model_is_dated_by_its_checkpoint_if_that_says_all(meta, expected):
    made = EvaluatedModel.loaded(checkpoint(**meta)).evaluation(COUNTS, None, {})
    assert (made.state.epoch, made.state.iteration) == expected
    assert made.state.difficulty.tolist() == STATE.difficulty.tolist()
    assert (made.source, made.consumers) == ('train', {'CDBLoss': Derived(tau=1.0)})


def test_model_without_a_difficulty_is_reported_without_one():
    model = EvaluatedModel.loaded(CheckpointEntry.of({'meta': {'epoch': 5, 'iter': 50}}))
    made = model.evaluation(COUNTS, NAMES, {})
    assert model.state is None
    assert (made.state.epoch, made.state.iteration, made.state.class_names) == (5, 50, NAMES)
    assert not made.state.measured.any()
    assert not made.state.train_counts.any()
    assert (made.consumers, made.source) == ({}, 'val')


def evaluator_of(*metrics):
    return SimpleNamespace(metrics=metrics)


def test_metric_of_a_test_gets_the_counts_of_training_and_test():
    metric = ClassAccuracy(num_classes=2)
    EvaluatedModel.loaded(checkpoint()).prepare(evaluator_of(metric), nn.Linear(1, 1), LabelsOnly([0, 0, 1], NAMES))
    assert metric._train_counts.tolist() == [9, 5]
    assert metric._clip_counts.tolist() == [2, 1]


def test_test_set_with_other_classes_is_refused():
    model, dataset = EvaluatedModel.loaded(checkpoint()), LabelsOnly([0, 1], ('lift', 'wash'))
    with pytest.raises(ValueError, match="'cut' in the checkpoint"):
        model.prepare(evaluator_of(ClassAccuracy(num_classes=2)), nn.Linear(1, 1), dataset)
