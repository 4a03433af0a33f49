"""The plan of real pictures as data: what runs on long-tailed Fashion-MNIST, and what is tested.

See docs/methods/fashion_plan.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.methods.catalogue import LOSS
from benchmarks.methods.fashion.draws import HARD_FREQUENT, MILD
from benchmarks.methods.plans import Arm, Item, Plan, PlannedTest, all_pairs
from benchmarks.methods.steady.plan import ARMS

EXPLORED_DRAWS = range(80, 85)


def _as_on_video(name: str) -> Arm:
    """An arm of steady difficulty with the setting that it has on EGTEA-mini: nothing is tuned."""
    return Arm(ARMS[name].method, ARMS[name].setting_on('mini'))


FASHION_ARMS: Mapping[str, Arm] = {
    **{name: _as_on_video(name) for name in ('bs', 'bs_cdba', 'ce', 'cdbw', 'cdbs', 'balanced')},
    **{name: _as_on_video(name) for name in ('bs_all', 'bs_all_cross_fit', 'cdba')},
    'cb': Arm('cb', {f'{LOSS}.beta': 0.99}),
    **{name: _as_on_video(name) for name in ('ldam_drw', 'bs_bias')},
}
FASHION = Plan(
    study='fashion',
    explored='fashion_exploratory',
    arms=FASHION_ARMS,
    draws={'fashion': range(80, 90)},
    tests=(
        PlannedTest(1, 'fashion', 'bs_cdba', 'bs'),
        PlannedTest(2, 'fashion', 'cdbw', 'ce', 'mean1'),
        PlannedTest(3, 'fashion', 'cdbs', 'balanced', 'mean1'),
        PlannedTest(4, 'fashion', 'bs_all_cross_fit', 'bs_all'),
    ),
)


def _of_variant(variant: str, names: Sequence[str]) -> dict[str, Arm]:
    return {f'{name}, {variant}': Arm(FASHION_ARMS[name].method, FASHION_ARMS[name].setting, variant) for name in names}


def _item(title: str, variant: str, names: Sequence[str]) -> Item:
    arms = _of_variant(variant, names)
    base, *others = arms
    combined, balanced_softmax = f'bs_cdba, {variant}', f'bs, {variant}'
    return Item(title, arms, (*all_pairs(others, base), (combined, balanced_softmax)))


FASHION_ITEMS = (
    _item('The hard classes are the frequent ones', HARD_FREQUENT, ('ce', 'bs', 'cdbw', 'cdbs', 'bs_cdba')),
    _item('Imbalance 10', MILD, ('ce', 'bs', 'cdbs', 'bs_cdba')),
)
"""In the order of the plan; on `EXPLORED_DRAWS`."""
