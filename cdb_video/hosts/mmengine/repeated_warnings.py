"""Python's warnings of libraries once on the console: what was said already is in the log file alone.

Python itself says a warning once for each place in the code and each process; the hosts say some from several places,
and every process of several says them all, as do the workers of dataloaders, which are forked anew for each pass. Where
there is no log file, a repeated warning is shown again. As with mmengine's own messages, the first process speaks for
the others. Warnings of this package and of the user's code are never held back, nor is anything where the whole console
is asked for.
"""

from __future__ import annotations

import functools
import logging
import os
import sysconfig
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mmengine.logging import MMLogger

from cdb_video.hosts.mmengine.console import VARIABLE
from cdb_video.hosts.mmengine.shared_notes import SharedNotes
from cdb_video.processes import is_main_process

Show = Callable[..., None]
_STANDARD = f'{sysconfig.get_path("stdlib")}{os.sep}'
# Of this environment, or of one that it builds on.
_INSTALLED = tuple(f'{os.sep}{name}{os.sep}' for name in ('site-packages', 'dist-packages'))
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


def _is_of_a_library(filename: str) -> bool:
    is_installed = filename.startswith(_STANDARD) or any(folder in filename for folder in _INSTALLED)
    return is_installed and not filename.startswith(_OURS)


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
