"""Method against method: means and standard deviations over seeds, paired tests, gains and losses of every class."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cdb_video.class_names import counted
from cdb_video.difficulty.formulas import FloatVector
from cdb_video.host_words import units, words_now
from cdb_video.report.class_report.metrics import LOWER_IS_BETTER, METRIC_LABELS, metric_label
from cdb_video.report.compare.corrections import holm
from cdb_video.report.compare.paired_tests import Test, clip_tests, pairs_of, seed_tests
from cdb_video.report.compare.runs import ComparedRun, Method
from cdb_video.report.insight.insight import notes_on_mute
from cdb_video.report.insight.statistics import class_groups


@dataclass(frozen=True)
class Comparison:
    """What is said of the methods.

    Attributes:
        methods: In the order they were given, or are sorted by.
        baseline: Name of the method that the others are compared with.
        metrics: Names of the metrics that all runs have.
        mute: Those of them that are not shown, of groups that hold all classes with clips, or none.
        means: (method, metric) -> mean over its seeds.
        deviations: (method, metric) -> standard deviation of the sample; absent for a single seed.
        tests: (method, metric) -> paired test against the baseline.
        class_means: Method -> (C,) mean accuracy over its seeds, NaN = no clip.
        notes: What should be known, in sentences.
        others_tests: (method, other, metric) -> paired test between two methods of which none is the baseline; empty
            unless all pairs are asked for.
        gain_deviations: Method other than the baseline -> (C,) standard deviation of the difference of the class's
            accuracy over pairs of seeds, NaN = no clip; absent where there is one pair.
        has_all_pairs: Whether each method is compared with each; with two methods that is the baseline alone.
        is_corrected: Whether the p-values have been corrected by Holm too.
    """

    methods: tuple[Method, ...]
    baseline: str
    metrics: tuple[str, ...]
    mute: frozenset[str]
    means: dict[tuple[str, str], float]
    deviations: dict[tuple[str, str], float]
    tests: dict[tuple[str, str], Test]
    class_means: dict[str, FloatVector]
    notes: tuple[str, ...]
    others_tests: dict[tuple[str, str, str], Test]
    gain_deviations: dict[str, FloatVector]
    is_corrected: bool = False
    has_all_pairs: bool = False

    @property
    def shown(self) -> list[str]:
        """The metrics that are shown."""
        return [metric for metric in self.metrics if metric not in self.mute]

    @property
    def others(self) -> list[Method]:
        """The methods but the baseline."""
        return [method for method in self.methods if method.name != self.baseline]

    @property
    def shown_tests(self) -> Iterator[tuple[str, str, str, Test]]:
        """Method, against which, metric and test of the metrics that are shown; those against the baseline first."""
        for (method, metric), test in self.tests.items():
            if metric not in self.mute:
                yield method, self.baseline, metric, test
        for (method, other, metric), test in self.others_tests.items():
            if metric not in self.mute:
                yield method, other, metric, test


def compare(
    methods: Sequence[Method],
    baseline: str | None = None,
    *,
    all_pairs: bool = False,
    corrected: bool = False,
    sort_by: str | None = None,
) -> Comparison:
    """Compare methods with one of them.

    Args:
        methods: One or more.
        baseline: Name of a method, or the path of one of its runs; None = the first method.
        all_pairs: Whether each method is compared with each.
        corrected: Whether the p-values that are shown are corrected by Holm too, over all of them.
        sort_by: Name of a metric by whose mean the methods are sorted, the best first; None = as they were given.

    Raises:
        ValueError: If there is no such method, or no such metric of all runs.
    """
    name = _baseline_name(methods, baseline)
    runs = [run for method in methods for run in method.runs]
    shared = [key for key in METRIC_LABELS if all(key in run.insight.metrics for run in runs)]
    differing = [key for key in _differing_groups(runs) if key in shared]
    metrics = [key for key in shared if key not in differing]
    mute = frozenset(metrics) & frozenset().union(*(run.insight.mute_groups for run in runs))
    values = {(m.name, key): [run.insight.metrics[key] for run in m.runs] for m in methods for key in metrics}
    means = {key: statistics.fmean(found) for key, found in values.items()}
    if sort_by is not None:
        methods = _sorted(methods, means, sort_by, [key for key in metrics if key not in mute])
    base = next(method for method in methods if method.name == name)
    others = [method for method in methods if method.name != name]
    pairs = [(method, base) for method in others]
    if all_pairs:
        pairs += [(second, first) for first, second in itertools.combinations(others, 2)]
    tests, notes = _tests(pairs, metrics)
    if corrected:
        tests = _corrected(tests, mute)
    return Comparison(
        methods=tuple(methods),
        baseline=name,
        metrics=tuple(metrics),
        mute=mute,
        means=means,
        deviations={key: statistics.stdev(found) for key, found in values.items() if len(found) > 1},
        tests={(one, metric): test for (one, other, metric), test in tests.items() if other == name},
        class_means={method.name: np.mean([run.accuracy for run in method.runs], axis=0) for method in methods},
        notes=(*notes, *_notes(methods, differing, mute)),
        others_tests={key: test for key, test in tests.items() if key[1] != name},
        gain_deviations=_gain_deviations(others, base),
        is_corrected=corrected,
        has_all_pairs=all_pairs,
    )


def _tests(
    compared: Sequence[tuple[Method, Method]], metrics: Sequence[str]
) -> tuple[dict[tuple[str, str, str], Test], list[str]]:
    """A test of every two methods and metric, and what should be known of the pairs of runs."""
    found: dict[tuple[str, str, str], Test] = {}
    notes = []
    for method, other in compared:
        pairs, note = pairs_of(method, other)
        notes += [note] if note else []
        tests = seed_tests(pairs, metrics) if len(pairs) > 1 else clip_tests(pairs[0], metrics)
        found |= {(method.name, other.name, metric): test for metric, test in tests.items()}
    return found, notes


def _corrected(tests: dict[tuple[str, str, str], Test], mute: Collection[str]) -> dict[tuple[str, str, str], Test]:
    """The tests with Holm's correction over those that are shown and have a p-value."""
    p_values = {key: one.p_value for key, one in tests.items() if key[2] not in mute and one.p_value is not None}
    p_holm = dict(zip(p_values, holm(list(p_values.values())), strict=True))
    return {key: replace(test, p_holm=p_holm.get(key)) for key, test in tests.items()}


def _gain_deviations(others: Sequence[Method], base: Method) -> dict[str, FloatVector]:
    """How much the gain of every class differs between pairs of seeds, of the methods with several pairs."""
    found = {}
    for method in others:
        gains = np.array([run.accuracy - other.accuracy for run, other in pairs_of(method, base)[0]])
        if len(gains) > 1:
            found[method.name] = gains.std(axis=0, ddof=1)
    return found


def _sorted(
    methods: Sequence[Method], means: dict[tuple[str, str], float], metric: str, shown: Sequence[str]
) -> list[Method]:
    """The methods by their mean of a metric, the best first; the order given where two are alike."""
    if metric not in shown:
        raise ValueError(f'--sort {metric}: must be one of the metrics that all runs have: {", ".join(shown)}')
    sign = 1 if metric in LOWER_IS_BETTER else -1
    return sorted(methods, key=lambda method: sign * means[method.name, metric])


def _notes(methods: Sequence[Method], differing: Sequence[str], mute: Collection[str]) -> list[str]:
    """What should be known of the runs: settings, groups and lengths that differ, and what they were evaluated on."""
    runs = [run for method in methods for run in method.runs]
    notes = [
        f'The runs of {method.name} differ in {", ".join(method.differing)}, as --cfg-options makes it, and not '
        'only in their seeds: --group NAME=RUN,RUN makes methods of them.'
        for method in methods
        if method.differing
    ]
    if differing:
        notes.append(
            f'The runs have different classes in the groups by training {_grouped_by()}, since these or the thresholds '
            'differ: '
            f'{", ".join(metric_label(key) for key in differing)} cannot be compared.'
        )
    splits = sorted({run.insight.split for run in runs})
    return [*notes, *notes_on_mute(mute), *_other_lengths(runs), f'Evaluated on: {", ".join(splits)}.']


def _grouped_by() -> str:
    return 'images' if words_now().has_objects else units()


def _differing_groups(runs: Sequence[ComparedRun]) -> list[str]:
    """The groups by training clips that do not hold the same classes in all runs of which the clips are known."""
    masks = [
        class_groups(run.insight.run.group_counts, run.insight.shot_thresholds, run.insight.head_threshold)
        for run in runs
        if run.insight.run.group_counts is not None
    ]
    return [name for name in masks[0] if any((mask[name] != masks[0][name]).any() for mask in masks)] if masks else []


def _other_lengths(runs: Sequence[ComparedRun]) -> list[str]:
    """A sentence on runs that were not trained equally long, as far as that is known."""
    by_length: dict[tuple[int, str], list[str]] = {}
    for run in runs:
        if run.length is not None:
            by_length.setdefault(run.length, []).append(str(run.path))
    if len(by_length) < 2:
        return []
    listed = '; '.join(f'{counted(*length)}: {", ".join(paths)}' for length, paths in sorted(by_length.items()))
    return [
        f'The runs were not trained equally long, and may differ for that alone: {listed}. '
        'A second stage counts without its first.'
    ]


def _baseline_name(methods: Sequence[Method], baseline: str | None) -> str:
    if baseline is None:
        return methods[0].name
    for method in methods:
        if baseline == method.name or Path(baseline).resolve() in {run.path.resolve() for run in method.runs}:
            return method.name
    names = ', '.join(method.name for method in methods)
    raise ValueError(f'baseline {baseline!r} is none of the methods {names}: name one of them, or one of the runs')
