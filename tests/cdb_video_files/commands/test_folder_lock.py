"""The lock on a folder: one run at a time, until the last process that has it is gone."""

import os
import subprocess
import sys

import pytest

from cdb_video_files.commands.folder_lock import LockedError, lock_folder

pytestmark = pytest.mark.skipif(os.name != 'posix', reason='needs POSIX locks')


def test_a_second_run_is_kept_out_until_the_first_ends(tmp_path):
    folder = tmp_path / 'new/folder'
    with lock_folder(folder):
        with pytest.raises(LockedError, match=r'another run is working in .*new/folder\. Wait until it ends'):
            lock_folder(folder).__enter__()
        with lock_folder(folder, '.other'):
            pass
    with lock_folder(folder):
        pass


def test_a_process_that_was_handed_the_lock_keeps_it(tmp_path):
    with lock_folder(tmp_path) as handle:
        process = subprocess.Popen(
            [sys.executable, '-c', 'input()'], stdin=subprocess.PIPE, pass_fds=[handle], text=True
        )
    try:
        with pytest.raises(LockedError):
            lock_folder(tmp_path).__enter__()
    finally:
        process.communicate('\n')
    with lock_folder(tmp_path):
        pass
