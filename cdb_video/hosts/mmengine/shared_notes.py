"""Notes that a process shares with those forked from it, as the workers of dataloaders are: what was said already."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import weakref

try:
    import fcntl
except ModuleNotFoundError:  # where processes are not forked either
    fcntl = None  # type: ignore[assignment]

_DIGEST = 16


class SharedNotes:
    """What was noted in this process or one forked from it, so that it is new to one of them alone.

    Notes lie in a file without a name, which forked processes share. Where none can be made, and in processes that were
    started in another way, each has its own.
    """

    def __init__(self) -> None:
        self._own: set[bytes] = set()
        self._shared: int | None = None
        # Whatever is wrong with the disk: a warning is no reason to fail.
        with contextlib.suppress(OSError):
            self._shared = None if fcntl is None else _nameless_file()
        if self._shared is not None:
            weakref.finalize(self, os.close, self._shared)

    def add(self, note: str) -> bool:
        """Note something; tells whether it is new."""
        digest = hashlib.blake2b(note.encode(errors='replace'), digest_size=_DIGEST).digest()
        is_new = digest not in self._own
        self._own.add(digest)
        with contextlib.suppress(OSError):
            return is_new and (self._shared is None or _added(self._shared, digest))
        return is_new


def _nameless_file() -> int:
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _added(file: int, digest: bytes) -> bool:
    """Add a digest to a file of such, unless it is there; a process that is killed here lets the others go on."""
    fcntl.lockf(file, fcntl.LOCK_EX)
    try:
        size = os.fstat(file).st_size
        noted = os.pread(file, size, 0)
        is_new = digest not in {noted[start : start + _DIGEST] for start in range(0, size, _DIGEST)}
        if is_new:
            os.pwrite(file, digest, size)
        return is_new
    finally:
        fcntl.lockf(file, fcntl.LOCK_UN)
