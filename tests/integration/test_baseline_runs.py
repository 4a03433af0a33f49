"""Baselines and combinations in whole toy runs: what the hook hands on, and what a resumed run does."""

import copy
import itertools
import uuid
from unittest import mock

import numpy as np
import pytest
import torch

from cdb_video.classifier.heads import NormalizedLinear
from cdb_video.difficulty.formulas import class_probability, class_weights
from cdb_video.difficulty.history import read_history
from tests.support import reference
from tests.support.runs import hook_of, make_runner

pytestmark = pytest.mark.training

COUNTS = [40, 20, 10, 5]
NATURAL = {'_delete_': True, 'type': 'DefaultSampler', 'shuffle': True}
OBSERVER = [{'type': 'ClassDifficultyHook', 'observe_only': True}]
BALANCED = {'_delete_': True, 'type': 'ClassBalancedLoss', 'beta': 0.9}
RAMP = (0, 2)


def baseline(loss, sampler=NATURAL, **changes):
    """Changes for a run that only observes."""
    return {
        'model': {'loss_cls': dict(loss)},
        'train_dataloader': {'sampler': dict(sampler)},
        'custom_hooks': OBSERVER,
    } | changes


def make(work_dir, normalized=False, **changes):
    # `merged` takes what it uses out of the changes.
    runner = make_runner(work_dir, uuid.uuid4().hex, **copy.deepcopy(changes))
    if normalized:
        torch.manual_seed(0)
        runner.model.cls_head.fc = NormalizedLinear(2, 4, 30.0)
    return runner


def run(work_dir, **changes):
    runner = make(work_dir, **changes)
    runner.train()
    return runner


def loss_of(runner):
    return runner.model.cls_head.loss_cls


def test_observing_hook_hands_on_the_training_counts(tmp_path):
    runner = run(tmp_path, **baseline(BALANCED))
    np.testing.assert_allclose(loss_of(runner).class_weight, reference.class_balanced_weights(COUNTS, 0.9))


def test_counts_are_handed_on_in_a_run_without_validation_too(tmp_path):
    without = {'val_dataloader': ..., 'val_cfg': ..., 'val_evaluator': ...}
    hooks = {'checkpoint': {'save_best': None}}
    runner = run(tmp_path, **baseline(BALANCED, default_hooks=hooks, **without))
    np.testing.assert_allclose(loss_of(runner).class_weight, reference.class_balanced_weights(COUNTS, 0.9))


def test_counts_that_a_sampler_leads_to_are_those_of_an_epoch(tmp_path):
    sampler = {'_delete_': True, 'type': 'ClassSampler', 'frequency_power': 0}
    runner = run(tmp_path, **baseline(BALANCED | {'beta': 0.99}, sampler))
    seen = loss_of(runner)._from_prior.value
    np.testing.assert_allclose(seen, [75 / 4] * 4)
    np.testing.assert_allclose(loss_of(runner).class_weight, 1)


def test_prior_follows_a_sampler_that_changes_with_the_epoch(tmp_path):
    runner = run(
        tmp_path,
        **baseline(
            {'type': 'CDBLoss', 'tau': 0, 'logit_adjustment': 1.0}, {'_delete_': True, 'type': 'ProgressiveSampler'}
        ),
    )
    # Three epochs: natural, half way, balanced.
    epochs = [list(itertools.chain(*runner.model.batches[k : k + 10]))[:75] for k in (0, 10, 20)]
    labels = [np.bincount(epoch, minlength=4) for epoch in epochs]
    assert labels[0].tolist() == COUNTS
    assert (np.abs(labels[1] - (np.array(COUNTS) + 75 / 4) / 2) < 1).all()
    assert (np.abs(labels[2] - 75 / 4) < 1).all()
    np.testing.assert_allclose(loss_of(runner)._from_prior.value, np.log([0.25] * 4))


def test_observed_loss_without_tau_is_not_warned_about(tmp_path):
    for tau, warnings in ((0, 0), (1, 1)):
        runner = make(tmp_path, **baseline({'type': 'CDBLoss', 'tau': tau}))
        with mock.patch.object(runner.logger, 'warning') as warning:
            runner.train()
        assert sum('will be handed no difficulty' in str(call) for call in warning.call_args_list) == warnings


def test_loss_with_margins_is_refused_on_a_plain_linear_layer(tmp_path):
    with pytest.raises(ValueError, match=r"LDAMLoss needs scores that are 30 times a cosine.*classifier='normalized'"):
        run(tmp_path, **baseline({'_delete_': True, 'type': 'LDAMLoss'}))


def test_deferred_weights_act_from_their_epoch_on(tmp_path):
    seen = []
    changes = baseline({'_delete_': True, 'type': 'LDAMLoss', 'drw_begin': 2, 'beta': 0.9})
    runner = make(tmp_path, normalized=True, **changes)
    loss = loss_of(runner)
    loss.register_forward_hook(lambda *_: seen.append(loss.class_weight.tolist()))
    runner.train()
    np.testing.assert_allclose(seen[:20], 1)
    np.testing.assert_allclose(seen[20:], [reference.class_balanced_weights(COUNTS, 0.9)] * 10)


def test_growing_tau_acts_and_is_recorded_as_it_will_act(tmp_path):
    runner = run(
        tmp_path,
        model={'loss_cls': {'type': 'CDBLoss', 'tau': RAMP}},
        train_dataloader={'sampler': {'type': 'CDBSampler', 'tau': RAMP}},
    )
    records = read_history(tmp_path / 'class_history.jsonl').records
    assert [entry.consumers['CDBLoss'].tau for entry in records] == [1, 2, 2]
    assert [entry.consumers['CDBSampler'].tau for entry in records] == [1, 2, 2]
    for entry, tau in zip(records, (1, 2, 2), strict=True):
        difficulty = entry.difficulty
        np.testing.assert_allclose(entry.consumers['CDBLoss'].weight, class_weights(difficulty, tau))
        expected = class_probability(difficulty, tau, COUNTS)
        np.testing.assert_allclose(entry.consumers['CDBSampler'].probability, expected)
    assert hook_of(runner).state_.epoch == 3


RUNS = {
    'ldam_drw': {'normalized': True} | baseline({'_delete_': True, 'type': 'LDAMLoss', 'drw_begin': 0.75}),
    'progressive': baseline(BALANCED, {'_delete_': True, 'type': 'ProgressiveSampler'}),
    'repeat': baseline(BALANCED, {'_delete_': True, 'type': 'RepeatFactorSampler'}),
    'growing': {
        'model': {'loss_cls': {'type': 'CDBLoss', 'tau': RAMP}},
        'train_dataloader': {'sampler': {'type': 'CDBSampler', 'tau': RAMP}},
    },
    'deferred': {
        'model': {'loss_cls': {'type': 'CDBLoss', 'begin': 3}},
        'train_dataloader': {'sampler': {'type': 'CDBSampler', 'begin': 2}},
    },
    'accumulated': {
        'model': {'loss_cls': {'_delete_': True, 'type': 'CDBLoss', 'law': 'accumulated', 'logit_adjustment': 1.0}},
        'train_dataloader': {'sampler': NATURAL},
        'custom_hooks': [{'type': 'ClassDifficultyHook', 'momentum': 'mean', 'measure': 'probability'}],
    },
}


@pytest.mark.parametrize('name', RUNS)
def test_resumed_run_equals_an_uninterrupted_one(tmp_path, name):
    straight = run(tmp_path / 'a', train_cfg={'max_epochs': 4}, **RUNS[name])
    # The length of training is that of the whole run; it stops after two epochs.
    cut = make(tmp_path / 'b', train_cfg={'max_epochs': 4}, **RUNS[name])
    with (
        mock.patch.object(type(hook_of(cut)), 'after_train_epoch', _stop_after(2), create=True),
        pytest.raises(InterruptedError),
    ):
        cut.train()
    checkpoint = str(tmp_path / 'b' / 'epoch_1.pth')
    resumed = make(tmp_path / 'b', train_cfg={'max_epochs': 4}, resume=True, load_from=checkpoint, **RUNS[name])
    resumed.train()
    assert resumed.model.batches == straight.model.batches[10:]
    for one, other in zip(resumed.model.parameters(), straight.model.parameters(), strict=True):
        assert torch.equal(one, other)
    a, b = (read_history(tmp_path / part / 'class_history.jsonl') for part in 'ab')
    assert a.records == b.records


def _stop_after(epochs):
    def stop(self, runner):
        if runner.epoch + 1 == epochs:
            raise InterruptedError

    return stop


@pytest.mark.parametrize(
    'changes',
    [
        {'model': {'loss_cls': {'type': 'CDBLoss', 'begin': 3}}},
        {'train_dataloader': {'sampler': {'type': 'CDBSampler', 'tau': RAMP}}},
        {'train_dataloader': {'sampler': {'_delete_': True, 'type': 'ProgressiveSampler'}}},
    ],
)
def test_what_changes_with_the_epoch_is_refused_in_training_by_iteration(tmp_path, changes):
    by_iteration = {'_delete_': True, 'by_epoch': False, 'max_iters': 20, 'val_interval': 10}
    hooks = {'checkpoint': {'by_epoch': False, 'interval': 10}}
    with pytest.raises(ValueError, match='changes with the epoch, and this run is trained by iteration'):
        run(tmp_path, train_cfg=by_iteration, default_hooks=hooks, **changes)


def test_replayed_difficulty_grows_and_starts_late_too(tmp_path):
    run(tmp_path / 'measured', train_cfg={'max_epochs': 4})
    changes = {'model': {'loss_cls': {'type': 'CDBLoss', 'tau': RAMP}}}
    history = str(tmp_path / 'measured' / 'class_history.jsonl')
    replayed = run(
        tmp_path / 'replayed',
        train_cfg={'max_epochs': 4},
        custom_hooks=[{'type': 'DifficultyReplayHook', 'history': history}],
        **changes,
    )
    assert loss_of(replayed).tau_ == 2
    difficulty = hook_of(replayed, 'DifficultyReplayHook').state_.difficulty
    np.testing.assert_allclose(loss_of(replayed).class_weight, class_weights(difficulty, 2))
