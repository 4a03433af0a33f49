"""Writes the report: ``class_report.{csv,json,md}`` and ``report.html``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np

from cdb_video.host_words import units, words_now
from cdb_video.report.class_report.file import REPORT_NAME, Analysis, ClassReport, read_class_report, write_class_report
from cdb_video.report.class_report.metrics import metric_label
from cdb_video.report.class_report.text import markdown_table, markdown_text
from cdb_video.report.insight.insight import Insight, Options, build_insight
from cdb_video.report.pages.page import render_page
from cdb_video.report.sources.source import history_run
from cdb_video_files.atomic import write_atomically

PAGE_NAME = 'report.html'
MARKDOWN_NAME = 'class_report.md'


def write_report(insight: Insight, directory: Path, *, page: bool = True) -> list[Path]:
    """Write all files of the report, each by renaming a complete file.

    Args:
        insight: What the report says.
        directory: Made if it is missing.
        page: Whether to write ``report.html``, which needs optional packages.

    Returns:
        The paths: CSV, JSON, Markdown and, last, the page.

    Raises:
        MissingPackagesError: If the page cannot be made; the other files are written by then.
        OSError: If writing fails.
    """
    paths = write_class_report(directory, class_report_of(insight, directory))
    paths.append(write_atomically(directory / MARKDOWN_NAME, markdown(insight).encode()))
    if page:
        paths.append(write_atomically(directory / PAGE_NAME, render_page(insight, directory)))
    return paths


def write_live_page(history: Path, page: Path) -> Path:
    """Write the page of a run that goes on, from its history alone, without bootstrap.

    It replaces the last page in one step, but is not forced onto the disk: the next one comes soon.

    Raises:
        MissingPackagesError: If jinja2 or plotly is not installed.
        OSError: If reading or writing fails.
        ValueError: If the history cannot be read.
    """
    insight = build_insight(history_run(history), Options(repeats=0))
    return write_atomically(page, render_page(insight), synced=False)


def check_replaces(insight: Insight, directory: Path) -> None:
    """See that the report takes the place of no report that says more.

    Raises:
        ValueError: If one in the directory does; the message names what would be lost.
    """
    path = directory / REPORT_NAME
    try:
        old = read_class_report(path)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return
    run = insight.run
    losses = {
        f'what the dump {old.dump} told': old.dump is not None and run.dumped is None,
        f'the evaluation on the {old.split} set': old.split in ('val', 'test')
        and (insight.split in ('dump', 'none', 'train') or (old.split, insight.split) == ('test', 'val')),
        'which objects were missed': old.num_missed is not None and insight.num_missed is None,
        'the names of the classes': run.class_names is None
        and any(row.name != f'class {row.label}' for row in old.rows),
        f'the training {units()}': run.train_counts is None and all(row.train_count is not None for row in old.rows),
    }
    if any(losses.values()):
        lost = ', '.join(what for what, is_lost in losses.items() if is_lost)
        raise ValueError(
            f'{path} says more than the new report, and would lose {lost}: name the work directory, and its dump by '
            '--dump, or write to another folder by --out'
        )


def class_report_of(insight: Insight, directory: Path) -> ClassReport:
    """What ``class_report.json`` in a directory says; it can be read again as a report."""
    dump = None if insight.run.dump is None else insight.run.dump.resolve()
    if dump is not None and dump.is_relative_to(directory.resolve()):
        dump = dump.relative_to(directory.resolve())  # so that the report can be made again
    confusion = insight.confusion
    return ClassReport(
        split=insight.split,
        epoch=insight.epoch,
        iteration=insight.iteration,
        metrics=insight.all_metrics,
        rows=insight.rows,
        difficulty_source=insight.run.difficulty_source,
        difficulty_measure=insight.run.difficulty_measure,
        # Pairs without clips are left out.
        confusions=None
        if confusion is None
        else [[int(t), int(p), int(confusion[t, p])] for t, p in np.argwhere(confusion)],
        shot_thresholds=insight.shot_thresholds,
        head_threshold=insight.head_threshold,
        dump=None if dump is None else str(dump),
        analysis=Analysis(
            intervals={f'{words_now().prefix}/{name}': interval for name, interval in insight.intervals.items()},
            resampled=insight.resampled,
            rank_correlation=insight.correlation,
            notes=insight.notes,
            restlessness=None
            if insight.restlessness is None
            else asdict(insight.restlessness) | {'is_restless': insight.restlessness.is_restless},
            wilson=[f'{words_now().prefix}/{name}' for name in insight.intervals if name in insight.wilson],
        ),
    )


def markdown(insight: Insight) -> str:
    """The report as Markdown: the metrics, the classes, what is missing."""
    lines = [
        f'# Class report: {markdown_text(insight.run.name)} ({insight.evaluated_on}, {insight.moment})',
        '',
    ]
    if insight.metrics:
        lines += ['| metric | % | 95 % interval |', '|---|---:|---|']
        for name, value in insight.shown_metrics.items():
            interval = insight.intervals.get(name)
            text = '' if interval is None else f'{interval[0]:.1%} to {interval[1]:.1%}'.replace('%', '')
            lines.append(f'| {metric_label(name)} | {100 * value:.1f} | {text} |')
        lines.append('')
    if insight.resampled:
        drawn = units() if insight.resampled == 'clips' else insight.resampled
        lines += [f'Intervals: bootstrap over {drawn}; of single classes: Wilson.', '']
        lines += [insight.sentence_on_wilson, ''] if insight.sentence_on_wilson else []
    if insight.correlation is not None:
        lines += [f'Rank correlation of training {units()} and accuracy (Spearman): {insight.correlation:+.2f}', '']
    if insight.sentence_on_restlessness:
        lines += [insight.sentence_on_restlessness, '']
    lines += markdown_table(insight.rows)
    if insight.sentences_on_classes:
        lines += ['', 'Classes whose difficulty is above the mean, the hardest first:', '']
        lines += [f'- {markdown_text(sentence)}' for sentence in insight.sentences_on_classes]
    if insight.shown_notes:
        lines += ['', 'Notes:', '', *(f'- {markdown_text(note)}' for note in insight.shown_notes)]
    return '\n'.join(lines) + '\n'
