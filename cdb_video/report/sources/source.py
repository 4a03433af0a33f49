"""From a work directory, a history or a dump to all that is known of the run: read, and seen to fit together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cdb_video.class_names import check_same_names
from cdb_video.difficulty.formulas import IntVector
from cdb_video.difficulty.history import HISTORY_NAME
from cdb_video.host_words import units
from cdb_video.report.class_report.file import REPORT_NAME, ClassReport, read_class_report
from cdb_video.report.sources.checked_history import CheckedHistory, EmptyHistoryError, read_checked_history
from cdb_video.report.sources.choice import choose_evaluation
from cdb_video.report.sources.dump import DumpError, ForeignDumpError, Predictions, read_any_dump
from cdb_video.report.sources.evaluation_lists import read_evaluation_lists
from cdb_video.report.sources.object_dump import ObjectPredictions
from cdb_video.report.sources.prediction_table import is_table, read_table
from cdb_video.report.sources.run_config import facts_of_configs
from cdb_video.report.sources.run_data import RunData
from cdb_video.report.sources.run_files import DUMP_NAME, RunFiles, find_files
from cdb_video.report.sources.scalars import read_scalars


@dataclass(frozen=True)
class _Parts:
    """What there is of a run, read but for the dump; None where there is nothing.

    A dump that just lies there, which nobody asked for and no report names, need not be one that can be read.
    """

    history: CheckedHistory | None = None
    report: ClassReport | None = None
    dump: Path | None = None
    class_names: tuple[str, ...] | None = None
    dump_just_lies_there: bool = False

    @property
    def known_names(self) -> tuple[str, ...] | None:
        """C names of the classes, of who has some; None = nobody has."""
        of_report = None if self.report is None else tuple(row.name for row in self.report.rows)
        return self.class_names or (self.history and self.history.class_names) or of_report

    @property
    def known_size(self) -> int | None:
        """C, of the history or else the report; None = neither is there."""
        if self.history is not None:
            return self.history.num_classes
        return None if self.report is None else len(self.report.rows)


def read_run(path: Path, dump: Path | None = None, class_names: Sequence[str] | None = None) -> RunData:
    """Read a work directory, a history file (.jsonl), a prediction dump (.pkl) or a table of predictions.

    Args:
        path: What to read.
        dump: The dump that belongs to it; None = that which the report in the work directory was made with, or else
            ``predictions.pkl`` there (or .csv, .parquet), if it is of the evaluation in the report.
        class_names: Names of the classes, for a dump that stands alone; None = those of the run.

    Raises:
        FileNotFoundError: If there is nothing to report on.
        ValueError: If a file cannot be read, or files do not belong together.
    """
    files = find_files(path)
    names = tuple(class_names) if class_names else None
    if files.is_folder:
        run = _read_folder(files, dump, names)
    elif files.history is None:  # a dump that stands alone
        return _joined(files, _Parts(dump=files.dump, class_names=names))
    else:
        run = _joined(files, _Parts(read_checked_history(files.history), dump=dump, class_names=names))
    run = choose_evaluation(run, read_evaluation_lists(files.folder), explicit=dump is not None)
    if run.history is not None and not run.records and run.report is None and run.dumped is None:
        raise EmptyHistoryError(
            f'{run.history} has a header and no validation yet: a report needs one; let the run get to its first '
            f'validation, or run mim test. {" ".join(run.notes)}'.rstrip()
        )
    return run


def history_run(path: Path) -> RunData:
    """A run by its history alone: while it trains, what else is in the folder may be of an earlier run."""
    files = RunFiles(path.parent.resolve().name, path.parent, history=path)
    return _joined(files, _Parts(read_checked_history(path)))


def _read_folder(files: RunFiles, asked: Path | None, class_names: tuple[str, ...] | None) -> RunData:
    """What a work directory holds, with the dump that was asked for, or that the report was made with, or its own."""
    report = read_class_report(files.report) if files.report else None
    recorded = files.folder / report.dump if report and report.dump else None
    dump = asked or (recorded if recorded and recorded.is_file() else files.dump)
    if files.history is None and report is None and dump is None:
        raise FileNotFoundError(
            f'{files.folder / REPORT_NAME} does not exist, nor do {HISTORY_NAME} and {DUMP_NAME}. Train with '
            'ClassDifficultyHook, or run mim test, first.'
        )
    history, notes = None, []
    if files.history:
        try:
            history = read_checked_history(files.history)
        except EmptyHistoryError as error:
            if report is None and dump is None:
                raise
            notes.append(f'{error}.')
    if recorded and asked is None and dump != recorded:
        notes.append(f'The dump that {REPORT_NAME} was made with, {recorded}, is gone.')
    just_lies_there = dump == files.dump and dump not in (asked, recorded) and (history or report) is not None
    return _joined(files, _Parts(history, report, dump, class_names, just_lies_there)).noted(*notes)


def _joined(files: RunFiles, parts: _Parts) -> RunData:
    """Read the dump, bring the parts together, and see that they speak of the same classes."""
    predictions, *left_out = _read_dump_of(parts)
    num_classes = _agreed_size(files.name, parts, predictions)
    history, report = parts.history, parts.report
    names, counts = (history.class_names, history.train_counts) if history else (None, None)
    if report is not None:
        names = _names_with(report, names, files.name)
        counts = _train_counts(report) if counts is None else counts
    if parts.class_names is not None:
        check_same_names(parts.class_names, names, 'the list of class names', f'the run {files.name}')
        names = parts.class_names
    run = RunData(
        name=files.name,
        folder=files.folder,
        num_classes=num_classes,
        class_names=names,
        train_counts=counts,
        train_images=_train_images(report, history),
        records=history.records if history else (),
        report=report,
        predictions=predictions if isinstance(predictions, Predictions) else None,
        objects=predictions if isinstance(predictions, ObjectPredictions) else None,
        dump=None if predictions is None else parts.dump,
        history=history.path if history else None,
        notes=history.notes if history else (),
        facts=(history.facts if history else {}) or (facts_of_configs(files.folder) if files.is_folder else {}),
        scalars=read_scalars(files.folder) if files.is_folder or history else None,
    )
    lacking = {
        'The names of the classes are not known: --classes takes a file of them, one a line, for a dump.': names,
        f'The training {units()} of the classes are not known: {HISTORY_NAME} has them, where it lies in the work '
        'directory.': counts,
    }
    return replace(run.noted(*left_out), lacks=tuple(what for what, found in lacking.items() if found is None))


def _read_dump_of(parts: _Parts) -> tuple[Predictions | ObjectPredictions | None, *tuple[str, ...]]:
    """What the dump says, if there is one; and a note where one of another program was left out."""
    if parts.dump is None:
        return (None,)
    try:
        if is_table(parts.dump):
            return (read_table(parts.dump, parts.known_names, parts.known_size),)
        return (read_any_dump(parts.dump),)
    except DumpError as error:
        # A table of that name may be of anything; a pickle is ours or mmdet's.
        is_other = isinstance(error, ForeignDumpError) or is_table(parts.dump)
        if not (is_other and parts.dump_just_lies_there):
            raise
        return None, f'Left out: {error}.'


def _agreed_size(run: str, parts: _Parts, predictions: Predictions | ObjectPredictions | None) -> int:
    """The number of classes that all parts have."""
    sizes = {
        HISTORY_NAME: parts.history and parts.history.num_classes,
        REPORT_NAME: parts.report and len(parts.report.rows),
        'the dump': predictions and predictions.num_classes,
        'the list of class names': parts.class_names and len(parts.class_names),
    }
    known = {who: size for who, size in sizes.items() if size}
    if len(set(known.values())) != 1:
        listed = ', '.join(f'{who} has {size}' for who, size in known.items())
        raise ValueError(f'{run}: different numbers of classes: {listed}; name files of one run')
    return next(iter(known.values()))


def _names_with(report: ClassReport, known: tuple[str, ...] | None, run: str) -> tuple[str, ...] | None:
    """The names of the classes, of the history or else of the report, if it has any; both must agree."""
    names = tuple(row.name for row in report.rows)
    if known is not None and names != known:
        index = next(i for i, pair in enumerate(zip(names, known, strict=True)) if pair[0] != pair[1])
        raise ValueError(
            f'{run}: class {index} is {names[index]!r} in {REPORT_NAME} and {known[index]!r} in '
            f'{HISTORY_NAME}: they are of runs with different class lists; remove what does not belong here'
        )
    return names if any(name != f'class {label}' for label, name in enumerate(names)) else known


def _train_counts(report: ClassReport) -> IntVector | None:
    """(C,) int64 training clips; None if the report does not know them all."""
    return _all_known([row.train_count for row in report.rows])


def _train_images(report: ClassReport | None, history: CheckedHistory | None) -> IntVector | None:
    """(C,) int64 training images that show each class, of the report or else the history; None = not known."""
    of_report = None if report is None else _all_known([row.train_images for row in report.rows])
    return history.train_images if of_report is None and history is not None else of_report


def _all_known(counts: Sequence[int | None]) -> IntVector | None:
    return None if None in counts else np.asarray(counts, np.int64)
