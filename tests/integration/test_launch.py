"""What tools/train.py and test.py do before the Runner is built, in several processes."""

import multiprocessing
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from unittest import mock

import pytest
import torch
from mmengine.config import Config
from mmengine.dist import get_world_size

from cdb_video.launch import commands as launch
from cdb_video.processes import check_all_see, from_main
from tests.support.parallel import error_of, in_processes

pytestmark = pytest.mark.training


def choose(rank, folder):
    """Every rank in a folder of its own, with a work directory of the same name."""
    os.chdir(Path(folder, str(rank)))
    config = Config({'work_dir': 'runs', 'resume': False, 'load_from': 'pretrained.pth'})
    launch.resume_newest(config)
    error = error_of(lambda: check_all_see(config.load_from, '--resume'))
    return config.resume, config.load_from, error


@pytest.mark.parametrize(
    ('launcher', 'error', 'message'),
    [
        ('slurm', RuntimeError, 'lacks SLURM_PROCID; start with srun'),
        ('mpi', ValueError, '--launcher mpi: without a GPU it must be'),
    ],
)
def test_launcher_that_did_not_launch_is_told_so(monkeypatch, launcher, error, message):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    monkeypatch.delenv('SLURM_PROCID', raising=False)
    with pytest.raises(error, match=message):
        launch.prepare_processes(Config(), launcher)


@pytest.fixture
def folders(tmp_path):
    for rank in range(2):
        (tmp_path / str(rank) / 'runs').mkdir(parents=True)
        (tmp_path / str(rank) / 'pretrained.pth').touch()
    return tmp_path


def test_all_resume_what_the_main_process_finds(folders):
    (folders / '0/runs/epoch_2.pth').touch()
    (folders / '1/runs/epoch_2.pth').touch()
    (folders / '1/runs/epoch_3.pth').touch()
    assert in_processes(2, choose, str(folders)) == [(True, 'runs/epoch_2.pth', None)] * 2


def test_process_without_the_checkpoint_is_named_in_all(folders):
    (folders / '0/runs/epoch_2.pth').touch()
    for resume, path, error in in_processes(2, choose, str(folders)):
        assert (resume, path) == (True, 'runs/epoch_2.pth')
        assert error[0] == 'FileNotFoundError'
        assert error[1].startswith('--resume: process 1 (on ')
        assert 'cannot see runs/epoch_2.pth' in error[1]
        assert 'in a folder that all machines share' in error[1]


def test_all_start_where_the_main_process_finds_nothing(folders):
    (folders / '1/runs/epoch_2.pth').touch()
    assert in_processes(2, choose, str(folders)) == [(False, 'pretrained.pth', None)] * 2


def start_as_with_gpus(rank, port):
    """With a stand-in for the device, and gloo in the place of NCCL, the group starts as mmengine starts it."""
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()
    multiprocessing.set_start_method('fork', force=True)
    env = {'dist_cfg': {'backend': 'gloo', 'timeout': 30}, 'mp_cfg': {'mp_start_method': 'fork'}}
    config = Config({'env_cfg': env})
    with (
        mock.patch.dict('os.environ', {'MASTER_ADDR': '127.0.0.1', 'MASTER_PORT': str(port)}),
        mock.patch('torch.cuda.is_available', return_value=True),
        mock.patch('torch.cuda.set_device') as set_device,
    ):
        launch.prepare_processes(config, 'pytorch')
        launch.prepare_processes(config, 'pytorch')  # a group that is there is used
    devices = [one.args for one in set_device.call_args_list]
    return devices, get_world_size(), from_main(lambda: rank), config.get('model_wrapper_cfg')


def test_group_with_gpus_starts_before_the_runner_and_with_the_device_set():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    outcomes = in_processes(2, start_as_with_gpus, port)
    assert outcomes == [([(rank,)], 2, 0, None) for rank in range(2)]


def start_after(rank, port, restarts):
    """As torchrun starts processes; the second comes late."""
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()
    names = {'MASTER_ADDR': '127.0.0.1', 'MASTER_PORT': str(port)}
    names |= {'TORCHELASTIC_USE_AGENT_STORE': 'True', 'TORCHELASTIC_RESTART_COUNT': str(restarts)}
    time.sleep(2 * rank)
    with mock.patch.dict('os.environ', names):
        launch.prepare_processes(Config({}), 'pytorch')
    return from_main(lambda: restarts)


def test_restarted_processes_do_not_look_for_those_that_are_gone():
    store = torch.distributed.TCPStore('127.0.0.1', 0, is_master=True, wait_for_workers=False)
    for restarts in range(3):
        assert in_processes(2, start_after, store.port, restarts) == [restarts] * 2


def test_another_runner_starts_its_group_itself():
    with mock.patch('torch.cuda.is_available', return_value=True), mock.patch.object(launch, 'init_dist') as start:
        launch.prepare_processes(Config({'runner_type': 'FlexibleRunner'}), 'pytorch')
    start.assert_not_called()


def test_workers_of_the_loaders_start_as_the_config_says():
    order = mock.Mock()
    config = Config({'env_cfg': {'mp_cfg': {'mp_start_method': 'spawn'}, 'dist_cfg': {'backend': 'nccl'}}})
    with (
        mock.patch('torch.cuda.is_available', return_value=True),
        mock.patch.object(launch, 'init_dist', order.init_dist),
        mock.patch.object(launch, 'set_multi_processing', order.set_multi_processing),
    ):
        launch.prepare_processes(config, 'slurm')
    assert order.mock_calls == [
        mock.call.set_multi_processing(mp_start_method='spawn', distributed=True),
        mock.call.init_dist('slurm', backend='nccl'),
    ]


def test_dump_of_several_processes_goes_through_the_group():
    kept = {'type': 'DumpResults', 'collect_dir': '/shared'}
    config = Config({'test_evaluator': [{'type': 'ClassAccuracy'}, {'type': 'DumpResults'}, kept]})
    launch._collect_dumps_without_a_folder(config)
    assert config.test_evaluator == [{'type': 'ClassAccuracy'}, {'type': 'DumpResults', 'collect_device': 'gpu'}, kept]
    launch._collect_dumps_without_a_folder(Config({'test_evaluator': {'type': 'ClassAccuracy'}}))


def test_resume_that_the_config_asks_for_is_looked_for_as_well(tmp_path):
    torch.save({}, tmp_path / 'epoch_4.pth')
    host = mock.Mock()
    host.parse_args.return_value = mock.Mock(resume=None, launcher='none', config='x')
    for load_from, expected in ((None, str(tmp_path / 'epoch_4.pth')), (str(tmp_path / 'epoch_4.pth'), None)):
        config = Config({'work_dir': str(tmp_path), 'resume': True, 'load_from': load_from})
        host.merge_args.return_value = config
        with (
            mock.patch.object(launch, '_host_tool', return_value=host),
            mock.patch.object(launch, 'read_config'),
            mock.patch.object(launch, '_build') as build,
        ):
            launch.train()
        build.assert_called_once_with(config)
        assert (config.resume, config.load_from) == (True, expected or load_from)


END = """
import atexit, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
import torch
from cdb_video.launch.commands import end_process

if len(sys.argv) > 1:
    torch.distributed.init_process_group('gloo', init_method=f'file://{sys.argv[1]}', rank=0, world_size=1)
kept = ThreadPoolExecutor(1)
kept.submit(int).result()  # its thread waits for more
threading.Thread(target=lambda: (time.sleep(0.3), print('thread'))).start()
atexit.register(print, 'registered')
end_process()
print('after')
"""


@pytest.mark.parametrize('distributed', [False, True])
def test_a_process_of_gloo_ends_at_once_with_all_that_waits_for_the_end(tmp_path, distributed):
    arguments = [str(tmp_path / 'store')] if distributed else []
    done = subprocess.run(
        [sys.executable, '-c', END, *arguments], capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == (['thread', 'registered'] if distributed else ['after', 'thread', 'registered'])
