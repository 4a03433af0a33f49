"""CDB-A in whole toy runs: from the hook's mean difficulty and its share of the validations to the weights."""

import uuid
from unittest import mock

import numpy as np
import pytest
import torch

from cdb_video.difficulty.history import read_history
from tests.support.parallel import in_processes
from tests.support.runs import hook_of, make_runner

pytestmark = pytest.mark.training

LOSS = {'_delete_': True, 'type': 'CDBLoss', 'law': 'accumulated', 'strength': 5.0}
REPLAY = {'type': 'DifficultyReplayHook'}
HOOKS = [{'type': 'ClassDifficultyHook', 'momentum': 'mean'}]
ALIKE = {'sampler': {'_delete_': True, 'type': 'DefaultSampler', 'shuffle': True}}
BY_ITERATION = {'_delete_': True, 'by_epoch': False, 'max_iters': 30, 'val_interval': 10}


def toy(work_dir, **changes):
    settings = {'model': {'loss_cls': dict(LOSS)}, 'custom_hooks': [dict(HOOKS[0])]}
    settings['train_dataloader'] = {'sampler': dict(ALIKE['sampler'])}
    return make_runner(work_dir, uuid.uuid4().hex, **settings | changes)


def expected(difficulty, s):
    powers = np.exp(s * np.array(difficulty))
    return len(powers) * powers / powers.sum()


@pytest.mark.parametrize(
    ('cfg', 'planned'),
    [
        ({'max_epochs': 3}, 3),
        ({'max_epochs': 5, 'val_interval': 2}, 3),
        ({'max_epochs': 5, 'val_begin': 3}, 3),
        ({'max_epochs': 6, 'val_interval': 3, 'dynamic_intervals': [(4, 1)]}, 4),
        (BY_ITERATION, 3),
    ],
)
def test_weights_grow_with_the_validations_from_1(tmp_path, cfg, planned):
    checkpoint = {'checkpoint': {'save_best': None, 'by_epoch': cfg.get('by_epoch', True), 'interval': 100}}
    runner = toy(tmp_path, train_cfg=dict(cfg), default_hooks=checkpoint)
    loss, seen = runner.model.cls_head.loss_cls, []
    loss.register_forward_hook(lambda *_: seen.append(loss.class_weight.tolist()))
    runner.train()
    records = read_history(tmp_path / 'class_history.jsonl').records
    assert len(records) == planned
    for number, record in enumerate(records, 1):
        mean = np.mean([1 - np.array(one.accuracy) for one in records[:number]], axis=0)
        np.testing.assert_allclose(record.difficulty, mean)
        derived = record.consumers['CDBLoss']
        assert derived.strength == pytest.approx(5.0 * number / planned)
        np.testing.assert_allclose(derived.weight, expected(mean, derived.strength))
        assert derived.tau is None
    first = records[0].iteration
    assert all(weights == [1.0] * 4 for weights in seen[:first])
    np.testing.assert_allclose(seen[first], records[0].consumers['CDBLoss'].weight)


def test_strength_0_is_cross_entropy_to_the_last_bit(tmp_path):
    plain = toy(tmp_path / 'a', model={'loss_cls': {'_delete_': True, 'type': 'CDBLoss', 'tau': 0}})
    without = toy(tmp_path / 'b', model={'loss_cls': LOSS | {'strength': 0}})
    for runner in (plain, without):
        runner.train()
    for one, other in zip(plain.model.parameters(), without.model.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_log_says_how_much_of_the_loss_a_class_gets(tmp_path):
    runner = toy(tmp_path)
    with mock.patch.object(runner.logger, 'info') as info:
        runner.train()
    said = [str(call.args[0]) for call in info.call_args_list if 'mean weight of a training clip' in str(call.args[0])]
    assert len(said) == 3
    weights = runner.model.cls_head.loss_cls.class_weight.numpy()
    counts = np.array([40, 20, 10, 5])
    assert said[-1].startswith(f'CDBLoss, s 5: largest weight {weights.max():.3g} (')
    assert f'mean weight of a training clip {weights @ counts / counts.sum():.3g}' in said[-1]
    assert f'largest share of the loss weights {(weights * counts).max() / (weights @ counts):.0%}' in said[-1]


def test_a_replay_has_the_weights_of_the_recorded_run(tmp_path):
    toy(tmp_path / 'a').train()
    replay = [{'type': 'DifficultyReplayHook', 'history': str(tmp_path / 'a' / 'class_history.jsonl')}]
    toy(tmp_path / 'b', custom_hooks=replay).train()
    recorded, replayed = (read_history(tmp_path / part / 'class_history.jsonl').records for part in 'ab')
    # The last validation is due when the replaying run is over.
    assert len(replayed) == len(recorded) - 1
    for one, other in zip(recorded[:-1], replayed, strict=True):
        assert one.consumers == other.consumers


def test_a_replay_of_a_run_that_was_broken_off_has_no_stronger_weights(tmp_path):
    whole = toy(tmp_path / 'a', train_cfg={'max_epochs': 4})
    whole.train()
    path = tmp_path / 'a' / 'class_history.jsonl'
    path.write_text(''.join(path.read_text().splitlines(keepends=True)[:3]))  # the header and two validations
    toy(tmp_path / 'b', train_cfg={'max_epochs': 4}, custom_hooks=[REPLAY | {'history': str(path)}]).train()
    replayed = read_history(tmp_path / 'b' / 'class_history.jsonl')
    assert [record.consumers['CDBLoss'].strength for record in replayed.records] == [1.25, 2.5]
    assert [record.num_validations for record in replayed.records] == [1, 2]
    assert replayed.header.planned_validations == 4


def train_as_rank(rank, work_dir, **changes):
    """Train in one of two processes; the difficulty, weights and parameters that it ends with."""
    runner = toy(
        work_dir,
        launcher='pytorch',
        train_cfg={'max_epochs': 4},
        model_wrapper_cfg={'type': 'MMDistributedDataParallel', 'device_ids': None, 'broadcast_buffers': False},
        **changes,
    )
    runner.train()
    model = runner.model.module
    return {
        'difficulty': hook_of(runner).state_.difficulty.tolist(),
        'weight': model.cls_head.loss_cls.class_weight.tolist(),
        'parameters': [parameter.tolist() for parameter in model.parameters()],
    }


def resume_as_rank(rank, work_dir, checkpoint):
    return train_as_rank(rank, work_dir, resume=True, load_from=checkpoint)


@pytest.mark.slow
def test_two_processes_resume_as_if_never_stopped(tmp_path):
    straight = in_processes(2, train_as_rank, str(tmp_path / 'a'))
    resumed = in_processes(2, resume_as_rank, str(tmp_path / 'b'), str(tmp_path / 'a' / 'epoch_2.pth'))
    assert straight[0] == straight[1] == resumed[0] == resumed[1]
    one, other = (read_history(tmp_path / part / 'class_history.jsonl').records for part in 'ab')
    assert other == one[1:]  # the checkpoint was saved before its validation, which is made up for
