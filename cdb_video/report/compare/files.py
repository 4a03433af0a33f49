"""Writes a comparison: ``compare.csv``, ``compare_classes.csv``, ``compare.md`` and ``compare.html``.

Where it is asked for, ``compare_pairs.csv`` and ``compare.tex`` too.
"""

from __future__ import annotations

from pathlib import Path

from cdb_video.report.class_report.metrics import METRIC_LABELS, metric_label
from cdb_video.report.class_report.text import csv_table, markdown_text
from cdb_video.report.compare.figures import comparison_figures, hard_classes
from cdb_video.report.compare.latex import format_latex
from cdb_video.report.compare.methods import Comparison
from cdb_video.report.compare.rows import ComparedClass, class_comparison, method_rows, pair_rows
from cdb_video.report.pages.page import render
from cdb_video_files.atomic import write_atomically


def write_comparison(comparison: Comparison, directory: Path, *, page: bool = True, latex: bool = False) -> list[Path]:
    """Write all files, each by renaming a complete one.

    Args:
        comparison: To be written.
        directory: Where the files go; made if it is not there.
        page: Whether to make the page.
        latex: Whether to write the tables for LaTeX.

    Returns:
        The paths; the page is the last.

    Raises:
        MissingPackagesError: If the page cannot be made; the other files are written by then.
        OSError: If writing fails.
    """
    directory.mkdir(parents=True, exist_ok=True)
    contents = {
        'compare.csv': csv_table([row.to_dict() for row in method_rows(comparison)]),
        'compare_classes.csv': csv_table([row.to_dict() for row in class_comparison(comparison)]),
        'compare.md': format_comparison(comparison),
    }
    if comparison.has_all_pairs:
        contents['compare_pairs.csv'] = csv_table([row.to_dict() for row in pair_rows(comparison)])
    if latex:
        contents['compare.tex'] = format_latex(comparison)
    paths = [write_atomically(directory / name, text.encode()) for name, text in contents.items()]
    if page:
        paths.append(write_atomically(directory / 'compare.html', render_comparison(comparison)))
    return paths


def format_comparison(comparison: Comparison) -> str:
    """The comparison as Markdown: methods, then the classes with the greatest gains and losses."""
    lines = ['| method | seeds | ' + ' | '.join(metric_label(m) for m in comparison.shown) + ' |']
    lines.append('|---|---:|' + '---:|' * len(comparison.shown))
    for method in comparison.methods:
        cells = [_cell(comparison, method.name, metric) for metric in comparison.shown]
        lines.append(f'| {markdown_text(method.name)} | {len(method.runs)} | ' + ' | '.join(cells) + ' |')
    lines += ['', *_test_lines(comparison)]
    names = [method.name for method in comparison.methods]
    lines += ['', '| class | train | ' + ' | '.join(markdown_text(name) for name in names) + ' |']
    lines.append('|---|---:|' + '---:|' * len(names))
    for row in class_comparison(comparison):
        cells = [_class_cell(row, name) for name in names]
        count = '-' if row.train_count is None else row.train_count
        lines.append(f'| {markdown_text(row.name)} | {count} | ' + ' | '.join(cells) + ' |')
    return '\n'.join([*lines, '', *(f'- {markdown_text(note)}' for note in comparison.notes)]) + '\n'


def _test_lines(comparison: Comparison) -> list[str]:
    """The tests as Markdown; with all pairs a column says against which method, with Holm there is one more p."""
    pairs, corrected = comparison.has_all_pairs, comparison.is_corrected
    against = 'a method less another' if pairs else f'against {markdown_text(comparison.baseline)}'
    lines = [f'Percent, mean ± standard deviation over seeds; {against}:', '']
    lines.append(
        f'| method |{" against |" * pairs} metric | difference | 95 % interval | p |{" p, Holm |" * corrected} test |'
    )
    lines.append(f'|---|{"---|" * pairs}---|---:|---|---:|{"---:|" * corrected}---|')
    for row in pair_rows(comparison):
        low_high = '-' if row.low is None or row.high is None else f'{100 * row.low:+.1f} to {100 * row.high:+.1f}'
        cells = [
            markdown_text(row.method),
            *([markdown_text(row.against)] if pairs else []),
            metric_label(row.metric),
            f'{100 * row.difference:+.1f}',
            low_high,
            _p_value(row.p_value),
            *([_p_value(row.p_holm)] if corrected else []),
            row.test,
        ]
        lines.append(f'| {" | ".join(cells)} |')
    return lines


def render_comparison(comparison: Comparison) -> bytes:
    """The page, in UTF-8.

    Raises:
        MissingPackagesError: If jinja2 or plotly is not installed.
    """
    names = [comparison.methods[0].runs[0].insight.name_of(label) for label in hard_classes(comparison)]
    return render(
        'compare.html',
        comparison_figures(comparison),
        comparison=comparison,
        labels={name: metric_label(name) for name in METRIC_LABELS},
        rows=method_rows(comparison),
        pairs=pair_rows(comparison) if comparison.has_all_pairs else [],
        classes=class_comparison(comparison),
        hard_classes=names,
    )


def _cell(comparison: Comparison, method: str, metric: str) -> str:
    deviation = comparison.deviations.get((method, metric))
    mean = f'{100 * comparison.means[method, metric]:.1f}'
    return mean if deviation is None else f'{mean} ± {100 * deviation:.1f}'


def _p_value(value: float | None) -> str:
    return '-' if value is None else f'{value:.3g}'


def _class_cell(row: ComparedClass, name: str) -> str:
    accuracy = row.accuracy[name]
    if accuracy is None:
        return '-'
    gain = row.gain.get(name)
    return f'{100 * accuracy:.1f}' + ('' if gain is None else f' ({100 * gain:+.1f})')
