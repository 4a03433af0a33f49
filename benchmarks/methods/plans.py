"""What a plan of comparisons is made of: its arms, its draws of the data and its tests. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.methods.catalogue import Setting

GATE = -0.01
"""By how much the mean may be lower for a gain of hmean to count."""
WIDEST = 0.02
"""Half-width of an interval of hmean above which there are more draws, where a plan has more."""

Pair = tuple[str, str]


@dataclass(frozen=True)
class Arm:
    """What is compared: a method with one setting.

    Attributes:
        method: A key of the catalogue.
        setting: Of it.
        variant: Of the data set; see `benchmarks.methods.data.VARIANTS`.
        own: What of the setting is a data set's own, by data set: as it was tuned for the earlier comparisons.
    """

    method: str
    setting: Setting = field(default_factory=dict)
    variant: str = ''
    own: Mapping[str, Setting] = field(default_factory=dict)

    def setting_on(self, data: str) -> Setting:
        """The setting on a data set."""
        return {**self.setting, **self.own.get(data, {})}


@dataclass(frozen=True)
class PlannedTest:
    """A planned comparison.

    Attributes:
        number: In the plan.
        data: The data set.
        first: An arm.
        second: The arm that it is compared with.
        measure: What is tested: 'hmean', where the gate on the mean holds too, or 'mean1'.
    """

    number: int
    data: str
    first: str
    second: str
    measure: str = 'hmean'


@dataclass(frozen=True)
class Plan:
    """Comparisons that were written down before their first run; Holm's correction is over all tests of one plan.

    Attributes:
        study: Name of its runs in the results.
        explored: Name of the runs that are explored after its tests.
        arms: By name, in the order in which a draw runs them.
        draws: Of every data set; a draw is also the seed of its trainings.
        tests: All that are planned.
        more_draws: Of EGTEA-mini, for tests of hmean whose interval is too wide after `draws`.
    """

    study: str
    explored: str
    arms: Mapping[str, Arm]
    draws: Mapping[str, range]
    tests: tuple[PlannedTest, ...]
    more_draws: range = range(0)

    @property
    def studies(self) -> tuple[str, str]:
        """Names of its runs in the results."""
        return self.study, self.explored

    def may_have_more(self, test: PlannedTest) -> bool:
        """Whether more draws are planned for a test whose interval is too wide."""
        return bool(self.more_draws) and test.data == 'mini' and test.measure == 'hmean'


@dataclass(frozen=True)
class Item:
    """A question that is explored after the tests of a plan.

    Attributes:
        title: What is asked.
        arms: By name, those that the plan's tests do not have.
        pairs: Names of arms that are compared, the plan's among them.
        alike: CDB-A and CDB-W in one setting, for the count of all; empty = the item has no such pair.
    """

    title: str
    arms: Mapping[str, Arm]
    pairs: tuple[Pair, ...]
    alike: tuple[Pair, ...] = ()


def all_pairs(firsts: Sequence[str], *seconds: str) -> tuple[Pair, ...]:
    """Each of `firsts` with each of `seconds`."""
    return tuple((first, second) for first in firsts for second in seconds)
