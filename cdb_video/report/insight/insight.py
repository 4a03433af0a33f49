"""From what is known of a run to what its report says: metrics with intervals, a row a class, confusions, notes.

The rows are made in :mod:`cdb_video.report.insight.class_details`, the notes in
:mod:`cdb_video.report.insight.remarks`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cdb_video.class_names import class_label
from cdb_video.difficulty.counts import SHOT_GROUPS
from cdb_video.difficulty.diagnosis.restlessness import Restlessness
from cdb_video.host_words import units, worded, words_now
from cdb_video.report.class_report.metrics import AP_LABELS, METRIC_LABELS, metric_label, share_key
from cdb_video.report.class_report.rows import ClassRow, DetailedRow
from cdb_video.report.insight.class_details import detailed_rows
from cdb_video.report.insight.evaluation import Evaluation, evaluation_of, outcomes_of
from cdb_video.report.insight.hard_classes import sentences_on
from cdb_video.report.insight.intervals import (
    bootstrap,
    moved_interval,
    percentile_interval,
    wilson_in_place,
)
from cdb_video.report.insight.remarks import lacks_of, remarks_on
from cdb_video.report.insight.restless_runs import restless_sentence, restlessness_of
from cdb_video.report.insight.statistics import (
    IntMatrix,
    Outcomes,
    class_groups,
    count_metrics,
    mute_groups,
    rank_correlation,
    summarise,
    top_confusions,
)
from cdb_video.report.sources.run_data import RunData

SPLIT_WORDS = {
    'val': 'validation set',
    'test': 'test set',
    'train': 'training batches',
    'cross-fit': 'training {units}, each scored by a model without it',
    'dump': 'prediction dump',
    'none': 'nothing evaluated',
}


@dataclass(frozen=True)
class Options:
    """What a reader can choose.

    Attributes:
        shot_thresholds: (few, many), see `class_groups`; None = those of the evaluation, else (20, 100), of objects
            (11, 100).
        head_threshold: More training clips than this is the head.
        repeats: Draws of the bootstrap.
        thumbnails: Whether to show frames of the misclassified clips.
    """

    shot_thresholds: tuple[int, int] | None = None
    head_threshold: int = 600
    repeats: int = 1000
    thumbnails: bool = True


@dataclass(frozen=True)
class Insight:
    """What a report says.

    Attributes:
        run: Where it comes from.
        options: What the reader chose.
        split: 'val', 'test', 'cross-fit' or 'dump'; where nothing was evaluated 'train' if the training batches were
            counted, with the accuracy in them, else 'none'.
        epoch: Of the model that was evaluated; None = not known.
        metrics: Name -> value in [0, 1].
        recorded: Every metric that was recorded with the evaluation, under the name that it was recorded by.
        intervals: Name -> 95 % interval.
        resampled: 'sessions', 'images' or 'clips', what the bootstrap drew; None without it.
        shot_thresholds: (few, many) of the groups.
        group_sizes: Number of classes of each group by training clips.
        mute_groups: Those that hold all classes with clips, or none, and so are not shown; files keep their metrics.
        rows: One a class, hardest first.
        outcomes: What came out for each clip; None = only counts are known.
        confusion: (C, C) int64, rows are true classes; None = not known. Objects that were missed are not in it.
        confusions: The most frequent mistakes: (true, predicted, clips).
        correlation: Rank correlation of training clips and accuracy; None = not known.
        restlessness: How much the classes change from validation to validation; None = not known.
        notes: What a reader must know of the numbers, and `lacks`.
        lacks: What the report cannot say, with what would let it.
        wilson: The metrics whose interval is Wilson's, since all draws of the bootstrap are alike.
    """

    run: RunData
    options: Options
    split: str
    epoch: int | None
    metrics: dict[str, float]
    recorded: Mapping[str, Any]
    intervals: dict[str, tuple[float, float]]
    resampled: str | None
    shot_thresholds: tuple[int, int]
    group_sizes: dict[str, int]
    mute_groups: frozenset[str]
    rows: tuple[DetailedRow, ...]
    outcomes: Outcomes | None
    confusion: IntMatrix | None
    confusions: tuple[tuple[int, int, int], ...]
    correlation: float | None
    restlessness: Restlessness | None
    notes: tuple[str, ...]
    lacks: tuple[str, ...] = ()
    wilson: frozenset[str] = frozenset()

    @property
    def all_metrics(self) -> dict[str, Any]:
        """What was recorded under any name, with the numbers of this report in place of those it replaces."""
        recorded = self.recorded
        ours, prefix = [name for name in METRIC_LABELS if name not in AP_LABELS], words_now().prefix
        shown = {f'{prefix}/{name}' for name in ours} | {share_key(recorded, name) for name in ours}
        kept = {key: value for key, value in recorded.items() if key not in shown}
        return {f'{prefix}/{name}': value for name, value in self.metrics.items() if name not in AP_LABELS} | kept

    @property
    def num_missed(self) -> list[int] | None:
        """C numbers of objects that were missed; None where samples are classified, or that is not known."""
        missed = [row.num_missed for row in sorted(self.rows, key=lambda row: row.label)]
        known = [number for number in missed if number is not None]
        return known if len(known) == len(missed) else None

    @property
    def head_threshold(self) -> int | None:
        """Where head and tail part; None where objects are counted, which has no such division."""
        return _head_threshold(self.run, self.options)

    @property
    def shown_metrics(self) -> dict[str, float]:
        """The metrics without those of groups that say nothing."""
        return {name: value for name, value in self.metrics.items() if name not in self.mute_groups}

    @property
    def shown_notes(self) -> list[str]:
        """The notes, and which groups are not shown."""
        return [*self.notes, *notes_on_mute(self.mute_groups)]

    @property
    def remarks(self) -> list[str]:
        """The notes without `lacks`."""
        return [note for note in self.notes if note not in self.lacks]

    @property
    def sentence_on_wilson(self) -> str | None:
        """Which metrics have an interval of Wilson's, and why; None = none has."""
        names = [metric_label(name) for name in METRIC_LABELS if name in self.wilson - self.mute_groups]
        if not names:
            return None
        whose = 'its range is' if len(names) == 1 else 'their ranges are'
        return f"All draws are alike of {', '.join(names)}: {whose} Wilson's, which takes the {units()} as independent."

    @property
    def sentences_on_classes(self) -> list[str]:
        """What makes the hard classes hard, a sentence each, the hardest first."""
        return sentences_on(self.rows)

    @property
    def sentence_on_restlessness(self) -> str | None:
        """How restless the run is; None = not known."""
        return None if self.restlessness is None else restless_sentence(self.restlessness)

    @property
    def iteration(self) -> int | None:
        """Training iterations of the model that was evaluated; None = not known."""
        if self.run.report is not None:
            return self.run.report.iteration
        return self.run.records[-1].iteration if self.split in ('val', 'train') else None

    @property
    def moment(self) -> str:
        """The epoch of the model that was evaluated, or its iteration where the loop counts no epochs."""
        if self.split == 'cross-fit':
            return 'cross-fitted'
        if not self.epoch and self.iteration:
            return f'iteration {self.iteration}'
        return f'epoch {self.epoch or "unknown"}'

    @property
    def evaluated_on(self) -> str:
        """What was evaluated, in words."""
        return worded(SPLIT_WORDS[self.split])

    def name_of(self, label: int) -> str:
        """How to call a class."""
        return class_label(self.run.class_names, label)


def notes_on_mute(groups: Collection[str]) -> list[str]:
    """A sentence on the groups by training clips that are not shown, if there are any."""
    names = [metric_label(name) for name in METRIC_LABELS if name in groups]
    if not names:
        return []
    remedy = ' --head-threshold divides head and tail elsewhere.' if {'head', 'tail'} & set(groups) else ''
    return [f'Not shown, since they hold all or none of the classes with {units()}: {", ".join(names)}.{remedy}']


def build_insight(run: RunData, options: Options | None = None) -> Insight:
    """Everything that the report says of a run.

    Raises:
        ValueError: If an option is out of range.
    """
    options = _checked(options or Options())
    outcomes = outcomes_of(run)
    found = evaluation_of(run, outcomes)
    rows = detailed_rows(run, found, outcomes, options.repeats)
    thresholds = _shot_thresholds(run, options)
    groups = class_groups(run.group_counts, thresholds, _head_threshold(run, options))
    metrics = _metrics(found, _stale_groups(run, options), outcomes, groups)
    intervals, resampled = _intervals(outcomes, groups, options.repeats, metrics)
    in_place = {} if outcomes is None else wilson_in_place(outcomes, groups, metrics, intervals)
    lacks = (*run.lacks, *lacks_of(run, found.split, outcomes))
    confusion = None if outcomes is None else outcomes.confusion
    unseen = [row.name for row in rows if row.num_clips == 0]
    restlessness = restlessness_of(run.records)
    return Insight(
        run=run,
        options=options,
        split=found.split,
        epoch=found.epoch,
        metrics=metrics,
        recorded=found.recorded,
        intervals={name: interval for name, interval in (intervals | in_place).items() if interval is not None},
        resampled=resampled,
        shot_thresholds=thresholds,
        group_sizes={name: int(mask.sum()) for name, mask in groups.items()},
        mute_groups=mute_groups(groups, found.num_clips),
        rows=tuple(rows),
        outcomes=outcomes,
        confusion=confusion,
        confusions=() if confusion is None else tuple(top_confusions(confusion, 50)),
        correlation=_correlation(run, rows),
        restlessness=restlessness,
        notes=(*run.notes, *remarks_on(run, found.split, outcomes, unseen, restlessness), *lacks),
        lacks=lacks,
        wilson=frozenset(name for name, interval in in_place.items() if interval is not None),
    )


def _checked(options: Options) -> Options:
    few, many = options.shot_thresholds or (0, 0)
    if not 0 <= few <= many:
        raise ValueError(f'shot thresholds {options.shot_thresholds}: must be FEW MANY with 0 <= FEW <= MANY')
    if options.head_threshold < 0 or options.repeats < 0:
        raise ValueError(f'head threshold {options.head_threshold}, draws {options.repeats}: must be >= 0')
    return options


def _shot_thresholds(run: RunData, options: Options) -> tuple[int, int]:
    usual = (11, 100) if run.counts_objects else (20, 100)  # of ObjectAccuracy and of ClassAccuracy
    few, many = options.shot_thresholds or (run.report and run.report.shot_thresholds) or usual
    return int(few), int(many)


def _head_threshold(run: RunData, options: Options) -> int | None:
    return None if run.counts_objects else options.head_threshold


def _stale_groups(run: RunData, options: Options) -> tuple[str, ...]:
    """The groups whose recorded metrics may be of other thresholds."""
    known = run.group_counts is not None
    stale: tuple[str, ...] = SHOT_GROUPS if known or options.shot_thresholds is not None else ()
    recorded = run.report and run.report.head_threshold
    return stale + (('head', 'tail') if known or recorded != options.head_threshold else ())


def _metrics(
    found: Evaluation, stale: Collection[str], outcomes: Outcomes | None, groups: Mapping[str, NDArray[np.bool_]]
) -> dict[str, float]:
    """What was recorded, but for the stale, with what counts and outcomes say in its place; none without clips."""
    metrics: dict[str, float] = {}
    if sum(found.num_clips):
        metrics = {name: value for name, value in found.metrics.items() if name not in stale}
        metrics |= count_metrics(found.num_clips, found.num_correct, groups)
    if outcomes is not None:
        metrics |= summarise(outcomes, groups)
    return {name: metrics[name] for name in METRIC_LABELS if name in metrics}  # files of before lack some


def _intervals(
    outcomes: Outcomes | None, groups: Mapping[str, NDArray[np.bool_]], repeats: int, metrics: Mapping[str, float]
) -> tuple[dict[str, tuple[float, float]], str | None]:
    """The 95 % interval of every metric, and what was drawn for them: 'sessions', 'clips', or None = nothing.

    The worst class has none: the minimum of draws lies too low and too close to say where the true one is.
    """
    if outcomes is None or outcomes.num_units <= 1:  # draws of a single session are all alike
        return {}, None
    draws = bootstrap(outcomes, groups, repeats=repeats)
    found = {name: percentile_interval(values) for name, values in draws.items() if name != 'worst'}
    if 'hmean' in draws:
        found['hmean'] = moved_interval(draws['hmean'], metrics['hmean'])
    intervals = {name: interval for name, interval in found.items() if interval is not None}
    return intervals, outcomes.drawn if draws else None


def _correlation(run: RunData, rows: Sequence[ClassRow]) -> float | None:
    """Rank correlation of training clips and accuracy; None where the training clips are not known."""
    if run.train_counts is None:
        return None
    counts, accuracy = np.array([(row.train_count, row.accuracy) for row in rows], np.float64).T  # None becomes NaN
    return rank_correlation(counts, accuracy)
