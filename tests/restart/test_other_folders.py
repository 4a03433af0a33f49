"""A run that is resumed in another folder, or in one that was moved or copied: whose files it deletes."""

import shutil
import uuid
from pathlib import Path
from unittest import mock

import pytest
import torch
from mmengine.hooks import CheckpointHook

import cdb_video  # noqa: F401  (registers the classes)
from tests.support.runs import make_runner

pytestmark = pytest.mark.training

HOOKS = {
    'stock': {'default_hooks': {'checkpoint': {'type': 'CheckpointHook', 'max_keep_ckpts': 1}}},
    'ours': {'default_hooks': {'checkpoint': {'type': 'EnduringCheckpointHook', 'max_keep_ckpts': 1}}},
    'ours alone': {
        'default_hooks': {'checkpoint': {'type': 'EnduringCheckpointHook', 'max_keep_ckpts': 1}},
        'custom_hooks': [{'type': 'OwnHook'}],
    },
    'replay': {
        'default_hooks': {'checkpoint': {'type': 'CheckpointHook', 'max_keep_ckpts': 1}},
        'custom_hooks': 'replay',
    },
}


@pytest.fixture(params=HOOKS)
def train(request, tmp_path):
    """Train in a folder, with scores that rise by the epoch."""

    def run(name, epochs, **changes):
        settings = dict(HOOKS[request.param])
        if settings.get('custom_hooks') == 'replay':
            settings['custom_hooks'] = [{'type': 'ClassDifficultyHook'}]
            if epochs > 1:
                replay = {'type': 'DifficultyReplayHook', 'history': str(tmp_path / 'history.jsonl')}
                settings['custom_hooks'] = [replay]
        runner = make_runner(tmp_path / name, uuid.uuid4().hex, train_cfg={'max_epochs': epochs}, **settings, **changes)
        save = CheckpointHook._save_best_checkpoint

        def rising(self, runner, metrics):
            save(self, runner, {**metrics, 'acc/mean1': runner.epoch / 10})

        with (
            mock.patch.object(CheckpointHook, '_save_best_checkpoint', rising),
            mock.patch.object(runner.logger, 'warning', wraps=runner.logger.warning) as warning,
        ):
            runner.train()
        return [str(call.args[0]) for call in warning.call_args_list]

    def begin(name):
        said = run(name, 1)
        history = tmp_path / name / 'class_history.jsonl'
        if history.exists():
            shutil.copy(history, tmp_path / 'history.jsonl')
        return said

    return begin, run


def checkpoints(folder):
    return sorted(path.name for path in folder.glob('*.pth'))


FIRST = ['best_acc_mean1_epoch_1.pth', 'epoch_1.pth']
SECOND = ['best_acc_mean1_epoch_2.pth', 'epoch_2.pth']


def test_another_run_keeps_all_its_checkpoints(train, tmp_path):
    begin, run = train
    begin('a')
    content = {name: (tmp_path / 'a' / name).read_bytes() for name in FIRST}
    said = run('b', 2, resume=True, load_from=str(tmp_path / 'a/epoch_1.pth'))
    assert {path.name: path.read_bytes() for path in (tmp_path / 'a').glob('*.pth')} == content
    assert checkpoints(tmp_path / 'b') == SECOND
    assert [line for line in said if f'{tmp_path}/a/best_acc_mean1_epoch_1.pth' in line and 'chooses its best' in line]
    info = torch.load(tmp_path / 'b/epoch_2.pth')['message_hub']['runtime_info']
    assert (info['best_score'], Path(info['best_ckpt']).parent.name) == (0.2, 'b')


def test_copy_of_a_run_goes_on_with_its_own_files_and_leaves_the_original_alone(train, tmp_path):
    begin, run = train
    begin('a')
    shutil.copytree(tmp_path / 'a', tmp_path / 'b')
    said = run('b', 2, resume=True)
    assert checkpoints(tmp_path / 'a') == FIRST
    assert checkpoints(tmp_path / 'b') == SECOND
    assert any('this one was moved or copied' in line for line in said)
    assert not any('chooses its best' in line for line in said)


def test_folder_that_was_moved_as_a_whole_goes_on_as_if_it_had_not_been(train, tmp_path):
    begin, run = train
    begin('a')
    (tmp_path / 'a').rename(tmp_path / 'moved')
    said = run('moved', 2, resume=True)
    assert checkpoints(tmp_path / 'moved') == SECOND
    assert not any('chooses its best' in line for line in said)


def test_folder_under_another_name_is_the_same_folder(train, tmp_path):
    begin, run = train
    begin('a')
    (tmp_path / 'link').symlink_to(tmp_path / 'a')
    said = run('link', 2, resume=True)
    assert checkpoints(tmp_path / 'a') == SECOND
    assert not any('moved or copied' in line or 'chooses its best' in line for line in said)
