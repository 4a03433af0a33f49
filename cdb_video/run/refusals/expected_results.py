"""What an evaluation will return, as far as that can be known before its first batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric, DumpResults, Evaluator

from cdb_video.difficulty.formulas import IntVector
from cdb_video.hosts.host import hosts
from cdb_video.metrics.class_accuracy import ClassAccuracy


@dataclass(eq=False)
class ExpectedResults:
    """The results of the metrics of an evaluation, before there are any.

    Attributes:
        values: Key -> a result of the kind that will be returned, in their order; only the kind counts.
        owners: Key -> the name of the metric that returns it.
        unknown: Prefixes of the metrics whose results are not known; None among them = one without a prefix.
        first: The key of the first result of all; None = not known, or there is none.
    """

    values: dict[str, Any] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    unknown: list[str | None] = field(default_factory=list)
    first: str | None = None

    def may_have(self, key: str) -> bool:
        """Whether a result of that key will be returned, or could be."""
        return key in self.values or any(prefix is None or key.startswith(f'{prefix}/') for prefix in self.unknown)

    def is_number(self, key: str) -> bool:
        """Whether that result is a number, so that one can be better than another; not known = it may be."""
        return key not in self.values or _is_number(self.values[key])

    @property
    def numbers(self) -> list[str]:
        """The keys of the results that are numbers."""
        return [key for key in self.values if self.is_number(key)]


def expected_results(
    evaluator: str, metrics: Sequence[Any], num_clips: IntVector | None, *, is_joined: bool = True
) -> ExpectedResults:
    """Find out what an evaluation will return.

    What ClassAccuracy returns is known. Hosts know their own metrics, some of them by trying these on made-up samples.
    Of other metrics nothing is known but the prefix: to try them could write files. To them belong classes derived from
    ClassAccuracy with a `compute_metrics` of their own, unless they have a `result_keys` to go with it.

    Args:
        evaluator: 'val_evaluator' or 'test_evaluator', for messages.
        metrics: All of them, in their order.
        num_clips: (C,) int >= 0, clips of each class in the evaluated set; None = not known.
        is_joined: Whether the results are those of the metrics, joined; see `joins_results`.

    Raises:
        ValueError: If two metrics return a result of the same key, which mmengine finds after the last batch.
    """
    if not is_joined:
        return ExpectedResults(unknown=[None])
    # A model with several score vectors a sample, by which results are named, does not go with ClassAccuracy.
    has_one_score = any(isinstance(metric, ClassAccuracy) for metric in metrics)
    expected = ExpectedResults()
    for metric in metrics:
        found = _results(metric, num_clips, has_one_score)
        if found is None:
            expected.unknown.append(metric.prefix or None if _joins_prefix(metric) else None)
            continue
        for key, value in found.items():
            if key in expected.values:
                raise ValueError(_clash(evaluator, key, expected.owners[key], metric))
            if not expected.values and not expected.unknown:
                expected.first = key
            expected.values[key], expected.owners[key] = value, type(metric).__name__
    return expected


def joins_results(evaluator: Any) -> bool:
    """Whether an evaluator returns the results of its metrics as mmengine's does; another may rename them."""
    return _evaluate_of(evaluator) is Evaluator.evaluate


def _joins_prefix(metric: Any) -> bool:
    """Whether a metric names its results by its prefix; one with an `evaluate` of its own need not."""
    return _evaluate_of(metric) in (BaseMetric.evaluate, ClassAccuracy.evaluate)


def _evaluate_of(part: Any) -> Any:
    """The function behind `evaluate`; another one where somebody has put one of his own in its place, as hooks do."""
    method = getattr(part, 'evaluate', None)
    return getattr(method, '__func__', method)


def _says_its_keys(kind: type[ClassAccuracy]) -> bool:
    """Whether `result_keys` goes with `compute_metrics`: a class that overrides the second alone may return more."""
    homes = [next(base for base in kind.__mro__ if name in vars(base)) for name in ('result_keys', 'compute_metrics')]
    return issubclass(*homes)


def _results(metric: Any, num_clips: IntVector | None, has_one_score: bool) -> Mapping[str, Any] | None:
    """What a metric will return, by key; None = not known."""
    if isinstance(metric, DumpResults):
        return {}
    if not _joins_prefix(metric):
        return None
    if isinstance(metric, ClassAccuracy):
        if num_clips is None or not _says_its_keys(type(metric)):
            return None
        return dict.fromkeys(metric.result_keys(num_clips), 0.0)
    for host in hosts():
        found = host.results_of(metric, has_one_score=has_one_score)
        if found is not None:
            return {f'{metric.prefix}/{name}' if metric.prefix else name: value for name, value in found.items()}
    return None


def _clash(evaluator: str, key: str, owner: str, metric: Any) -> str:
    names = [owner, type(metric).__name__]
    other = next((name for name in names if name != 'ClassAccuracy'), names[1])
    remedy = f"give {other} a prefix of its own, such as prefix='{other.lower()}'"
    if set(names) == {'AccMetric', 'ClassAccuracy'}:
        remedy = f'leave out AccMetric, for ClassAccuracy returns all that it does; or {remedy}'
    elif names[0] == names[1]:
        remedy = 'leave out one of them, or give one a prefix of its own: prefix=...'
    rule = f'both return {key!r}, and no result may have the key of another'
    return f'{evaluator}: {names[0]} and {names[1]} {rule}: {remedy}'


def _is_number(value: Any) -> bool:
    """Whether a result can be compared with another one of its kind."""
    if isinstance(value, str) or value is None:
        return False
    try:
        return bool(np.ndim(float(value)) == 0)
    except (TypeError, ValueError, RuntimeError):
        return False
