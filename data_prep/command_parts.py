"""What the commands share: workers that end with their parent, SIGTERM, cores, shortened lists.

Imported by every worker process, so by the standard library's means alone.
"""

from __future__ import annotations

import argparse
import errno
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_SHOWN = 5
_NO_LOCKS_HERE = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


class LockedError(ValueError):
    """Another run is working in the same folder."""


def first_few(texts: Sequence[str]) -> str:
    """The first five, and how many more there are."""
    more = f'; and {len(texts) - _SHOWN} more' if len(texts) > _SHOWN else ''
    return '; '.join(texts[:_SHOWN]) + more


def count_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def whole_number(minimum: int, maximum: int | None = None) -> Callable[[str], int]:
    """A type for argparse: a whole number from `minimum` to `maximum`, both included."""

    def parse(text: str) -> int:
        number = int(text) if text.isascii() and text.isdecimal() else None
        if number is None or number < minimum or (maximum is not None and number > maximum):
            limit = f'{minimum}..{maximum}' if maximum is not None else f'>= {minimum}'
            raise argparse.ArgumentTypeError(f'{text!r} is not a whole number {limit}')
        return number

    return parse


def start_worker() -> None:
    """Prepare a worker: Ctrl-C is the parent's affair, and without a parent there is no work.

    A pool's worker waits for its next task on a pipe that its siblings hold open too, so the death
    of a parent that could not shut the pool down would go unnoticed.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, name='end-with-parent', daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextmanager
def sigterm_as_ctrl_c() -> Iterator[None]:
    """Let SIGTERM raise KeyboardInterrupt meanwhile, so that a job scheduler's stop is an orderly one."""
    # Only the main thread may set handlers; a caller in another one keeps its own.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def lock_folder(folder: Path, name: str = '.lock', *, shared: bool = False) -> Iterator[None]:
    """Keep other runs out of `folder`, which is made if it is not there.

    The lock belongs to the process, so it ends with it however it ends; the empty file stays. Where the
    system or the file system knows no such locks there is none.

    Args:
        folder: See above.
        name: Of the file that carries the lock.
        shared: Whether others may hold the lock too, if they share it as well.

    Raises:
        LockedError: If another run holds the lock.
        OSError: If the folder or the file in it cannot be made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # Read-only: it is enough for a lock, and finished frames may lie on a disk that is.
    handle = os.open(folder / name, os.O_RDONLY | os.O_CREAT, 0o666)
    try:
        _lock(handle, folder, shared)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, folder: Path, shared: bool) -> None:
    try:
        import fcntl
    except ImportError:  # not a POSIX system
        return
    try:
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        raise LockedError(f'another run is working in {folder}. Wait until it ends, or stop it') from None
    except OSError as error:
        if error.errno not in _NO_LOCKS_HERE:
            raise
