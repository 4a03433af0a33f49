"""Tables of the page of steady difficulty, and the table of the README."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from benchmarks.harness.results import markdown_table
from benchmarks.methods.catalogue import METHODS
from benchmarks.methods.comparisons import points
from benchmarks.methods.results import Entry, Runs, by_seed, converged, metric
from benchmarks.methods.steady.explored import ITEMS, Item
from benchmarks.methods.steady.plan import ALIKE, ARMS, DRAWS, EXPLORED_DRAWS, TESTS, Arm, may_have_more
from benchmarks.methods.steady.planned_tests import Tested, arm_entries, compare_arms, needs_more_draws
from benchmarks.methods.tables import NAMES, percent

SHOWN = {'mean1': 'mean', 'hmean': 'hmean', 'worst': 'worst', 'frequent': 'frequent third'}
SETS = ('mini', 'digits')
COLLAPSED_CLASSES = 5
"""Classes without a right answer from which a run on EGTEA-mini is called collapsed."""
README_ROWS = {
    'ce': 'cross-entropy',
    'cdbw': 'CDB-W, as in the papers',
    'cdbs': 'CDB-S, as in the papers',
    'balanced': 'class-balanced sampling',
    'ldam_drw': 'LDAM-DRW',
    'bs': 'balanced softmax',
    'bs_cdba': 'balanced softmax with CDB-A',
    'bs_all': 'balanced softmax, all clips',
    'bs_all_cross_fit': 'balanced softmax with cross-fitted difficulty, all clips',
}
NOT_YET = 'Not run yet.'


def tests_table(tested: Sequence[Tested], runs: Runs) -> str:
    """A row a planned test: the differences of all measures, p and what it says."""
    rows = []
    for one in tested:
        test, pair = one.test, (ARMS[one.test.first], ARMS[one.test.second])
        number = 0 if one.result is None else one.result.number
        draws = range(DRAWS[test.data][0], DRAWS[test.data][0] + one.draws)
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


def _gate(one: Tested) -> str:
    """Whether the gate of a whole test on hmean is held by the interval of the mean too."""
    if not one.is_whole or one.mean is None or one.test.measure != 'hmean':
        return ''
    return ', interval of the mean above -1' if one.mean.low > -0.01 else ', interval of the mean not above -1'


def more_draws_table(runs: Runs) -> str:
    """What the width of the intervals of hmean on EGTEA-mini decides."""
    rows = []
    for test in filter(may_have_more, TESTS):
        found = compare_arms(runs, test.data, ARMS[test.first], ARMS[test.second], DRAWS[test.data], test.measure)
        more = needs_more_draws(runs, test)
        width = '-' if found is None else f'{50 * (found.high - found.low):.2f}'
        said = {None: 'not decided yet', True: '60 to 79 too', False: 'no more draws'}[more]
        rows.append([f'`{test.first}` - `{test.second}`', width, said])
    return markdown_table(['difference', 'half-width of hmean, points', 'decided'], rows)


def side_by_side(runs: Runs, data: str) -> str:
    """All methods of the plan on its first draws."""
    rows = []
    for name, arm in ARMS.items():
        found = arm_entries(runs, data, arm, DRAWS[data])
        if found:
            lost = len(found) - len(converged(found))
            label = f'`{name}`' + (f' ({lost} diverged)' if lost else '')
            cells = [percent(by_seed(found, measure).values()) for measure in SHOWN]
            spread = f'{100 * np.std([metric(one, "mean1") for one in found], ddof=1):.1f}' if len(found) > 1 else '-'
            seconds = f'{np.median([one["cpu_seconds"] for one in converged(found)] or [np.nan]):.0f}'
            collapsed = [str(sum(map(is_collapsed, found)))] if data == 'mini' else []
            rows.append([label, f'{len(found)} of {len(DRAWS[data])}', *cells, spread, *collapsed, restless(found)])
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


def count_alike(runs: Runs) -> str:
    """In how many sets and settings CDB-A is not worse than CDB-W."""
    cases = [*_alike_cases()]
    found = [
        (name, compare_arms(runs, data, first, second, draws, 'mean1')) for name, data, first, second, draws in cases
    ]
    known = [(name, result) for name, result in found if result is not None]
    if not known:
        return NOT_YET
    rows = [[name, str(result.number), points(result)] for name, result in known]
    good = sum(result.difference >= 0 for _, result in known)
    table = markdown_table(['set and setting', 'draws', 'mean of CDB-A - CDB-W'], rows)
    return f'In {good} of {len(known)} sets and settings the mean of CDB-A is not below that of CDB-W.\n\n{table}'


def _alike_cases() -> Iterator[tuple[str, str, Arm, Arm, Sequence[int]]]:
    first, second = (ARMS[name] for name in ALIKE)
    for data in SETS:
        yield NAMES[data], data, first, second, DRAWS[data]
    for item in ITEMS:
        for one, other in item.alike:
            yield f'EGTEA-mini, {one.partition(", ")[2]}', 'mini', item.arms[one], item.arms[other], EXPLORED_DRAWS


def explored_table(runs: Runs, item: Item) -> str:
    """What an item of the explored runs gave: the arms, and their differences."""
    arms = {**ARMS, **item.arms}
    named = dict.fromkeys([*item.arms, *(name for pair in item.pairs for name in pair)])
    rows = []
    for name in named:
        found = arm_entries(runs, 'mini', arms[name], EXPLORED_DRAWS)
        if found:
            cells = [percent(by_seed(found, measure).values()) for measure in SHOWN]
            rows.append([f'`{name}`', str(len(found)), *cells, restless(found)])
    has_run = any(arm_entries(runs, 'mini', arm, EXPLORED_DRAWS) for arm in item.arms.values())
    if not has_run:
        return NOT_YET
    for one, other in item.pairs:
        gains = [compare_arms(runs, 'mini', arms[one], arms[other], EXPLORED_DRAWS, measure) for measure in SHOWN]
        if gains[0] is not None:
            cells = ['-' if gain is None else points(gain) for gain in gains]
            rows.append([f'`{one}` - `{other}`', str(gains[0].number), *cells, ''])
    return markdown_table(['', 'draws', *SHOWN.values(), 'restlessness'], rows)


def readme_table(runs: Runs) -> str:
    """The table of the README: the mean over the planned draws of every measure, in percent, on both sets.

    Raises:
        ValueError: If a row has not run on all of them.
    """
    lines = [readme_row(runs, name) for name in README_ROWS]
    mean, *others = SHOWN.values()
    header = ['', 'trains on the held-out clips', f'EGTEA-mini: {mean}', *others, f'digits: {mean}', *others]
    return markdown_table(header, lines)


def readme_row(runs: Runs, name: str) -> list[str]:
    """A row of the README's table.

    Raises:
        ValueError: If it has not run on all planned draws.
    """
    arm, cells = ARMS[name], []
    for data in SETS:
        found = arm_entries(runs, data, arm, DRAWS[data])
        if len(found) < len(DRAWS[data]):
            raise ValueError(f'{name} has {len(found)} of {len(DRAWS[data])} draws on {data}: run the study steady')
        cells += [f'{100 * np.mean([*by_seed(found, measure).values()]):.1f}' for measure in SHOWN]
    return [README_ROWS[name], 'yes' if METHODS[arm.method].joins else 'no', *cells]
