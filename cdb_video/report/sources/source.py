"""Finds and checks what there is of a run: its history, its class report, its prediction dump."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cdb_video.class_names import check_same_names
from cdb_video.difficulty.history import HISTORY_NAME
from cdb_video.report.class_report.file import REPORT_NAME, read_class_report
from cdb_video.report.sources.checked_history import CheckedHistory, EmptyHistoryError
from cdb_video.report.sources.choice import choose_evaluation
from cdb_video.report.sources.dump import read_dump
from cdb_video.report.sources.run_data import RunData

DUMP_NAME = 'predictions.pkl'
_DUMP_ENDINGS = ('.pkl', '.pickle')
_PICKLE, _ZIP = b'\x80', b'PK'


def read_run(path: Path, dump: Path | None = None, class_names: Sequence[str] | None = None) -> RunData:
    """Read a work directory, a history file (.jsonl) or a prediction dump (.pkl).

    Args:
        path: What to read.
        dump: The dump that belongs to it; None = that which the report in the work directory was made with, or else
            ``predictions.pkl`` there, if it is of the evaluation in the report.
        class_names: Names of the classes, for a dump that stands alone; None = those of the run.

    Raises:
        FileNotFoundError: If there is nothing to report on.
        ValueError: If a file cannot be read, or files do not belong together.
    """
    if not path.exists():
        raise FileNotFoundError(f'{path} does not exist: name a work directory, a class_history.jsonl or a dump')
    if path.is_file() and _is_dump(path):
        return _joined(path.stem, path.parent, None, None, path, class_names)
    if path.is_file():
        run = _joined(path.resolve().parent.name, path.parent, CheckedHistory(path), None, dump, class_names)
        choose_evaluation(run, explicit=True)
    else:
        run = _read_folder(path, dump, class_names)
    if run.history is not None and not run.records and run.report is None and run.predictions is None:
        raise EmptyHistoryError(
            f'{run.history} has a header and no validation yet: a report needs one; let the run get to its first '
            f'validation, or run mim test. {" ".join(run.notes)}'.rstrip()
        )
    return run


def _is_dump(path: Path) -> bool:
    """Whether a file is to be read as a dump, by its name or by how it begins."""
    with path.open('rb') as file:
        return path.suffix in _DUMP_ENDINGS or file.read(2).startswith((_PICKLE, _ZIP))


def _read_folder(path: Path, dump: Path | None, class_names: Sequence[str] | None) -> RunData:
    """What `read_run` does with a work directory."""
    report_file = path / REPORT_NAME
    report = read_class_report(report_file) if report_file.exists() else None
    recorded = path / report['dump'] if report and report.get('dump') else None
    found = next(
        (file for file in (dump, recorded, path / DUMP_NAME) if file and (file == dump or file.is_file())), None
    )
    history_file = path / HISTORY_NAME
    if not history_file.exists() and report is None and found is None:
        raise FileNotFoundError(
            f'{report_file} does not exist, nor do {HISTORY_NAME} and {DUMP_NAME}. Train with '
            'ClassDifficultyHook, or run mim test, first.'
        )
    history, notes = None, []
    if history_file.exists():
        try:
            history = CheckedHistory(history_file)
        except EmptyHistoryError as error:
            if report is None and found is None:
                raise
            notes.append(f'{error}.')
    run = _joined(path.resolve().name, path, history, report, found, class_names)
    run.notes += notes
    if recorded and dump is None and found != recorded:
        run.notes.append(f'The dump that {REPORT_NAME} was made with, {recorded}, is gone.')
    choose_evaluation(run, explicit=dump is not None)
    return run


def history_run(path: Path) -> RunData:
    """A run by its history alone: while it trains, what else is in the folder may be of an earlier run."""
    return _joined(path.parent.resolve().name, path.parent, CheckedHistory(path), None, None, None)


def _joined(
    name: str,
    folder: Path,
    history: CheckedHistory | None,
    report: dict[str, Any] | None,
    dump: Path | None,
    class_names: Sequence[str] | None,
) -> RunData:
    """Bring the parts together and see that they speak of the same classes."""
    predictions = read_dump(dump) if dump else None
    sizes = {
        HISTORY_NAME: history and history.num_classes,
        REPORT_NAME: report and len(report['classes']),
        'the dump': predictions and predictions.num_classes,
        'the list of class names': class_names and len(class_names),
    }
    known = {who: size for who, size in sizes.items() if size}
    if len(set(known.values())) != 1:
        listed = ', '.join(f'{who} has {size}' for who, size in known.items())
        raise ValueError(f'{name}: different numbers of classes: {listed}; name files of one run')
    run = RunData(name, folder, next(iter(known.values())), report=report, predictions=predictions, dump=dump)
    if history is not None:
        run.class_names, run.train_counts = history.class_names, history.train_counts
        run.history, run.records, run.notes = history.path, history.records, list(history.notes)
    if report is not None:
        _take_from_report(run, report)
    if class_names is not None:
        check_same_names(class_names, run.class_names, 'the list of class names', f'the run {name}')
        run.class_names = tuple(class_names)
    if run.class_names is None:
        run.notes.append('The names of the classes are not known.')
    if run.train_counts is None:
        run.notes.append('The training clips of the classes are not known.')
    return run


def _take_from_report(run: RunData, report: Mapping[str, Any]) -> None:
    """Names and training clips of the class report, where the history has none; both must agree."""
    names = tuple(str(row['name']) for row in report['classes'])
    if run.class_names is not None and names != run.class_names:
        index = next(i for i, pair in enumerate(zip(names, run.class_names, strict=True)) if pair[0] != pair[1])
        raise ValueError(
            f'{run.name}: class {index} is {names[index]!r} in {REPORT_NAME} and {run.class_names[index]!r} in '
            f'{HISTORY_NAME}: they are of runs with different class lists; remove what does not belong here'
        )
    if any(name != f'class {label}' for label, name in enumerate(names)):
        run.class_names = names
    counts = [row.get('train_count') for row in report['classes']]
    if run.train_counts is None and None not in counts:
        run.train_counts = np.asarray(counts, np.int64)
