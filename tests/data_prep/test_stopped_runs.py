"""Runs that are killed, asked to stop, or started beside another: no process, no mixed frames left."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time

import extract_frames
import make_egtea_mini
import pytest

from cdb_video_files.commands.folder_lock import lock_folder
from cdb_video_files.commands.stop_signal import sigterm_as_ctrl_c
from tests.support.clips import write_clip

pytestmark = pytest.mark.skipif(os.name != 'posix', reason='needs POSIX signals and locks')


def start(command, *options):
    """Start a command whose workers share its output pipe: it ends when the last of them is gone."""
    args = [sys.executable, command.__file__, *map(str, options), '--workers', '2']
    return subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, 'the command did not begin in time'
        time.sleep(0.02)


def start_extraction(root):
    clip = write_clip(root / 'one.mp4', frames=60, size=(160, 120))
    clips = root / 'cropped_clips/s'
    clips.mkdir(parents=True)
    for number in range(300):
        shutil.copy(clip, clips / f'{number}.mp4')
    process = start(extract_frames, '--data-root', root)
    wait_for(lambda: any((root / 'frames/s').glob('[0-9]*')))
    return process


def start_making(root):
    process = start(make_egtea_mini, '--out', root / 'mini')
    wait_for(lambda: any((root / 'mini').rglob('*.mp4')))
    return process


@pytest.mark.parametrize('begin', [start_extraction, start_making])
@pytest.mark.parametrize('how', [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_a_command_that_is_killed_alone(tmp_path, begin, how):
    process = begin(tmp_path)
    try:
        process.send_signal(how)
        output, _ = process.communicate(timeout=20)
    finally:
        # Without the remedy the workers would outlive the test.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    if how == signal.SIGTERM:
        assert process.returncode == 130
        assert b'Traceback' not in output


def test_a_second_extraction_beside_the_first_is_refused(tmp_path, capsys):
    write_clip(tmp_path / 'cropped_clips/s/a.mp4')
    with lock_folder(tmp_path / 'frames'):
        assert extract_frames.main(['--data-root', str(tmp_path)]) == 2
    assert f'another run is working in {tmp_path / "frames"}. Wait' in capsys.readouterr().err
    assert extract_frames.main(['--data-root', str(tmp_path), '--workers', '1']) == 0


def test_a_call_leaves_the_callers_handler_of_sigterm_in_place(tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    with sigterm_as_ctrl_c():
        assert signal.getsignal(signal.SIGTERM) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) is before
