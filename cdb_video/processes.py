"""What the processes of a run do together: share results, follow the main one, and fail as one.

Everything goes through the process group, with gloo and with NCCL (its device must be set, as mmengine does),
and never through a shared folder. In a single process all of it is a plain call.

What is called must not talk to the other processes itself: one that failed would leave the others waiting.
"""

from __future__ import annotations

import pickle
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from mmengine.dist import all_gather_object, broadcast_object_list, get_rank, get_world_size, is_main_process

T = TypeVar('T')


def from_all(make: Callable[[], T]) -> list[T]:
    """Call `make` in every process, and give the results of all to each.

    Args:
        make: Its result must be picklable.

    Returns:
        One result a process, in the order of the ranks.

    Raises:
        Exception: In every process, what `make` raised in the first that failed.
    """
    if get_world_size() == 1:
        return [make()]
    outcome = _attempt(make)
    outcomes = all_gather_object(_portable(outcome))
    for rank, (failure, _) in enumerate(outcomes):
        if failure is not None:
            _raise_of(rank, failure, outcome[0])
    return [result for _, result in outcomes]


def together(act: Callable[[], T]) -> T:
    """Call `act` in every process, and give each its own result.

    Raises:
        Exception: In every process, what `act` raised in the first that failed.
    """
    if get_world_size() == 1:
        return act()
    own: list[T] = []
    from_all(lambda: own.append(act()))
    return own[0]


def from_main(make: Callable[[], T]) -> T:
    """Call `make` in the main process, and give its result to all.

    Args:
        make: Its result must be picklable.

    Raises:
        Exception: In every process, what `make` raised.
    """
    if get_world_size() == 1:
        return make()
    outcome = _attempt(make) if is_main_process() else (None, None)
    shared: list[Any] = [_portable(outcome)]
    broadcast_object_list(shared)
    failure, result = shared[0]
    if failure is not None:
        _raise_of(0, failure, outcome[0])
    mine: T = result
    return mine


def check_all_see(path: str | None, purpose: str, remedy: str = '') -> None:
    """Check that the file at `path` is there in every process.

    Args:
        path: A local path, or an address with '://', which is not looked at; None = nothing to check.
        purpose: What it is for, in the words of the user: '--resume'.
        remedy: What to do if no process sees it.

    Raises:
        FileNotFoundError: In every process, naming those that do not see it.
    """
    if path is None or '://' in path:
        return
    seen = from_all(lambda: (Path(path).expanduser().exists(), socket.gethostname()))
    blind = [f'{rank} (on {host})' for rank, (sees, host) in enumerate(seen) if not sees]
    if len(blind) == len(seen):
        raise FileNotFoundError(f'{purpose}: there is no {path}' + (f'. {remedy}' if remedy else ''))
    if blind:
        raise FileNotFoundError(
            f'{purpose}: process {", ".join(blind)} cannot see {path}, which others see: the work directory and the '
            'checkpoints must lie in a folder that all machines share, under the same path'
        )


def _attempt(make: Callable[[], T]) -> tuple[Exception | None, T | None]:
    try:
        return None, make()
    except Exception as error:  # whatever it is: the other processes wait for it
        return error, None


def _portable(outcome: tuple[Exception | None, Any]) -> tuple[Exception | None, Any]:
    """The outcome with an error that survives pickling."""
    error, result = outcome
    if error is None:
        return outcome
    try:
        copy = pickle.loads(pickle.dumps(error))
        survives = type(copy) is type(error) and str(copy) == str(error)
    except Exception:  # an exception can do anything when it is pickled
        survives = False
    return (error if survives else RuntimeError(f'{type(error).__name__}: {error}')), result


def _raise_of(rank: int, failure: Exception, own: Exception | None) -> None:
    """Raise the error of process `rank`: in that process with its own traceback, in the others with a note."""
    if rank == get_rank() and own is not None:
        raise own
    failure.add_note(f'(raised in process {rank})')
    raise failure
