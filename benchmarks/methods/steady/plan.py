"""The plan of steady difficulty as data: what runs, on which draws, which tests; see docs/methods/plan.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmarks.methods.catalogue import FACTOR_1, LOSS, SAMPLER, Setting

STUDY, EXPLORED = 'steady', 'steady_exploratory'
STUDIES = (STUDY, EXPLORED)
DRAWS: Mapping[str, range] = {'mini': range(40, 60), 'digits': range(40, 80)}
MORE_DRAWS = range(60, 80)
"""Of EGTEA-mini, for comparisons whose interval is too wide after `DRAWS`."""
WIDEST = 0.02
"""Half-width of an interval of hmean above which there are more draws."""
GATE = -0.01
"""By how much the mean may be lower for a gain of hmean to count."""
EXPLORED_DRAWS = range(40, 45)
EXPLORED_SECONDS = 5 * 3600
"""Processor time that the explored runs may take."""


@dataclass(frozen=True)
class Arm:
    """What is compared: a method with one setting.

    Attributes:
        method: A key of the catalogue.
        setting: Of it.
        variant: Of EGTEA-mini; see `benchmarks.methods.data.VARIANTS`.
        own: What of the setting is a data set's own, by data set: as it was tuned for the earlier comparisons.
    """

    method: str
    setting: Setting = field(default_factory=dict)
    variant: str = ''
    own: Mapping[str, Setting] = field(default_factory=dict)

    def setting_on(self, data: str) -> Setting:
        """The setting on a data set."""
        return {**self.setting, **self.own.get(data, {})}


CDBW: Setting = {f'{LOSS}.tau': 0.5}
CDBA: Setting = {f'{LOSS}.strength': 9}
BS_CDBA: Setting = {f'{LOSS}.strength': 3}
ARMS: Mapping[str, Arm] = {
    'bs': Arm('balsoftmax', FACTOR_1),
    'bs_cdba': Arm('bs_cdba', BS_CDBA),
    'cdbw': Arm('cdbw', CDBW),
    'cdba': Arm('cdba', CDBA),
    'bs_all': Arm('balsoftmax_all'),
    'bs_all_cross_fit': Arm('bs_all_cross_fit', BS_CDBA),
    'ce': Arm('ce'),
    'cdbs': Arm('cdbs', own={'digits': {f'{SAMPLER}.tau': 0.5}, 'mini': {f'{SAMPLER}.tau': 1}}),
    'balanced': Arm('balanced'),
    'ldam_drw': Arm('ldam_drw', own={'digits': {f'{LOSS}.scale': 30.0}, 'mini': {f'{LOSS}.scale': 10.0}}),
    'bs_bias': Arm('bs_bias'),
}
"""Of the plan, in the order in which a draw runs them: `bs_bias` takes the checkpoint of `bs`."""


@dataclass(frozen=True)
class PlannedTest:
    """A planned comparison.

    Attributes:
        number: In the plan, 1 to 4.
        data: The data set.
        first: An arm.
        second: The arm that it is compared with.
        measure: What is tested.
    """

    number: int
    data: str
    first: str
    second: str
    measure: str = 'hmean'


TESTS = (
    PlannedTest(1, 'mini', 'cdba', 'cdbw', 'mean1'),
    PlannedTest(2, 'mini', 'bs_cdba', 'bs'),
    PlannedTest(2, 'digits', 'bs_cdba', 'bs'),
    PlannedTest(3, 'mini', 'bs_all_cross_fit', 'bs_all'),
    PlannedTest(3, 'digits', 'bs_all_cross_fit', 'bs_all'),
    PlannedTest(4, 'mini', 'bs_bias', 'bs'),
    PlannedTest(4, 'digits', 'bs_bias', 'bs'),
)
ALIKE = ('cdba', 'cdbw')
"""Counted over all sets and settings on which both ran."""


def may_have_more(test: PlannedTest) -> bool:
    """Whether more draws are planned for a test whose interval is too wide."""
    return test.data == 'mini' and test.measure == 'hmean'
