"""Tables of the page of methods."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from benchmarks.harness.measuring import markdown_table
from benchmarks.methods.catalogue import HOOK, LOSS, METHODS, SAMPLER
from benchmarks.methods.paired_tests import Comparison, compare_paired, holm, mean_interval
from benchmarks.methods.results import Entry, Runs, by_seed, converged, has_setting
from benchmarks.methods.tuning import (
    CONFIRMED_ON_DIGITS,
    FACTORS,
    FRESH_SEEDS,
    best_combination,
    confirm_cases,
    primary_methods,
    read_tuned,
    tuned_setting,
    with_factor,
)

NAMES = {'digits': 'Moving digits', 'mini': 'EGTEA-mini'}


BESIDE = {'top1': 'top-1', 'few_shot': 'few-shot', 'frequent': 'frequent third', 'worst': 'worst class'}


FACTOR_MEASURES = ('mean1', 'few_shot', 'frequent', 'worst')


MEASURES = {'mean1': 'mean class accuracy', **BESIDE}


CURVE_SEEDS = 5


def percent(values: Iterable[float], signed: bool = False) -> str:
    """'mean (low to high)' in percent."""
    numbers = [value for value in values if not np.isnan(value)]
    if not numbers:
        return '-'
    sign = '+' if signed else ''
    mean, low, high = (f'{100 * value:{sign}.1f}' for value in mean_interval(numbers))
    return mean if len(numbers) == 1 else f'{mean} ({low} to {high})'


def overview(runs: Runs, data: str, methods: Sequence[str], *, fresh: bool = False, **limits: int) -> str:
    """A row a method."""
    rows = []
    base = by_seed(runs.tuned(data, 'ce', fresh=fresh, **limits))
    for method in methods:
        found = runs.tuned(data, method, fresh=fresh, **limits)
        if limits:
            found = [entry for entry in found if entry['seed'] < CURVE_SEEDS]
        if found:
            gains = [value - base[seed] for seed, value in by_seed(found).items() if seed in base]
            cells = [
                percent(by_seed(found, name).values()) for name in ('mean1', 'top1', 'few_shot', 'frequent', 'worst')
            ]
            seconds = np.median([entry['seconds'] for entry in converged(found)] or [np.nan])
            above = '' if method == 'ce' else percent(gains, signed=True)
            lost = len(found) - len(converged(found))
            name = f'`{method}`' + (f' ({lost} diverged)' if lost else '')
            row = [name, METHODS[method].family, str(len(found)), cells[0], above, *cells[1:]]
            rows.append([*row, f'{seconds:.0f}'])
    rows.sort(key=lambda row: -float(row[3].split()[0]))
    header = [
        'method',
        'family',
        'seeds',
        'mean class accuracy',
        'above `ce`',
        'top-1',
        'few-shot',
        'frequent third',
        'worst class',
        's a run',
    ]
    return markdown_table(header, rows) if rows else 'Not run yet.'


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


def comparisons(runs: Runs, cases: Sequence[tuple[str, str, str]], planned: int, exploratory: bool = False) -> str:
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


def steps(runs: Runs, known: Iterable[str]) -> str:
    """What each part adds; without tests."""
    cases = [(data, *pair) for data in known for pair in STEPS]
    return comparisons(runs, cases, len(cases), exploratory=True)


def curve(runs: Runs, columns: Sequence[Any], cell: Callable[[str, str, Any], list[Entry]], rows: Sequence[Any]) -> str:
    """Mean class accuracy with a row for each method and option."""
    lines = []
    for method, option in rows:
        cells = [cell(method, option, column) for column in columns]
        found = [[entry for entry in entries if entry['seed'] < CURVE_SEEDS] for entries in cells]
        if any(found):
            lines.append([f'`{method}` {option}'.strip(), *(percent(by_seed(entries).values()) for entries in found)])
    return markdown_table(['', *map(str, columns)], lines) if lines else 'Not run yet.'


SMOOTHINGS: dict[str, dict[str, Any]] = {
    '': {},
    'prior_count=10': {f'{HOOK}.prior_count': 10},
    'momentum=0.8': {f'{HOOK}.momentum': 0.8},
}


def curves(runs: Runs) -> str:
    """Validation clips, tau, and how often is validated."""
    pairs = [(method, option) for method in ('cdbw', 'cdbs') for option in SMOOTHINGS]
    clips = curve(
        runs,
        (1, 2, 5, 10, 20),
        lambda method, option, number: runs.of(
            'digits', method, {**tuned_setting(method, 'digits'), **SMOOTHINGS[option]}, val_clips=number
        ),
        pairs,
    )
    keys = {'cdbw': LOSS, 'cdbs': SAMPLER}
    taus = curve(
        runs,
        (0, 0.5, 1, 2, 3, 5, 'dynamic'),
        lambda method, _, tau: runs.of('digits', method, {f'{keys[method]}.tau': tau}),
        [('cdbw', ''), ('cdbs', '')],
    )
    often = curve(
        runs,
        (1, 2, 5),
        lambda method, _, interval: runs.of(
            'digits',
            method,
            {**tuned_setting(method, 'digits'), **({} if interval == 1 else {'train_cfg.val_interval': interval})},
        ),
        [('cdbw', ''), ('cdbs', '')],
    )
    return f"""### Validation clips per class

{clips}

### Tau

{taus}

### A validation every 1, 2, 5 epochs

{often}"""


def bias(runs: Runs, data: str) -> str:
    """The last difficulty of a run against 1 - accuracy on the test clips of each class."""
    rows = []
    for method in ('cdbw', 'cdbw_smooth', 'cdbw_online'):
        found = [entry for entry in runs.tuned(data, method) if entry['difficulty']]
        if found:
            errors = [
                np.array(entry['difficulty']) - 1 + np.divide(entry['num_correct'], entry['num_clips'])
                for entry in found
            ]
            cells = [percent(error.mean() for error in errors), percent(np.abs(error).mean() for error in errors)]
            ranks = [
                float(spearmanr(e['difficulty'], np.divide(e['num_correct'], e['num_clips'])).statistic) for e in found
            ]
            seconds = np.median([entry['seconds'] for entry in found])
            rows.append([f'`{method}`', str(len(found)), *cells, f'{-np.mean(ranks):.2f}', f'{seconds:.1f}'])
    header = ['method', 'seeds', 'bias, points', 'absolute error, points', 'rank correlation', 's a run']
    return markdown_table(header, rows) if rows else 'Not run yet.'


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
    return f"""{comparisons(runs, cases, len(cases), exploratory=True)}

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


def correlation(runs: Runs, data: str) -> str:
    """Does difficulty follow frequency, under cross-entropy?"""
    found = converged(runs.tuned(data, 'ce'))
    rhos = [float(spearmanr(e['train_counts'], np.divide(e['num_correct'], e['num_clips'])).statistic) for e in found]
    if not rhos:
        return 'Not run yet.'
    mean, low, high = mean_interval(rhos)
    return (
        f'{NAMES[data]}: rank correlation of training clips and test accuracy under cross-entropy {mean:+.2f} '
        f'({low:+.2f} to {high:+.2f}, {len(rhos)} seeds).'
    )


def tuning_of(data: str) -> str:
    """What tuning chose."""
    tuned = read_tuned(data)
    rows = [
        [
            f'`{name}`',
            ', '.join(f'{key.split(".")[-1]}={value}' for key, value in tuned['settings'][name].items()) or '-',
            f'{100 * score:.1f}',
        ]
        for name, score in tuned['scores'].items()
    ]
    return (
        f'{NAMES[data]}, tuning seeds {", ".join(map(str, tuned["seeds"]))}: the setting that was chosen of at most '
        f'{tuned["budget"]}, and its mean class accuracy there.\n\n'
        + markdown_table(['method', 'setting', 'mean class accuracy'], rows)
    )


def tables(runs: Runs, data: str) -> str:
    """All methods on a data set; those that train on other clips are not among them."""
    return f'### {NAMES[data]}\n\n{overview(runs, data, [name for name, one in METHODS.items() if not one.joins])}'


def stronger(runs: Runs) -> str:
    """The primary methods at other imbalance."""
    return '\n\n'.join(
        f'### Imbalance {number}\n\n{overview(runs, "digits", primary_methods("digits"), imbalance=number)}'
        for number in (10, 100)
    )
