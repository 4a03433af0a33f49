"""One variant in a process of its own: a training by mmengine's Runner that stops and goes on as it is told.

The process waits between epochs, so that no other training, loader or validation runs while one is timed. It is told
'model' to time steps on a batch that lies on the device, 'loading' to time an epoch with its loader, and 'stop'.
"""

from __future__ import annotations

import gc
import math
import os
import socket
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from benchmarks.gpu.variants import VARIANTS, Plan, build_config
from benchmarks.harness.measuring import peak_memory
from cdb_video.launch import commands as launch

MODEL, LOADING, STOP = 'model', 'loading', 'stop'
READY, FAILED = 'ready', 'failed'
_FEWEST_STEPS, _MOST_STEPS = 2, 500


class Stopped(Exception):
    """The training was told to stop."""


class Turns(Hook):
    """Waits for a command before each epoch, and times what it is told.

    Replies are sent when the next command is waited for, so that a validation after the epoch is over by then.

    Args:
        connection: To who commands. Replies are dictionaries.
        plan: Of the measurement.
    """

    def __init__(self, connection: Connection, plan: Plan) -> None:
        self.connection = connection
        self.plan = plan
        self._reply: dict[str, Any] | None = None
        self._batch: dict[str, list[Any]] | None = None
        self._begun = 0.0

    def before_train_epoch(self, runner: Runner) -> None:
        """Wait for commands; return where one is to train an epoch."""
        self._wait(runner)

    def after_train_iter(self, runner: Runner, batch_idx: int, **kwargs: Any) -> None:
        """Start the clock after the batches that warm up, and stop it after the last."""
        plan = self.plan
        if batch_idx + 1 == plan.warm_batches:
            synchronize(plan.device)
            self._begun = time.perf_counter()
        elif batch_idx + 1 == plan.warm_batches + plan.timed_batches:
            synchronize(plan.device)
            clips = plan.timed_batches * runner.train_dataloader.batch_size
            self._reply = {'clips per second': clips / (time.perf_counter() - self._begun)}

    def after_train(self, runner: Runner) -> None:
        """Wait for commands after the last epoch."""
        self._wait(runner)

    def _wait(self, runner: Runner) -> None:
        free_memory(self.plan.device)
        self.connection.send((READY, self._reply or facts(self.plan.device)))
        while (command := receive(self.connection)) == MODEL:
            self._batch = self._batch or made_batch(runner, self.plan)
            found = time_model(runner, self._batch, self.plan)
            free_memory(self.plan.device)
            self.connection.send((READY, found))
        if command == STOP:
            raise Stopped


def time_model(runner: Runner, batch: dict[str, list[Any]], plan: Plan) -> dict[str, float]:
    """Training steps on one batch that lies on the device: clips a second, and the peak memory.

    Returns:
        'clips per second', 'peak bytes': of the device; on a CPU of the process.
    """
    runner.model.train()

    def steps(number: int) -> float:
        synchronize(plan.device)
        begun = time.perf_counter()
        for _ in range(number):
            runner.model.train_step(batch, optim_wrapper=runner.optim_wrapper)
        synchronize(plan.device)
        return time.perf_counter() - begun

    def measure() -> float:
        steps(_FEWEST_STEPS if plan.model_seconds else 1)
        number = min(max(math.ceil(plan.model_seconds / steps(1)), _FEWEST_STEPS), _MOST_STEPS)
        return number * len(batch['inputs']) / steps(number)

    peak, rate = peak_of(measure, plan.device)
    return {'clips per second': rate, 'peak bytes': peak}


def made_batch(runner: Runner, plan: Plan) -> dict[str, list[Any]]:
    """A batch of the loader's shape with random pixels, on the device."""
    loader = runner.train_dataloader
    samples = [loader.dataset[index] for index in range(loader.batch_size)]
    generator = torch.Generator().manual_seed(plan.seed)
    shape = samples[0]['inputs'].shape
    pixels = [torch.randint(256, shape, generator=generator, dtype=torch.uint8) for _ in samples]
    return {
        'inputs': [one.to(plan.device) for one in pixels],
        'data_samples': [sample['data_samples'].to(plan.device) for sample in samples],
    }


def peak_of(work: Callable[[], float], device: str) -> tuple[int, float]:
    """Run `work`; the most memory that tensors took on the device meanwhile, on a CPU the process; and the result."""
    if device == 'cpu':
        return peak_memory(work, 0)
    torch.cuda.reset_peak_memory_stats()
    result = work()
    return torch.cuda.max_memory_allocated(), result


def synchronize(device: str) -> None:
    """Wait until the device has done all that it was given."""
    if device == 'cuda':
        torch.cuda.synchronize()


def free_memory(device: str) -> None:
    """Leave the memory of the device to the other processes."""
    if device == 'cuda':
        gc.collect()
        torch.cuda.empty_cache()


def facts(device: str) -> dict[str, Any]:
    """'device': what is known of it, and what torch was built with for it; 'backend': of the group, or None."""
    found: dict[str, Any] = {'type': device}
    if device == 'cuda':
        card = torch.cuda.get_device_properties(torch.cuda.current_device())
        found |= {
            'name': card.name,
            'memory bytes': card.total_memory,
            'compute capability': f'{card.major}.{card.minor}',
            'CUDA': torch.version.cuda,
            'cuDNN': torch.backends.cudnn.version(),
            'NCCL': '.'.join(map(str, torch.cuda.nccl.version())),
            'TF32 in convolutions': torch.backends.cudnn.allow_tf32,
        }
    grouped = torch.distributed.is_initialized()
    return {'device': found, 'backend': torch.distributed.get_backend() if grouped else None}


def receive(connection: Connection) -> str:
    """The next command; stops where nobody is left to give one."""
    while not connection.poll(5):
        parent = parent_process()
        if parent is not None and not parent.is_alive():
            return STOP
    command: str = connection.recv()
    return command


def train(name: str, plan: Plan, connection: Connection, folder: str) -> None:
    """Train a variant as commanded, until it is told to stop; what fails is sent as (FAILED, traceback).

    Args:
        name: Of the variant.
        plan: Of the measurement.
        connection: To who commands.
        folder: For the log, and all that is printed.
    """
    _print_to(Path(folder, f'{name}.log'))
    try:
        with suppress(Stopped):  # how a training ends here: it was told to
            _runner(name, plan, connection, Path(folder, name)).train()
    except Exception:
        connection.send((FAILED, traceback.format_exc()))
    connection.close()
    launch.end_process()


def import_hosts() -> None:
    """Register what the variants are built of; takes seconds the first time in a process."""
    from mmaction.utils import register_all_modules  # late: --help need not wait for it

    import benchmarks.gpu.modules  # noqa: F401

    register_all_modules(init_default_scope=True)


def _runner(name: str, plan: Plan, connection: Connection, work_dir: Path) -> Runner:
    import_hosts()
    config = build_config(name, plan)
    config.work_dir, config.experiment_name = str(work_dir), name
    if VARIANTS[name].in_group:
        os.environ |= {'RANK': '0', 'LOCAL_RANK': '0', 'WORLD_SIZE': '1', 'MASTER_ADDR': '127.0.0.1'}
        os.environ['MASTER_PORT'] = str(_free_port())
        launch.prepare_processes(config, 'pytorch')
    runner = Runner.from_cfg(config)
    runner.register_hook(Turns(connection, plan), 'LOWEST')
    return runner


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(('127.0.0.1', 0))
        port: int = one.getsockname()[1]
    return port


def _print_to(path: Path) -> None:
    """Send what this process and its libraries print into a file."""
    sys.stdout.flush()
    sys.stderr.flush()
    with path.open('w') as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
