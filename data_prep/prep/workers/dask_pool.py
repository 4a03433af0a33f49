"""The same as worker_pool on a Dask cluster whose machines share a file system with this one."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import TypeVar

from prep.workers.pool import Lost, PoolError

T = TypeVar('T')
R = TypeVar('R')

_MODULE = 'prep.extract.clip'
_CONNECT_SECONDS = 30


def run_on_dask(
    function: Callable[..., R], tasks: Sequence[T], address: str
) -> Generator[tuple[T, R | Lost], None, None]:
    """Do tasks on a cluster; yield each with its result, in the order in which they end.

    A task whose worker dies is given to another one; one that several workers died of is lost, and
    costs only itself. When the iterator is closed, tasks that were not begun are cancelled.

    Args:
        function: Called as function(task) in a worker.
        tasks: Each can be pickled.
        address: Of the scheduler, such as 'tcp://10.0.0.1:8786'.

    Raises:
        PoolError: If dask.distributed is not installed, the cluster cannot be reached or has no
            workers, or one of them cannot import our modules.
    """
    try:
        from distributed import Client, KilledWorker, as_completed
    except ImportError as error:
        raise PoolError("--dask-scheduler needs dask.distributed: pip install 'cdb-video[dask]'") from error
    try:
        client = Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise PoolError(f'no Dask scheduler answers at {address} ({error})') from error
    with client:
        _check_workers(client.run(importlib.util.find_spec, _MODULE), address)
        # Not pure: a task is done anew in every run, whatever the scheduler remembers of earlier ones.
        futures = client.map(function, list(tasks), pure=False, retries=0)
        task_of = dict(zip(futures, tasks, strict=True))
        try:
            for future in as_completed(futures, loop=client.loop):
                failure = future.exception()
                if isinstance(failure, KilledWorker):
                    yield task_of[future], Lost('several Dask workers died of it: the decoder crashed')
                elif failure is not None:
                    raise PoolError(f'a Dask worker failed: {failure!r}') from failure
                else:
                    yield task_of[future], future.result()
        finally:
            client.cancel(futures)


def _check_workers(found: dict[str, object], address: str) -> None:
    if not found:
        raise PoolError(f'the Dask scheduler at {address} has no workers. Start some')
    blind = [worker for worker, spec in found.items() if spec is None]
    if blind:
        raise PoolError(
            f'the Dask worker {blind[0]} cannot import {_MODULE}. Start the workers with '
            f'PYTHONPATH={Path(__file__).resolve().parents[2]}'
        )
