"""Who is measured when, within a time that is given; what did not fit or failed is said with its reason."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

from benchmarks.gpu.turns import FAILED, LOADING, MODEL, STOP, import_hosts, train
from benchmarks.gpu.variants import VARIANTS, Plan

MEASURED, LEFT_OUT, BROKEN = 'measured', 'not measured', 'failed'
PARTS = (MODEL, LOADING)
_SHARE_TO_PREPARE = 0.5
"""Of the time that is left, what a variant may take to start or to warm up."""
_SHARE_OF_ROUND = 1.15
"""A round begins where there is so much time left, in times of the longest round."""
_SECONDS_TO_END = 10
_LAST_LINES = 15
_LATE_IMPORTS = (
    'cdb_video.hooks.class_difficulty',
    'cdb_video.losses.cdb',
    'cdb_video.metrics.class_accuracy',
    'cdb_video.samplers.cdb_sampler',
    'matplotlib.pyplot',
    'torch._dynamo',
)


class TooLate(Exception):
    """No answer came in time."""


class VariantError(RuntimeError):
    """A variant failed; the message is its traceback, or the end of what its process printed."""


class Worker(Protocol):
    """The process of a variant, see `benchmarks.gpu.turns`."""

    def ask(self, command: str | None, seconds: float) -> dict[str, Any]:
        """Give a command, or none, and wait for the reply.

        Raises:
            TooLate: If there is none in time.
            VariantError: If the variant failed, or its process died.
        """

    def stop(self) -> None:
        """Ask the process to end."""

    def end(self, seconds: float) -> None:
        """Kill the process where it has not ended in so many seconds."""


class TrainingProcess:
    """A process that trains a variant.

    Args:
        name: Of the variant.
        plan: Of the measurement.
        folder: For its log and what it prints.
    """

    def __init__(self, name: str, plan: Plan, folder: Path) -> None:
        # CUDA does not outlive a fork. On a CPU a fork has all imports, which take longer than a rehearsal.
        context: Any = get_context('spawn' if plan.device == 'cuda' else 'fork')
        self._log = folder / f'{name}.log'
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=train, args=(name, plan, theirs, str(folder)), name=name)
        self._process.start()
        theirs.close()

    def ask(self, command: str | None, seconds: float) -> dict[str, Any]:
        """See `Worker`."""
        connection: Connection = self._connection
        try:
            if command is not None:
                connection.send(command)
            if not connection.poll(max(seconds, 0)):
                raise TooLate
            kind, content = connection.recv()
        except (EOFError, OSError) as error:
            self._process.join(_SECONDS_TO_END)
            end = '\n'.join(self._log.read_text(errors='replace').splitlines()[-_LAST_LINES:])
            raise VariantError(f'its process died, with exit code {self._process.exitcode}:\n{end}') from error
        if kind == FAILED:
            raise VariantError(content)
        reply: dict[str, Any] = content
        return reply

    def stop(self) -> None:
        """See `Worker`."""
        with suppress(OSError):  # it has ended
            self._connection.send(STOP)

    def end(self, seconds: float) -> None:
        """See `Worker`."""
        self._process.join(seconds)
        self._process.kill()
        self._process.join()
        self._connection.close()


@dataclass
class Outcome:
    """What is known of a variant.

    Attributes:
        device: What is known of it.
        backend: Of its group of processes; None = it is in none.
        rounds: Per round the replies to 'model' and 'loading'.
        prepared: Seconds that it took to warm up, with compilation; None = it did not get there.
        status: `MEASURED`, `LEFT_OUT` or `BROKEN`.
        why: What is wrong, for the last two; and where it was measured in fewer rounds than others.
    """

    device: dict[str, Any] = field(default_factory=dict)
    backend: str | None = None
    rounds: list[dict[str, Any]] = field(default_factory=list)
    prepared: float | None = None
    status: str = LEFT_OUT
    why: str | None = None


class Measurement:
    """Measures variants in turns until all rounds are done or the time is over.

    Args:
        workers: The processes by variant.
        last: Variants to prepare after the others, since they may take long.
        end: When all is to be over, by `clock`.
        clock: Seconds.
    """

    def __init__(
        self,
        workers: Mapping[str, Worker],
        last: Sequence[str],
        end: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.outcomes = {name: Outcome() for name in workers}
        self._workers = dict(workers)
        self._last, self._end, self._clock = last, end, clock

    @property
    def _left(self) -> float:
        return self._end - self._clock()

    def run(self, rounds: int) -> dict[str, Outcome]:
        """Start, warm up and measure; all processes have ended then."""
        try:
            self._prepare()
            self._measure(rounds)
        finally:
            for worker in self._workers.values():
                worker.stop()
            until = self._clock() + _SECONDS_TO_END
            for worker in self._workers.values():
                worker.end(max(until - self._clock(), 0))
        for outcome in self.outcomes.values():
            if outcome.status == LEFT_OUT and outcome.why is None:
                outcome.why = 'the time was over before its first round'
        return self.outcomes

    def _prepare(self) -> None:
        for name in list(self._workers):
            if (reply := self._ask(name, None, _SHARE_TO_PREPARE)) is not None:
                self.outcomes[name].device, self.outcomes[name].backend = reply['device'], reply['backend']
        for name in sorted(self._workers, key=lambda name: name in self._last):
            begun, limit = self._clock(), self._clock() + self._left * _SHARE_TO_PREPARE
            if all(self._ask(name, part, 1, limit) for part in PARTS):
                self.outcomes[name].prepared = self._clock() - begun

    def _measure(self, rounds: int) -> None:
        order, longest = list(self._workers), 0.0
        for _ in range(rounds):
            begun = self._clock()
            if self._left < _SHARE_OF_ROUND * longest:
                return
            order = order[1:] + order[:1]
            for name in order:
                if name in self._workers:
                    self._turn(name)
            longest = max(longest, self._clock() - begun)

    def _turn(self, name: str) -> None:
        found: dict[str, Any] = {}
        for part in PARTS:
            reply = self._ask(name, part, 1)
            if reply is None:
                return
            found[part] = reply
        outcome = self.outcomes[name]
        outcome.rounds.append(found)
        outcome.status = MEASURED

    def _ask(self, name: str, command: str | None, share: float, limit: float = math.inf) -> dict[str, Any] | None:
        """The reply of a worker; None = it failed or was late, which is noted, and it takes no more part."""
        worker, outcome, begun = self._workers[name], self.outcomes[name], self._clock()
        try:
            return worker.ask(command, min(self._left * share, limit - begun))
        except TooLate:
            did = {None: 'to start', MODEL: 'the model alone', LOADING: 'an epoch with its loader'}[command]
            outcome.why = f'{did} took longer than the {self._clock() - begun:.0f} s that were left for it'
        except VariantError as error:
            outcome.status, outcome.why = BROKEN, str(error)
        worker.end(0)
        del self._workers[name]
        return None


def measure(plan: Plan, folder: Path, end: float) -> dict[str, Outcome]:
    """All variants, each in a process of its own.

    Args:
        plan: Of the measurement.
        folder: For logs.
        end: When it is to be over, by `time.monotonic`.
    """
    if plan.device == 'cpu':
        _import_all()
    workers = {name: TrainingProcess(name, plan, folder) for name in VARIANTS}
    return Measurement(workers, [name for name in VARIANTS if VARIANTS[name].compiled], end).run(plan.epochs - 1)


def _import_all() -> None:
    """Import what each of the processes would import for itself; and let their collectors of garbage pass it over."""
    import_hosts()
    for name in _LATE_IMPORTS:
        import_module(name)
    gc.freeze()
