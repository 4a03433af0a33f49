"""Test results of several splits -> their mean and standard deviation, by metric and by class."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cdb_video.difficulty.counts import accuracy_numbers
from cdb_video.report.class_report.file import REPORT_NAME, ClassReport, read_class_report
from cdb_video.report.class_report.metrics import is_share, share_key, without_classes
from cdb_video.report.class_report.text import markdown_text
from cdb_video.report.sources.run_config import tested_split
from cdb_video_files.json_checks import is_number


@dataclass(frozen=True)
class SplitResult:
    """What a run got on the test set of its split.

    Attributes:
        accuracy: Name of the class -> accuracy in [0, 1], None = no clip; in the order of the labels.
        metrics: Those that are numbers.
    """

    accuracy: Mapping[str, float | None]
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class Spread:
    """A metric over the splits: the values, their mean, and the standard deviation of the sample."""

    values: list[float]
    mean: float
    sd: float


@dataclass(frozen=True)
class ClassAverage:
    """The accuracies of a class over the splits, None = no clip there, and the mean of the others, None = in none."""

    name: str
    values: list[float | None]
    mean: float | None


@dataclass(frozen=True)
class Average:
    """Several splits together, in the order of the JSON.

    Attributes:
        runs: Work directories.
        splits: Their numbers; None = not known.
        metrics: Those that all runs have.
        classes: Hardest first.
    """

    runs: list[str]
    splits: list[int | None]
    metrics: dict[str, Spread]
    classes: list[ClassAverage]


class ReportError(ValueError):
    """A report cannot be averaged with the others; the message names it and the rule."""


def read_result(work_dir: Path) -> SplitResult:
    """The result in the report of a test set.

    Raises:
        ReportError: If there is none, or it cannot be read.
    """
    path = work_dir / REPORT_NAME
    try:
        report = read_class_report(path)
    except FileNotFoundError:
        raise ReportError(f'{path} does not exist: run mim test with this work directory first') from None
    except (OSError, ValueError) as error:
        raise ReportError(str(error)) from error
    if report.split != 'test':
        raise ReportError(f'{path} is of the {report.split} set: run mim test, whose report takes its place')
    return SplitResult(
        {row.name: row.num_correct / row.num_clips if row.num_clips else None for row in report.rows},
        _metrics_of(report),
    )


def _metrics_of(report: ClassReport) -> dict[str, float]:
    """Its metrics that are numbers; what a report of before lacks beside the mean class accuracy is counted."""
    shown = without_classes(report.metrics, [row.name for row in report.rows])
    metrics = {name: value for name, value in shown.items() if is_number(value)}
    mean = share_key(metrics, 'mean1')
    clips, correct = zip(*report.counts, strict=True) if report.counts else ((), ())
    if mean is None or not any(clips):
        return metrics
    found = {mean.removesuffix('mean1') + name: value for name, value in accuracy_numbers(clips, correct).items()}
    place = list(metrics).index(mean)
    return dict(list(metrics.items())[:place]) | found | metrics


def average(work_dirs: Sequence[Path]) -> Average:
    """Metrics and class accuracies of the splits, and their means.

    Raises:
        ReportError: If there are fewer than two, one or its split is given twice, or they do not go together.
    """
    splits = _checked_splits(work_dirs)
    results = [read_result(path) for path in work_dirs]
    first = results[0]
    for path, result in zip(work_dirs, results, strict=True):
        if list(result.accuracy) != list(first.accuracy):
            raise ReportError(f'{path} has other classes than {work_dirs[0]}: average runs with the same class list')
    shared = [name for name in first.metrics if all(name in result.metrics for result in results)]
    classes = [_over_splits(name, [result.accuracy[name] for result in results]) for name in first.accuracy]
    return Average(
        runs=[str(path) for path in work_dirs],
        splits=splits,
        metrics={name: _spread([result.metrics[name] for result in results]) for name in shared},
        classes=sorted(classes, key=lambda entry: (entry.mean is None, entry.mean or 0.0)),
    )


def _checked_splits(work_dirs: Sequence[Path]) -> list[int | None]:
    """The number of the split of every run, None = not known; there are two runs at least, of different splits."""
    if len(work_dirs) < 2:
        raise ReportError(f'{len(work_dirs)} work directory: an average needs at least two')
    if len({path.resolve() for path in work_dirs}) < len(work_dirs):
        raise ReportError('a work directory is given twice; name one for each split')
    splits = [tested_split(path) for path in work_dirs]
    for place, (split, path) in enumerate(zip(splits, work_dirs, strict=True)):
        if split is not None and split in splits[:place]:
            raise ReportError(
                f'{work_dirs[splits.index(split)]} and {path} are both of split {split}: name one run a split '
                '(`cdb-video compare` takes several seeds)'
            )
    return splits


def format_average(result: Average) -> str:
    """Two Markdown tables, in percent what is a share."""
    splits = enumerate(result.splits, 1)
    heads = [f'run {place} (split not known)' if split is None else f'split {split}' for place, split in splits]
    lines = [f'{head}: {run}' for head, run in zip(heads, result.runs, strict=True)]
    if None in result.splits:
        lines.append(
            'Where the split is not known, no config in the work directory names a list of the test set that says it: '
            'see that the runs are of different splits.'
        )
    lines.append('')
    lines += [f'| metric | {" | ".join(heads)} | mean | sd |', '|---' * (len(heads) + 3) + '|']
    for name, entry in result.metrics.items():
        # An average precision of -1 says that no class has one.
        show = _percent if is_share(name) and min(entry.values) >= 0 else '{:.4g}'.format
        lines.append(
            f'| {markdown_text(name)} | ' + ' | '.join(map(show, [*entry.values, entry.mean, entry.sd])) + ' |'
        )
    lines += ['', f'| class, accuracy | {" | ".join(heads)} | mean |', '|---' * (len(heads) + 2) + '|']
    for one in result.classes:
        name = markdown_text(one.name)
        lines.append(f'| {name} | ' + ' | '.join(map(_percent, [*one.values, one.mean])) + ' |')
    return '\n'.join(lines)


def _spread(values: list[float]) -> Spread:
    return Spread(values, statistics.fmean(values), statistics.stdev(values))


def _over_splits(name: str, values: list[float | None]) -> ClassAverage:
    known = [value for value in values if value is not None]
    return ClassAverage(name, values, statistics.fmean(known) if known else None)


def _percent(value: float | None) -> str:
    return '-' if value is None else f'{100 * value:.1f}'
