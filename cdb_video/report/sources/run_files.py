"""The files of a run that a report is made from, found once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cdb_video.difficulty.history import HISTORY_NAME
from cdb_video.report.class_report.file import REPORT_NAME
from cdb_video.report.sources.prediction_table import TABLE_ENDINGS

DUMP_NAME = 'predictions.pkl'
_DUMP_NAMES = (DUMP_NAME, *(f'predictions{ending}' for ending in TABLE_ENDINGS))
"""Those that are found in a work directory; the first that is there counts."""
_DUMP_ENDINGS = ('.pkl', '.pickle', *TABLE_ENDINGS)
_PICKLE, _ZIP = b'\x80', b'PK'


@dataclass(frozen=True)
class RunFiles:
    """What there is of a run.

    Attributes:
        name: What to call the run.
        folder: Where the files are.
        history: The history; None if there is none, as for the next two.
        report: The class report.
        dump: The dump, or a table of predictions.
        is_folder: Whether a work directory was named, and not one of the files alone.
    """

    name: str
    folder: Path
    history: Path | None = None
    report: Path | None = None
    dump: Path | None = None
    is_folder: bool = False


def find_files(path: Path) -> RunFiles:
    """The files of a work directory, or the one that is named.

    Raises:
        FileNotFoundError: If there is nothing of that name.
    """
    if not path.exists():
        raise FileNotFoundError(f'{path} does not exist: name a work directory, a class_history.jsonl or a dump')
    if path.is_file() and _is_dump(path):
        return RunFiles(path.stem, path.parent, dump=path)
    if path.is_file():
        return RunFiles(path.resolve().parent.name, path.parent, history=path)
    history, report, *dumps = (path / name for name in (HISTORY_NAME, REPORT_NAME, *_DUMP_NAMES))
    return RunFiles(
        name=path.resolve().name,
        folder=path,
        history=history if history.exists() else None,
        report=report if report.exists() else None,
        dump=next((dump for dump in dumps if dump.is_file()), None),
        is_folder=True,
    )


def _is_dump(path: Path) -> bool:
    """Whether a file is to be read as a dump, by its name or by how it begins."""
    with path.open('rb') as file:
        return path.suffix.lower() in _DUMP_ENDINGS or file.read(2).startswith((_PICKLE, _ZIP))
