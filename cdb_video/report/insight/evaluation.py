"""The evaluation that a report is of: split, epoch, counts of every class, recorded metrics, outcome of every clip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cdb_video.report.class_report.metrics import METRIC_LABELS, share_named
from cdb_video.report.insight.statistics import Outcomes
from cdb_video.report.sources.dump import sessions_of
from cdb_video.report.sources.run_data import RunData


@dataclass(frozen=True)
class Evaluation:
    """What was evaluated.

    Attributes:
        split: 'val', 'test', 'train', 'cross-fit', 'dump' or 'none', see `Insight`.
        epoch: Of the model; None = not known.
        num_clips: C clips.
        num_correct: C clips that were predicted correctly.
        metrics: Those that were recorded with it, without their prefix.
    """

    split: str
    epoch: int | None
    num_clips: Sequence[int]
    num_correct: Sequence[int]
    metrics: Mapping[str, float]


def evaluation_of(run: RunData, outcomes: Outcomes | None) -> Evaluation:
    """The evaluation in the class report, else in the dump, else in the newest record of the run itself."""
    report = run.report
    if report is not None:
        clips, correct = zip(*report.counts, strict=True)
        return Evaluation(report.split, report.epoch, clips, correct, _known(report.metrics))
    last = run.records[-1] if run.records else None
    if outcomes is not None:
        clips, correct = outcomes.num_clips.tolist(), outcomes.num_correct.tolist()
        is_cross_fit = last is not None and last.source == 'cross-fit' and list(last.num_clips) == clips
        return Evaluation('cross-fit' if is_cross_fit else 'dump', None, clips, correct, {})
    # What is replayed was measured in another run.
    if last is not None and last.source != 'replay':
        metrics = {} if last.source == 'train' else _known(last.metrics)
        return Evaluation(last.source, last.epoch, last.num_clips, last.num_correct, metrics)
    nothing = [0] * run.num_classes
    return Evaluation('none', None, nothing, nothing, {})


def outcomes_of(run: RunData) -> Outcomes | None:
    """What came out for each clip: of the dump, else of the confusions in the class report."""
    dump = run.predictions
    if dump is not None:
        sessions = sessions_of(dump.clip_names) if dump.clip_names is not None else None
        groups = None if sessions is None else np.unique(sessions, return_inverse=True)[1].astype(np.int64)
        return Outcomes(dump.labels, dump.predicted, dump.num_classes, dump.ranks, groups)
    confusions = run.report and run.report.confusions
    if not confusions:
        return None
    true, other, clips = np.asarray(confusions, np.int64).T
    return Outcomes(np.repeat(true, clips), np.repeat(other, clips), run.num_classes)


def _known(metrics: Mapping[str, Any]) -> dict[str, float]:
    """The metrics that the report shows, without their prefix."""
    found = {name: share_named(metrics, name) for name in METRIC_LABELS}
    return {name: value for name, value in found.items() if value is not None}
