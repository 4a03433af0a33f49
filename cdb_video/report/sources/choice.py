"""The evaluation that a report is of, among those in a folder; and whether a dump is of the run beside it.

A dump names no classes, only their numbers. So what lies beside it is asked: a class report and the last validation for
their counts, the lists that the configs of the run name for the label of every clip.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from cdb_video.difficulty.formulas import IntVector
from cdb_video.difficulty.history import HISTORY_NAME
from cdb_video.host_words import unit, units
from cdb_video.report.class_report.file import REPORT_NAME, ClassReport
from cdb_video.report.sources.dump import Predictions
from cdb_video.report.sources.evaluation_lists import Listed
from cdb_video.report.sources.object_dump import ObjectPredictions
from cdb_video.report.sources.run_data import RunData

_Dump = Predictions | ObjectPredictions


def choose_evaluation(run: RunData, lists: Iterable[tuple[Path, Listed]], *, explicit: bool) -> RunData:
    """The run with the newest of what was evaluated, and no dump that is of something else, unless it was asked for.

    Args:
        run: As it was read.
        lists: Those that it was validated or tested on, see `read_evaluation_lists`; read only if a dump is in doubt.
        explicit: Whether the dump was asked for.

    Returns:
        Without what is not to be shown, and with notes on it.
    """
    run = _without_old_report(run)
    dump = run.dumped
    if dump is None:
        return run
    name = run.dump and run.dump.name
    if run.report is not None and not _is_of_report(dump, run.report):
        if not explicit:
            return replace(run, predictions=None, objects=None, dump=None).noted(
                f'{name} is of another evaluation than {REPORT_NAME} and was left out; --dump shows it nevertheless.'
            )
        run = replace(run, report=None).noted(
            f'The dump is of another evaluation than {REPORT_NAME} in this folder; the dump is shown.'
        )
    if run.report is None and run.history is not None:
        return run.noted(*_doubts(run, dump, lists))
    return run


def _without_old_report(run: RunData) -> RunData:
    """A report of no evaluation gives way to the history, and one of a validation to a newer one."""
    report, last = run.report, run.last_validation
    if report is None or not run.records:
        return run
    if report.split in ('none', 'train'):
        return replace(run, report=None)
    if report.split == 'val' and last is not None and (report.iteration or 0) < last.iteration:
        return replace(run, report=None).noted(
            f'{REPORT_NAME} is older than the last validation, which is shown in its place.'
        )
    if report.split == 'val' and (report.iteration or 0) < run.records[-1].iteration:
        return run.noted(
            f'{REPORT_NAME} is of the validation after {report.iteration} iterations; training has come to '
            f'{run.records[-1].iteration} since.'
        )
    return run


def _is_of_report(dump: _Dump, report: ClassReport) -> bool:
    """Whether the dump has the counts of the class report."""
    clips, correct = _counts(dump)
    return report.counts == list(zip(clips.tolist(), correct.tolist(), strict=True))


def _counts(dump: _Dump) -> tuple[IntVector, IntVector]:
    """Clips of the dump, and right ones, of every class, (C,) each."""
    clips, correct = (
        np.bincount(labels, minlength=dump.num_classes)
        for labels in (dump.labels, dump.labels[dump.predicted == dump.labels])
    )
    return clips, correct


def _doubts(run: RunData, dump: _Dump, lists: Iterable[tuple[Path, Listed]]) -> list[str]:
    """What cannot be known of a dump that stands beside a history without class report.

    Nothing is in doubt if a list has all its clips, with their labels. If lists have them, and all with other labels,
    that is noted. It is no proof: names such as 001 stand in many lists, and the list that was read may be another file
    of the same name.
    """
    # Annotations of objects are no lists.
    names = dump.clip_names or () if isinstance(dump, Predictions) else ()
    fault = None
    for path, listed in lists if names else ():
        if not all(name in listed for name in names):
            continue
        clips = zip(names, dump.labels.tolist(), strict=True)
        other = next(((name, label) for name, label in clips if label not in listed[name]), None)
        if other is None:
            return []
        name, label = other
        fault = fault or (
            f'{run.dump}: {unit()} {name} has label {label}, and {min(listed[name])} in {path}, a list of this '
            'run: the '
            'dump may be of other classes; then name it alone, with its --classes.'
        )
    return ([fault] if fault else []) + _doubts_by_counts(run, dump)


def _doubts_by_counts(run: RunData, dump: _Dump) -> list[str]:
    """What the last validation, if there is one, leaves in doubt of a dump."""
    clips, correct = _counts(dump)
    last, name = run.last_evaluation, run.dump and run.dump.name
    taken = f'Its labels are taken for the classes of {HISTORY_NAME}'
    if last is None:
        return [
            f'Whether {name} is of this run cannot be known: it names no classes, and there is no validation to '
            f'compare it with. {taken}.'
        ]
    if clips.tolist() != list(last.num_clips):
        return [
            f'Whether {name} is of this run cannot be known: it names no classes, and its {units()} of each class '
            f'({clips.sum()} in all) are not those of the last validation ({sum(last.num_clips)} in all), so it is '
            f'of a test set, or of other data. {taken}.'
        ]
    if correct.tolist() != list(last.num_correct):
        return [
            f'{name} has as many {units()} of every class as the last validation, and not as many right ones: it '
            'is of '
            f'another model, or of other data. {taken}.'
        ]
    return []
