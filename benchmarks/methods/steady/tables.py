"""Tables of the page of steady difficulty, and the table of the README."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from benchmarks.harness.results import markdown_table
from benchmarks.methods.catalogue import METHODS
from benchmarks.methods.comparisons import points
from benchmarks.methods.planned_tables import NOT_YET, SHOWN
from benchmarks.methods.planned_tests import arm_entries, compare_arms
from benchmarks.methods.plans import Arm
from benchmarks.methods.results import Runs, by_seed
from benchmarks.methods.steady.explored import ITEMS
from benchmarks.methods.steady.plan import ALIKE, ARMS, EXPLORED_DRAWS, STEADY
from benchmarks.methods.tables import NAMES

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
    for data, draws in STEADY.draws.items():
        yield NAMES[data], data, first, second, draws
    for item in ITEMS:
        for one, other in item.alike:
            yield f'EGTEA-mini, {one.partition(", ")[2]}', 'mini', item.arms[one], item.arms[other], EXPLORED_DRAWS


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
    for data, draws in STEADY.draws.items():
        found = arm_entries(runs, data, arm, draws)
        if len(found) < len(draws):
            raise ValueError(f'{name} has {len(found)} of {len(draws)} draws on {data}: run the study steady')
        cells += [f'{100 * np.mean([*by_seed(found, measure).values()]):.1f}' for measure in SHOWN]
    return [README_ROWS[name], 'yes' if METHODS[arm.method].joins else 'no', *cells]
