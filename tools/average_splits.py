"""Average test results over splits, as published numbers on EGTEA are: mean and standard deviation.

    python tools/average_splits.py work_dirs/split1 work_dirs/split2 work_dirs/split3 [--out average.json]

Reads `class_report.json` of each work directory, which `mim test` wrote for the test set of its split, and
prints each metric for each split with mean and standard deviation (of the sample, n - 1) over the splits, then
the mean accuracy of every class, hardest first. Which split it is, is read from the list of the test set in the config
that the run left in its work directory (`.../verb_split2/test.txt`); where it cannot be told, the output says so.
`--out` writes the same as JSON. Exit code 2 if a report is missing, is not of a test set, has other classes than the
first, or is of the same split as another.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cdb_video.report.class_report.file import REPORT_NAME, read_class_report
from cdb_video.report.class_report.rows import is_share
from cdb_video.report.class_report.text import markdown_text
from cdb_video.report.pages.console import run
from cdb_video.report.sources.run_config import tested_split
from cdb_video_files.atomic import write_atomically
from cdb_video_files.json_checks import is_number
from cdb_video_files.json_values import plain

Report = dict[str, Any]


class ReportError(ValueError):
    """A report cannot be averaged with the others; the message names it and the rule."""


def read_report(work_dir: Path) -> Report:
    """The report of a test set.

    Raises:
        ReportError: If there is none, or it cannot be read.
    """
    path = work_dir / REPORT_NAME
    try:
        report: Report = read_class_report(path)
    except FileNotFoundError:
        raise ReportError(f'{path} does not exist: run mim test with this work directory first') from None
    except (OSError, ValueError) as error:
        raise ReportError(str(error)) from error
    if report['split'] != 'test':
        raise ReportError(f'{path} is of the {report["split"]} set: run mim test, whose report takes its place')
    report['names'] = [row['name'] for row in report['classes']]
    rows = {row['name']: row for row in report['classes']}
    report['accuracy'] = {
        n: row['num_correct'] / row['num_clips'] if row['num_clips'] else None for n, row in rows.items()
    }
    report['numbers'] = {name: value for name, value in report['metrics'].items() if is_number(value)}
    return report


def average(work_dirs: Sequence[Path]) -> dict[str, Any]:
    """Metrics and class accuracies of the splits, and their means.

    Returns:
        'runs' (work directories), 'splits' (their numbers, None = not known), 'metrics' (name -> values, mean, sd) of
        the metrics that all have, 'classes' (name, values, mean over the splits in which the class has clips, None = in
        none), hardest first.

    Raises:
        ReportError: If there are fewer than two, one or its split is given twice, or they do not go together.
    """
    if len(work_dirs) < 2:
        raise ReportError(f'{len(work_dirs)} work directory: an average needs at least two')
    if len({path.resolve() for path in work_dirs}) < len(work_dirs):
        raise ReportError('a work directory is given twice; name one for each split')
    splits = [tested_split(path) for path in work_dirs]
    for place, (split, path) in enumerate(zip(splits, work_dirs, strict=True)):
        if split is not None and split in splits[:place]:
            raise ReportError(
                f'{work_dirs[splits.index(split)]} and {path} are both of split {split}: name one run a split (tools/'
                'compare.py takes several seeds)'
            )
    reports = [read_report(path) for path in work_dirs]
    first = reports[0]
    for path, report in zip(work_dirs, reports, strict=True):
        if report['names'] != first['names']:
            raise ReportError(f'{path} has other classes than {work_dirs[0]}: average runs with the same class list')
    shared = [name for name in first['numbers'] if all(name in report['numbers'] for report in reports)]
    classes = [_class_entry(name, [report['accuracy'][name] for report in reports]) for name in first['names']]
    return {
        'runs': [str(path) for path in work_dirs],
        'splits': splits,
        'metrics': {name: _spread([report['numbers'][name] for report in reports]) for name in shared},
        'classes': sorted(classes, key=lambda entry: (entry['mean'] is None, entry['mean'] or 0.0)),
    }


def format_average(result: dict[str, Any]) -> str:
    """Two Markdown tables, in percent what is a share."""
    splits = enumerate(result['splits'], 1)
    heads = [f'run {place} (split not known)' if split is None else f'split {split}' for place, split in splits]
    lines = [f'{head}: {run}' for head, run in zip(heads, result['runs'], strict=True)]
    if None in result['splits']:
        lines.append(
            'Where the split is not known, no config in the work directory names a list of the test set that says it: '
            'see that the runs are of different splits.'
        )
    lines.append('')
    lines += [f'| metric | {" | ".join(heads)} | mean | sd |', '|---' * (len(heads) + 3) + '|']
    for name, entry in result['metrics'].items():
        show = _percent if is_share(name) else '{:.4g}'.format
        lines.append(
            f'| {markdown_text(name)} | ' + ' | '.join(map(show, [*entry['values'], entry['mean'], entry['sd']])) + ' |'
        )
    lines += ['', f'| class, accuracy | {" | ".join(heads)} | mean |', '|---' * (len(heads) + 2) + '|']
    for entry in result['classes']:
        name = markdown_text(entry['name'])
        lines.append(f'| {name} | ' + ' | '.join(map(_percent, [*entry['values'], entry['mean']])) + ' |')
    return '\n'.join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see the module docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('work_dirs', nargs='+', type=Path, metavar='WORK_DIR')
    parser.add_argument('--out', type=Path, metavar='FILE', help='also write the averages as JSON')
    args = parser.parse_args(argv)
    try:
        result = average(args.work_dirs)
        if args.out:
            write_atomically(args.out, (json.dumps(plain(result), indent=1, ensure_ascii=False) + '\n').encode())
    except (ReportError, OSError) as error:
        print(f'average_splits: {error}.', file=sys.stderr)
        return 2
    print(format_average(result))
    return 0


def _spread(values: list[float]) -> dict[str, Any]:
    return {'values': values, 'mean': statistics.fmean(values), 'sd': statistics.stdev(values)}


def _class_entry(name: str, values: list[float | None]) -> dict[str, Any]:
    known = [value for value in values if value is not None]
    return {'name': name, 'values': values, 'mean': statistics.fmean(known) if known else None}


def _percent(value: float | None) -> str:
    return '-' if value is None else f'{100 * value:.1f}'


if __name__ == '__main__':
    run(main)
