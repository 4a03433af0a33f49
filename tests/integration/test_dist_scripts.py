"""tools/dist_train.sh and dist_test.sh with two processes on the CPU, and tools/train.py by itself."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from mmengine import load
from mmengine.config import Config

from cdb_video.difficulty.history import read_history
from tests.support.runs import BASE, merged

REPOSITORY = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.skipif(shutil.which('bash') is None, reason='needs bash')]

TEST = {
    'test_dataloader': {
        'batch_size': 8,
        'num_workers': 0,
        'dataset': {'type': 'ToyDataset', 'counts': [12, 12, 12, 11], 'seed': 2},
        'sampler': {'type': 'DefaultSampler', 'shuffle': False},
    },
    'test_cfg': {},
    'test_evaluator': {'type': 'ClassAccuracy'},
}


@pytest.fixture
def config(tmp_path):
    """The toy configuration as a file, without a seed, which the command line gives."""
    imports = {'imports': ['cdb_video', 'tests.support.toys'], 'allow_failed_imports': False}
    settings = merged(BASE, {**TEST, 'randomness': ..., 'custom_imports': imports, 'train_cfg': {'max_epochs': 2}})
    Config(settings).dump(tmp_path / 'toy.py')
    return tmp_path / 'toy.py'


def run(*command, status=0, **environment):
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = str(probe.getsockname()[1])
    path = f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}'
    variables = {**os.environ, 'PATH': path, 'PYTHONPATH': str(REPOSITORY), 'PORT': port, **environment}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=REPOSITORY,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stdout[-4000:]
    return done.stdout


def test_two_processes_train_and_test_and_count_every_clip_once(config, tmp_path):
    work = tmp_path / 'work'
    # --resume where there is nothing to resume starts the training.
    arguments = ['--work-dir', work, '--seed', '5', '--resume']
    said = run('tools/dist_train.sh', config, 2, *arguments)
    assert 'no checkpoint in' in said
    records = read_history(work / 'class_history.jsonl').records
    assert [(record.epoch, record.num_clips) for record in records] == [(1, [9, 8, 7, 6]), (2, [9, 8, 7, 6])]
    again = run('tools/dist_train.sh', config, 2, *arguments, '--cfg-options', 'train_cfg.max_epochs=3')
    assert 'resumed epoch: 2' in again
    assert [record.epoch for record in read_history(work / 'class_history.jsonl').records] == [1, 2, 3]
    best = next(work.glob('best_*.pth'))
    run('tools/dist_test.sh', config, best, 2, '--work-dir', work, '--dump', tmp_path / 'dump.pkl')
    # Every clip once, and no folder in between that the machines would have to share.
    assert len(load(tmp_path / 'dump.pkl')) == 47
    assert not (REPOSITORY / '.dist_test').exists()
    report = json.loads((work / 'class_report.json').read_text())
    assert report['split'] == 'test'
    assert sorted(row['num_clips'] for row in report['classes']) == [11, 12, 12, 12]


@pytest.mark.long
def test_slurm_names_of_processes_are_understood_on_the_cpu(config, tmp_path):
    names = {'SLURM_PROCID': '0', 'SLURM_NTASKS': '1', 'SLURM_LOCALID': '0', 'MASTER_ADDR': '127.0.0.1'}
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        names['MASTER_PORT'] = str(probe.getsockname()[1])
    command = [sys.executable, 'tools/train.py', config, '--work-dir', tmp_path / 'work', '--seed', '1']
    run(*command, '--launcher', 'slurm', '--cfg-options', 'train_cfg.max_epochs=1', **names)
    assert len(read_history(tmp_path / 'work/class_history.jsonl').records) == 1


@pytest.mark.long
def test_resume_looks_into_the_work_directory_of_the_options(config, tmp_path):
    command = [sys.executable, 'tools/train.py', config, '--seed', '1', '--resume', '--cfg-options']
    options = [f'work_dir={tmp_path}/work', 'train_cfg.max_epochs=1']
    assert 'no checkpoint in' in run(*command, *options)
    options[1] = 'train_cfg.max_epochs=2'
    assert 'resumed epoch: 1' in run(*command, *options)


def test_launcher_that_did_not_launch_is_told_so(config, tmp_path):
    command = [sys.executable, 'tools/train.py', config, '--work-dir', tmp_path / 'work', '--launcher', 'pytorch']
    message = 'lacks RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT; start with tools/dist_train.sh'
    assert message in run(*command, status=2)


@pytest.mark.parametrize(
    ('command', 'message'),
    [
        (['tools/dist_train.sh', 'config.py'], 'tools/dist_train.sh CONFIG GPUS [arguments'),
        (['tools/dist_test.sh', 'config.py', 'x.pth'], 'tools/dist_test.sh CONFIG CHECKPOINT GPUS'),
        (['tools/dist_train.sh', 'config.py', 'two'], "the number of processes is 'two'"),
        (['tools/slurm_train.sh', 'gpu', 'job'], 'tools/slurm_train.sh PARTITION JOB_NAME CONFIG WORK_DIR'),
        (['tools/slurm_job.sh', 'config.py'], 'usage: sbatch [options of sbatch] tools/slurm_job.sh CONFIG WORK_DIR'),
        (['tools/slurm_job.sh', 'config.py', 'work'], 'this is not a Slurm job; start it with sbatch'),
    ],
)
def test_scripts_tell_how_they_are_called(command, message):
    assert message in run(*command, status=2)


def test_slurm_script_asks_srun_for_what_is_needed(tmp_path):
    srun = tmp_path / 'srun'
    srun.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    srun.chmod(0o755)
    path = f'{tmp_path}{os.pathsep}{os.environ["PATH"]}'
    options = {'GPUS': '4', 'SRUN_ARGS': '--time=1:00:00 --exclusive', 'PATH': path}
    words = run('tools/slurm_train.sh', 'gpu', 'a job', 'c.py', 'work', '--seed', '0', **options).split('\n')
    for expected in ('gpu', '--job-name=a job', '--gres=gpu:8', '--ntasks=4', '--ntasks-per-node=4', '--exclusive'):
        assert expected in words
    tail = words[words.index('c.py') :]
    assert tail[:8] == ['c.py', '--work-dir', 'work', '--resume', '--launcher', 'slurm', '--seed', '0']
    assert '--gres=gpu:8' not in run('tools/slurm_train.sh', 'p', 'j', 'c.py', 'w', **options, GPUS_PER_NODE='0')


def test_the_sentence_of_the_process_that_failed_first_is_the_last_line(config, tmp_path):
    work = tmp_path / 'work'
    hook = "custom_hooks.append(dict(type='RaiseOnce', iteration=2, rank=1, sentence='the second clip is torn'))\n"
    with config.open('a') as file:
        file.write(f"custom_imports['imports'].append('tests.support.deadly_hook')\n{hook}")
    said = run('tools/dist_train.sh', config, 2, '--work-dir', work, '--seed', '5', status=1)
    assert said.splitlines()[-1] == 'error: process 1 failed first: RuntimeError: the second clip is torn'
    assert 'in before_train_iter' in said
