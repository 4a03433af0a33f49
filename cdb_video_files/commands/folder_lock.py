"""A lock on a folder that one run works in; it ends with the processes that have it, however they end."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NO_LOCKS_HERE = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


class LockedError(ValueError):
    """Another run is working in the same folder."""


@contextmanager
def lock_folder(folder: Path, name: str = '.lock', *, shared: bool = False) -> Iterator[int]:
    """Keep other runs out of `folder`, which is made if it is not there.

    The lock belongs to the process, and to those that it hands the descriptor of the file to, so it ends with the last
    of them however they end; the empty file stays. Where the system or the file system knows no such locks there is
    none.

    Args:
        folder: See above.
        name: Of the file that carries the lock.
        shared: Whether others may hold the lock too, if they share it as well.

    Yields:
        The descriptor of the file.

    Raises:
        LockedError: If another run holds the lock.
        OSError: If the folder or the file in it cannot be made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # Read-only: it is enough for a lock, and finished frames may lie on a disk that is.
    handle = os.open(folder / name, os.O_RDONLY | os.O_CREAT, 0o666)
    try:
        _lock(handle, folder, shared)
        yield handle
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
