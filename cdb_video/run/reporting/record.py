"""What a run leaves behind about its classes: history records, scalars, log lines, the class report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cdb_video.difficulty.counts import confusion_counts
from cdb_video.difficulty.formulas import IntVector
from cdb_video.difficulty.history import HISTORY_NAME
from cdb_video.difficulty.records import Derived
from cdb_video.difficulty.state import DifficultyState
from cdb_video.difficulty.tracking.course import CourseOfTraining, add_record, try_writing
from cdb_video.report.class_report.file import REPORT_NAME, ClassReport, read_class_report, write_class_report
from cdb_video.report.class_report.metrics import class_precisions, without_classes
from cdb_video.report.class_report.rows import ClassRow, ObjectColumns, class_rows
from cdb_video.report.class_report.text import format_summary, format_table
from cdb_video.run.parts import RunParts, find_metric
from cdb_video.run.reporting.live_report import dump_of, write_final_report

Vectors = Mapping[str, Derived]
"""Per consumer what it derived."""


def start_history(
    parts: RunParts,
    state: DifficultyState,
    settings: Mapping[str, Any] | None = None,
    planned: int | None = None,
    facts: Mapping[str, str] | None = None,
) -> None:
    """Keep aside what this run does not continue, and write the header where there is none, or another one.

    Args:
        parts: Of the run.
        state: The difficulty that it starts from.
        settings: What its difficulty is, see `Header`.
        planned: Validations of the whole run; None = not known.
        facts: How it was started, see `Header`; another command alone, as one that resumes, is no reason for another
            header.
    """
    counts, images = state.train_counts, state.train_images
    course = CourseOfTraining(state.class_names, counts, images, settings, planned, facts=facts)

    def start() -> None:
        aside = course.begin(parts.work_dir / HISTORY_NAME, state.iteration if parts.loop.is_resumed else None)
        if aside is not None:
            parts.logger.info(f'records that this run does not continue are now in {aside}')

    try_writing(parts.logger, 'the class history', start)


def record_validation(
    parts: RunParts, state: DifficultyState, consumers: Vectors, metrics: Mapping[str, Any], source: str = 'val'
) -> None:
    """Add the state to the history; `source` says what its counts are of, see `cdb_video.difficulty.history`."""
    path = parts.work_dir / HISTORY_NAME
    try_writing(parts.logger, 'the class history', lambda: add_record(path, state, consumers, metrics, source))


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a class report is of.

    Attributes:
        split: 'val' or 'test'.
        num_clips: (C,) int64, clips per class.
        num_correct: (C,) int64, those predicted correctly.
        metrics: What the evaluation returned, in plain Python types.
        state: Difficulty and class names; epoch and iteration are those of the model.
        consumers: What the difficulty led to.
        source: What the difficulty is measured on, see `cdb_video.difficulty.history`.
    """

    split: str
    num_clips: IntVector
    num_correct: IntVector
    metrics: Mapping[str, Any]
    state: DifficultyState
    consumers: Vectors
    source: str = 'val'


def report_classes(runner: Any, evaluation: Evaluation, evaluator: Any) -> None:
    """Show the class report and write it: the newest in the work directory, a copy in the folder of this run.

    Args:
        runner: mmengine's Runner or FlexibleRunner.
        evaluation: What is reported.
        evaluator: That of mmengine, which made it.
    """
    split, state, counts = evaluation.split, evaluation.state, (evaluation.num_clips, evaluation.num_correct)
    report = ClassReport(
        split=split,
        epoch=state.epoch,
        iteration=state.iteration,
        metrics=evaluation.metrics,
        rows=state_rows(state, *counts, evaluation.consumers, _columns(evaluator, evaluation)),
        difficulty_source=evaluation.source if state.measured.any() else None,
        difficulty_measure=state.measure if state.measured.any() else None,
        **_details(evaluator, *counts),
    )
    summary = without_classes(report.metrics, [row.name for row in report.rows])
    runner.logger.info(f'class report ({split})  {format_summary(summary)}\n{format_table(report.rows)}')

    def write() -> None:
        write_class_report(Path(runner.log_dir), report, f'class_report_{split}')
        paths = write_class_report(Path(runner.work_dir), report)
        runner.logger.info('class report: ' + ', '.join(map(str, paths)))

    if try_writing(runner.logger, 'the class report', write):
        write_final_report(runner, dump_of(evaluator))


def fuller_report(work_dir: Path, state: DifficultyState) -> Path | None:
    """The class report in the work directory if it is of the validation of this state, and of predictions too."""
    path = work_dir / REPORT_NAME
    try:
        report = read_class_report(path)
    except (OSError, ValueError):
        return None
    is_same = (report.split, report.iteration) == ('val', state.iteration) and report.counts == list(
        zip(state.num_clips.tolist(), state.num_correct.tolist(), strict=True)
    )
    return path if is_same and report.confusions else None


def _details(evaluator: Any, num_clips: IntVector, num_correct: IntVector) -> dict[str, Any]:
    """What the metric knows of this evaluation beside the counts: confusions, and the bounds of the shot groups."""
    metric = find_metric(evaluator)
    if metric is None or metric.outcomes_ is None:
        return {}
    labels, predicted = metric.outcomes_
    size = len(num_clips)
    named = predicted < size  # the others are objects that were missed, which the rows have
    num_clips = num_clips - np.bincount(labels[~named], minlength=size)
    labels, predicted = labels[named], predicted[named]
    counts = confusion_counts(labels, predicted, size)
    if not (np.array_equal(counts.sum(axis=1), num_clips) and np.array_equal(np.diag(counts), num_correct)):
        return {}
    confusions = [[int(true), int(other), int(counts[true, other])] for true, other in np.argwhere(counts)]
    return {'confusions': confusions, 'shot_thresholds': metric.shot_thresholds}


def _columns(evaluator: Any, evaluation: Evaluation) -> ObjectColumns | None:
    """What is known of classes of objects beside their counts; None where samples are classified."""
    metric = find_metric(evaluator)
    counts = metric and metric.counts_
    if metric is None or counts is None or counts.num_missed is None:
        return None
    if not np.array_equal(counts.num_clips, evaluation.num_clips):
        return None
    images = metric.train_images
    return ObjectColumns(
        num_missed=counts.num_missed.tolist(),
        ap=class_precisions(evaluation.metrics, evaluation.state.class_names or ()),
        train_images=None if images is None else images.tolist(),
    )


def state_rows(
    state: DifficultyState,
    num_clips: IntVector,
    num_correct: IntVector,
    consumers: Vectors,
    objects: ObjectColumns | None = None,
) -> list[ClassRow]:
    """The rows of the class table, without what the state does not know."""
    return class_rows(
        num_clips.tolist(),
        num_correct.tolist(),
        class_names=state.class_names,
        train_counts=state.train_counts.tolist() if state.train_counts.any() else None,
        difficulty=state.difficulty.tolist() if state.measured.any() else None,
        consumers=consumers,
        objects=objects,
    )
