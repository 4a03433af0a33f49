"""The rows of a comparison: one a method and metric, and one a class."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from cdb_video.report.compare.methods import Comparison
from cdb_video.report.compare.paired_tests import Test
from cdb_video.report.compare.runs import Method
from cdb_video.report.figures.parts import by_frequency


@dataclass(frozen=True, slots=True)
class MethodRow:
    """A metric of a method; None where a value does not exist.

    Attributes:
        method: Its name.
        metric: Name of the metric.
        seeds: Number of runs.
        mean: Over the runs, in [0, 1].
        sd: Standard deviation of the sample.
        difference: To the baseline.
        low: Lower end of the 95 % interval of the difference.
        high: Its upper end.
        p_value: Two-sided.
        test: Which one, in words.
        p_holm: The p-value by Holm's correction over all tests shown.
    """

    method: str
    metric: str
    seeds: int
    mean: float
    sd: float | None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    test: str | None = None
    p_holm: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """The columns in their order."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class PairRow:
    """A difference between two methods; None where a value does not exist.

    Attributes:
        method: Name of the one.
        against: Of the other.
        metric: Name of the metric.
        difference: The one less the other.
        low: Lower end of its 95 % interval.
        high: Its upper end.
        p_value: Two-sided.
        p_holm: By Holm's correction over all tests shown.
        test: Which one, in words.
    """

    method: str
    against: str
    metric: str
    difference: float
    low: float | None
    high: float | None
    p_value: float | None
    p_holm: float | None
    test: str

    @classmethod
    def of(cls, method: str, against: str, metric: str, test: Test) -> PairRow:
        """The row of a test."""
        low, high = test.interval or (None, None)
        return cls(method, against, metric, test.difference, low, high, test.p_value, test.p_holm, test.how)

    def to_dict(self) -> dict[str, Any]:
        """The columns in their order."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class ComparedClass:
    """A class with every method.

    Attributes:
        label: 0..C-1.
        name: Of the class.
        train_count: Training clips; None = not known.
        accuracy: Method -> mean over its seeds, in [0, 1]; None = no clip.
        gain: Method other than the baseline -> accuracy less that of the baseline; None = no clip.
    """

    label: int
    name: str
    train_count: int | None
    accuracy: dict[str, float | None]
    gain: dict[str, float | None]

    def to_dict(self) -> dict[str, Any]:
        """The columns in their order, one a method."""
        return (
            {'label': self.label, 'name': self.name, 'train_count': self.train_count}
            | {f'accuracy {name}': value for name, value in self.accuracy.items()}
            | {f'gain {name}': value for name, value in self.gain.items()}
        )


def method_rows(comparison: Comparison) -> list[MethodRow]:
    """One row a method and metric."""
    return [_method_row(comparison, method, metric) for method in comparison.methods for metric in comparison.metrics]


def _method_row(comparison: Comparison, method: Method, metric: str) -> MethodRow:
    key = method.name, metric
    row = MethodRow(method.name, metric, len(method.runs), comparison.means[key], comparison.deviations.get(key))
    test = comparison.tests.get(key)
    if test is None:
        return row
    low, high = test.interval or (None, None)
    found = replace(row, difference=test.difference, low=low, high=high, p_value=test.p_value, test=test.how)
    return replace(found, p_holm=test.p_holm)


def pair_rows(comparison: Comparison) -> list[PairRow]:
    """One row for every two methods that are compared and metric that is shown."""
    return [PairRow.of(*each) for each in comparison.shown_tests]


def class_comparison(comparison: Comparison) -> list[ComparedClass]:
    """One row a class, most training clips first."""
    insight = comparison.methods[0].runs[0].insight
    counts, means = insight.run.train_counts, comparison.class_means
    base = means[comparison.baseline]
    return [
        ComparedClass(
            label=label,
            name=insight.name_of(label),
            train_count=None if counts is None else int(counts[label]),
            accuracy={method.name: _known(means[method.name][label]) for method in comparison.methods},
            gain={method.name: _known(means[method.name][label] - base[label]) for method in comparison.others},
        )
        for label in by_frequency(insight)
    ]


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(np.round(value, 12))
