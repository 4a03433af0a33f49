"""Commands that print tables and write files: what they say of the files, and how they end."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from cdb_video.report.pages.page import MissingPackagesError


@dataclass(frozen=True)
class Written:
    """What became of the files of a command.

    Attributes:
        lines: To be printed on those that were written.
        problem: Why they were not, or not all; None = all were.
        status: Of the command.
    """

    lines: Sequence[str] = ()
    problem: str | None = None
    status: int = 0


def write_files(command: str, write: Callable[[], Sequence[Path]]) -> Written:
    """Write the files of a command; a page that cannot be made for want of packages is no failure."""
    try:
        return Written([f'wrote {file}' for file in write()])
    except MissingPackagesError as error:
        return Written(problem=f'{command}: the tables are written, the page is not: {error}')
    except OSError as error:
        return Written(problem=f'{command}: {not_written(error)}', status=2)


def print_result(text: str, written: Written) -> int:
    """Print what a command found and what it wrote; after the files, which a reader that stops, as head, must not cost.

    Returns:
        The status of the command.
    """
    print('\n'.join([text, *written.lines]))
    if written.problem:
        print(written.problem, file=sys.stderr)
    return written.status


def not_written(error: OSError) -> str:
    """What a command says of files that it could not write: which, why, and what to do."""
    where = '' if error.filename is None else f'{error.filename} '
    return (
        f'{where}could not be written ({error.strerror or error}): free disk space or make the folder writable, or '
        'name another folder by --out'
    )


def run(main: Callable[[], int]) -> NoReturn:
    """Run a command and exit with its status; quietly if who reads what it prints has stopped, as ``head`` does.

    The status is then 141, as the shell has it for a program that SIGPIPE ends. Where what is printed goes to a full
    disk, that is said, and the status is 2.
    """
    try:
        status = main()
        sys.stdout.flush()
    except BrokenPipeError:
        status = 128 + signal.SIGPIPE
        _print_no_more()
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
