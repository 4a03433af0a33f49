"""Text of the page of real pictures: what the plan's runs on Fashion-MNIST gave, as far as they are there."""

from __future__ import annotations

from benchmarks.methods.fashion.plan import EXPLORED_DRAWS, FASHION, FASHION_ITEMS
from benchmarks.methods.planned_tables import NOT_YET, explored_table, progress, side_by_side, tests_table
from benchmarks.methods.results import Runs
from benchmarks.methods.tables import origin_of

INTRODUCTION = """# Fashion-MNIST, long-tailed: results

For those who want to know what class difficulty gave on real pictures: every test and number of [the
plan](fashion_plan.md), which was written before the first run, as far as it has run. Made by `python -m
benchmarks.methods.page` from `benchmarks/results/methods.jsonl`.

Percent of the 10,000 test images with 95 % intervals over draws of the training images and of the order of frequencies;
differences in points, paired by draw, their intervals not corrected. Names of methods and measures are those of the
plan. A small network, trained from scratch; all draws share one test set, so they are less independent than a t-test
takes them to be."""
TESTED = """\
The measure tested is bold. A test has p-values once all of its draws have run; Holm's correction is over all four,
those that are not whole taken as the larger ones. 'Found': p below 0.05 after correction, the measure higher, and the
mean not lower by more than 1 point."""
SIDE = """\
Restlessness: mean change of a class's accuracy from validation to validation, beside what counting so few images would
give alone. CPU s a run: with the two half-runs of cross-fitting, where there are."""
EXPLORED = 'Without tests, on the draws 80 to 84.'


def render_fashion(runs: Runs) -> str:
    """The page.

    Args:
        runs: Of the studies of Fashion-MNIST.
    """
    explored = [
        f'### {item.title}\n\n{explored_table(runs, FASHION, item, "fashion", EXPLORED_DRAWS)}'
        for item in FASHION_ITEMS
    ]
    sections = {
        'What has run': progress(runs, FASHION),
        'The four tests': f'{TESTED}\n\n{tests_table(runs, FASHION)}',
        'The methods side by side': f'{SIDE}\n\n{side_by_side(runs, FASHION, "fashion")}',
        'Explored': '\n\n'.join([EXPLORED, *explored]),
        'Where the numbers come from': origin_of(runs) if runs.entries else NOT_YET,
    }
    return '\n\n'.join([INTRODUCTION, *(f'## {title}\n\n{text}' for title, text in sections.items())]) + '\n'
