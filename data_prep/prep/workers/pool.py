"""Worker processes of which any may crash or hang: that costs the task in work, and is said.

The standard pools take a process that dies for the end of everything, and wait for ever for one that
hangs. Decoders of video are native code that reads damaged files, so both happen. All commands that read
many clips do it here. docs/contribute/own_code.md has the libraries that were tried in its place.
"""

from __future__ import annotations

import gc
import pickle
import time
import traceback
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Generic, TypeVar

from prep.workers.signals import start_worker, worker_context

T = TypeVar('T')
R = TypeVar('R')

# A worker says that it lives at most this often, in seconds.
_BEAT_SECONDS = 1.0
_START_SECONDS = 300.0
STALL_SECONDS = 120.0


@dataclass(frozen=True)
class Lost:
    """The process that did a task was lost; `reason` says how."""

    reason: str


class PoolError(RuntimeError):
    """No worker can be started."""


class _Worker(Generic[T]):
    """The parent's side of one process."""

    def __init__(self, function: Callable[..., Any]) -> None:
        context: Any = worker_context()
        self.connection, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(target=_serve, args=(theirs, function), daemon=True)
        self.process.start()
        # Only the worker holds its end now, so that its death ends the connection.
        theirs.close()
        self.task: T | None = None
        self.ready = False
        self.alive_at = time.monotonic()

    def give(self, task: T) -> bool:
        """Let it begin a task; False = it died between two tasks, and begins none."""
        try:
            self.connection.send(task)
        except (BrokenPipeError, ConnectionResetError):
            return False
        self.task, self.alive_at = task, time.monotonic()
        return True

    def why_late(self, stall_seconds: float) -> str | None:
        """Why it is to be given up; None = it is not."""
        limit = stall_seconds if self.ready else _START_SECONDS
        if (self.ready and self.task is None) or time.monotonic() - self.alive_at <= limit:
            return None
        return f'no frame for {limit:g} seconds: the decoder hangs'

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.join()
        self.connection.close()

    def how_it_died(self) -> str:
        """Words for its exit code."""
        self.process.join()
        code = self.process.exitcode or 0
        how = f'signal {-code}' if code < 0 else f'exit code {code}'
        return f'its worker process died ({how}): the decoder crashed, or memory was short'


def run_tasks(
    function: Callable[..., R],
    tasks: Sequence[T],
    workers: int,
    stall_seconds: float = STALL_SECONDS,
    *,
    again_alone: bool = False,
) -> Generator[tuple[T, R | Lost], None, None]:
    """Do tasks in several processes; yield each with its result, in the order in which they end.

    When the iterator is closed, tasks in work are finished, within `stall_seconds`, and no other is
    begun; a second Ctrl-C ends them at once.

    Args:
        function: Called as function(task, beat=beat) in a worker; it calls beat() as a sign of life.
        tasks: Each can be pickled; in the order in which they are begun.
        workers: Number of processes, >= 1.
        stall_seconds: A worker without a sign of life for so long is ended.
        again_alone: Do a task whose process was lost once more when all others are done, with no
            other beside it: memory may have been short. To do a task twice must do no harm.

    Raises:
        PoolError: If a worker dies before it is ready.
        Exception: What `function` raises, with a note that names the task. It is no fault of a clip.
    """
    lost: list[T] = []
    with closing(_run(function, tasks, workers, stall_seconds)) as results:
        for task, result in results:
            if again_alone and isinstance(result, Lost):
                lost.append(task)
            else:
                yield task, result
    with closing(_run(function, lost, 1, stall_seconds)) as results:
        yield from results


def _run(
    function: Callable[..., R], tasks: Sequence[T], workers: int, stall_seconds: float
) -> Generator[tuple[T, R | Lost], None, None]:
    waiting = list(reversed(tasks))
    crew: list[_Worker[T]] = [_Worker(function) for _ in range(min(workers, len(tasks)))]
    left = len(tasks)
    try:
        while left:
            for worker, result in [*_late(crew, stall_seconds), *_heard(crew)]:
                task, worker.task = worker.task, None
                if isinstance(result, Lost):
                    crew.remove(worker)
                    if waiting:
                        crew.append(_Worker(function))
                if task is not None:
                    left -= 1
                    yield task, result
            for worker in crew:
                if worker.ready and worker.task is None and waiting and worker.give(waiting[-1]):
                    waiting.pop()
    finally:
        _dismiss(crew, stall_seconds)


def _late(crew: Sequence[_Worker[T]], stall_seconds: float) -> list[tuple[_Worker[T], Any]]:
    found = []
    for worker in crew:
        why = worker.why_late(stall_seconds)
        if why is not None:
            worker.kill()
            if not worker.ready:
                raise PoolError(f'a worker process did not start within {_START_SECONDS:g} seconds')
            found.append((worker, Lost(why)))
    return found


def _heard(crew: Sequence[_Worker[T]]) -> list[tuple[_Worker[T], Any]]:
    """Wait for news of the workers; return those that ended their task, with the result."""
    by_connection = {worker.connection: worker for worker in crew if not worker.connection.closed}
    ended = []
    for connection in wait(list(by_connection), timeout=_BEAT_SECONDS):
        worker = by_connection[connection]
        try:
            kind, value = worker.connection.recv()
        except (EOFError, OSError):
            how = worker.how_it_died()
            worker.connection.close()
            if not worker.ready:
                raise PoolError(f'a worker process could not start: {how}') from None
            ended.append((worker, Lost(how)))
            continue
        worker.ready, worker.alive_at = True, time.monotonic()
        if kind == 'error':
            raise value
        if kind == 'result':
            ended.append((worker, value))
    return ended


def _dismiss(crew: Sequence[_Worker[T]], patience_seconds: float) -> None:
    deadline = time.monotonic() + patience_seconds
    try:
        for worker in crew:
            # A worker that is between tasks, or done with its last one, finds nobody there and goes.
            worker.connection.close()
        for worker in crew:
            worker.process.join(max(0.0, deadline - time.monotonic()))
    finally:
        for worker in crew:
            worker.process.kill()
            worker.process.join()


def _serve(connection: Connection, function: Callable[..., Any]) -> None:
    """The worker's side."""
    start_worker()
    beat = _Beat(connection)
    # What PyAV opens and decodes lies in cycles, and the garbage collector counts objects, not the megabytes that these
    # hold: without a collection after every task a worker grows by gigabytes. What is there now stays for ever.
    gc.freeze()
    try:
        connection.send(('ready', None))
        while True:
            task = connection.recv()
            message: tuple[str, Any]
            try:
                message = ('result', function(task, beat=beat))
            except Exception as error:
                message = ('error', _portable(error, task))
            connection.send(message)
            del message
            gc.collect()
    except (EOFError, BrokenPipeError, ConnectionResetError):
        # The parent wants no more.
        return


def _portable(error: Exception, task: object) -> Exception:
    """The error as the parent raises it; where it cannot travel, another one with its words."""
    note = f'in a worker process, at {task}:\n{"".join(traceback.format_exception(error))}'
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        error = RuntimeError(repr(error))
    error.add_note(note)
    return error


class _Beat:
    """Tells the parent that work goes on, no more than once a second."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._next = 0.0

    def __call__(self) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _BEAT_SECONDS
            try:
                self._connection.send(('beat', None))
            except OSError:
                # The parent has closed the connection: the clip in work is finished all the same.
                self._next = float('inf')
