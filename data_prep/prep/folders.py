"""Names of what is not finished yet, and the removal of what a killed run left under such names."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

_ENDINGS = ('.partial', '.old')


def partial_name(name: str) -> str:
    """A hidden name for `name` while it is made; another one at every call.

    No two writers share one, be they on two machines: a cluster may give a clip to a second worker
    while the first, believed dead, still writes.
    """
    return f'.{name}.{secrets.token_hex(6)}.partial'


def remove_leftovers(targets: Iterable[Path]) -> None:
    """Remove what earlier runs began to make of `targets` and did not finish.

    Raises:
        OSError: If something cannot be removed.
    """
    wanted: dict[Path, set[str]] = defaultdict(set)
    for target in targets:
        wanted[target.parent].add(target.name)
    for folder, names in wanted.items():
        if not folder.is_dir():
            continue
        for left in [name for name in os.listdir(folder) if _belongs_to(name) in names]:
            path = folder / left
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def _belongs_to(name: str) -> str | None:
    """The finished name of a partial one; None if it is no partial name."""
    if not name.startswith('.') or not name.endswith(_ENDINGS):
        return None
    inner = name[1:].rpartition('.')[0]
    return inner if name.endswith('.old') else inner.rpartition('.')[0]


_NO_LOCKS_HERE = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


class LockedError(ValueError):
    """Another run is working in the same folder."""


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
