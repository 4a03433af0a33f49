"""Render the pages of results and their pictures from the runs in results/methods.jsonl.

    python -m benchmarks.methods.page

docs/methods/all_results.md has the runs of the earlier studies, docs/methods/steady_results.md those of steady
difficulty, docs/methods/fashion_results.md those of real pictures. They are made anew from all runs that there are, and
say how many; see docs/methods/plan.md for what was planned.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.harness.results import REPOSITORY, RESULTS, command_parser
from benchmarks.methods.comparisons import (
    comparison_table,
    confirmed,
    factors,
    primary_cases,
    steps,
    without_validation,
)
from benchmarks.methods.fashion.page import render_fashion
from benchmarks.methods.fashion.plan import FASHION
from benchmarks.methods.pictures import draw
from benchmarks.methods.results import RESULTS_NAME, Runs, is_tuned, read_results
from benchmarks.methods.steady.page import render_steady
from benchmarks.methods.steady.plan import STEADY
from benchmarks.methods.tables import NAMES, all_methods, correlation, curves, origin_of, stronger, tuning_of

PLANNED_PAGES = ((STEADY, 'steady_results.md', render_steady), (FASHION, 'fashion_results.md', render_fashion))
"""Pages of the plans that have one of their own, beside that of the earlier studies."""
PLANNED = 8
"""Primary comparisons: four on each data set."""
INTRODUCTION = """# All results of the methods

For those who look up or check a single number: every method, comparison and setting. What they show is in
[results](results.md), what was decided before them in the [plan](plan.md). Made by `python -m benchmarks.methods.page`
from `benchmarks/results/methods.jsonl`.

Percent, with 95 % intervals over seeds. Two small data sets with a tiny network,
trained from scratch: these numbers rank methods here, and promise nothing for EGTEA. What the intervals and tests do
not cover: the digits of all seeds are divided from the same 1797 images, so seeds are less independent than a t-test
takes them to be; and EGTEA-mini is one data set, on which the seeds are of the training alone; only in the
confirmation each seed has a draw of its own."""
EXPLORATORY = """\
Exploratory but for the points of mean class accuracy in the comparisons above; the columns beside them have no tests.
Few-shot: classes with fewer than 20 training clips; frequent third: the 4 of 10 and 7 of 19 classes with the most
training clips; worst class: of each run, so it need not be the same one; s a run: by the clock,
on cores that did other work too (benchmarks/results/online_cost_digits.md compares what validating costs)."""
PARTS = """\
Exploratory: methods that use difficulty beside what they build on, seed by seed. Each has its own tuned setting, so a
difference is not of the part alone. CDB-S at tau 0 is class-balanced sampling."""
FRESH = """\
Planned before these runs, on EGTEA-mini after looking at the other ones ([plan](plan.md), Changes).
Every seed has data of its own, of EGTEA-mini too; settings are those of the tuning below. Holm's correction is over the
tests on one data set; the second table has no tests, and what no test names is for reference or was added later."""
SAME_FACTOR = """\
Tuning gave balanced softmax another factor on the class frequencies on EGTEA-mini, 1.5, than the combination has, 1. So
part of their difference there may be the factor's. On the fresh seeds, with each factor:"""
WITHOUT_VALIDATION = """\
`_online` measures difficulty on its own training batches; `_replayed` trains on the validation clips too, with the
difficulty that a run of the same seed measured on them; `ce_all` is cross-entropy and `balsoftmax_all` balanced softmax
on the same clips. `_replayed` and `_all` have 471 clips in place of 271, of which the 200 are balanced, so training is
hardly long-tailed any more, and take more steps: only what is compared with `_all` differs in the method alone."""


def render(runs: Runs, pictures: Sequence[str]) -> str:
    """The page."""
    known = [data for data in NAMES if is_tuned(data)]

    def each(section: Callable[[str], str], *, only: str = '') -> str:
        return '\n\n'.join(section(data) for data in known if only in ('', data)) or 'Not run yet.'

    primary = [case for data in known for case in primary_cases(data)]
    images = '\n\n'.join(f'![accuracy against frequency, and gains by class](images/{picture})' for picture in pictures)
    sections = {
        'Primary comparisons': comparison_table(runs, primary, PLANNED),
        'All methods': f'{EXPLORATORY}\n\n{each(lambda data: all_methods(runs, data))}',
        'What each part adds': f'{PARTS}\n\n{steps(runs, known)}',
        'Does frequency make difficulty?': f'{each(lambda data: correlation(runs, data))}\n\n{images}',
        'Other imbalance (digits)': each(lambda _: stronger(runs), only='digits'),
        'What CDB depends on (digits, imbalance 60, seeds 0 to 4)': each(lambda _: curves(runs), only='digits'),
        'Difficulty without held-out clips (digits, exploratory)': (
            f'{WITHOUT_VALIDATION}\n\n{each(lambda _: without_validation(runs), only="digits")}'
        ),
        'Confirmation on fresh seeds': f'{FRESH}\n\n{each(lambda data: confirmed(runs, data))}',
        'Balanced softmax with and without CDB-W at the same factor (exploratory)': (
            f'{SAME_FACTOR}\n\n{each(lambda data: factors(runs, data))}'
        ),
        'Tuning': each(tuning_of),
        'Where the numbers come from': origin_of(runs),
    }
    return '\n\n'.join([INTRODUCTION, *(f'## {title}\n\n{text}' for title, text in sections.items())]) + '\n'


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see the module docstring."""
    parser = command_parser(__spec__, __doc__)
    parser.add_argument('--results', type=Path, default=RESULTS / RESULTS_NAME)
    parser.add_argument(
        '--out',
        type=Path,
        default=REPOSITORY / 'docs/methods/all_results.md',
        help='page of the earlier studies; the pages of the plans are written beside it (default: %(default)s)',
    )
    args = parser.parse_args(argv)
    try:
        entries = list(read_results(args.results).values())
        planned = {study for plan, _, _ in PLANNED_PAGES for study in plan.studies}
        runs = Runs(entry for entry in entries if entry.get('study') not in planned)
        images = args.out.parent / 'images'
        images.mkdir(parents=True, exist_ok=True)
        args.out.write_text(render(runs, draw(runs, images)), encoding='utf-8')
        said = [f'wrote {args.out}: {len(runs.entries)} runs']
        for plan, name, rendered in PLANNED_PAGES:
            of_plan = Runs(entry for entry in entries if entry.get('study') in plan.studies)
            args.out.with_name(name).write_text(rendered(of_plan), encoding='utf-8')
            said.append(f'{args.out.with_name(name)}: {len(of_plan.entries)} runs')
    except (OSError, ValueError) as error:
        print(f'{args.module}: {error}', file=sys.stderr)
        return 2
    print('; '.join(said))
    return 0


if __name__ == '__main__':
    sys.exit(main())
