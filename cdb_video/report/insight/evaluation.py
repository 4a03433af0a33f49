"""The evaluation that a report is of: split, epoch, counts of every class, recorded metrics, outcome of every clip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cdb_video.report.class_report.file import ClassReport
from cdb_video.report.class_report.metrics import METRIC_LABELS, class_precisions, share_named
from cdb_video.report.class_report.rows import ObjectColumns
from cdb_video.report.insight.statistics import Outcomes
from cdb_video.report.sources.dump import sessions_of
from cdb_video.report.sources.object_dump import ObjectPredictions
from cdb_video.report.sources.run_data import RunData


@dataclass(frozen=True)
class Evaluation:
    """What was evaluated.

    Attributes:
        split: 'val', 'test', 'train', 'cross-fit', 'dump' or 'none', see `Insight`.
        epoch: Of the model; None = not known.
        num_clips: C clips.
        num_correct: C clips that were predicted correctly.
        metrics: Those that were recorded with it and that the report shows, without their prefix.
        recorded: All that were recorded with it, under their own names.
        objects: What is known of classes of objects; None = samples are classified.
    """

    split: str
    epoch: int | None
    num_clips: Sequence[int]
    num_correct: Sequence[int]
    metrics: Mapping[str, float]
    objects: ObjectColumns | None = None
    recorded: Mapping[str, Any] = field(default_factory=dict)


def evaluation_of(run: RunData, outcomes: Outcomes | None) -> Evaluation:
    """The evaluation in the class report, else in the dump, else in the newest record of the run itself."""
    report = run.report
    missed = None if outcomes is None or outcomes.num_missed is None else outcomes.num_missed.tolist()
    if report is not None:
        clips, correct = zip(*report.counts, strict=True)
        metrics, columns = _known(report.metrics), _columns_in(report, run, missed)
        return Evaluation(report.split, report.epoch, clips, correct, metrics, columns, report.metrics)
    last = run.records[-1] if run.records else None
    if outcomes is not None:
        clips, correct = outcomes.num_clips.tolist(), outcomes.num_correct.tolist()
        is_cross_fit = last is not None and last.source == 'cross-fit' and list(last.num_clips) == clips
        split = 'cross-fit' if is_cross_fit else 'dump'
        return Evaluation(split, None, clips, correct, {}, None if missed is None else ObjectColumns(missed))
    # What is replayed was measured in another run.
    if last is not None and last.source != 'replay':
        recorded = {} if last.source == 'train' else last.metrics
        columns = ObjectColumns(ap=class_precisions(last.metrics, run.class_names or ()))
        return Evaluation(
            last.source, last.epoch, last.num_clips, last.num_correct, _known(recorded), columns, recorded
        )
    nothing = [0] * run.num_classes
    return Evaluation('none', None, nothing, nothing, {})


def outcomes_of(run: RunData) -> Outcomes | None:
    """What came out for each clip, or each object: of the dump, else of the confusions in the class report."""
    if run.objects is not None:
        return _outcomes_of_objects(run.objects)
    dump = run.predictions
    if dump is not None:
        sessions = sessions_of(dump.clip_names) if dump.clip_names is not None else None
        groups = None if sessions is None else np.unique(sessions, return_inverse=True)[1].astype(np.int64)
        ranks = dump.ranks if dump.has_scores else None
        return Outcomes(dump.labels, dump.predicted, dump.num_classes, ranks, groups)
    return None if run.report is None else _outcomes_in(run.report)


def _outcomes_of_objects(dump: ObjectPredictions) -> Outcomes:
    """Of a dump of objects: those of one image are drawn together."""
    images = np.unique(dump.images, return_inverse=True)[1].astype(np.int64)
    return Outcomes(dump.labels, dump.predicted, dump.num_classes, groups=images, of_objects=True)


def _outcomes_in(report: ClassReport) -> Outcomes | None:
    """What the confusions of a class report say, and the objects that were missed."""
    missed, size = report.num_missed, len(report.rows)
    pairs = [*(report.confusions or ()), *([label, size, number] for label, number in enumerate(missed or ()))]
    # Files that name no confusion where there are other clips do not know them.
    if not report.confusions and (missed is None or sum(missed) != sum(row.num_clips for row in report.rows)):
        return None
    true, other, clips = np.asarray(pairs, np.int64).T
    if not clips.any():
        return None
    return Outcomes(np.repeat(true, clips), np.repeat(other, clips), size, of_objects=missed is not None)


def _columns_in(report: ClassReport, run: RunData, missed: Sequence[int] | None) -> ObjectColumns:
    """What a class report knows of classes of objects; average precisions of its rows, or else of its metrics."""
    rows = report.rows
    recorded = [row.ap for row in rows]
    if all(ap is None for ap in recorded):
        found = class_precisions(report.metrics, run.class_names or [row.name for row in rows])
        recorded = [None] * len(rows) if found is None else found
    images = run.train_images
    return ObjectColumns(
        num_missed=report.num_missed if missed is None else missed,
        ap=recorded,
        train_images=None if images is None else images.tolist(),
    )


def _known(metrics: Mapping[str, Any]) -> dict[str, float]:
    """The metrics that the report shows, without their prefix."""
    found = {name: share_named(metrics, name) for name in METRIC_LABELS}
    return {name: value for name, value in found.items() if value is not None}
