"""Text of the page of steady difficulty: what the plan's runs gave, as far as they are there."""

from __future__ import annotations

from benchmarks.methods.planned_tables import (
    NOT_YET,
    explored_table,
    more_draws_table,
    progress,
    side_by_side,
    tests_table,
)
from benchmarks.methods.results import Runs
from benchmarks.methods.steady.explored import ITEMS
from benchmarks.methods.steady.plan import EXPLORED_DRAWS, STEADY
from benchmarks.methods.steady.tables import count_alike, readme_table
from benchmarks.methods.tables import NAMES, origin_of

INTRODUCTION = """# Steady difficulty: results

For those who want to know what accumulated and cross-fitted difficulty and a class bias gave: every test and number of
[the plan](plan.md), which was written before the first run, as far as it has run. Made by `python -m
benchmarks.methods.page` from `benchmarks/results/methods.jsonl`.

Percent of the test clips with 95 % intervals over draws of the data; differences in points, paired by draw, their
intervals not corrected. Names of methods and measures are those of the plan. Two small data sets and tiny
networks, trained from scratch: these numbers rank methods here, and promise nothing for other data. The digits of all
draws are divided from the same 1797 images, so draws are less independent there than a t-test takes them to be."""
TESTED = """\
The measure tested is bold. A test has p-values once all of its draws have run; Holm's correction is over all seven,
those that are not whole taken as the larger ones. 'Found': p below 0.05 after correction, the measure higher, and the
mean not lower by more than 1 point."""
SIDE = """\
On the first draws of the plan, 40 to 59 of EGTEA-mini and 40 to 79 of the digits. Restlessness: mean change of a
class's accuracy from validation to validation, beside what counting so few clips would give alone. Collapsed: at least
5 classes without a right answer. CPU s a run: with the two half-runs of cross-fitting, where there are."""
EXPLORED = 'Without tests, on the draws 40 to 44 of EGTEA-mini, in the order of the plan.'


def render_steady(runs: Runs) -> str:
    """The page.

    Args:
        runs: Of the studies of steady difficulty.
    """
    explored = [f'### {item.title}\n\n{explored_table(runs, STEADY, item, "mini", EXPLORED_DRAWS)}' for item in ITEMS]
    sides = [f'### {NAMES[data]}\n\n{side_by_side(runs, STEADY, data)}' for data in STEADY.draws]
    sections = {
        'What has run': progress(runs, STEADY),
        'The seven tests': f'{TESTED}\n\n{tests_table(runs, STEADY)}',
        'More draws': more_draws_table(runs, STEADY),
        'The methods side by side': '\n\n'.join([SIDE, *sides]),
        'CDB-A and CDB-W wherever both ran': count_alike(runs),
        'The table of the README': readme_section(runs),
        'Explored': '\n\n'.join([EXPLORED, *explored]),
        'Where the numbers come from': origin_of(runs) if runs.entries else NOT_YET,
    }
    return '\n\n'.join([INTRODUCTION, *(f'## {title}\n\n{text}' for title, text in sections.items())]) + '\n'


def readme_section(runs: Runs) -> str:
    """The table of the README, once all of its rows have run."""
    try:
        return readme_table(runs)
    except ValueError as error:
        return f'{NOT_YET} {error}.'
