"""DifficultyTracker beside ClassDifficultyHook: the same bits on the same predictions, and entries for each other."""

import json
import uuid
from unittest import mock

import numpy as np
import pytest
import torch

from cdb_video import DifficultyTracker
from cdb_video.difficulty.state import CHECKPOINT_KEY
from cdb_video.losses import CDBLoss
from cdb_video.metrics import ClassAccuracy
from cdb_video.samplers import CDBSampler
from tests.support.runs import CLASS_NAMES, hook_of, make_runner

pytestmark = pytest.mark.training

LABELS = np.repeat(np.arange(4), [40, 20, 10, 5])


def train_with_hook(folder, hook, loss, sampler, **changes):
    """A toy run; the runner, and per validation the batches of scores and labels that its metric was given."""
    validations = []
    process, evaluate = ClassAccuracy.process, ClassAccuracy.evaluate

    def note(self, data_batch, data_samples):
        batch = [torch.stack([one['pred_score'] for one in data_samples])]
        validations[-1].append((*batch, torch.cat([one['gt_label'] for one in data_samples])))
        return process(self, data_batch, data_samples)

    def end(self, size):
        validations.append([])
        return evaluate(self, size)

    settings = {
        'model': {'loss_cls': {'_delete_': True, 'type': 'CDBLoss', **loss}},
        'train_dataloader': {'sampler': {'_delete_': True, 'type': 'CDBSampler', 'seed': 0, **sampler}},
        'custom_hooks': [{'type': 'ClassDifficultyHook', **hook}],
    }
    runner = make_runner(folder, uuid.uuid4().hex, **settings | changes)
    validations.append([])
    with mock.patch.object(ClassAccuracy, 'process', note), mock.patch.object(ClassAccuracy, 'evaluate', end):
        runner.train()
    return runner, [batches for batches in validations if batches]


def tracker_of(folder, hook, loss, sampler):
    parts = CDBLoss(**loss), CDBSampler(LABELS, labels=LABELS, seed=0, **sampler)
    made = DifficultyTracker(
        4,
        class_names=CLASS_NAMES,
        consumers=parts,
        history=folder,
        planned_validations=3,
        max_epochs=3,
        **hook,
    )
    return made, parts


def lines_of(folder):
    entries = [json.loads(line) for line in (folder / 'class_history.jsonl').read_text().splitlines()]
    return [{key: value for key, value in entry.items() if key not in ('run_id', 'facts')} for entry in entries]


def assert_same_entry(one, other):
    """Tensors to the bit; of the report all but the lists of clips, which only a run with datasets knows."""
    assert one.keys() == other.keys()
    for name, value in one.items():
        if isinstance(value, torch.Tensor):
            assert torch.equal(value, other[name]), name
        elif name != 'report':
            assert value == other[name], name
    assert {**one['report'], 'lists': {}} == {**other['report'], 'lists': {}}


CASES = [
    ({}, {'tau': 1.0}, {'tau': 'dynamic'}),
    ({'momentum': 0.6, 'prior_count': 3, 'min_difficulty': 0.1}, {'tau': (0, 2)}, {'tau': 1.0, 'begin': 2}),
    (
        {'momentum': 'mean', 'measure': 'probability'},
        {'law': 'accumulated', 'strength': 5.0, 'logit_adjustment': 1.0},
        {'tau': 0.5, 'frequency_power': 0.5},
    ),
]


@pytest.mark.parametrize(('hook', 'loss', 'sampler'), CASES, ids=['plain', 'smooth', 'mean'])
def test_same_predictions_give_the_same_difficulty_weights_history_and_checkpoint(tmp_path, hook, loss, sampler):
    runner, validations = train_with_hook(tmp_path / 'hook', hook, loss, sampler)
    assert len(validations) == 3
    tracker, (own_loss, own_sampler) = tracker_of(tmp_path / 'tracker', hook, loss, sampler)
    for number, batches in enumerate(validations, 1):
        for scores, labels in batches:
            tracker.update(scores, labels)
        tracker.compute(epoch=number, iteration=10 * number)
    assert lines_of(tmp_path / 'tracker') == lines_of(tmp_path / 'hook')
    assert len(lines_of(tmp_path / 'tracker')) == 4
    assert tracker.state_.difficulty.tolist() == hook_of(runner).state_.difficulty.tolist()
    assert torch.equal(own_loss.class_weight, runner.model.cls_head.loss_cls.class_weight)
    theirs = runner.train_dataloader.sampler
    assert own_sampler.class_probability.tolist() == theirs.class_probability.tolist()
    own_sampler.set_epoch(theirs.epoch)
    assert own_sampler.draw_epoch().tolist() == theirs.draw_epoch().tolist()
    content = {}
    hook_of(runner).before_save_checkpoint(runner, content)
    assert_same_entry(tracker.state_dict(), content[CHECKPOINT_KEY])


def test_a_tracker_goes_on_from_a_checkpoint_of_the_hook_and_the_hook_from_one_of_a_tracker(tmp_path):
    hook, loss, sampler = CASES[1]
    straight, validations = train_with_hook(tmp_path / 'a', hook, loss, sampler)
    saved = torch.load(tmp_path / 'a' / 'epoch_2.pth', weights_only=False)
    # mmengine saves before it validates: the entry is of the validation before.
    tracker, _ = tracker_of(tmp_path / 'tracker', hook, loss, sampler)
    tracker.load_state_dict(saved[CHECKPOINT_KEY])
    assert tracker.state_.num_validations == 1
    for number in (2, 3):
        for scores, labels in validations[number - 1]:
            tracker.update(scores, labels)
        tracker.compute(epoch=number, iteration=10 * number)
        if number == 2:
            own = tracker.state_dict()
    assert tracker.state_.difficulty.tolist() == hook_of(straight).state_.difficulty.tolist()
    torch.save(saved | {CHECKPOINT_KEY: own}, tmp_path / 'of_tracker.pth')
    resumed, seen = train_with_hook(
        tmp_path / 'b', hook, loss, sampler, resume=True, load_from=str(tmp_path / 'of_tracker.pth')
    )
    assert len(seen) == 1  # the second validation is in the entry
    assert hook_of(resumed).state_.difficulty.tolist() == hook_of(straight).state_.difficulty.tolist()
