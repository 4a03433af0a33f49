"""The runs of a sweep, each in a process of its own; one that fails is named, and the others go on."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from cdb_video.launch.steps import Machine, RunError, Runner, Step, StoppedError, run_all
from cdb_video.sweep.plan import SweptConfig, SweptRun
from cdb_video_files.cores import count_cores

_BY_CTRL_C = (-signal.SIGINT, 128 + signal.SIGINT)
_TAIL = 16_384
_LONGEST = 500


@dataclass(frozen=True)
class Failure:
    """A run that failed.

    Attributes:
        run: Which.
        reason: The last line of its log, or what else went wrong.
    """

    run: SweptRun
    reason: str

    def __str__(self) -> str:
        return f'{self.run.name} failed: {self.reason} (its log: {self.run.output})'


@dataclass
class Sweep:
    """Runs to be made.

    Attributes:
        runs: In the order in which they begin.
        words: Of --cfg-options, as the user gave them.
        options: What these say.
        say: Tells the user.
        failures: Of the runs so far.
    """

    runs: Sequence[SweptRun]
    words: Sequence[str]
    options: Mapping[str, Any]
    say: Callable[[str], None]
    failures: list[Failure] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def train(self, machine: Machine) -> None:
        """Train what is not finished; what failed is in `failures` then.

        Args:
            machine: To run on.

        Raises:
            KeyboardInterrupt: If the sweep, or one of its trainings, was interrupted; all trainings have ended then.
            OSError: If a record cannot be written.
        """
        left = [run for run in self.runs if not run.is_finished]
        done = len(self.runs) - len(left)
        if done:
            self.say(f'{done} of {len(self.runs)} runs finished before')
        try:
            run_all([partial(self._train, run, place) for place, run in enumerate(left, done + 1)], machine)
        except StoppedError as error:
            raise KeyboardInterrupt from error

    def _train(self, run: SweptRun, place: int, runner: Runner) -> None:
        changed = self._fault_of_config(run.config)
        if changed:
            self._fail(run, changed)
            return
        run.record(is_finished=False).write(run.folder)
        begins = f'{run.name}: run {place} of {len(self.runs)}'
        before = run.output.stat().st_size if run.output.exists() else 0
        step = Step(f'the training of {run.name}', begins, self._command(run), run.output, self.say)
        try:
            runner.run(step)
        except StoppedError:
            raise
        except RunError as error:
            if error.status in _BY_CTRL_C:  # a terminal sends it to all processes, and this one may be the first to end
                raise StoppedError(f'{run.name} was interrupted', error.status) from error
            self._fail(run, _reason(error.status, last_line(run.output, before)))
            return
        run.record(is_finished=True).write(run.folder)
        self.say(f'{run.name}: finished')

    def _command(self, run: SweptRun) -> list[str]:
        seed = str(run.seed)
        options = [*self.words, *([f'randomness.seed={seed}'] if run.config.sets_seed else [])]
        command = ['train', run.config.given, '--work-dir', str(run.folder), '--seed', seed, '--resume']
        return [*command, *(['--cfg-options', *options] if options else [])]

    def _fault_of_config(self, planned: SweptConfig) -> str | None:
        """Why a config cannot be trained any more; None = it is as it was when the sweep began."""
        try:
            with self._lock:  # the reading of configs is not made for threads
                now = SweptConfig.read(planned.given, self.options)
        except (OSError, ValueError) as error:
            return str(error)
        if now.settings != planned.settings:
            return f'{planned.given} was changed while the sweep ran; the other runs are of what it was'
        return None

    def _fail(self, run: SweptRun, reason: str) -> None:
        failure = Failure(run, reason)
        self.failures.append(failure)
        self.say(str(failure))


def _reason(status: int, said: str | None) -> str:
    if status < 0:
        ending = f'ended by signal {-status}'
        return ending if said is None else f'{ending}, after {said!r}'
    return f'exit code {status}, and it said nothing' if said is None else said


def last_line(path: Path, start: int = 0) -> str | None:
    """The last line of a log that is not empty, cut where it is very long; None = there is none.

    Args:
        path: The log.
        start: Bytes at its beginning that are of earlier trainings.
    """
    try:
        with path.open('rb') as file:
            file.seek(max(start, path.stat().st_size - _TAIL))
            lines = file.read().decode('utf-8', 'replace').splitlines()
    except FileNotFoundError:
        return None
    found = next((line.strip() for line in reversed(lines) if line.strip()), None)
    return found if found is None or len(found) <= _LONGEST else f'{found[:_LONGEST]} ...'


def machine_for(devices: Sequence[str], jobs: int | None, lock: int) -> Machine:
    """What a sweep runs on.

    Args:
        devices: GPUs that may be used; none = the CPU, whose cores the jobs share.
        jobs: Runs side by side, >= 1; None = one a GPU.
        lock: Descriptor of the folder's lock, which trainings keep that outlive the sweep.
    """
    share = None if devices or jobs in (None, 1) else max(1, count_cores() // int(jobs or 1))
    return Machine(devices, parallel=jobs, handed_on=(lock,), to_files=True, threads=share)
