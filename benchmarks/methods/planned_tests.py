"""The tests of a plan from the runs that there are: differences, Holm, gate, more draws. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from benchmarks.methods.paired_tests import Comparison, compare_paired
from benchmarks.methods.plans import GATE, WIDEST, Arm, Plan, PlannedTest
from benchmarks.methods.results import Entry, Runs, by_seed
from cdb_video.report.compare.corrections import holm

LEVEL = 0.05


@dataclass(frozen=True)
class Tested:
    """A planned test as far as it has run.

    Attributes:
        test: What was planned.
        draws: How many it has now by the plan, with those that a wide interval gives.
        has_more: Whether the width gave it more draws; None = not decided yet, or none can be.
        result: Of the measure tested; None with fewer than 2 draws.
        mean: Of the mean class accuracy.
        p_holm: p corrected over all planned tests; None of a test that is not whole.
    """

    test: PlannedTest
    draws: int
    has_more: bool | None
    result: Comparison | None
    mean: Comparison | None
    p_holm: float | None

    @property
    def is_whole(self) -> bool:
        """Whether all of its draws have run."""
        return self.result is not None and self.result.number == self.draws

    @property
    def verdict(self) -> str:
        """'found', 'lost', 'gate missed', 'not shown', or 'not whole'."""
        if not self.is_whole or self.result is None or self.mean is None or self.p_holm is None:
            return 'not whole'
        if self.p_holm >= LEVEL:
            return 'not shown'
        if self.result.difference < 0:
            return 'lost'
        return 'found' if self.mean.difference >= GATE else 'gate missed'


def arm_entries(runs: Runs, data: str, arm: Arm, draws: Iterable[int]) -> list[Entry]:
    """The runs of an arm on some draws, by draw."""
    wanted = set(draws)
    found = runs.of(data, arm.method, arm.setting_on(data), variant=arm.variant)
    return [entry for entry in found if entry['seed'] in wanted]


def compare_arms(
    runs: Runs, data: str, first: Arm, second: Arm, draws: Iterable[int], measure: str
) -> Comparison | None:
    """Two arms on the draws that both have; None if those are fewer than 2."""
    wanted = list(draws)
    values = [by_seed(arm_entries(runs, data, arm, wanted), measure) for arm in (first, second)]
    return compare_paired(*values) if len(values[0].keys() & values[1].keys()) >= 2 else None


def needs_more_draws(runs: Runs, plan: Plan, test: PlannedTest) -> bool | None:
    """Whether the interval of a test is too wide after its first draws.

    None = not decided: they are not whole, or no more draws are planned for it. Only the width is looked at.
    """
    draws = plan.draws[test.data]
    found = compare_arms(runs, test.data, plan.arms[test.first], plan.arms[test.second], draws, test.measure)
    if not plan.may_have_more(test) or found is None or found.number < len(draws):
        return None
    return (found.high - found.low) / 2 > WIDEST


def arms_with_more_draws(runs: Runs, plan: Plan) -> frozenset[str]:
    """Names of the arms that run on the further draws of a plan.

    Raises:
        ValueError: If a comparison is not decided yet.
    """
    names: set[str] = set()
    for test in filter(plan.may_have_more, plan.tests):
        more = needs_more_draws(runs, plan, test)
        if more is None:
            raise ValueError(
                f'whether {test.first} against {test.second} gets more draws is decided when all of '
                f'{plan.draws[test.data][0]}-{plan.draws[test.data][-1]} have run: run those first'
            )
        names |= {test.first, test.second} if more else set()
    return frozenset(names)


def run_tests(runs: Runs, plan: Plan) -> list[Tested]:
    """All tests of a plan; those that are not whole have no p, and count as the larger ones in Holm's correction."""
    found = [_unadjusted(runs, plan, test) for test in plan.tests]
    p_values = [one.result.p_value for one in found if one.is_whole and one.result is not None]
    corrected = iter(holm(p_values, len(plan.tests)))
    return [replace(one, p_holm=next(corrected)) if one.is_whole else one for one in found]


def _unadjusted(runs: Runs, plan: Plan, test: PlannedTest) -> Tested:
    """A test without its corrected p."""
    more = needs_more_draws(runs, plan, test)
    draws = [*plan.draws[test.data], *(plan.more_draws if more else ())]
    pair = plan.arms[test.first], plan.arms[test.second]
    result, mean = (compare_arms(runs, test.data, *pair, draws, measure) for measure in (test.measure, 'mean1'))
    return Tested(test, len(draws), more, result, mean, None)
