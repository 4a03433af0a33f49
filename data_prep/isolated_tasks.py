"""A pool of worker processes that survives the death of one: the task that kills it costs only itself.

A decoder can crash its whole process on a damaged file, or the system can end one for want of memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import TypeVar

from command_parts import start_worker

_Task = TypeVar('_Task')
_Result = TypeVar('_Result')


def run_in_workers(
    function: Callable[[_Task], _Result], tasks: Sequence[_Task], workers: int
) -> Iterator[tuple[_Task, _Result | None]]:
    """Call `function` on every task in worker processes.

    Args:
        function: Of a module that can be imported; calling it twice on a task must do no harm.
        tasks: In the order in which they are begun.
        workers: Processes, >= 1.

    Yields:
        A task and its result as soon as there is one; None where the process died at it, even alone.
    """
    waiting = list(tasks)
    while waiting:
        done: set[int] = set()
        died = False
        pool = _pool(min(workers, len(waiting)))
        try:
            numbers = {pool.submit(function, task): number for number, task in enumerate(waiting)}
            for future in as_completed(numbers):
                try:
                    result = future.result()
                except BrokenProcessPool:
                    died = True
                    break
                done.add(numbers[future])
                yield waiting[numbers[future]], result
        finally:
            # After Ctrl-C or an error the tasks in work are finished, the others are not begun.
            pool.shutdown(cancel_futures=True)
        left = [task for number, task in enumerate(waiting) if number not in done]
        if not died:
            return
        # Tasks are handed out in order: each worker had one, and as many and one more lay ready.
        suspects, waiting = left[: 2 * workers + 1], left[2 * workers + 1 :]
        for task in suspects:
            yield task, _run_alone(function, task)


def _run_alone(function: Callable[[_Task], _Result], task: _Task) -> _Result | None:
    with _pool(1) as pool:
        try:
            return pool.submit(function, task).result()
        except BrokenProcessPool:
            return None


def _pool(workers: int) -> ProcessPoolExecutor:
    # Spawned, not forked: the decoders' libraries hold locks that a fork may copy locked.
    return ProcessPoolExecutor(workers, mp_context=get_context('spawn'), initializer=start_worker)
