"""How commands end: with their status, whoever reads what they print."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn


def run(main: Callable[[], int]) -> NoReturn:
    """Run a command and exit with its status; quietly if who reads what it prints has stopped, as ``head`` does.

    The status is then 141, as the shell has it for a program that SIGPIPE ends. Where what is printed goes to a full
    disk, that is said, and the status is 2. Ctrl-C is said, and the status is 130.
    """
    try:
        status = main()
        sys.stdout.flush()
    except BrokenPipeError:
        status = 128 + signal.SIGPIPE
        _print_no_more()
    except KeyboardInterrupt:
        print('\nStopped.', file=sys.stderr)
        status = 128 + signal.SIGINT
    except OSError as error:
        # Commands handle what goes wrong with their own files.
        if error.errno != errno.ENOSPC:
            raise
        print('what was printed is cut off: there is no space where it goes; free disk space', file=sys.stderr)
        status = 2
        _print_no_more()
    sys.exit(status)


def _print_no_more() -> None:
    """Python flushes once more while it ends; what is left goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
