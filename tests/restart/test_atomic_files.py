"""The 'atomic' file backend, by itself and under mmengine's CheckpointHook."""

import errno
import uuid
from unittest import mock

import pytest
import torch
from mmengine.fileio import get_file_backend

from cdb_video.launch.commands import newest_checkpoint
from tests.support.runs import make_runner


@pytest.fixture
def backend():
    return get_file_backend(backend_args={'backend': 'atomic'})


def test_file_is_written_with_its_folder(backend, tmp_path):
    backend.put(b'new', tmp_path / 'a/b.pth')
    backend.put_text('text', str(tmp_path / 'a/c.txt'))
    assert (tmp_path / 'a/b.pth').read_bytes() == b'new'
    assert sorted(path.name for path in (tmp_path / 'a').iterdir()) == ['b.pth', 'c.txt']


@pytest.mark.parametrize('failing', ['os.fsync', 'pathlib.Path.replace'])
def test_failure_leaves_the_old_file_and_no_half_one(backend, tmp_path, failing):
    (tmp_path / 'a.pth').write_bytes(b'old')
    with mock.patch(failing, side_effect=OSError(errno.ENOSPC, 'full')), pytest.raises(OSError, match='full'):
        backend.put(b'new', tmp_path / 'a.pth')
    assert (tmp_path / 'a.pth').read_bytes() == b'old'
    assert [path.name for path in tmp_path.iterdir()] == ['a.pth']


def test_checkpoint_hook_writes_through_it(tmp_path):
    hook = {'backend_args': {'backend': 'atomic'}, 'max_keep_ckpts': 1}
    runner = make_runner(tmp_path, uuid.uuid4().hex, train_cfg={'max_epochs': 2}, default_hooks={'checkpoint': hook})
    replaced = []
    write = 'cdb_video.restart.atomic_files.write_atomically'
    with mock.patch(write, side_effect=lambda path, data: replaced.append(path.name) or path.write_bytes(data)):
        runner.train()
    assert {'epoch_1.pth', 'epoch_2.pth'} < set(replaced)
    assert 'class_difficulty' in torch.load(tmp_path / 'epoch_2.pth')
    assert not (tmp_path / 'epoch_1.pth').exists()


def test_newest_checkpoint_survives_a_torn_note(tmp_path):
    assert newest_checkpoint(tmp_path) is None
    for name in ('epoch_9.pth', 'epoch_10.pth', 'epoch_10.pth.tmp', 'best_acc_mean1_epoch_11.pth', 'epoch_x.pth'):
        (tmp_path / name).touch()
    assert newest_checkpoint(tmp_path) == str(tmp_path / 'epoch_10.pth')
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'epoch_9.pth'))
    assert newest_checkpoint(tmp_path) == str(tmp_path / 'epoch_9.pth')
    for torn in ('', str(tmp_path / 'epoch_1.pth'), str(tmp_path)):
        (tmp_path / 'last_checkpoint').write_text(torn)
        assert newest_checkpoint(tmp_path) == str(tmp_path / 'epoch_10.pth')


def test_newest_checkpoint_of_a_copied_folder_is_its_own(tmp_path):
    for name in ('a', 'b'):
        (tmp_path / name).mkdir()
        (tmp_path / name / 'epoch_3.pth').touch()
        (tmp_path / name / 'last_checkpoint').write_text(str(tmp_path / 'a/epoch_3.pth'))
    assert newest_checkpoint(tmp_path / 'b') == str(tmp_path / 'b/epoch_3.pth')
    (tmp_path / 'b/epoch_3.pth').unlink()  # kept elsewhere, as by out_dir
    assert newest_checkpoint(tmp_path / 'b') == str(tmp_path / 'a/epoch_3.pth')


def test_newest_checkpoint_in_out_dir_goes_before_an_older_namesake_in_the_work_directory(tmp_path):
    work_dir, kept = tmp_path / 'exp', tmp_path / 'ckpts/exp'
    for folder in (work_dir, kept):
        folder.mkdir(parents=True)
        (folder / 'epoch_2.pth').touch()
    (work_dir / 'last_checkpoint').write_text(str(kept / 'epoch_2.pth'))
    assert newest_checkpoint(work_dir) == str(kept / 'epoch_2.pth')
    (kept / 'epoch_2.pth').unlink()
    assert newest_checkpoint(work_dir) == str(work_dir / 'epoch_2.pth')
