"""From what is known of a run to what its report says: metrics with intervals, a row a class, confusions, notes.

The rows are made in :mod:`cdb_video.report.insight.class_details`, the notes in
:mod:`cdb_video.report.insight.remarks`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cdb_video.class_names import class_label
from cdb_video.difficulty.counts import SHOT_GROUPS
from cdb_video.difficulty.history import source_of
from cdb_video.report.class_report.rows import Row, share_key, share_named
from cdb_video.report.insight.class_details import detailed_rows
from cdb_video.report.insight.remarks import remarks_on
from cdb_video.report.insight.statistics import (
    IntMatrix,
    Outcomes,
    bootstrap,
    class_groups,
    count_metrics,
    mute_groups,
    percentile_interval,
    rank_correlation,
    summarise,
    top_confusions,
)
from cdb_video.report.sources.dump import sessions_of
from cdb_video.report.sources.run_data import RunData

METRIC_LABELS = {
    'top1': 'Top-1',
    'top5': 'Top-5',
    'mean1': 'Mean class accuracy',
    'mean_precision': 'Mean precision',
    'macro_f1': 'Macro F1',
    'many_shot': 'Many-shot',
    'medium_shot': 'Medium-shot',
    'few_shot': 'Few-shot',
    'head': 'Head',
    'tail': 'Tail',
}
SPLIT_WORDS = {
    'val': 'validation set',
    'test': 'test set',
    'train': 'training batches',
    'dump': 'prediction dump',
    'none': 'nothing evaluated',
}


@dataclass(frozen=True)
class Options:
    """What a reader can choose.

    Attributes:
        shot_thresholds: (few, many), see `class_groups`; None = those of the evaluation, else (20, 100).
        head_threshold: More training clips than this is the head.
        repeats: Draws of the bootstrap.
        thumbnails: Whether to show frames of the misclassified clips.
    """

    shot_thresholds: tuple[int, int] | None = None
    head_threshold: int = 600
    repeats: int = 1000
    thumbnails: bool = True


@dataclass
class Insight:
    """What a report says.

    Attributes:
        run: Where it comes from.
        split: 'val', 'test', or 'dump'; where nothing was evaluated 'train' if the training batches were counted, with
            the accuracy in them, else 'none'.
        epoch: Of the model that was evaluated; None = not known.
        metrics: Name -> value in [0, 1].
        intervals: Name -> 95 % interval.
        resampled: 'sessions' or 'clips', what the bootstrap drew; None without it.
        shot_thresholds: (few, many) of the groups.
        group_sizes: Number of classes of each group by training clips.
        mute_groups: Those that hold all classes with clips, or none, and so are not shown; files keep their metrics.
        rows: One dict a class, hardest first, see `detailed_rows`.
        outcomes: What came out for each clip; None = only counts are known.
        confusion: (C, C) int64, rows are true classes; None = not known.
        confusions: The most frequent mistakes: (true, predicted, clips).
        correlation: Rank correlation of training clips and accuracy; None = not known.
        notes: What the report lacks.
    """

    run: RunData
    options: Options
    split: str
    epoch: int | None
    metrics: dict[str, float]
    rows: list[Row]
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    resampled: str | None = None
    shot_thresholds: tuple[int, int] = (20, 100)
    group_sizes: dict[str, int] = field(default_factory=dict)
    mute_groups: frozenset[str] = frozenset()
    outcomes: Outcomes | None = None
    confusion: IntMatrix | None = None
    confusions: list[tuple[int, int, int]] = field(default_factory=list)
    correlation: float | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def all_metrics(self) -> dict[str, Any]:
        """What was recorded under any name, with the numbers of this report in place of those it replaces."""
        recorded = (self.run.report or {}).get('metrics') or {}
        shown = {f'acc/{name}' for name in METRIC_LABELS} | {share_key(recorded, name) for name in METRIC_LABELS}
        kept = {key: value for key, value in recorded.items() if key not in shown}
        return {f'acc/{name}': value for name, value in self.metrics.items()} | kept

    @property
    def shown_metrics(self) -> dict[str, float]:
        """The metrics without those of groups that say nothing."""
        return {name: value for name, value in self.metrics.items() if name not in self.mute_groups}

    @property
    def shown_notes(self) -> list[str]:
        """The notes, and which groups are not shown."""
        return self.notes + notes_on_mute(self.mute_groups)

    @property
    def iteration(self) -> int | None:
        """Training iterations of the model that was evaluated; None = not known."""
        if self.run.report is not None:
            return self.run.report.get('iter')
        return self.run.records[-1]['iter'] if self.split in ('val', 'train') else None

    @property
    def moment(self) -> str:
        """The epoch of the model that was evaluated, or its iteration where the loop counts no epochs."""
        if not self.epoch and self.iteration:
            return f'iteration {self.iteration}'
        return f'epoch {self.epoch or "unknown"}'

    @property
    def evaluated_on(self) -> str:
        """What was evaluated, in words."""
        return SPLIT_WORDS[self.split]

    def name_of(self, label: int) -> str:
        """How to call a class."""
        return class_label(self.run.class_names, label)


def notes_on_mute(groups: Collection[str]) -> list[str]:
    """A sentence on the groups by training clips that are not shown, if there are any."""
    names = [METRIC_LABELS[name] for name in METRIC_LABELS if name in groups]
    if not names:
        return []
    remedy = ' --head-threshold divides head and tail elsewhere.' if {'head', 'tail'} & set(groups) else ''
    return [f'Not shown, since they hold all or none of the classes with clips: {", ".join(names)}.{remedy}']


def build_insight(run: RunData, options: Options | None = None) -> Insight:
    """Everything that the report says of a run.

    Raises:
        ValueError: If an option is out of range.
    """
    options = _checked(options or Options())
    outcomes = _outcomes(run)
    split, epoch, num_clips, num_correct, metrics = _evaluated(run, outcomes)
    rows = detailed_rows(run, num_clips, num_correct, outcomes)
    insight = Insight(run, options, split, epoch, metrics, rows, outcomes=outcomes, notes=list(run.notes))
    insight.shot_thresholds = _shot_thresholds(run, options)
    groups = class_groups(run.train_counts, insight.shot_thresholds, options.head_threshold)
    insight.group_sizes = {name: int(mask.sum()) for name, mask in groups.items()}
    insight.mute_groups = mute_groups(groups, num_clips)
    if sum(num_clips):
        insight.metrics = _of_thresholds(insight) | count_metrics(num_clips, num_correct, groups)
    else:  # whatever was recorded
        insight.metrics = {}
    if outcomes is not None:
        insight.confusion = outcomes.confusion
        insight.confusions = top_confusions(insight.confusion, 50)
        insight.metrics |= summarise(outcomes, groups)
        # Draws of a single session are all alike.
        draws = bootstrap(outcomes, groups, repeats=options.repeats) if outcomes.num_units > 1 else {}
        found = {name: percentile_interval(values) for name, values in draws.items()}
        insight.intervals = {name: interval for name, interval in found.items() if interval is not None}
        insight.resampled = None if not draws else 'clips' if outcomes.groups is None else 'sessions'
    if run.train_counts is not None:
        accuracy = [np.nan if row['accuracy'] is None else row['accuracy'] for row in insight.rows]
        insight.correlation = rank_correlation([row['train_count'] for row in insight.rows], accuracy)
    insight.notes += remarks_on(run, split, outcomes, [row['name'] for row in rows if row['num_clips'] == 0])
    return insight


def _checked(options: Options) -> Options:
    few, many = options.shot_thresholds or (0, 0)
    if not 0 <= few <= many:
        raise ValueError(f'shot thresholds {options.shot_thresholds}: must be FEW MANY with 0 <= FEW <= MANY')
    if options.head_threshold < 0 or options.repeats < 0:
        raise ValueError(f'head threshold {options.head_threshold}, draws {options.repeats}: must be >= 0')
    return options


def _shot_thresholds(run: RunData, options: Options) -> tuple[int, int]:
    few, many = options.shot_thresholds or (run.report or {}).get('shot_thresholds') or (20, 100)
    return int(few), int(many)


def _outcomes(run: RunData) -> Outcomes | None:
    """What came out for each clip: of the dump, else of the confusions in the class report."""
    dump = run.predictions
    if dump is not None:
        sessions = sessions_of(dump.clip_names) if dump.clip_names is not None else None
        groups = None if sessions is None else np.unique(sessions, return_inverse=True)[1].astype(np.int64)
        return Outcomes(dump.labels, dump.predicted, dump.num_classes, dump.ranks, groups)
    triplets = np.asarray((run.report or {}).get('confusions') or np.zeros((0, 3)), np.int64)
    if not len(triplets):
        return None
    labels, predicted = np.repeat(triplets[:, 0], triplets[:, 2]), np.repeat(triplets[:, 1], triplets[:, 2])
    return Outcomes(labels, predicted, run.num_classes)


def _evaluated(
    run: RunData, outcomes: Outcomes | None
) -> tuple[str, int | None, list[int], list[int], dict[str, float]]:
    """Split, epoch, clips and correct clips of each class, and the metrics that were recorded with them."""
    nothing = [0] * run.num_classes
    if run.report is not None:
        rows = run.report['classes']
        clips, correct = ([int(row[key]) for row in rows] for key in ('num_clips', 'num_correct'))
        return run.report['split'], run.report['epoch'], clips, correct, _known(run.report['metrics'])
    if outcomes is not None:
        return 'dump', None, outcomes.num_clips.tolist(), outcomes.num_correct.tolist(), {}
    last = run.records[-1] if run.records else None
    # What is replayed was measured in another run.
    if last is not None and source_of(last) != 'replay':
        source = source_of(last)
        metrics = _known(last['metrics']) if source == 'val' else {}
        return source, last['epoch'], last['num_clips'], last['num_correct'], metrics
    return 'none', None, nothing, nothing, {}


def _of_thresholds(insight: Insight) -> dict[str, float]:
    """The recorded metrics without those of groups that may have had other thresholds."""
    known = insight.run.train_counts is not None
    stale: tuple[str, ...] = SHOT_GROUPS if known or insight.options.shot_thresholds is not None else ()
    report = insight.run.report or {}
    if known or report.get('head_threshold') != insight.options.head_threshold:
        stale += ('head', 'tail')
    return {name: value for name, value in insight.metrics.items() if name not in stale}


def _known(metrics: Mapping[str, Any]) -> dict[str, float]:
    """The metrics that the report shows, without their prefix."""
    found = {name: share_named(metrics, name) for name in METRIC_LABELS}
    return {name: value for name, value in found.items() if value is not None}
