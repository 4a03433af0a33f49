"""When validation runs: by intervals, from a later epoch on, by iteration, until training is stopped."""

import itertools
import uuid
from unittest import mock

import numpy as np
import pytest
import torch
from mmengine.runner import EpochBasedTrainLoop

from cdb_video.difficulty.formulas import class_weights
from cdb_video.difficulty.history import read_history
from tests.support.runs import hook_of, make_runner

pytestmark = pytest.mark.training


@pytest.fixture
def run(tmp_path):
    """Build a runner in the temporary work directory."""
    return lambda **changes: make_runner(tmp_path, uuid.uuid4().hex, **changes)


@pytest.fixture
def run_by_iteration(tmp_path, monkeypatch):
    """Build a runner that trains by iteration; `name` is its folder."""
    # mmengine waits 2 seconds before every new pass over the data.
    monkeypatch.setattr('mmengine.runner.loops.time.sleep', lambda seconds: None)

    def build(max_iters, val_interval=5, name='run', sampler=None, **changes):
        changes.setdefault('train_dataloader', {})['sampler'] = {
            '_delete_': True,
            'type': 'CDBSampler',
            **(sampler or {}),
        }
        return make_runner(
            tmp_path / name,
            uuid.uuid4().hex,
            train_cfg={'_delete_': True, 'by_epoch': False, 'max_iters': max_iters, 'val_interval': val_interval},
            default_hooks={'checkpoint': {'by_epoch': False, 'interval': 5}},
            log_processor={'by_epoch': False},
            **changes,
        )

    return build


def weights_of_epochs(runner):
    """Train, and return the class weights with which each epoch began."""
    seen = []
    original = EpochBasedTrainLoop.run_epoch

    def run_epoch(loop):
        seen.append(runner.model.cls_head.loss_cls.class_weight.tolist())
        original(loop)

    with mock.patch.object(EpochBasedTrainLoop, 'run_epoch', run_epoch):
        runner.train()
    return seen


@pytest.mark.parametrize(
    ('train_cfg', 'validated'),
    [
        ({'val_interval': 2}, [2, 4, 5]),
        ({'val_begin': 3}, [3, 4, 5]),
        ({'val_begin': 2, 'val_interval': 3}, [3, 5]),
        ({'val_interval': 4, 'dynamic_intervals': [(4, 1)]}, [3, 4, 5]),
    ],
)
def test_difficulty_stands_still_between_validations(run, tmp_path, train_cfg, validated):
    runner = run(train_cfg={'max_epochs': 5, **train_cfg})
    seen = weights_of_epochs(runner)
    records = read_history(tmp_path / 'class_history.jsonl').records
    assert [entry.epoch for entry in records] == validated
    for epoch, weights in enumerate(seen, start=1):
        before = [entry.consumers['CDBLoss'].weight for entry in records if entry.epoch < epoch]
        assert weights == (before[-1] if before else [1] * 4)
    np.testing.assert_allclose(runner.model.cls_head.loss_cls.class_weight, class_weights(records[-1].difficulty, 1))


def test_validations_that_become_denser_are_not_taken_for_one_at_the_end(run):
    runner = run(train_cfg={'max_epochs': 3, 'val_interval': 3, 'dynamic_intervals': [(3, 1)]})
    with mock.patch.object(runner.logger, 'warning') as warning:
        runner.train()
    assert hook_of(runner).state_.epoch == 3
    assert not any('only validation is at the end' in str(call) for call in warning.call_args_list)


def test_resume_between_two_validations_neither_validates_nor_forgets(tmp_path):
    def trained(name, max_epochs, **changes):
        train_cfg = {'max_epochs': max_epochs, 'val_interval': 2}
        runner = make_runner(tmp_path / name, uuid.uuid4().hex, train_cfg=train_cfg, **changes)
        runner.train()
        return runner

    straight = trained('a', 4)
    # Stopped before the validation that its last epoch would get, as a killed run is.
    trained('b', 4)
    resumed = trained('b', 4, resume=True, load_from=str(tmp_path / 'b' / 'epoch_3.pth'))
    torch.testing.assert_close(resumed.model.state_dict(), straight.model.state_dict(), rtol=0, atol=0)
    records = [read_history(tmp_path / name / 'class_history.jsonl').records for name in 'ab']
    assert [entry.epoch for entry in records[1]] == [2, 4]
    assert records[0][-1].difficulty == records[1][-1].difficulty


def test_early_stopping_ends_the_run_with_report_and_record(run, tmp_path):
    stopping = {'type': 'EarlyStoppingHook', 'monitor': 'acc/mean1', 'min_delta': 2.0, 'patience': 2}
    runner = run(train_cfg={'max_epochs': 9}, custom_hooks=[{'type': 'ClassDifficultyHook'}, stopping])
    runner.train()
    assert runner.epoch == 3  # the first validation sets the mark, two more miss it
    records = read_history(tmp_path / 'class_history.jsonl').records
    assert [entry.epoch for entry in records] == [1, 2, 3]
    assert records[-1].difficulty == hook_of(runner).state_.difficulty.tolist()
    assert (tmp_path / 'class_report.csv').exists()


def test_early_stopping_starts_to_count_anew_after_a_resume(run, tmp_path):
    stopping = {'type': 'EarlyStoppingHook', 'monitor': 'acc/mean1', 'min_delta': 2.0, 'patience': 2}
    hooks = [{'type': 'ClassDifficultyHook'}, stopping]
    run(train_cfg={'max_epochs': 2}, custom_hooks=hooks).train()
    resumed = run(train_cfg={'max_epochs': 9}, custom_hooks=hooks, resume=True, load_from=str(tmp_path / 'epoch_2.pth'))
    resumed.train()
    # Validation 2 is made up for and sets a new mark; an uninterrupted run stops after epoch 3.
    assert resumed.epoch == 4


def test_every_pass_of_an_iteration_based_run_is_another_draw(run_by_iteration):
    runner = run_by_iteration(30, val_interval=30)
    runner.train()
    passes = [list(itertools.chain(*runner.model.batches[start : start + 10])) for start in (0, 10, 20)]
    assert [len(draws) for draws in passes] == [75, 75, 75]
    assert passes[0] != passes[1] != passes[2] != passes[0]
    # No difficulty has acted yet, so each pass is class-balanced.
    assert all(np.ptp(np.bincount(draws)) <= 2 for draws in passes)


def test_pass_after_a_validation_follows_the_new_difficulty(run_by_iteration, tmp_path):
    runner = run_by_iteration(20, val_interval=10)
    runner.train()
    records = read_history(tmp_path / 'run' / 'class_history.jsonl').records
    assert [(entry.epoch, entry.iteration) for entry in records] == [(0, 10), (0, 20)]
    expected = 75 * np.array(records[0].consumers['CDBSampler'].probability)
    drawn = np.bincount(list(itertools.chain(*runner.model.batches[10:20])), minlength=4)
    assert (np.abs(drawn - expected) < 1 + 1e-9).all()


def first_batch_without_the_perfect_class(runner):
    """Train a model that always says class 0, and find from which batch on class 0 is drawn no more."""
    torch.nn.init.zeros_(runner.model.cls_head.fc.weight)
    torch.nn.init.zeros_(runner.model.cls_head.fc.bias)
    runner._init_model_weights = lambda: None
    runner.train()
    return 1 + max(index for index, labels in enumerate(runner.model.batches) if 0 in labels)


@pytest.mark.parametrize(
    ('infinite', 'num_workers', 'batch'),
    # A pass is 10 batches. Two workers have fetched 2 batches each when the validation ends.
    [(False, 0, 10), (True, 0, 5), (True, 2, 9)],
)
def test_infinite_sampler_follows_a_validation_at_once(run_by_iteration, infinite, num_workers, batch):
    runner = run_by_iteration(
        20,
        val_interval=5,
        sampler={'infinite': infinite, 'num_samples': 80, 'seed': 3},
        train_dataloader={'num_workers': num_workers},
        optim_wrapper={'optimizer': {'lr': 0.0}},
    )
    with mock.patch.object(runner.logger, '_log') as log:
        assert first_batch_without_the_perfect_class(runner) == batch
    # Batches that are fetched before the hook hands on the difficulty are no reason to miss it.
    assert not any('handed no class difficulty' in str(call) for call in log.call_args_list)


@pytest.mark.parametrize(
    ('sampler', 'expected'), [({}, True), ({'infinite': True}, False), ({'num_samples': 40}, False)]
)
def test_difficulty_that_acts_late_is_warned_about(run_by_iteration, sampler, expected):
    runner = run_by_iteration(1, sampler=sampler)
    with mock.patch.object(runner.logger, 'warning') as warning:
        runner.train()
    said = [str(call) for call in warning.call_args_list]
    assert any('acts on sampling from the next pass on only' in text for text in said) == expected


@pytest.mark.parametrize('infinite', [False, True])
def test_resumed_iteration_based_run_equals_an_uninterrupted_one(run_by_iteration, tmp_path, infinite):
    sampler = {'num_samples': 40, 'infinite': infinite}  # 5 batches: a pass ends where a validation comes
    straight = run_by_iteration(20, name='a', sampler=sampler)
    straight.train()
    run_by_iteration(10, name='b', sampler=sampler).train()
    resumed = run_by_iteration(
        20, name='b', sampler=sampler, resume=True, load_from=str(tmp_path / 'b' / 'iter_10.pth')
    )
    resumed.train()
    torch.testing.assert_close(resumed.model.state_dict(), straight.model.state_dict(), rtol=0, atol=0)
    assert hook_of(resumed).state_.difficulty.tolist() == hook_of(straight).state_.difficulty.tolist()


def test_loss_is_driven_under_the_infinite_sampler_of_mmengine(run_by_iteration, tmp_path):
    runner = run_by_iteration(10, sampler={'type': 'InfiniteSampler'})
    runner.train()
    records = read_history(tmp_path / 'run' / 'class_history.jsonl').records
    assert [list(entry.consumers) for entry in records] == [['CDBLoss']] * 2
    np.testing.assert_allclose(runner.model.cls_head.loss_cls.class_weight, class_weights(records[-1].difficulty, 1))


def test_infinite_sampler_in_an_epoch_based_run_is_refused(run):
    runner = run(train_dataloader={'sampler': {'infinite': True}})
    with pytest.raises(ValueError, match=r'CDBSampler\(infinite=True\) in EpochBasedTrainLoop: its epoch would never'):
        runner.train()
    assert runner.model.batches == []
