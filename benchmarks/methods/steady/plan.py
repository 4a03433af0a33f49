"""The plan of steady difficulty as data: what runs, on which draws, which tests; see docs/methods/plan.md."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.methods.catalogue import FACTOR_1, LOSS, SAMPLER, Setting
from benchmarks.methods.plans import Arm, Plan, PlannedTest

EXPLORED_DRAWS = range(40, 45)
EXPLORED_SECONDS = 5 * 3600
"""Processor time that the explored runs may take."""
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
_TESTS = (
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
STEADY = Plan(
    study='steady',
    explored='steady_exploratory',
    arms=ARMS,
    draws={'mini': range(40, 60), 'digits': range(40, 80)},
    tests=_TESTS,
    more_draws=range(60, 80),
)
