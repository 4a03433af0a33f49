"""Commands that print tables and write files: what they say of the files."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

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
