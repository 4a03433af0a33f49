"""Render docs/methods/all_results.md and its pictures from the runs in results/methods.jsonl.

    python benchmarks/methods_page.py

The page is made anew from all runs that there are, and says how many; see docs/methods/plan.md for what was planned.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use('Agg')
import numpy as np
from matplotlib import pyplot as plt
from measuring import REPOSITORY, RESULTS, markdown_table
from method_list import HOOK, LOSS, METHODS, SAMPLER
from method_statistics import Comparison, compare_paired, holm, mean_interval
from methods import (
    CONFIRMED_ON_DIGITS,
    FACTORS,
    FIRST_TUNING_SEED,
    FRESH_SEEDS,
    RESULTS_NAME,
    best_combination,
    confirm_cases,
    data_seed_of,
    primary_methods,
    read_results,
    read_tuned,
    tuned_setting,
    with_factor,
)
from scipy.stats import spearmanr

Entry = dict[str, Any]
NAMES = {'digits': 'Moving digits', 'mini': 'EGTEA-mini'}
BESIDE = {'top1': 'top-1', 'few_shot': 'few-shot', 'frequent': 'frequent third', 'worst': 'worst class'}
"""What is reported beside mean class accuracy, without tests."""
FACTOR_MEASURES = ('mean1', 'few_shot', 'frequent', 'worst')
MEASURES = {'mean1': 'mean class accuracy', **BESIDE}
CURVE_SEEDS = 5
PLANNED = 8
"""Primary comparisons: four on each data set."""
COLOURS = ('#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9')
"""Of the methods in pictures; told apart by the colour-blind too."""
MAIN = {'imbalance': 60, 'val_clips': 20}


INTRODUCTION = """# All results of the methods

For those who look up or check a single number: every method, comparison and setting. What they show is in
[results](results.md), what was decided before them in the [plan](plan.md). Made by `python benchmarks/methods_page.py`
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


def metric(entry: Entry, name: str) -> float:
    """A result of the test set in [0, 1].

    'worst' is the worst class, 'frequent' the mean of the third of the classes with the most training clips.
    """
    if name == 'frequent' and entry.get('diverged'):
        return float(entry['metrics']['mean1'])  # of chance
    if name in ('worst', 'frequent'):
        accuracy = np.divide(entry['num_correct'], entry['num_clips'])
        if name == 'worst':
            return float(accuracy.min())
        frequent = np.argsort(-np.asarray(entry['train_counts']), kind='stable')[: -(-len(accuracy) // 3)]
        return float(accuracy[frequent].mean())
    return float(entry['metrics'].get(name, float('nan')))


def by_seed(entries: Iterable[Entry], name: str = 'mean1') -> dict[int, float]:
    """A result by seed."""
    return {entry['seed']: metric(entry, name) for entry in entries}


class Runs:
    """The runs, without those of the tuning."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.entries = [entry for entry in entries if entry['seed'] < FIRST_TUNING_SEED]

    def of(self, data: str, method: str, setting: dict[str, Any], **limits: int) -> list[Entry]:
        """Runs of one setting on one data set, by seed."""
        wanted = (MAIN | limits) if data == 'digits' else {}
        found = [
            entry
            for entry in self.entries
            if entry['data'] == data
            and entry['method'] == method
            and entry['setting'] == _plain(setting)
            and entry['data_seed'] == data_seed_of(data, entry['seed'])
            and all(entry[key] == value for key, value in wanted.items())
        ]
        return sorted(found, key=lambda entry: entry['seed'])

    def tuned(self, data: str, method: str, *, fresh: bool = False, **limits: int) -> list[Entry]:
        """Runs of the tuned setting; on the seeds of the comparisons, or the fresh ones."""
        if not has_setting(method, data):
            return []
        found = self.of(data, method, tuned_setting(method, data), **limits)
        return [entry for entry in found if (entry['seed'] in FRESH_SEEDS) == fresh]


def converged(entries: Iterable[Entry]) -> list[Entry]:
    """Without runs that diverged: they have the accuracy of chance, and no classes, difficulty or time to look at."""
    return [entry for entry in entries if not entry.get('diverged')]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


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
"""Methods that use difficulty, and what each of them adds something to."""


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


def draw(runs: Runs, folder: Path) -> list[str]:
    """Gains over cross-entropy by rank of frequency; returns the names of the pictures."""
    drawn = []
    for data, name in NAMES.items():
        if not is_tuned(data):
            continue
        base = {entry['seed']: entry for entry in converged(runs.tuned(data, 'ce'))}
        figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout='constrained')
        if not base:
            plt.close(figure)
            continue
        for entry in base.values():
            left.plot(entry['train_counts'], np.divide(entry['num_correct'], entry['num_clips']), 'o', color='#0072b2')
        left.set(xscale='log', xlabel='training clips', ylabel='test accuracy, cross-entropy', ylim=(0, 1.02))
        left.set_title(f'{name}: every class of every seed')
        for method, colour in zip(primary_methods(data)[1:], COLOURS, strict=False):
            gains = _gains(converged(runs.tuned(data, method)), base)
            if len(gains):
                right.plot(range(1, gains.shape[1] + 1), 100 * gains.mean(axis=0), 'o-', color=colour, label=method)
        right.axhline(0, color='grey', linewidth=1)
        right.set(xlabel='class, most frequent first', ylabel='points over cross-entropy')
        right.xaxis.get_major_locator().set_params(integer=True)
        right.legend(fontsize='small')
        path = folder / f'methods_{data}.png'
        figure.savefig(path, dpi=100)
        plt.close(figure)
        drawn.append(path.name)
    return drawn


def _gains(entries: Sequence[Entry], base: dict[int, Entry]) -> np.ndarray[Any, Any]:
    """(seeds, C): accuracy above the baseline, the most frequent class first."""
    gains = []
    for entry in entries:
        other = base.get(entry['seed'])
        if other is not None:
            accuracy, before = (np.divide(e['num_correct'], e['num_clips']) for e in (entry, other))
            order = np.argsort(-np.asarray(entry['train_counts']), kind='stable')
            gains.append((accuracy - before)[order])
    return np.array(gains)


def has_setting(method: str, data: str) -> bool:
    """Whether there is nothing to tune, or tuning has chosen."""
    name = METHODS[method].replays or method
    return len(METHODS[name].choices) == 1 or name in read_tuned(data)['settings']


def is_tuned(data: str) -> bool:
    """Whether tuning has chosen on a data set: before that there is nothing to compare."""
    try:
        read_tuned(data)
    except ValueError:
        return False
    return True


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


def tables(runs: Runs, data: str) -> str:
    """All methods on a data set; those that train on other clips are not among them."""
    return f'### {NAMES[data]}\n\n{overview(runs, data, [name for name, one in METHODS.items() if not one.joins])}'


def stronger(runs: Runs) -> str:
    """The primary methods at other imbalance."""
    return '\n\n'.join(
        f'### Imbalance {number}\n\n{overview(runs, "digits", primary_methods("digits"), imbalance=number)}'
        for number in (10, 100)
    )


def render(runs: Runs, pictures: Sequence[str]) -> str:
    """The page."""
    known = [data for data in NAMES if is_tuned(data)]

    def each(section: Callable[[str], str], *, only: str = '') -> str:
        return '\n\n'.join(section(data) for data in known if only in ('', data)) or 'Not run yet.'

    images = '\n\n'.join(f'![accuracy against frequency, and gains by class](images/{picture})' for picture in pictures)
    sections = {
        'Primary comparisons': comparisons(runs, [case for data in known for case in primary_cases(data)], PLANNED),
        'All methods': f'{EXPLORATORY}\n\n{each(lambda data: tables(runs, data))}',
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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--results', type=Path, default=RESULTS / RESULTS_NAME)
    parser.add_argument('--out', type=Path, default=REPOSITORY / 'docs/methods/all_results.md')
    args = parser.parse_args(argv)
    try:
        runs = Runs(read_results(args.results).values())
        images = args.out.parent / 'images'
        images.mkdir(parents=True, exist_ok=True)
        args.out.write_text(render(runs, draw(runs, images)), encoding='utf-8')
    except (OSError, ValueError) as error:
        print(f'methods_page: {error}', file=sys.stderr)
        return 2
    print(f'wrote {args.out}: {len(runs.entries)} runs')
    return 0


if __name__ == '__main__':
    sys.exit(main())
