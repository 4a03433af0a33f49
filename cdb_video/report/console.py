"""How the commands that print tables end."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn


def not_written(error: OSError) -> str:
    """What a command says of files that it could not write: which, why, and what to do."""
    where = '' if error.filename is None else f'{error.filename} '
    return (
        f'{where}could not be written ({error.strerror or error}): free disk space or make the folder writable, or '
        'name another folder by --out'
    )


def run(main: Callable[[], int]) -> NoReturn:
    """Run a command and exit with its status; quietly if who reads what it prints has stopped, as ``head`` does.

    The status is then 141, as the shell has it for a program that SIGPIPE ends.
    """
    try:
        status = main()
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes once more while it ends; what is left goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 128 + signal.SIGPIPE
    sys.exit(status)
