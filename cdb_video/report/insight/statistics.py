"""The numbers of the report: accuracies with intervals, confusions, rank correlation. Pure, over numpy.

Means over the classes run over the classes that have clips, as `ClassAccuracy` has them. A precision of 0 / 0 is 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cdb_video.difficulty.counts import ClassCounts, accuracy_numbers, confusion_counts, group_means, shot_groups
from cdb_video.difficulty.formulas import FloatVector, IntVector, class_accuracy

IntMatrix = NDArray[np.int64]
Z95 = 1.959963984540054
"""The 97.5 % quantile of the normal distribution."""
_AT_ONCE = 1_000_000
"""Numbers of draws that are computed together, for memory."""


@dataclass(frozen=True)
class Outcomes:
    """What came out for N clips, or for N objects of images.

    Attributes:
        labels: (N,) int64 in 0..C-1, the true classes.
        predicted: (N,) int64 in 0..C-1; of objects C too, which is missed.
        num_classes: C.
        ranks: (N,) int64 >= 0, how many classes stood before the true one; None = not known.
        groups: (N,) int64, the session of every clip, or the image of every object, counted from 0; None = every one
            stands for itself.
        of_objects: Whether these are objects, which can be missed.
    """

    labels: IntVector
    predicted: IntVector
    num_classes: int
    ranks: IntVector | None = None
    groups: IntVector | None = None
    of_objects: bool = False

    @property
    def answers(self) -> IntMatrix:
        """(C, C) int64: clips of the class of the row that were predicted as the class of the column.

        Of objects (C, C + 1), and the last column has those that were missed.
        """
        number = self.num_classes + self.of_objects
        return confusion_counts(self.labels, self.predicted, self.num_classes, number)

    @property
    def confusion(self) -> IntMatrix:
        """(C, C) int64, the same without those that were missed."""
        return self.answers[:, : self.num_classes]

    @property
    def num_missed(self) -> IntVector | None:
        """(C,) int64, objects of each class that were missed; None = no object can be."""
        return self.answers[:, self.num_classes] if self.of_objects else None

    @property
    def drawn(self) -> str:
        """What the bootstrap draws: 'sessions', 'images' or 'clips', which stands for whatever is classified."""
        if self.groups is None:
            return 'clips'
        return 'images' if self.of_objects else 'sessions'

    @property
    def num_clips(self) -> IntVector:
        """(C,) int64."""
        return np.bincount(self.labels, minlength=self.num_classes)

    @property
    def num_correct(self) -> IntVector:
        """(C,) int64."""
        return np.bincount(self.labels[self.labels == self.predicted], minlength=self.num_classes)

    @property
    def num_units(self) -> int:
        """How many sessions there are; how many clips, where sessions are not known. The bootstrap draws them."""
        return len(self.labels) if self.groups is None else int(self.groups.max()) + 1

    @property
    def num_predicted(self) -> IntVector:
        """(C,) int64, clips for which the class was predicted, rightly or not."""
        return np.bincount(self.predicted, minlength=self.num_classes)[: self.num_classes]


def class_groups(
    train_counts: ArrayLike | None, shot_thresholds: Sequence[int] = (20, 100), head_threshold: int | None = 600
) -> dict[str, NDArray[np.bool_]]:
    """Masks, (C,) bool, of the classes by their training clips; none if these are not known.

    Args:
        train_counts: (C,) int >= 0.
        shot_thresholds: (few, many): fewer than `few` is few-shot, more than `many` is many-shot.
        head_threshold: More clips than this is the head, the papers' 'majority' (600 on EGTEA); the rest is the tail.
            None = without these two.
    """
    if train_counts is None:
        return {}
    counts = np.asarray(train_counts)
    groups = shot_groups(counts, shot_thresholds)
    if head_threshold is None:
        return groups
    return groups | {'head': counts > head_threshold, 'tail': counts <= head_threshold}


def mute_groups(groups: Mapping[str, NDArray[np.bool_]], num_clips: ArrayLike) -> frozenset[str]:
    """The groups whose mean says nothing: they hold no class, or all, as the mean class accuracy does.

    Args:
        groups: Masks, (C,) bool, see `class_groups`.
        num_clips: (C,) int >= 0, evaluated clips. Classes without any are in no mean and do not count, unless all
            are without.
    """
    clips = np.asarray(num_clips)
    counted = clips > 0 if clips.any() else np.ones(clips.shape, np.bool_)
    return frozenset(name for name, mask in groups.items() if len(np.unique(mask[counted])) == 1)


def summarise(
    outcomes: Outcomes, groups: Mapping[str, NDArray[np.bool_]], topk: Sequence[int] = (1, 5)
) -> dict[str, float]:
    """The metrics of the head of the report; those that cannot be had are absent.

    Returns:
        top<k> of k below the number of classes, mean1 (mean class accuracy), hmean, worst, mean_precision, macro_f1,
        and per group the mean class accuracy, in [0, 1]. Of objects missed and confused, the shares of what was not
        found and what was called by another name, and neither mean_precision nor macro_f1: these would need the
        detections on no object.
    """
    return _metrics(outcomes, groups, topk, np.ones(len(outcomes.labels)))


def count_metrics(
    num_clips: ArrayLike, num_correct: ArrayLike, groups: Mapping[str, NDArray[np.bool_]]
) -> dict[str, float]:
    """The metrics that need only the counts of every class, (C,) int >= 0; none where there is no clip.

    Returns:
        top1, mean1, hmean, worst and per group with clips the mean class accuracy, in [0, 1].
    """
    clips, correct = np.asarray(num_clips), np.asarray(num_correct)
    if not clips.any():
        return {}
    metrics = {'top1': float(correct.sum() / clips.sum())} | accuracy_numbers(clips, correct)
    return metrics | group_means(class_accuracy(correct, clips), groups)


def bootstrap(
    outcomes: Outcomes,
    groups: Mapping[str, NDArray[np.bool_]],
    topk: Sequence[int] = (1, 5),
    *,
    repeats: int = 1000,
    seed: int = 0,
) -> dict[str, FloatVector]:
    """The metrics of `summarise` for sets of sessions drawn with replacement; of clips where there are no sessions.

    A class that a draw does not contain is left out of its means.

    Returns:
        Per metric (repeats,) float64, NaN where a draw has no clip of any class of a group.
    """
    units = np.arange(len(outcomes.labels)) if outcomes.groups is None else outcomes.groups
    number = outcomes.num_units
    generator = np.random.default_rng(seed)
    block = max(1, _AT_ONCE // max(len(units), outcomes.num_classes))
    found: list[dict[str, FloatVector]] = []
    for start in range(0, repeats, block):
        drawn = [generator.integers(number, size=number) for _ in range(min(block, repeats - start))]
        times = np.stack([np.bincount(one, minlength=number) for one in drawn])
        found.append(_metrics_of_draws(outcomes, groups, topk, times[:, units]))
    draws = {name: np.concatenate([one[name] for one in found]) for name in found[0]} if found else {}
    return {name: values for name, values in draws.items() if not np.isnan(values).all()}


def percentile_interval(draws: FloatVector) -> tuple[float, float] | None:
    """The middle 95 % of the draws; None if none of them has a value."""
    values = draws[~np.isnan(draws)]
    if not values.size:
        return None
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def moved_interval(draws: FloatVector, value: float) -> tuple[float, float] | None:
    """`percentile_interval`, moved so that the median of the draws comes to lie on the value.

    For a harmonic mean: drawing adds noise to that of the clips, and noise lowers it, so that the draws lie below the
    value. Our choice.

    Args:
        draws: (R,) float64 in [0, 1]; NaN is left out.
        value: Of the clips themselves, in [0, 1].

    Returns:
        The ends, cut to [0, 1]; None if no draw has a value.
    """
    interval = percentile_interval(draws)
    if interval is None:
        return None
    low, high = np.clip(np.add(interval, value - np.nanmedian(draws)), 0, 1)
    return float(low), float(high)


def wilson_interval(correct: ArrayLike, total: ArrayLike) -> tuple[FloatVector, FloatVector]:
    """Wilson's 95 % interval of a share, for clips that are independent of each other.

    Args:
        correct: (C,) 0 <= correct <= total; a mean over classes need not be of whole clips.
        total: (C,) int >= 0.

    Returns:
        Lower and upper ends, (C,) float64 in [0, 1]; NaN where total is 0. Unlike the normal interval it does not
        shrink to a point at 0 or all correct.
    """
    n = np.asarray(total, np.float64)
    n = np.where(n > 0, n, np.nan)
    share = np.asarray(correct, np.float64) / n
    centre = (share + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
    half = Z95 / (1 + Z95**2 / n) * np.sqrt(share * (1 - share) / n + Z95**2 / (4 * n**2))
    return np.clip(centre - half, 0, 1), np.clip(centre + half, 0, 1)


def wilson_in_place(
    outcomes: Outcomes,
    groups: Mapping[str, NDArray[np.bool_]],
    values: Mapping[str, float],
    intervals: Mapping[str, tuple[float, float]],
) -> dict[str, tuple[float, float] | None]:
    """What takes the place of intervals without width: Wilson's of as many clips as the metric is of.

    All draws are alike where none of 18 clips is right, and that tells nothing of the next one. Of a mean over classes
    the clips of all of them count. The metrics that are no share of clips get None: hmean, mean_precision, macro_f1.

    Args:
        outcomes: Of the clips.
        groups: Masks, (C,) bool, see `class_groups`.
        values: The metrics, in [0, 1].
        intervals: Their intervals of the bootstrap.
    """
    sizes = dict.fromkeys(('top1', 'top5', 'mean1', 'missed', 'confused'), len(outcomes.labels))
    sizes |= {name: int(outcomes.num_clips[mask].sum()) for name, mask in groups.items()}
    found: dict[str, tuple[float, float] | None] = {}
    for name in [name for name, (low, high) in intervals.items() if low == high]:
        number = sizes.get(name, 0)
        low, high = wilson_interval([values[name] * number], [number])
        found[name] = (float(low[0]), float(high[0])) if number else None
    return found


def ratio(numerator: ArrayLike, denominator: ArrayLike) -> FloatVector:
    """Numerator over denominator, 0 where both are 0."""
    below = np.asarray(denominator, np.float64)
    return np.asarray(numerator, np.float64) / np.where(below > 0, below, 1.0)


def top_confusions(confusion: IntMatrix, number: int) -> list[tuple[int, int, int]]:
    """The pairs that are confused most often: (true, predicted, clips), the most clips first, then by class."""
    wrong = confusion - np.diag(np.diag(confusion))
    rows, columns = np.nonzero(wrong)
    order = np.lexsort((columns, rows, -wrong[rows, columns]))[:number]
    return [(int(rows[i]), int(columns[i]), int(wrong[rows[i], columns[i]])) for i in order]


def rank_correlation(first: ArrayLike, second: ArrayLike) -> float | None:
    """Spearman's rank correlation, ties averaged; NaN pairs are left out. None where one side does not vary."""
    pair = np.asarray([first, second], np.float64)
    pair = pair[:, ~np.isnan(pair).any(axis=0)]
    ranks = np.array([_average_ranks(values) for values in pair])
    if ranks.shape[1] < 2 or (np.ptp(ranks, axis=1) == 0).any():
        return None
    return float(np.corrcoef(ranks)[0, 1])


def _average_ranks(values: FloatVector) -> FloatVector:
    """Ranks from 1; equal values share the mean of their ranks."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return np.asarray((last - (count - 1) / 2)[place], np.float64)


def _metrics(
    outcomes: Outcomes, groups: Mapping[str, NDArray[np.bool_]], topk: Sequence[int], times: FloatVector
) -> dict[str, float]:
    """`summarise` for clips that count `times` (N,) each."""
    size = outcomes.num_classes
    hit = times * (outcomes.labels == outcomes.predicted)
    clips = np.bincount(outcomes.labels, times, size).astype(np.int64)
    correct = np.bincount(outcomes.labels, hit, size).astype(np.int64)
    metrics = {'top1': float(hit.sum() / times.sum())}
    if outcomes.of_objects:
        metrics['missed'] = float(times[outcomes.predicted == size].sum() / times.sum())
        metrics['confused'] = max(0.0, 1.0 - metrics['top1'] - metrics['missed'])
        numbers = accuracy_numbers(clips, correct)
        return metrics | numbers | group_means(class_accuracy(correct, clips), groups)
    predicted = np.bincount(outcomes.predicted, times, size).astype(np.int64)
    if outcomes.ranks is not None:
        metrics |= {f'top{k}': float(times[outcomes.ranks < k].sum() / times.sum()) for k in topk if 1 < k < size}
    return metrics | ClassCounts(clips, correct, predicted).means(groups)


def _metrics_of_draws(
    outcomes: Outcomes, groups: Mapping[str, NDArray[np.bool_]], topk: Sequence[int], times: IntMatrix
) -> dict[str, FloatVector]:
    """`_metrics` of R draws at once, (R,) each, in which the clips count `times`, (R, N); NaN where one has none."""
    size, total = outcomes.num_classes, times.sum(axis=1)
    hit = outcomes.labels == outcomes.predicted
    clips = _per_class(outcomes.labels, times, size)
    correct = _per_class(outcomes.labels[hit], times[:, hit], size)
    present = clips > 0
    metrics = {'top1': times[:, hit].sum(axis=1) / total}
    if outcomes.of_objects:
        metrics['missed'] = times[:, outcomes.predicted == size].sum(axis=1) / total
        metrics['confused'] = np.maximum(0.0, 1.0 - metrics['top1'] - metrics['missed'])
    elif outcomes.ranks is not None:
        metrics |= {f'top{k}': times[:, outcomes.ranks < k].sum(axis=1) / total for k in topk if 1 < k < size}
    accuracy = ratio(correct, clips)
    metrics['mean1'] = _mean_where(accuracy, present)
    metrics['hmean'] = 1.0 / _mean_where((clips + 1.0) / (correct + 0.5), present)
    metrics['worst'] = accuracy.min(axis=1, where=present, initial=1.0)
    if not outcomes.of_objects:
        predicted = _per_class(outcomes.predicted, times, size)
        metrics['mean_precision'] = _mean_where(ratio(correct, predicted), present)
        metrics['macro_f1'] = _mean_where(ratio(2 * correct, clips + predicted), present)
    return metrics | {name: _mean_where(accuracy, present & mask) for name, mask in groups.items()}


def _per_class(labels: IntVector, times: IntMatrix, num_classes: int) -> IntMatrix:
    """(R, C) int64, how often each class comes among labels (N,) that count `times`, (R, N)."""
    rows = len(times)
    places = labels + num_classes * np.arange(rows)[:, None]
    counts = np.bincount(places.ravel(), times.ravel(), minlength=rows * num_classes)
    return counts.astype(np.int64).reshape(rows, num_classes)


def _mean_where(values: FloatVector, mask: NDArray[np.bool_]) -> FloatVector:
    """(R,) float64, the mean of the values (R, C) in each row where the mask is, NaN where it is nowhere."""
    number = mask.sum(axis=1)
    means = np.full(len(number), np.nan)
    np.divide(values.sum(axis=1, where=mask), number, out=means, where=number > 0)
    return means
