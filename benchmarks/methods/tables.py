"""Tables of the page of methods."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from benchmarks.harness.results import markdown_table
from benchmarks.methods.catalogue import HOOK, LOSS, METHODS, SAMPLER
from benchmarks.methods.paired_tests import mean_interval
from benchmarks.methods.results import Entry, Runs, by_seed, converged
from benchmarks.methods.tuning import (
    primary_methods,
    read_tuned,
    tuned_setting,
)

NAMES = {'digits': 'Moving digits', 'mini': 'EGTEA-mini', 'fashion': 'Fashion-MNIST'}
BESIDE = {'top1': 'top-1', 'few_shot': 'few-shot', 'frequent': 'frequent third', 'worst': 'worst class'}
"""What is reported beside mean class accuracy, without tests."""
MEASURES = {'mean1': 'mean class accuracy', **BESIDE}
CURVE_SEEDS = 5
SMOOTHINGS: dict[str, dict[str, Any]] = {
    '': {},
    'prior_count=10': {f'{HOOK}.prior_count': 10},
    'momentum=0.8': {f'{HOOK}.momentum': 0.8},
}


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


def curve(runs: Runs, columns: Sequence[Any], cell: Callable[[str, str, Any], list[Entry]], rows: Sequence[Any]) -> str:
    """Mean class accuracy with a row for each method and option."""
    lines = []
    for method, option in rows:
        cells = [cell(method, option, column) for column in columns]
        found = [[entry for entry in entries if entry['seed'] < CURVE_SEEDS] for entries in cells]
        if any(found):
            lines.append([f'`{method}` {option}'.strip(), *(percent(by_seed(entries).values()) for entries in found)])
    return markdown_table(['', *map(str, columns)], lines) if lines else 'Not run yet.'


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


def all_methods(runs: Runs, data: str) -> str:
    """All methods on a data set; those that train on other clips are not among them."""
    return f'### {NAMES[data]}\n\n{overview(runs, data, [name for name, one in METHODS.items() if not one.joins])}'


def stronger(runs: Runs) -> str:
    """The primary methods at other imbalance."""
    return '\n\n'.join(
        f'### Imbalance {number}\n\n{overview(runs, "digits", primary_methods("digits"), imbalance=number)}'
        for number in (10, 100)
    )


def origin_of(runs: Runs) -> str:
    """Where the numbers come from."""
    origin: dict[tuple[str, str], int] = defaultdict(int)
    for entry in runs.entries:
        machine = entry['machine']
        origin[entry['commit'], f'{machine["cores"]} cores {machine["processor"]}, torch {machine["torch"]}'] += 1
    hours = sum(entry['seconds'] for entry in runs.entries) / 3600
    commits = '\n'.join(f'- {number} runs at {commit} on {where}' for (commit, where), number in origin.items())
    lost = len(runs.entries) - len(converged(runs.entries))
    said = f'{lost} diverged twice, and count as chance' if lost else 'none diverged'
    return f'{len(runs.entries)} runs, {hours:.1f} hours on one core each; {said}.\n\n{commits}'
