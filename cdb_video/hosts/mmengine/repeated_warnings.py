"""Python's warnings of libraries once on the console: what was said already is in the log file alone.

Python itself says a warning once for each place in the code and each process; the hosts say some from several places,
and every process of several says them all, as do the workers of dataloaders, which are forked anew for each pass. Where
there is no log file, a repeated warning is shown again. As with mmengine's own messages, the first process speaks for
the others. Warnings of this package and of the user's code are never held back, nor is anything where the whole console
is asked for.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import logging
import os
import sysconfig
import tempfile
import warnings
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mmengine.logging import MMLogger

from cdb_video.hosts.mmengine.console import VARIABLE
from cdb_video.processes import is_main_process

try:
    import fcntl
except ModuleNotFoundError:  # where processes are not forked either
    fcntl = None  # type: ignore[assignment]

Show = Callable[..., None]
_DIGEST = 16
_LIBRARIES = tuple(f'{sysconfig.get_path(kind)}{os.sep}' for kind in ('stdlib', 'purelib', 'platlib'))
_PACKAGES = Path(__file__).resolve().parents[3]
_OURS = tuple(f'{_PACKAGES / name}{os.sep}' for name in ('cdb_video', 'cdb_video_files'))


def say_warnings_once() -> None:
    """Let Python show warnings so from now on; once however often called."""
    if not getattr(warnings.showwarning, 'says_once', False):
        warnings.showwarning = saying_once(warnings.showwarning)


def saying_once(show: Show) -> Show:
    """A function like ``warnings.showwarning`` that shows what is new, and hands on to the log file what is not.

    Args:
        show: Shows a warning on the console.
    """
    said = SharedNotes()

    @functools.wraps(show)
    def show_once(
        message: Warning | str, category: type[Warning], filename: str, lineno: int, file: Any = None, line: Any = None
    ) -> None:
        is_repeated = not said.add(f'{category.__module__}.{category.__qualname__}: {message}')
        may_be_held_back = file is None and _is_of_a_library(filename) and os.environ.get(VARIABLE) != 'full'
        is_of_another = not _speaks_for_all()
        if may_be_held_back and (is_repeated or is_of_another):
            text = warnings.formatwarning(message, category, filename, lineno, line)
            if _write_to_log_file(text) or is_of_another:
                return
        show(message, category, filename, lineno, file, line)

    show_once.says_once = True  # type: ignore[attr-defined]
    return show_once


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


def _is_of_a_library(filename: str) -> bool:
    return filename.startswith(_LIBRARIES) and not filename.startswith(_OURS)


def _speaks_for_all() -> bool:
    """Whether this is the first process; torchrun says so before there is a process group."""
    return is_main_process() and ('TORCHELASTIC_RUN_ID' not in os.environ or os.environ.get('RANK', '0') == '0')


def _write_to_log_file(text: str) -> bool:
    """Give a warning to the file of the current log; tells whether there is one."""
    if not MMLogger._instance_dict:
        return False
    files = [one for one in MMLogger.get_current_instance().handlers if isinstance(one, logging.FileHandler)]
    record = logging.makeLogRecord({'name': 'mmengine', 'msg': text.strip(), 'levelno': logging.WARNING})
    for handler in files:
        handler.handle(record)
    return bool(files)
