"""EnduringCheckpointHook: what is on the disk after good, failed and interrupted writes."""

import errno
import os
import uuid
from pathlib import Path
from unittest import mock

import pytest
import torch

from cdb_video.restart.checkpoint_hook import EnduringCheckpointHook
from tests.support.runs import hook_of, make_runner

pytestmark = pytest.mark.training

WRITE = 'cdb_video.restart.atomic_files.write_atomically'


@pytest.fixture
def run(tmp_path):
    """A runner whose checkpoints the hook writes."""

    def build(checkpoint=None, **changes):
        hook = {'type': 'EnduringCheckpointHook', **(checkpoint or {})}
        return make_runner(tmp_path, uuid.uuid4().hex, default_hooks={'checkpoint': hook}, **changes)

    return build


class Disk:
    """Stands in for write_atomically, and is full for the checkpoints whose names `refuses` accepts."""

    def __init__(self, folder, refuses=lambda name: False, code=errno.ENOSPC):
        self.folder, self.refuses, self.code = folder, refuses, code
        self.there = []

    def __call__(self, path, content):
        self.there.append({one.name for one in self.folder.glob('*.pth')})
        if self.refuses(path.name):
            raise OSError(self.code, os.strerror(self.code))
        path.write_bytes(content)


def train(runner, disk, expect=None):
    """Train on that disk; what the run complained about."""
    with mock.patch(WRITE, side_effect=disk), mock.patch.object(runner.logger, 'error') as error:
        if expect is None:
            runner.train()
        else:
            with pytest.raises(OSError, match=expect):
                runner.train()
    return [str(call.args[0]) for call in error.call_args_list]


def names(folder):
    return sorted(path.name for path in folder.glob('*.pth'))


@pytest.mark.parametrize('keep', [1, 2])
def test_old_checkpoint_goes_when_the_new_one_is_there(run, tmp_path, keep):
    disk = Disk(tmp_path)
    train(run({'save_best': None, 'max_keep_ckpts': keep}, train_cfg={'max_epochs': 4}), disk)
    assert [len(there) for there in disk.there] == [min(number, keep) for number in range(4)]
    assert names(tmp_path) == [f'epoch_{number}.pth' for number in range(5 - keep, 5)]


def test_best_checkpoint_goes_when_the_new_one_is_there(run, tmp_path):
    disk = Disk(tmp_path)
    runner = run({'rule': 'less'}, train_cfg={'max_epochs': 3})
    scores = iter([0.5, 0.3, 0.4])
    hook = hook_of(runner, 'EnduringCheckpointHook')
    save = type(hook).after_val_epoch

    def scored(self, runner, metrics):
        save(self, runner, {**metrics, 'acc/mean1': next(scores)})

    with mock.patch.object(type(hook), 'after_val_epoch', scored):
        train(runner, disk)
    assert names(tmp_path) == ['best_acc_mean1_epoch_2.pth', 'epoch_1.pth', 'epoch_2.pth', 'epoch_3.pth']
    writing_second_best = disk.there[4]
    assert 'best_acc_mean1_epoch_1.pth' in writing_second_best
    info = torch.load(tmp_path / 'epoch_2.pth')['message_hub']['runtime_info']
    assert (Path(info['best_ckpt']).name, info['best_score']) == ('best_acc_mean1_epoch_2.pth', 0.3)


def test_two_best_checkpoints_are_kept_apart(run, tmp_path):
    both = {'save_best': ['acc/top1', 'acc/mean1'], 'rule': ['greater', 'less']}
    train(run(both, train_cfg={'max_epochs': 3}), Disk(tmp_path))
    kinds = [name.rsplit('_', 2)[0] for name in names(tmp_path) if name.startswith('best')]
    assert sorted(kinds) == ['best_acc_mean1', 'best_acc_top1']


def test_best_of_a_resumed_run_replaces_that_of_before(run, tmp_path):
    auto = {'save_best': 'auto', 'rule': None}
    runner = run(auto, train_cfg={'max_epochs': 1})
    runner.train()
    runner = run(auto, train_cfg={'max_epochs': 3}, resume=True)
    hook = hook_of(runner, 'EnduringCheckpointHook')
    save = type(hook).after_val_epoch
    with mock.patch.object(
        type(hook), 'after_val_epoch', lambda self, runner, metrics: save(self, runner, {'acc/top1': 2 + runner.epoch})
    ):
        runner.train()
    assert [name for name in names(tmp_path) if name.startswith('best')] == ['best_acc_top1_epoch_3.pth']


@pytest.mark.parametrize('keep', [-1, 1, 2])
def test_checkpoint_that_cannot_be_written_costs_itself_only(run, tmp_path, keep):
    disk = Disk(tmp_path, lambda name: name == 'epoch_2.pth')
    runner = run({'save_best': None, 'max_keep_ckpts': keep}, train_cfg={'max_epochs': 3})
    with mock.patch.object(runner.model, 'train', wraps=runner.model.train):
        said = train(runner, disk)
    (line,) = said
    assert 'epoch_2.pth could not be written' in line
    assert f'a restart would begin from {tmp_path}/epoch_1.pth' in line
    assert names(tmp_path) == ['epoch_3.pth'] if keep == 1 else ['epoch_1.pth', 'epoch_3.pth']
    assert (tmp_path / 'last_checkpoint').read_text() == f'{tmp_path}/epoch_3.pth'


def test_restart_after_a_failed_checkpoint_goes_on_from_the_one_before(run, tmp_path):
    whole = make_runner(tmp_path / 'whole', uuid.uuid4().hex)
    whole.train()
    runner = run({'save_best': None, 'max_keep_ckpts': 1})
    disk = Disk(tmp_path, lambda name: name != 'epoch_1.pth')
    train(runner, disk, expect='No space left')
    assert (tmp_path / 'last_checkpoint').read_text() == f'{tmp_path}/epoch_1.pth'
    resumed = run({'save_best': None, 'max_keep_ckpts': 1}, resume=True)
    resumed.train()
    for one, other in zip(resumed.model.parameters(), whole.model.parameters(), strict=True):
        assert torch.equal(one, other)
    assert names(tmp_path) == ['epoch_3.pth']


def test_oldest_makes_room_where_one_more_does_not_fit_but_the_only_one_never(run, tmp_path):
    disk = Disk(tmp_path)
    disk.refuses = lambda name: len(list(tmp_path.glob('*.pth'))) >= 2
    said = train(run({'save_best': None, 'max_keep_ckpts': 2}, train_cfg={'max_epochs': 4}), disk)
    assert said == []
    assert names(tmp_path) == ['epoch_3.pth', 'epoch_4.pth']


def test_oldest_stays_where_it_is_not_room_that_lacks(run, tmp_path):
    runner = run({'save_best': None, 'max_keep_ckpts': 2}, train_cfg={'max_epochs': 3})
    train(runner, Disk(tmp_path, lambda name: name == 'epoch_3.pth', errno.EROFS), expect='Read-only')
    assert names(tmp_path) == ['epoch_1.pth', 'epoch_2.pth']


def test_run_whose_last_checkpoint_cannot_be_written_ends_with_that_error(run, tmp_path):
    disk = Disk(tmp_path, lambda name: name == 'epoch_3.pth')
    said = train(run({'save_best': None}), disk, expect='No space left')
    assert len(said) == 1
    assert names(tmp_path) == ['epoch_1.pth', 'epoch_2.pth']


def test_last_checkpoint_is_tried_once_more_when_training_ends(run, tmp_path):
    refused = []
    disk = Disk(tmp_path, lambda name: name == 'epoch_3.pth' and not refused and (refused.append(name) or True))
    train(run({'save_best': None}), disk)
    assert names(tmp_path) == ['epoch_1.pth', 'epoch_2.pth', 'epoch_3.pth']
    assert torch.load(tmp_path / 'epoch_3.pth')['meta']['epoch'] == 3


def test_best_checkpoint_that_cannot_be_written_leaves_the_earlier_one_as_the_best(run, tmp_path):
    runner = run(train_cfg={'max_epochs': 3})
    hook = hook_of(runner, 'EnduringCheckpointHook')
    save, scores = type(hook).after_val_epoch, iter([0.1, 0.9, 0.5])
    with mock.patch.object(
        type(hook), 'after_val_epoch', lambda self, runner, metrics: save(self, runner, {'acc/mean1': next(scores)})
    ):
        said = train(runner, Disk(tmp_path, lambda name: name == 'best_acc_mean1_epoch_2.pth'))
    (line,) = said
    assert 'the new best checkpoint could not be written' in line
    assert f'is still {tmp_path}/best_acc_mean1_epoch_1.pth' in line
    # 0.5 beats the 0.1 that is on the disk, and replaces it.
    assert [name for name in names(tmp_path) if name.startswith('best')] == ['best_acc_mean1_epoch_3.pth']
    assert runner.message_hub.get_info('best_score') == 0.5


@pytest.mark.parametrize('moment', ['written', 'best written'])
def test_run_killed_before_a_deletion_makes_up_for_it(run, tmp_path, moment):
    prefix = 'epoch_3' if moment == 'written' else 'best_acc_mean1_epoch_3'
    settings = {'checkpoint': {'max_keep_ckpts': 1}, 'train_cfg': {'max_epochs': 4}}
    runner = run(**settings)
    hook = EnduringCheckpointHook
    remove, save = hook._remove, hook.after_val_epoch

    def killed(self, path):
        if (tmp_path / f'{prefix}.pth').exists():
            raise KeyboardInterrupt
        remove(self, path)

    def improving(self, runner, metrics):
        save(self, runner, {**metrics, 'acc/mean1': runner.epoch})

    with mock.patch.object(hook, 'after_val_epoch', improving):
        with mock.patch.object(hook, '_remove', killed), pytest.raises(KeyboardInterrupt):
            runner.train()
        surplus = names(tmp_path)
        run(resume=True, **settings).train()
    assert len(surplus) > 2
    assert names(tmp_path) == ['best_acc_mean1_epoch_4.pth', 'epoch_4.pth']
