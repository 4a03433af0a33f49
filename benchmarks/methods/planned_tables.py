"""Tables of a plan, as far as it has run: its tests, more draws, its arms side by side, what is explored after it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.harness.results import markdown_table
from benchmarks.methods.comparisons import points
from benchmarks.methods.planned_tests import Tested, arm_entries, compare_arms, needs_more_draws, run_tests
from benchmarks.methods.plans import Item, Plan
from benchmarks.methods.results import Entry, Runs, by_seed, converged, metric
from benchmarks.methods.tables import NAMES, percent

SHOWN = {'mean1': 'mean', 'hmean': 'hmean', 'worst': 'worst', 'frequent': 'frequent third'}
COLLAPSED_CLASSES = 5
"""Classes without a right answer from which a run on EGTEA-mini is called collapsed."""
NOT_YET = 'Not run yet.'


def progress(runs: Runs, plan: Plan) -> str:
    """How many of the planned runs there are."""
    said = []
    for data in plan.draws:
        number = sum(len(arm_entries(runs, data, arm, plan.draws[data])) for arm in plan.arms.values())
        whole = sum(
            all(arm_entries(runs, data, arm, [draw]) for arm in plan.arms.values()) for draw in plan.draws[data]
        )
        planned = len(plan.arms) * len(plan.draws[data])
        said.append(
            f'{NAMES[data]}: {number} of {planned} planned runs, {whole} of {len(plan.draws[data])} draws are whole.'
        )
    return '\n'.join(f'- {text}' for text in said)


def tests_table(runs: Runs, plan: Plan) -> str:
    """A row a planned test: the differences of all measures, p and what it says."""
    rows = []
    for one in run_tests(runs, plan):
        test, pair = one.test, (plan.arms[one.test.first], plan.arms[one.test.second])
        number = 0 if one.result is None else one.result.number
        draws = _draws_of(plan, one)
        cells = []
        for measure in SHOWN:
            found = compare_arms(runs, test.data, *pair, draws, measure)
            text = '-' if found is None else points(found)
            cells.append(f'**{text}**' if found is not None and measure == test.measure else text)
        p_values = (
            [f'{one.result.p_value:.2g}', f'{one.p_holm:.2g}']
            if one.result is not None and one.p_holm is not None
            else ['-', '-']
        )
        name = f'`{test.first}` - `{test.second}`'
        rows.append([str(test.number), NAMES[test.data], name, f'{number} of {one.draws}', *cells, *p_values])
        rows[-1].append(one.verdict + _gate(one))
    header = ['', 'data', 'difference', 'draws', *SHOWN.values(), 'p', 'p, Holm', 'verdict']
    return markdown_table(header, rows)


def _draws_of(plan: Plan, one: Tested) -> list[int]:
    """The draws that a test has by now."""
    return [*plan.draws[one.test.data], *(plan.more_draws if one.has_more else ())]


def _gate(one: Tested) -> str:
    """Whether the gate of a whole test on hmean is held by the interval of the mean too."""
    if not one.is_whole or one.mean is None or one.test.measure != 'hmean':
        return ''
    return ', interval of the mean above -1' if one.mean.low > -0.01 else ', interval of the mean not above -1'


def more_draws_table(runs: Runs, plan: Plan) -> str:
    """What the width of the intervals of hmean on EGTEA-mini decides."""
    rows = []
    for test in filter(plan.may_have_more, plan.tests):
        found = compare_arms(
            runs, test.data, plan.arms[test.first], plan.arms[test.second], plan.draws[test.data], test.measure
        )
        more = needs_more_draws(runs, plan, test)
        width = '-' if found is None else f'{50 * (found.high - found.low):.2f}'
        said = {
            None: 'not decided yet',
            True: f'{plan.more_draws[0]} to {plan.more_draws[-1]} too',
            False: 'no more draws',
        }[more]
        rows.append([f'`{test.first}` - `{test.second}`', width, said])
    return markdown_table(['difference', 'half-width of hmean, points', 'decided'], rows)


def side_by_side(runs: Runs, plan: Plan, data: str) -> str:
    """All arms of a plan on its first draws."""
    rows = []
    for name, arm in plan.arms.items():
        found = arm_entries(runs, data, arm, plan.draws[data])
        if found:
            lost = len(found) - len(converged(found))
            label = f'`{name}`' + (f' ({lost} diverged)' if lost else '')
            cells = [percent(by_seed(found, measure).values()) for measure in SHOWN]
            spread = f'{100 * np.std([metric(one, "mean1") for one in found], ddof=1):.1f}' if len(found) > 1 else '-'
            seconds = f'{np.median([one["cpu_seconds"] for one in converged(found)] or [np.nan]):.0f}'
            collapsed = [str(sum(map(is_collapsed, found)))] if data == 'mini' else []
            rows.append(
                [label, f'{len(found)} of {len(plan.draws[data])}', *cells, spread, *collapsed, restless(found)]
            )
            rows[-1].append(seconds)
    collapsed_header = ['collapsed'] if data == 'mini' else []
    header = ['method', 'draws', *SHOWN.values(), 'sd of the mean', *collapsed_header, 'restlessness', 'CPU s a run']
    return markdown_table(header, rows) if rows else NOT_YET


def is_collapsed(entry: Entry) -> bool:
    """Whether several classes of a run have no right answer at all."""
    return sum(right == 0 for right in entry['num_correct']) >= COLLAPSED_CLASSES


def restless(entries: Sequence[Entry]) -> str:
    """The mean change of the classes from validation to validation, and what counting alone would give."""
    found = [entry['restlessness'] for entry in entries if entry.get('restlessness')]
    if not found:
        return '-'
    change, noise = (np.mean([one[name] for one in found]) for name in ('change', 'noise'))
    return f'{change:.3f} (counting alone {noise:.3f})'


def explored_table(runs: Runs, plan: Plan, item: Item, data: str, draws: range) -> str:
    """What an item of the explored runs gave: the arms, and their differences."""
    arms = {**plan.arms, **item.arms}
    named = dict.fromkeys([*item.arms, *(name for pair in item.pairs for name in pair)])
    rows = []
    for name in named:
        found = arm_entries(runs, data, arms[name], draws)
        if found:
            cells = [percent(by_seed(found, measure).values()) for measure in SHOWN]
            rows.append([f'`{name}`', str(len(found)), *cells, restless(found)])
    has_run = any(arm_entries(runs, data, arm, draws) for arm in item.arms.values())
    if not has_run:
        return NOT_YET
    for one, other in item.pairs:
        gains = [compare_arms(runs, data, arms[one], arms[other], draws, measure) for measure in SHOWN]
        if gains[0] is not None:
            cells = ['-' if gain is None else points(gain) for gain in gains]
            rows.append([f'`{one}` - `{other}`', str(gains[0].number), *cells, ''])
    return markdown_table(['', 'draws', *SHOWN.values(), 'restlessness'], rows)
