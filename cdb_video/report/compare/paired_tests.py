"""Paired tests of a method against another: over seeds they share, or over the clips of one seed each."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cdb_video.class_names import counted
from cdb_video.difficulty.formulas import FloatVector
from cdb_video.host_words import units
from cdb_video.report.class_report.metrics import AP_LABELS
from cdb_video.report.compare.runs import ComparedRun, Method
from cdb_video.report.insight.intervals import bootstrap, percentile_interval
from cdb_video.report.insight.statistics import Outcomes, class_groups

REPEATS = 2000
_ROUNDING = 1e-12
"""Differences of shares that differ by less are equal but for rounding, from which a test would make certainty."""
_NOT_OF_SEEDS = 'says nothing of other seeds'
_NO_DRAWS = 'one seed: no test, since an average precision cannot be told from the answers for single objects'


@dataclass(frozen=True)
class Test:
    """A paired test of a difference between a method and another, as the baseline.

    Attributes:
        difference: Method less the other, of the pairs.
        p_value: Two-sided; None = there is no test, `how` says why.
        interval: 95 % interval of the difference; None without a test.
        how: The test, in words.
        one_seed: Whether it is over the clips of one seed each, so that it says nothing of other seeds.
        p_holm: The p-value by Holm's correction over all tests shown; None = it was not asked for, or there is no test.
    """

    difference: float
    p_value: float | None
    interval: tuple[float, float] | None
    how: str
    one_seed: bool = False
    p_holm: float | None = None


def pairs_of(method: Method, base: Method) -> tuple[list[tuple[ComparedRun, ComparedRun]], str | None]:
    """Runs of the same seed, in the order given where no seeds are known; and what is left without a partner."""
    by_seed = {run.seed: run for run in base.runs if run.seed is not None}
    pairs = [(run, by_seed[run.seed]) for run in method.runs if run.seed in by_seed]
    notes = []
    if not pairs:
        pairs = list(zip(method.runs, base.runs, strict=False))
        notes.append(f'{method.name} and {base.name} share no known seed: their runs are paired in the order given.')
    paired = {run.path for pair in pairs for run in pair}
    alone = [str(run.path) for run in (*base.runs, *method.runs) if run.path not in paired]
    if alone:
        notes.append(
            f'The tests of {method.name} against {base.name} are over {counted(len(pairs), "pair")} of runs; without a '
            f'partner, and in the means only: {", ".join(alone)}.'
        )
    return pairs, ' '.join(notes) or None


def seed_tests(pairs: Sequence[tuple[ComparedRun, ComparedRun]], metrics: Sequence[str]) -> dict[str, Test]:
    """Student's paired t-test over the seeds."""
    from scipy import stats

    how = f'paired t-test over {len(pairs)} seeds'
    tests = {}
    for metric in metrics:
        differences = [run.insight.metrics[metric] - base.insight.metrics[metric] for run, base in pairs]
        mean, spread = statistics.fmean(differences), statistics.stdev(differences)
        if spread < _ROUNDING:
            tests[metric] = Test(mean, None, None, f'{how}: all differences are equal, so there is no test')
            continue
        error = spread / len(pairs) ** 0.5
        p_value = 2 * float(stats.t.sf(abs(mean) / error, len(pairs) - 1))
        half = float(stats.t.ppf(0.975, len(pairs) - 1)) * error
        tests[metric] = Test(mean, p_value, (mean - half, mean + half), how)
    return tests


def clip_tests(pair: tuple[ComparedRun, ComparedRun], metrics: Sequence[str]) -> dict[str, Test]:
    """One seed each: tests over the clips, which say nothing of the spread between seeds, as each of them says."""
    run, base = pair
    plain = {metric: run.insight.metrics[metric] - base.insight.metrics[metric] for metric in metrics}
    one, other = run.outcomes, base.outcomes
    if one is None or other is None:
        how = f'one seed, and {_why_not_paired(pair)}: no test'
        return {metric: Test(difference, None, None, how) for metric, difference in plain.items()}
    draws = _paired_draws(run, one, other)
    return {
        metric: _clip_test(metric, difference, draws[metric], one, other)
        if metric in draws
        else Test(difference, None, None, _NO_DRAWS)
        for metric, difference in plain.items()
        if metric in draws or metric in AP_LABELS
    }


def _why_not_paired(pair: tuple[ComparedRun, ComparedRun]) -> str:
    """Why the clips of two runs cannot be brought together by their names."""
    dumps = [run.insight.run.dumped for run in pair]
    if any(dump is None or dump.clip_names is None for dump in dumps):
        return f'no dumps that name their {units()}'
    return f'{units()} that share a path, so that they cannot be paired'


def _paired_draws(run: ComparedRun, one: Outcomes, other: Outcomes) -> Mapping[str, FloatVector]:
    """Differences of the metrics over draws of sessions (of clips where there are none) that are the same for both."""
    insight = run.insight
    groups = class_groups(insight.run.group_counts, insight.shot_thresholds, insight.head_threshold)
    # The same seed draws the same sessions, since both have the same clips in the same order.
    first, second = (bootstrap(outcomes, groups, repeats=REPEATS) for outcomes in (one, other))
    return {metric: first[metric] - second[metric] for metric in first if metric in second}


def _clip_test(metric: str, difference: float, draws: FloatVector, one: Outcomes, other: Outcomes) -> Test:
    interval = percentile_interval(draws)
    if metric == 'top1':
        p_value = mcnemar(one.labels == one.predicted, other.labels == other.predicted)
        how = f"one seed: McNemar's exact test over the {units()}"
        return Test(difference, p_value, interval, f'{how}; {_NOT_OF_SEEDS}', one_seed=True)
    values = draws[~np.isnan(draws)]
    # One is added so that no p-value is 0 after a finite number of draws.
    below, above = ((values <= 0).sum(), (values >= 0).sum())
    p_value = min(1.0, 2 * (1 + float(min(below, above))) / (1 + len(values)))
    how = f'one seed: paired bootstrap over {units() if one.groups is None else one.drawn}'
    return Test(difference, p_value, interval, f'{how}; {_NOT_OF_SEEDS}', one_seed=True)


def mcnemar(right: NDArray[np.bool_], base_right: NDArray[np.bool_]) -> float:
    """McNemar's exact test of two classifiers on the same clips: the two-sided p-value.

    Args:
        right: (N,) whether each clip was right.
        base_right: (N,) the same of the other classifier.
    """
    from scipy.stats import binomtest

    better, worse = int((right & ~base_right).sum()), int((~right & base_right).sum())
    return 1.0 if better + worse == 0 else float(binomtest(better, better + worse).pvalue)
