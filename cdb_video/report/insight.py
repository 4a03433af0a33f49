"""From what is known of a run to what its report says: metrics with intervals, a row a class, confusions, notes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cdb_video.difficulty import FloatVector
from cdb_video.fields import is_number
from cdb_video.labels import class_label
from cdb_video.report.class_table import Row, class_rows
from cdb_video.report.dump import sessions_of
from cdb_video.report.source import RunData
from cdb_video.report.statistics import (
    IntMatrix,
    Outcomes,
    bootstrap,
    class_groups,
    count_metrics,
    percentile_interval,
    rank_correlation,
    ratio,
    summarise,
    top_confusions,
    wilson_interval,
)
from cdb_video.serialise import counted

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
        split: 'val', 'test', 'dump', or 'none' where nothing was evaluated.
        epoch: Of the model that was evaluated; None = not known.
        metrics: Name -> value in [0, 1].
        intervals: Name -> 95 % interval.
        resampled: 'sessions' or 'clips', what the bootstrap drew; None without it.
        shot_thresholds: (few, many) of the groups.
        group_sizes: Number of classes of each group by training clips.
        rows: One dict a class, hardest first, see `class_rows`, with the keys of `_add_details`.
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
    outcomes: Outcomes | None = None
    confusion: IntMatrix | None = None
    confusions: list[tuple[int, int, int]] = field(default_factory=list)
    correlation: float | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def all_metrics(self) -> dict[str, Any]:
        """What was recorded under any name, with the numbers of this report in place of those it replaces."""
        recorded = (self.run.report or {}).get('metrics') or {}
        kept = {key: value for key, value in recorded.items() if key.rpartition('/')[2] not in METRIC_LABELS}
        return {f'acc/{name}': value for name, value in self.metrics.items()} | kept

    def name_of(self, label: int) -> str:
        """How to call a class."""
        return class_label(self.run.class_names, label)


def build_insight(run: RunData, options: Options | None = None) -> Insight:
    """Everything that the report says of a run.

    Raises:
        ValueError: If an option is out of range.
    """
    options = _checked(options or Options())
    outcomes = _outcomes(run)
    split, epoch, num_clips, num_correct, metrics = _evaluated(run, outcomes)
    rows = class_rows(
        num_clips,
        num_correct,
        class_names=run.class_names,
        train_counts=None if run.train_counts is None else run.train_counts.tolist(),
        **_driven(run),
    )
    insight = Insight(run, options, split, epoch, metrics, rows, outcomes=outcomes, notes=list(run.notes))
    insight.shot_thresholds = _shot_thresholds(run, options)
    groups = class_groups(run.train_counts, insight.shot_thresholds, options.head_threshold)
    insight.group_sizes = {name: int(mask.sum()) for name, mask in groups.items()}
    insight.metrics = _of_thresholds(insight) | count_metrics(num_clips, num_correct, groups)
    if outcomes is not None:
        insight.confusion = outcomes.confusion
        insight.confusions = top_confusions(insight.confusion, 50)
        insight.metrics |= summarise(outcomes, groups)
        draws = bootstrap(outcomes, groups, repeats=options.repeats) if options.repeats else {}
        found = {name: percentile_interval(values) for name, values in draws.items()}
        insight.intervals = {name: interval for name, interval in found.items() if interval is not None}
        insight.resampled = None if not draws else 'clips' if outcomes.groups is None else 'sessions'
    _add_details(insight)
    if run.train_counts is not None:
        accuracy = [np.nan if row['accuracy'] is None else row['accuracy'] for row in insight.rows]
        insight.correlation = rank_correlation([row['train_count'] for row in insight.rows], accuracy)
    insight.notes += _lacking(insight)
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
    if run.records:
        last = run.records[-1]
        return 'val', last['epoch'], last['num_clips'], last['num_correct'], _known(last['metrics'])
    return 'none', None, nothing, nothing, {}


def _of_thresholds(insight: Insight) -> dict[str, float]:
    """The recorded metrics without those of groups that may have had other thresholds."""
    shots = ('many_shot', 'medium_shot', 'few_shot')
    known = insight.run.train_counts is not None
    stale: tuple[str, ...] = shots if known or insight.options.shot_thresholds is not None else ()
    report = insight.run.report or {}
    if known or report.get('head_threshold') != insight.options.head_threshold:
        stale += ('head', 'tail')
    return {name: value for name, value in insight.metrics.items() if name not in stale}


def _known(metrics: Mapping[str, Any]) -> dict[str, float]:
    """The metrics that the report shows, without their prefix."""
    found = {key.rpartition('/')[2]: value for key, value in metrics.items()}
    return {name: float(found[name]) for name in METRIC_LABELS if is_number(found.get(name))}


def _driven(run: RunData) -> dict[str, Any]:
    """Difficulty, weights and probabilities behind the evaluated model: of the class report, else the newest record."""
    rows = (run.report or {}).get('classes') or []
    if rows and all(row.get('difficulty') is not None for row in rows):
        vectors = {
            key: [row.get(key) for row in rows]
            for key in ('weight', 'probability')
            if all(row.get(key) is not None for row in rows)
        }
        return {'difficulty': [row['difficulty'] for row in rows], 'consumers': {'report': vectors}}
    if not run.records:
        return {}
    return {'difficulty': run.records[-1]['difficulty'], 'consumers': run.records[-1]['consumers']}


def _add_details(insight: Insight) -> None:
    """Add to every row: interval, precision, peak of the difficulty, the two classes it is most confused with."""
    order = [row['label'] for row in insight.rows]
    low, high = wilson_interval(
        [row['num_correct'] for row in insight.rows], [row['num_clips'] for row in insight.rows]
    )
    peak, when = _peaks(insight.run)
    precision: FloatVector | None = None
    if insight.outcomes is not None:
        precision = ratio(insight.outcomes.num_correct, insight.outcomes.num_predicted)
    for place, (label, row) in enumerate(zip(order, insight.rows, strict=True)):
        has_clips = row['num_clips'] > 0
        row['accuracy_low'] = float(low[place]) if has_clips else None
        row['accuracy_high'] = float(high[place]) if has_clips else None
        row['precision'] = None if precision is None else float(precision[label])
        row['peak_difficulty'] = None if peak is None else float(peak[label])
        row['peak_epoch'] = None if when is None else when[label]
        row['confused_with'] = _confused_with(insight, label)


def _peaks(run: RunData) -> tuple[FloatVector | None, list[int] | None]:
    """The highest difficulty of each class over the validations, and the epoch of its first time."""
    if not run.records:
        return None, None
    course = np.array([record['difficulty'] for record in run.records], np.float64)
    return course.max(axis=0), [run.records[index]['epoch'] for index in course.argmax(axis=0)]


def _confused_with(insight: Insight, label: int) -> list[dict[str, Any]]:
    """The two classes that clips of this class are most often taken for."""
    if insight.confusion is None:
        return []
    row = insight.confusion[label].copy()
    row[label] = 0
    best = sorted(np.flatnonzero(row), key=lambda other: (-row[other], other))[:2]
    return [{'label': int(other), 'name': insight.name_of(int(other)), 'clips': int(row[other])} for other in best]


def _lacking(insight: Insight) -> list[str]:
    """What the report cannot say, and what would let it."""
    notes = []
    run = insight.run
    if insight.split == 'none':
        notes.append('Nothing was evaluated yet.')
    elif insight.outcomes is None:
        notes.append('Precision, confusions and intervals of the metrics need predictions: mim test --dump.')
    if not run.records:
        notes.append('There is no class_history.jsonl, so nothing is known of the course of training.')
    elif len(run.records) == 1:
        notes.append('There is one validation only: curves have one point.')
    if insight.outcomes is not None and run.predictions is None:
        notes.append('Misclassified clips need a dump: mim test --dump.')
    if run.predictions is not None:
        if not run.predictions.are_probabilities:
            notes.append('The scores of the dump are not probabilities: they rank the mistakes, and no more.')
        if run.predictions.clip_names is None:
            notes.append("The dump names no clips: let PackActionInputs have meta_keys=('frame_dir', ...).")
    unseen = [row['name'] for row in insight.rows if row['num_clips'] == 0]
    if unseen and insight.split != 'none':
        listed = ', '.join(unseen[:10]) + (f' and {len(unseen) - 10} more' if len(unseen) > 10 else '')
        who = counted(len(unseen), 'class has', 'classes have')
        notes.append(f'{who} no clips here, so the means are over the others: {listed}.')
    return notes
