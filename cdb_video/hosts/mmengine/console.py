"""What a run shows on the console: mmengine's log without what only its file is for.

mmengine's loggers write the same to the console and to the log file: the environment and the whole config too, hundreds
of lines before the first step. Here the console gets the first line of such a message and where the rest is; the file
gets all, as before. Warnings and errors are shown whole, and a warning once, whichever process says it: mmengine's
logger leaves that to each, and workers of dataloaders are forked anew for every pass. The environment variable
`VARIABLE` switches it off.
"""

from __future__ import annotations

import functools
import logging
import os
import sys
from pathlib import Path
from typing import Any, TextIO

import mmengine
from mmengine.logging import MMLogger

from cdb_video.hosts.mmengine.shared_notes import SharedNotes

VARIABLE = 'CDB_VIDEO_CONSOLE'
"""'short', which is the default, or 'full': all that mmengine shows by itself, and no progress bar."""
LONGEST = 5
"""Lines of a message of mmengine's runners that the console shows whole."""
FILE_ONLY = {'file_only': True}
"""What the `extra` of a message is that the console need not show again."""
_MMENGINE = Path(mmengine.__file__).parent
_RUNNERS, _HOOKS = str(_MMENGINE / 'runner'), str(_MMENGINE / 'hooks')
_SAID = SharedNotes()
_OF_STEPS = ('after_train_iter', 'after_val_iter', 'after_test_iter')


def is_short() -> bool:
    """Whether the console shows less than the log file.

    Raises:
        ValueError: If the environment variable is set to something else than its two values.
    """
    kind = os.environ.get(VARIABLE, 'short')
    if kind not in ('short', 'full'):
        raise ValueError(
            f"{VARIABLE}={kind!r}: must be 'short', as it is where it is not set, or 'full' for all that mmengine shows"
        )
    return kind == 'short'


class RunConsole(logging.StreamHandler):
    """Takes the place of the handler that an mmengine logger with a log file writes to the console with.

    Args:
        theirs: The handler that it replaces; its level, form and filters stay.
        log_file: Where all messages are.

    Attributes:
        has_bar: Whether a progress bar says what mmengine logs after every so many steps.
    """

    def __init__(self, theirs: logging.Handler, log_file: str) -> None:
        logging.Handler.__init__(self, theirs.level)
        self.formatter, self.filters = theirs.formatter, theirs.filters
        self.log_file = log_file
        self.has_bar = False

    @property
    def stream(self) -> TextIO:
        """What is standard output now: a progress bar stands in for it, and writes above itself."""
        return sys.stdout

    def emit(self, record: logging.LogRecord) -> None:
        """Write the message, unless it is for the file alone, or the beginning of it."""
        if record.levelno > logging.INFO:
            if record.levelno > logging.WARNING or _SAID.add(f'{self.log_file}: {record.getMessage()}'):
                super().emit(record)
        elif not (getattr(record, 'file_only', False) or (self.has_bar and _is_of_a_step(record))):
            super().emit(self._shortened(record))

    def _shortened(self, record: logging.LogRecord) -> logging.LogRecord:
        """The record, or one of a single line if it is a long one of the runner itself."""
        if not record.pathname.startswith(_RUNNERS):
            return record
        lines = record.getMessage().strip().splitlines()
        if len(lines) <= LONGEST:
            return record
        title = next((line for line in lines if line.strip('-= ')), '').rstrip(':')
        text = f'{title}: {len(lines)} lines, in {self.log_file}'
        return logging.makeLogRecord(vars(record) | {'msg': text, 'args': None})


def _is_of_a_step(record: logging.LogRecord) -> bool:
    """Whether it is what LoggerHook says of a step; what others say after one is theirs."""
    return record.funcName in _OF_STEPS and record.pathname.startswith(_HOOKS)


def consoles_of(logger: logging.Logger) -> list[RunConsole]:
    """The handlers of a logger that are such consoles."""
    return [handler for handler in logger.handlers if isinstance(handler, RunConsole)]


def shorten_consoles() -> None:
    """Let every mmengine logger that is made from now on, and has a log file, show less; once however often called."""
    theirs = MMLogger.__init__
    if getattr(theirs, 'is_shortened', False):
        return

    @functools.wraps(theirs)
    def init(self: Any, name: str, *args: Any, **kwargs: Any) -> None:
        short = is_short()
        theirs(self, name, *args, **kwargs)
        if short and self.log_file is not None:
            self.handlers = [
                RunConsole(one, self.log_file) if type(one) is logging.StreamHandler else one for one in self.handlers
            ]

    init.is_shortened = True  # type: ignore[attr-defined]
    MMLogger.__init__ = init
