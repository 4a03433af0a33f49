"""Intervals of the numbers of the report: draws of the bootstrap, their middle, and Wilson's. Pure, over numpy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cdb_video.difficulty.formulas import FloatVector, IntVector
from cdb_video.report.insight.statistics import IntMatrix, Outcomes, ratio

Z95 = 1.959963984540054
"""The 97.5 % quantile of the normal distribution."""
_AT_ONCE = 1_000_000
"""Numbers of draws that are computed together, for memory."""


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
