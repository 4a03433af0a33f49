"""Extraction on a cluster: two worker processes on this machine, one of which is killed in the middle."""

import os
import shutil
import signal
import threading
import time

import extract_frames
import pytest

from tests.support.clips import tree, write_clip

distributed = pytest.importorskip('distributed')

# Dask and its loop warn of much that is not ours.
pytestmark = [
    pytest.mark.filterwarnings('ignore'),
    pytest.mark.skipif(os.name != 'posix', reason='needs POSIX signals'),
]
CLIPS = 24


@pytest.fixture
def cluster():
    """Two workers, each a process of its own; a nanny starts a dead one again."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs='CRITICAL'
    ) as cluster:
        yield cluster


@pytest.fixture
def root(tmp_path):
    """A data root with clips that take a while, and a damaged one."""
    clip = write_clip(tmp_path / 'one.mp4', frames=60, size=(160, 120))
    clips = tmp_path / 'cropped_clips/s'
    clips.mkdir(parents=True)
    for number in range(CLIPS):
        shutil.copy2(clip, clips / f'{number}.mp4')
    (clips / 'empty.mp4').touch()
    return tmp_path


def kill_when_begun(cluster, frames, killed):
    """End one worker when the first clips are there."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and len(list(frames.glob('[0-9]*'))) < 4:
        time.sleep(0.005)
    victim = next(iter(cluster.workers.values())).pid
    os.kill(victim, signal.SIGKILL)
    killed.append((victim, len(list(frames.glob('[0-9]*')))))


def test_a_killed_worker_costs_nothing_and_the_result_is_that_of_an_undisturbed_run(root, cluster, capsys):
    frames, killed = root / 'frames', []
    killer = threading.Thread(target=kill_when_begun, args=(cluster, frames / 's', killed), daemon=True)
    killer.start()
    command = ['--data-root', str(root), '--dask-scheduler', cluster.scheduler_address]
    code = extract_frames.main(command)
    killer.join()
    output = capsys.readouterr()
    assert code == 1, output.err
    ((_, finished),) = killed
    assert finished < CLIPS, 'the worker was to be killed in the middle'
    assert f'{CLIPS} clips extracted' in output.out
    assert 'empty.mp4: the file is empty' in output.err
    # What the killed worker had begun goes with the next run.
    assert extract_frames.main(command) == 1
    (root / 'cropped_clips/s/empty.mp4').unlink()
    assert extract_frames.main([*command, '--verify']) == 0
    assert f'{CLIPS} clips are whole' in capsys.readouterr().out
    disturbed = tree(frames)
    shutil.rmtree(frames)
    assert extract_frames.main(['--data-root', str(root), '--workers', '1']) == 0
    assert tree(frames) == disturbed


def test_a_scheduler_that_does_not_answer_is_named(root, capsys, monkeypatch):
    monkeypatch.setattr('prep.workers.dask_pool._CONNECT_SECONDS', 1)
    assert extract_frames.main(['--data-root', str(root), '--dask-scheduler', 'tcp://127.0.0.1:9']) == 2
    assert 'no Dask scheduler answers at tcp://127.0.0.1:9' in capsys.readouterr().err
