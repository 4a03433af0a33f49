"""Runs of two processes that lose one, or the machine: they end, say so, and go on to the same end."""

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from cdb_video.difficulty.history import read_history
from tests.support.runs import BASE, merged

REPOSITORY = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.skipif(shutil.which('bash') is None, reason='needs bash')]
# 75 clips in batches of 8 for each of two processes are 5 iterations an epoch: this is in the middle of the third.
MOMENT = 12

SRUN = """#!{python}
# As srun: options, then a command, which is started --ntasks times under Slurm's names for processes.
import os, signal, subprocess, sys
options = [word for word in sys.argv[1:] if word.startswith('--')]
number = next(word.partition('=')[2] for word in options if word.startswith('--ntasks='))
command = sys.argv[sys.argv.index('python'):]
open('srun.pid', 'w').write(str(os.getpid()))
started = []
for rank in range(int(number)):
    names = dict(SLURM_PROCID=str(rank), SLURM_NTASKS=number, SLURM_LOCALID=str(rank), SLURM_NODELIST='node[1-2]')
    started.append(subprocess.Popen(command, env=os.environ | names))
def end(*_):
    [one.kill() for one in started]
    sys.exit(143)
signal.signal(signal.SIGTERM, end)
signal.signal(signal.SIGUSR1, lambda *_: os.kill(os.getppid(), signal.SIGUSR1))
sys.exit(max(one.wait() for one in started))
"""
SCONTROL = """#!/bin/sh
echo "$@" >> scontrol.calls
case "$1" in show) echo 127.0.0.1; echo other-node;; requeue) kill -TERM $(cat srun.pid); sleep 2;; esac
"""
"""Slurm's programs; this one comes back when the job that it puts back into the queue has ended."""


def environment(**more):
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = str(probe.getsockname()[1])
    path = f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}'
    return {**os.environ, 'PATH': path, 'PYTHONPATH': str(REPOSITORY), 'PORT': port, **more}


def start(*command, folder=REPOSITORY, **variables):
    return subprocess.Popen(
        [str(part) for part in command],
        cwd=folder,
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(*command, timeout=120, **variables):
    process = start(*command, **variables)
    try:
        said, _ = process.communicate(timeout=timeout)
    finally:
        process.kill()
    return process.returncode, said


def write_config(folder, *hooks):
    """The toy configuration for three epochs as a file, with hooks; everything is saved by epoch."""
    imports = {
        'imports': ['cdb_video', 'tests.support.toys', 'tests.support.deadly_hook'],
        'allow_failed_imports': False,
    }
    owner = {'type': 'ClassDifficultyHook', 'report': False, 'live_report': False}
    changes = {
        'custom_imports': imports,
        'custom_hooks': [owner, {'type': 'NoteOrder'}, *hooks],
        'env_cfg': {'dist_cfg': {'timeout': 60}},
    }
    Config(merged(BASE, changes)).dump(folder / 'toy.py')
    return folder / 'toy.py'


def disturbed(folder, **options):
    return write_config(folder, {'type': 'SignalOnce', 'note': str(folder / 'note'), 'iteration': MOMENT, **options})


def end_of(work_dir):
    """What a run came to: records, difficulty, parameters, and the clips of every iteration of every process."""
    checkpoint = torch.load(work_dir / 'epoch_3.pth', weights_only=True)
    records = read_history(work_dir / 'class_history.jsonl').records
    order = {}
    for path in sorted(work_dir.glob('order_*.txt')):
        for line in path.read_text().splitlines():
            iteration, _, clips = line.partition(' ')
            assert order.setdefault((path.stem, int(iteration)), clips) == clips, 'a repeated step took other clips'
    values = {**checkpoint['state_dict'], **checkpoint['class_difficulty']}
    tensors = {name: value.tolist() for name, value in values.items() if isinstance(value, torch.Tensor)}
    return {'records': records, 'tensors': tensors, 'order': order}


@pytest.fixture(scope='module')
def of_two_launchers(tmp_path_factory):
    """What the run comes to when nothing happens, as of two machines, and what the first of them said."""
    folder = tmp_path_factory.mktemp('undisturbed')
    names = {'NNODES': '2', 'MASTER_ADDR': '127.0.0.1', 'PORT': environment()['PORT']}
    command = ['tools/dist_train.sh', write_config(folder), 1, '--work-dir', folder / 'work']
    launchers = [start(*command, **names, NODE_RANK=str(rank)) for rank in range(2)]
    try:
        said = [launcher.communicate(timeout=120)[0] for launcher in launchers]
    finally:
        for launcher in launchers:
            launcher.kill()
    assert [launcher.returncode for launcher in launchers] == [0, 0], said[0][-3000:]
    return end_of(folder / 'work'), said[0]


@pytest.fixture(scope='module')
def undisturbed(of_two_launchers):
    """What the run comes to when nothing happens."""
    end, _ = of_two_launchers
    assert len(end['records']) == 3
    assert len(end['order']) == 2 * 15
    return end


def test_run_that_loses_a_process_ends_with_a_message_and_resumes_to_the_same_end(undisturbed, tmp_path):
    command = ['tools/dist_train.sh', disturbed(tmp_path, rank=1), 2, '--work-dir', tmp_path / 'work', '--resume']
    status, said = run(*command)
    assert status != 0
    assert 'SIGKILL' in said
    assert not (tmp_path / 'work/epoch_3.pth').exists()
    status, said = run(*command)
    assert status == 0, said[-3000:]
    assert 'resumed epoch: 2' in said
    assert end_of(tmp_path / 'work') == undisturbed


@pytest.mark.long
def test_torchrun_restarts_a_run_that_lost_a_process(undisturbed, tmp_path):
    command = ['tools/dist_train.sh', disturbed(tmp_path, rank=1), 2, '--work-dir', tmp_path / 'work', '--resume']
    status, said = run(*command, MAX_RESTARTS='1')
    assert status == 0, said[-3000:]
    assert 'no checkpoint in' in said
    assert 'resumed epoch: 2' in said
    assert end_of(tmp_path / 'work') == undisturbed


@pytest.mark.long
def test_two_launchers_train_as_one(of_two_launchers):
    """Those of one launcher come to the same end in the other tests."""
    _, said = of_two_launchers
    assert '2 processes agree after 15 iterations' in said


@pytest.fixture
def slurm(tmp_path):
    """A folder with the tools, and stand-ins for srun and scontrol in the PATH."""
    programs = tmp_path / 'bin'
    programs.mkdir()
    for name, text in (('srun', SRUN.format(python=sys.executable)), ('scontrol', SCONTROL)):
        (programs / name).write_text(text)
        (programs / name).chmod(stat.S_IRWXU)
    shutil.copytree(REPOSITORY / 'tools', tmp_path / 'tools')
    path = f'{programs}{os.pathsep}{environment()["PATH"]}'
    return {'folder': tmp_path, 'PATH': path, 'MASTER_PORT': environment()['PORT']}


@pytest.mark.long
def test_slurm_command_given_again_continues(undisturbed, tmp_path, slurm):
    # At the time limit Slurm ends everything.
    config = disturbed(tmp_path, name='SIGTERM', to='parent')
    command = ['tools/slurm_train.sh', 'gpu', 'job', config, tmp_path / 'work']
    names = {**slurm, 'GPUS': '2', 'GPUS_PER_NODE': '0'}
    status, said = run(*command, **names)
    assert status == 128 + signal.SIGTERM, said[-3000:]
    status, said = run(*command, **names)
    assert status == 0, said[-3000:]
    assert 'resumed epoch: 2' in said
    assert (tmp_path / 'scontrol.calls').read_text().splitlines()[0] == 'show hostnames node[1-2]'
    assert end_of(tmp_path / 'work') == undisturbed


@pytest.mark.long
def test_batch_job_goes_back_into_the_queue_before_its_time_limit_and_continues(undisturbed, tmp_path, slurm):
    config = disturbed(tmp_path, name='SIGUSR1', to='parent')
    names = {**slurm, 'SLURM_JOB_ID': '7', 'SLURM_JOB_PARTITION': 'gpu', 'SLURM_JOB_NAME': 'job', 'SLURM_NTASKS': '2'}
    command = ['bash', 'tools/slurm_job.sh', config, tmp_path / 'work']
    status, said = run(*command, **names)
    assert status == 128 + signal.SIGTERM, said[-3000:]
    assert 'the time limit of job 7 is near' in said
    assert 'requeue 7' in (tmp_path / 'scontrol.calls').read_text().splitlines()
    # Slurm runs the same file again.
    status, said = run(*command, **names)
    assert status == 0, said[-3000:]
    assert end_of(tmp_path / 'work') == undisturbed
