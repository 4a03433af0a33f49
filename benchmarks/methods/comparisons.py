"""Comparisons on the page of methods: of planned pairs with tests, of others without."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from benchmarks.harness.results import markdown_table
from benchmarks.methods.catalogue import METHODS
from benchmarks.methods.paired_tests import Comparison, compare_paired
from benchmarks.methods.results import Runs, by_seed, has_setting
from benchmarks.methods.tables import BESIDE, MEASURES, NAMES, bias, overview, percent
from benchmarks.methods.tuning import (
    CONFIRMED_ON_DIGITS,
    FACTORS,
    FRESH_SEEDS,
    best_combination,
    confirm_cases,
    read_tuned,
    with_factor,
)
from cdb_video.report.compare.corrections import holm

FACTOR_MEASURES = ('mean1', 'few_shot', 'frequent', 'worst')
STEPS = (
    ('cdbs', 'balanced'),
    ('cdbs_smooth', 'cdbs'),
    ('cdbs_deferred', 'cdbs'),
    ('cdbw_smooth', 'cdbw'),
    ('cdbw_deferred', 'cdbw'),
    ('cdbw_growing', 'cdbw'),
    ('cdbw_online', 'cdbw'),
    ('cdbws', 'cdbs'),
    ('cdbw_focal', 'focal'),
    ('cdbw_balsoftmax', 'balsoftmax'),
    ('cdbs_balsoftmax', 'balsoftmax'),
    ('crt_cdbs', 'crt'),
    ('crt_cdbw', 'crt'),
)
"""Methods that use difficulty, and what each of them adds something to."""


def primary_cases(data: str) -> list[tuple[str, str, str]]:
    """The four comparisons of the plan on a data set."""
    best = read_tuned(data)['best']
    weighting, sampling = best['frequency weighting'], best['frequency sampling']
    return [(data, 'cdbw', 'ce'), (data, 'cdbs', 'ce'), (data, 'cdbw', weighting), (data, 'cdbs', sampling)]


def points(result: Comparison) -> str:
    """'difference (low to high)' in points; '-' where there is none, as of few-shot where no class is."""
    if np.isnan(result.difference):
        return '-'
    difference, low, high = (f'{100 * value:+.1f}' for value in (result.difference, result.low, result.high))
    return f'{difference} ({low} to {high})'


def comparison_table(runs: Runs, cases: Sequence[tuple[str, str, str]], planned: int, exploratory: bool = False) -> str:
    """A row for each (data, method, baseline), p-values corrected over all planned; none where it is exploratory."""
    found = []
    for data, method, baseline in cases:
        pair = [runs.tuned(data, name) for name in (method, baseline)]
        first, second = map(by_seed, pair)
        if len(first.keys() & second.keys()) >= 2:
            beside = [points(compare_paired(*(by_seed(entries, name) for entries in pair))) for name in BESIDE]
            found.append(((data, method, baseline), compare_paired(first, second), beside))
    if not found:
        return 'Not run yet.'
    corrected = holm([result.p_value for _, result, _ in found], planned)
    rows = [
        [
            NAMES[data],
            f'`{method}` - `{baseline}`',
            str(result.number),
            points(result),
            f'{result.p_value:.2g}',
            f'{p_value:.2g}',
            *beside,
        ]
        for ((data, method, baseline), result, beside), p_value in zip(found, corrected, strict=True)
    ]
    header = ['data', 'difference', 'seeds', 'points of mean class accuracy', 'p', 'p, Holm', *BESIDE.values()]
    if exploratory:
        kept = [number for number, name in enumerate(header) if name not in ('p', 'p, Holm', 'top-1')]
        return markdown_table([header[number] for number in kept], [[row[number] for number in kept] for row in rows])
    return markdown_table(header, rows) + _missing(len(found), planned)


def _missing(number: int, planned: int) -> str:
    if number == planned:
        return ''
    return (
        f'\n\n{planned - number} of {planned} comparisons have not run yet; until then the p-values are corrected as '
        'if theirs were the larger ones.'
    )


def steps(runs: Runs, known: Iterable[str]) -> str:
    """What each part adds; without tests."""
    cases = [(data, *pair) for data in known for pair in STEPS]
    return comparison_table(runs, cases, len(cases), exploratory=True)


def without_validation(runs: Runs) -> str:
    """Online difficulty, and a replayed schedule on all clips, beside validated difficulty."""
    cases = [
        ('digits', 'cdbw_online', 'cdbw'),
        ('digits', 'ce_all', 'ce'),
        ('digits', 'cdbw_replayed', 'cdbw'),
        ('digits', 'cdbs_replayed', 'cdbs'),
        ('digits', 'cdbw_replayed', 'ce_all'),
        ('digits', 'cdbs_replayed', 'ce_all'),
        ('digits', 'balsoftmax_all', 'balsoftmax'),
        ('digits', 'balsoftmax_all', 'ce_all'),
        ('digits', 'cdbw_balsoftmax_replayed', 'balsoftmax_all'),
    ]
    return f"""{comparison_table(runs, cases, len(cases), exploratory=True)}

The last difficulty of a run beside the share of errors of the model on the test clips, class by class:

{bias(runs, 'digits')}"""


def confirmed(runs: Runs, data: str) -> str:
    """The comparisons on fresh seeds, and how the methods did there."""
    title = f'### {NAMES[data]}'
    try:
        best, cases = best_combination(runs.entries, data), confirm_cases(runs.entries, data)
    except (KeyError, ValueError):
        return f'{title}\n\nNot run yet.'
    found = []
    for case in cases:
        first, second = (by_seed(runs.tuned(data, name, fresh=True), case[2]) for name in case[:2])
        if len(first.keys() & second.keys()) >= 2:
            found.append((case, compare_paired(first, second)))
    corrected = holm([result.p_value for _, result in found], len(cases))
    rows = [
        [
            f'`{method}` - `{baseline}`',
            MEASURES[measure],
            str(result.number),
            points(result),
            f'{result.p_value:.2g}',
            f'{p_value:.2g}',
        ]
        for ((method, baseline, measure), result), p_value in zip(found, corrected, strict=True)
    ]
    header = ['difference', 'of', 'seeds', 'points', 'p', 'p, Holm']
    tests = markdown_table(header, rows) + _missing(len(found), len(cases)) if rows else 'Not run yet.'
    shown = overview(runs, data, list(METHODS), fresh=True) if rows else ''
    return f'{title}\n\nBest of the combinations of the exploratory runs: `{best}`.\n\n{tests}\n\n{shown}'.rstrip()


def factors(runs: Runs, data: str) -> str:
    """Balanced softmax with and without CDB-W at the same factors, on the fresh seeds."""
    rows, best = [], {}
    for method in ('balsoftmax', CONFIRMED_ON_DIGITS):
        for factor in FACTORS if has_setting(method, data) else ():
            found = runs.of(data, method, with_factor(method, data, factor))
            found = best[method, factor] = [entry for entry in found if entry['seed'] in FRESH_SEEDS]
            if found:
                cells = [percent(by_seed(found, name).values()) for name in FACTOR_MEASURES]
                rows.append([f'`{method}`, {factor:g}', str(len(found)), *cells])
    for factor in FACTORS:
        pair = [best.get((method, factor), []) for method in (CONFIRMED_ON_DIGITS, 'balsoftmax')]
        if len(by_seed(pair[0]).keys() & by_seed(pair[1]).keys()) >= 2:
            gains = [compare_paired(*(by_seed(entries, name) for entries in pair)) for name in FACTOR_MEASURES]
            rows.append([f'difference at {factor:g}', str(gains[0].number), *map(points, gains)])
    header = ['method, factor', 'seeds', *(MEASURES[name] for name in FACTOR_MEASURES)]
    return f'### {NAMES[data]}\n\n' + (markdown_table(header, rows) if rows else 'Not run yet.')
