"""Which of the evaluations in a folder a report is of, and whether a dump is of the run beside it.

A dump names no classes, only their numbers. So what lies beside it is asked: a class report and the last validation for
their counts, the lists that the configs of the run name for the label of every clip.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cdb_video.difficulty.formulas import IntVector
from cdb_video.difficulty.history import HISTORY_NAME
from cdb_video.report.class_report.file import REPORT_NAME
from cdb_video.report.sources.evaluation_lists import read_evaluation_lists

if TYPE_CHECKING:
    from cdb_video.report.sources.run_data import RunData


def choose_evaluation(run: RunData, *, explicit: bool) -> None:
    """Keep the newest of what was evaluated, and no dump that is of something else, unless it was asked for.

    Args:
        run: As it was read; loses what is not to be shown, and gets notes on it.
        explicit: Whether the dump was asked for.
    """
    _leave_out_old_report(run)
    if run.predictions is None:
        return
    if run.report is not None and not _is_of_report(run):
        if not explicit:
            name = run.dump and run.dump.name
            run.predictions = run.dump = None
            run.notes.append(
                f'{name} is of another evaluation than {REPORT_NAME} and was left out; --dump shows it nevertheless.'
            )
            return
        run.report = None
        run.notes.append(f'The dump is of another evaluation than {REPORT_NAME} in this folder; the dump is shown.')
    if run.report is None and run.history is not None and not _is_listed(run):
        run.notes += _doubts(run)


def _leave_out_old_report(run: RunData) -> None:
    """A report of no evaluation gives way to the history, and one of a validation to a newer one."""
    report, last = run.report, run.last_validation
    if report is None or not run.records:
        return
    if report['split'] in ('none', 'train'):
        run.report = None
    elif report['split'] == 'val' and last is not None and (report.get('iter') or 0) < last['iter']:
        run.notes.append(f'{REPORT_NAME} is older than the last validation, which is shown in its place.')
        run.report = None
    elif report['split'] == 'val' and (report.get('iter') or 0) < run.records[-1]['iter']:
        run.notes.append(
            f'{REPORT_NAME} is of the validation after {report.get("iter")} iterations; training has come to '
            f'{run.records[-1]["iter"]} since.'
        )


def _is_of_report(run: RunData) -> bool:
    """Whether the dump has the counts of the class report."""
    assert run.report is not None
    clips, correct = _counts(run)
    rows = run.report['classes']
    return [(row['num_clips'], row['num_correct']) for row in rows] == list(
        zip(clips.tolist(), correct.tolist(), strict=True)
    )


def _counts(run: RunData) -> tuple[IntVector, IntVector]:
    """Clips of the dump, and right ones, of every class, (C,) each."""
    assert run.predictions is not None
    labels, ranks = run.predictions.labels, run.predictions.ranks
    clips, correct = (np.bincount(part, minlength=run.num_classes) for part in (labels, labels[ranks == 0]))
    return clips, correct


def _is_listed(run: RunData) -> bool:
    """Whether a list that the configs of the run name has all clips of the dump, with their labels.

    If lists have them, and all with other labels, that is noted. It is no proof: names such as 001 stand in many lists,
    and the list that was read may be another file of the same name.
    """
    dump = run.predictions
    assert dump is not None
    names = dump.clip_names or ()
    fault = None
    for path, listed in read_evaluation_lists(run.folder):
        if not names or not all(name in listed for name in names):
            continue
        clips = zip(names, dump.labels.tolist(), strict=True)
        other = next(((name, label) for name, label in clips if label not in listed[name]), None)
        if other is None:
            return True
        name, label = other
        fault = fault or (
            f'{run.dump}: clip {name} has label {label}, and {min(listed[name])} in {path}, a list of this run: the '
            'dump may be of other classes; then name it alone, with its --classes.'
        )
    if fault:
        run.notes.append(fault)
    return False


def _doubts(run: RunData) -> list[str]:
    """What cannot be known of a dump that stands beside a history without class report or list."""
    clips, correct = _counts(run)
    last = run.last_validation
    name = run.dump and run.dump.name
    taken = f'Its labels are taken for the classes of {HISTORY_NAME}'
    if last is None:
        return [
            f'Whether {name} is of this run cannot be known: it names no classes, and there is no validation to '
            f'compare it with. {taken}.'
        ]
    if clips.tolist() != last['num_clips']:
        return [
            f'Whether {name} is of this run cannot be known: it names no classes, and its clips of each class '
            f'({clips.sum()} in all) are not those of the last validation ({sum(last["num_clips"])} in all), so it is '
            f'of a test set, or of other data. {taken}.'
        ]
    if correct.tolist() != last['num_correct']:
        return [
            f'{name} has as many clips of every class as the last validation, and not as many right ones: it is of '
            f'another model, or of other data. {taken}.'
        ]
    return []
