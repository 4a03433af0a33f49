"""Trainings and scorings as processes of their own: one after the other, or side by side on devices of their own."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import IO

_VISIBLE = 'CUDA_VISIBLE_DEVICES'
_PATIENCE = 10.0
"""Seconds that a process is given to end after it was asked to."""


class RunError(RuntimeError):
    """A training or a scoring has failed; the message says which, and where its own words are.

    Attributes:
        status: The exit code of the process.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Step:
    """A command of `cdb-video` that a job needs, as a fold of a cross-fit or a run of a sweep.

    Attributes:
        name: For messages: 'the training of fold 1'.
        begins: What the user is told when it begins.
        words: Of the command line, behind `cdb-video`.
        output: Where it prints to if it is not alone.
        say: Tells the user.
    """

    name: str
    begins: str
    words: Sequence[str]
    output: Path
    say: Callable[[str], None]


@dataclass(frozen=True)
class Machine:
    """What there is to run on.

    Attributes:
        devices: One entry for each GPU that may be used, as CUDA_VISIBLE_DEVICES names it; none = the CPU.
        processes: Of each training; each has a device of its own.
        parallel: Jobs side by side; None = as many as there are devices for, at least one.
        handed_on: File descriptors that every process gets.
        to_files: Whether a process prints to the file of its step even if no other runs beside it.
        threads: Of each process, unless OMP_NUM_THREADS says it already; None = as torch chooses, or one each where a
            training has several processes.
    """

    devices: Sequence[str]
    processes: int = 1
    parallel: int | None = None
    handed_on: Sequence[int] = ()
    to_files: bool = False
    threads: int | None = None

    @property
    def slots(self) -> list[str | None]:
        """The devices of each of the jobs that run side by side; None = whatever is there."""
        groups = [
            ','.join(self.devices[start : start + self.processes])
            for start in range(0, len(self.devices) - self.processes + 1, self.processes)
        ]
        number = max(len(groups), 1) if self.parallel is None else self.parallel
        if not self.devices or number == 1:
            return [None] * number
        return [groups[place % len(groups)] if groups else None for place in range(number)]


def visible_devices() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    import torch

    number = torch.cuda.device_count()
    named = [name.strip() for name in os.environ.get(_VISIBLE, '').split(',') if name.strip()]
    return named[:number] if named else [str(place) for place in range(number)]


def check_machine(devices: Sequence[str], processes: int) -> None:
    """Check that each process of a training can have a device of its own.

    Raises:
        ValueError: If there are GPUs, and too few of them.
    """
    if devices and processes > len(devices):
        raise ValueError(
            f'--processes {processes}: there are {len(devices)} GPUs, and each process needs one of its own: lower it'
        )


def run_all(jobs: Sequence[Callable[[Runner], None]], machine: Machine) -> None:
    """Do all jobs; when one raises an error, or this process is interrupted, end the others too.

    Args:
        jobs: Called each in a thread, with what starts its processes.
        machine: To run on.

    Raises:
        RunError: If a process failed.
    """
    slots: SimpleQueue[str | None] = SimpleQueue()
    for slot in machine.slots:
        slots.put(slot)
    runner = Runner(machine)

    def do(job: Callable[[Runner], None]) -> None:
        slot = slots.get()
        try:
            job(runner.on(slot))
        except BaseException:
            runner.halt()  # before this thread goes on to the next job
            raise
        finally:
            slots.put(slot)

    with ThreadPoolExecutor(len(machine.slots)) as threads:
        futures = [threads.submit(do, job) for job in jobs]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:  # Ctrl-C comes here too
            for future in futures:
                future.cancel()
            if not all(future.done() for future in futures):
                runner.stop()
    failed = [error for future in futures if not future.cancelled() and (error := future.exception())]
    if failed:
        raise next((error for error in failed if not isinstance(error, StoppedError)), failed[0])


class StoppedError(RunError):
    """A process was ended, or not begun, because another one had failed or all were to end."""


class Runner:
    """Starts processes, and ends those that are left.

    Args:
        machine: To run on.
        devices: For CUDA_VISIBLE_DEVICES; None = as it is.
    """

    def __init__(self, machine: Machine, devices: str | None = None) -> None:
        self._machine = machine
        self._devices = devices
        self._shared = _Shared()

    def on(self, devices: str | None) -> Runner:
        """The same on other devices; stopped with this one."""
        other = Runner(self._machine, devices)
        other._shared = self._shared
        return other

    def run(self, step: Step) -> None:
        """Run a command to its end.

        Raises:
            StoppedError: If it was ended, or not begun, since another job had failed or all are to end.
            RunError: If it failed.
        """
        is_alone = len(self._machine.slots) == 1 and not self._machine.to_files
        with contextlib.ExitStack() as stack:
            step.output.parent.mkdir(parents=True, exist_ok=True)
            to = None if is_alone else stack.enter_context(step.output.open('ab'))
            process = self._shared.start(
                lambda: start_process(
                    command_line(step.words, self._machine.processes),
                    environment(self._devices, self._machine.processes, self._machine.threads),
                    to,
                    self._machine.handed_on,
                ),
                step,
            )
            status = process.wait()
            self._shared.processes.discard(process)
        if status:
            if self._shared.stopped.is_set():
                raise StoppedError(f'{step.name} was stopped', status)
            where = 'what it said is above' if is_alone else f'what it said is in {step.output}'
            raise RunError(
                f'{step.name} ended with exit code {status}; {where}. What is done is kept: the same command goes on '
                'from there',
                status,
            )

    def halt(self) -> None:
        """Let no process begin any more."""
        self._shared.stopped.set()

    def stop(self) -> None:
        """End all processes, and let none begin."""
        self._shared.stop()


class _Shared:
    """The processes of all jobs."""

    def __init__(self) -> None:
        self.processes: set[subprocess.Popen[bytes]] = set()
        self.stopped = threading.Event()
        self._lock = threading.Lock()

    def start(self, begin: Callable[[], subprocess.Popen[bytes]], step: Step) -> subprocess.Popen[bytes]:
        with self._lock:
            if self.stopped.is_set():
                raise StoppedError(f'{step.name} was not begun', 1)
            step.say(step.begins)
            process = begin()
            self.processes.add(process)
            return process

    def stop(self) -> None:
        with self._lock:
            self.stopped.set()
            left = list(self.processes)
        for process in left:
            process.terminate()
        for process in left:
            try:
                process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()


def start_process(
    words: Sequence[str], environ: dict[str, str], output: IO[bytes] | None, handed_on: Sequence[int]
) -> subprocess.Popen[bytes]:
    """Start a process.

    Args:
        words: Its command line.
        environ: Its environment variables.
        output: The open file that it prints to; None = where this process prints to.
        handed_on: File descriptors that it gets.
    """
    error = None if output is None else subprocess.STDOUT
    return subprocess.Popen(
        list(words),
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=error,
        pass_fds=tuple(handed_on) if os.name == 'posix' else (),
    )


def command_line(words: Sequence[str], processes: int) -> list[str]:
    """The command line of `cdb-video` with these words, in one process or in several.

    Args:
        words: Behind `cdb-video`.
        processes: >= 1.
    """
    command = ['-m', 'cdb_video_command', *words]
    # -P: what lies in the current folder is imported no sooner than by `cdb-video` itself.
    if processes == 1:
        return [sys.executable, '-P', *command]
    torchrun = [f'--nproc-per-node={processes}', '--master-addr=127.0.0.1', f'--master-port={_free_port()}']
    return [sys.executable, '-P', '-m', 'torch.distributed.run', *torchrun, *command, '--launcher', 'pytorch']


def environment(devices: str | None, processes: int, threads: int | None = None) -> dict[str, str]:
    """The environment variables of a process that is started.

    Args:
        devices: For CUDA_VISIBLE_DEVICES; None = as it is.
        processes: Of one training.
        threads: As of a `Machine`.
    """
    environ = dict(os.environ)
    if devices is not None:
        environ[_VISIBLE] = devices
    if threads is None and processes > 1:  # more threads than cores make every process slow
        threads = 1
    if threads is not None:
        environ.setdefault('OMP_NUM_THREADS', str(threads))
    return environ


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return int(probe.getsockname()[1])
