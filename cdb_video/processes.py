"""What the processes of a run do together: share results, follow the main one, and fail as one.

Everything goes through torch's default process group, with gloo and with NCCL (its device must be set, as mmengine
does), and never through a shared folder. In a single process, with or without a group, all of it is a plain call.

What is called must not talk to the other processes itself: one that failed would leave the others waiting.
"""

from __future__ import annotations

import pickle
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, distributed

T = TypeVar('T')
_DEVICES = {'nccl': 'cuda', 'smddp': 'cuda', 'hccl': 'npu', 'cncl': 'mlu', 'mccl': 'musa', 'xccl': 'xpu'}
"""Backends that take only tensors of a device of their own, and that device; all others take those of the CPU."""


def get_world_size() -> int:
    """Number of processes, 1 without a process group."""
    return distributed.get_world_size() if _has_group() else 1


def get_rank() -> int:
    """Number of this process, from 0 on; 0 without a process group."""
    return distributed.get_rank() if _has_group() else 0


def get_dist_info() -> tuple[int, int]:
    """Rank of this process, and number of processes."""
    return get_rank(), get_world_size()


def is_main_process() -> bool:
    """Whether this is process 0, which writes files and speaks for all."""
    return get_rank() == 0


def all_reduce(tensor: Tensor) -> None:
    """Sum a tensor over the processes, in place: all of them have the same afterwards.

    Args:
        tensor: Of any device, of the same shape and dtype in every process.
    """
    if get_world_size() == 1:
        return
    on_device = tensor.to(_group_device())
    distributed.all_reduce(on_device)
    if on_device is not tensor:
        tensor.copy_(on_device)


def shared_seed() -> int:
    """A random seed in [0, 2^31), the same in every process.

    Every process draws from numpy's global generator, and that of process 0 counts; so does mmengine, whose seeds
    these are to the bit.
    """
    drawn = [int(np.random.randint(2**31))]
    if get_world_size() > 1:
        distributed.broadcast_object_list(drawn)
    return drawn[0]


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
    outcomes: list[Any] = [None] * get_world_size()
    distributed.all_gather_object(outcomes, _portable(outcome))
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
    distributed.broadcast_object_list(shared)
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


def portable(error: Exception) -> Exception:
    """An error that survives pickling: the same, or a RuntimeError that says what it was."""
    try:
        copy = pickle.loads(pickle.dumps(error))
        survives = type(copy) is type(error) and str(copy) == str(error)
    except Exception:  # an exception can do anything when it is pickled
        survives = False
    return error if survives else RuntimeError(f'{type(error).__name__}: {error}')


def _has_group() -> bool:
    return distributed.is_available() and distributed.is_initialized()


def _group_device() -> torch.device:
    """The device that tensors must be on to go through the process group."""
    kind = _DEVICES.get(distributed.get_backend())
    return torch.device('cpu') if kind is None else torch.device(kind, getattr(torch, kind).current_device())


def _attempt(make: Callable[[], T]) -> tuple[Exception | None, T | None]:
    try:
        return None, make()
    except Exception as error:  # whatever it is: the other processes wait for it
        return error, None


def _portable(outcome: tuple[Exception | None, Any]) -> tuple[Exception | None, Any]:
    """The outcome with an error that survives pickling."""
    error, result = outcome
    return (None if error is None else portable(error)), result


def _raise_of(rank: int, failure: Exception, own: Exception | None) -> None:
    """Raise the error of process `rank`: in that process with its own traceback, in the others with a note."""
    if rank == get_rank() and own is not None:
        raise own
    failure.add_note(f'(raised in process {rank})')
    raise failure
