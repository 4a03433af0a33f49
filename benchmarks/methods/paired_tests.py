"""Intervals and paired tests. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats


@dataclass(frozen=True)
class Comparison:
    """A method against another on the same seeds.

    Attributes:
        difference: Mean of the differences.
        low: Lower end of its 95 % interval by the t distribution.
        high: Upper end.
        p_value: Of the paired t-test, two-sided.
        number: Seeds.
    """

    difference: float
    low: float
    high: float
    p_value: float
    number: int


def mean_interval(values: ArrayLike) -> tuple[float, float, float]:
    """Mean and its 95 % interval by the t distribution, (mean, low, high); NaN ends for a single value."""
    numbers = np.asarray(values, np.float64)
    mean = float(numbers.mean())
    if len(numbers) < 2:
        return mean, float('nan'), float('nan')
    half = float(stats.t.ppf(0.975, len(numbers) - 1) * numbers.std(ddof=1) / np.sqrt(len(numbers)))
    return mean, mean - half, mean + half


def compare_paired(first: Mapping[int, float], second: Mapping[int, float]) -> Comparison:
    """The paired t-test of `first` minus `second`, by seed.

    Raises:
        ValueError: If fewer than two seeds have both.
    """
    seeds = sorted(first.keys() & second.keys())
    if len(seeds) < 2:
        raise ValueError(f'{len(seeds)} seeds in common: at least 2 are needed')
    differences = np.array([first[seed] - second[seed] for seed in seeds])
    mean, low, high = mean_interval(differences)
    if np.ptp(differences) == 0:
        return Comparison(mean, low, high, 1.0 if mean == 0 else 0.0, len(seeds))
    return Comparison(mean, low, high, float(stats.ttest_1samp(differences, 0.0).pvalue), len(seeds))
