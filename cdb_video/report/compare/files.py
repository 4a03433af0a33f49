"""Writes a comparison: ``compare.csv``, ``compare_classes.csv``, ``compare.md`` and ``compare.html``."""

from __future__ import annotations

from pathlib import Path

from cdb_video.report.class_report.metrics import METRIC_LABELS, metric_label
from cdb_video.report.class_report.text import csv_table, markdown_text
from cdb_video.report.compare.methods import Comparison
from cdb_video.report.compare.rows import ComparedClass, class_comparison, method_rows
from cdb_video.report.figures.parts import Figure, display_names
from cdb_video.report.pages.page import render
from cdb_video_files.atomic import write_atomically


def write_comparison(comparison: Comparison, directory: Path, *, page: bool = True) -> list[Path]:
    """Write all files, each by renaming a complete one.

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
    lines += ['', f'Percent, mean ± standard deviation over seeds; against {markdown_text(comparison.baseline)}:', '']
    lines += ['| method | metric | difference | 95 % interval | p | test |', '|---|---|---:|---|---:|---|']
    for (name, metric), test in comparison.tests.items():
        if metric in comparison.mute:
            continue
        low_high = '-' if test.interval is None else f'{100 * test.interval[0]:+.1f} to {100 * test.interval[1]:+.1f}'
        p_value = '-' if test.p_value is None else f'{test.p_value:.3g}'
        change = f'{100 * test.difference:+.1f}'
        lines.append(
            f'| {markdown_text(name)} | {metric_label(metric)} | {change} | {low_high} | {p_value} | {test.how} |'
        )
    names = [method.name for method in comparison.methods]
    lines += ['', '| class | train | ' + ' | '.join(markdown_text(name) for name in names) + ' |']
    lines.append('|---|---:|' + '---:|' * len(names))
    for row in class_comparison(comparison):
        cells = [_class_cell(row, name) for name in names]
        count = '-' if row.train_count is None else row.train_count
        lines.append(f'| {markdown_text(row.name)} | {count} | ' + ' | '.join(cells) + ' |')
    return '\n'.join([*lines, '', *(f'- {markdown_text(note)}' for note in comparison.notes)]) + '\n'


def render_comparison(comparison: Comparison) -> bytes:
    """The page, in UTF-8.

    Raises:
        MissingPackagesError: If jinja2 or plotly is not installed.
    """
    figures = {'gains': gains_figure(comparison)} if comparison.others else {}
    return render(
        'compare.html',
        figures,
        comparison=comparison,
        labels={name: metric_label(name) for name in METRIC_LABELS},
        rows=method_rows(comparison),
        classes=class_comparison(comparison),
    )


def gains_figure(comparison: Comparison) -> Figure:
    """Gain or loss of every class against the baseline, most training clips left."""
    rows = class_comparison(comparison)
    names = display_names(comparison.methods[0].runs[0].insight)
    labels = [names[row.label] for row in rows]
    return {
        'data': [
            {
                'type': 'bar',
                'name': _plotly_text(method.name),
                'x': labels,
                'y': [_shown(row.gain[method.name]) for row in rows],
                'marker': {'color': f'--c{1 + place % 5}'},
                'hovertemplate': '%{x}<br>%{y:+.1%}<extra>' + _plotly_text(method.name) + '</extra>',
            }
            for place, method in enumerate(comparison.others)
        ],
        'layout': {
            'height': 440,
            'barmode': 'group',
            'xaxis': {'type': 'category', 'tickangle': -45, 'tickfont': {'size': 12 if len(labels) <= 40 else 9}},
            'yaxis': {
                'title': {'text': f'accuracy against {_plotly_text(comparison.baseline)}', 'standoff': 12},
                'tickformat': '+.0%',
            },
            'legend': {'orientation': 'h', 'y': 1.12},
            'showlegend': True,
        },
    }


def _cell(comparison: Comparison, method: str, metric: str) -> str:
    deviation = comparison.deviations.get((method, metric))
    mean = f'{100 * comparison.means[method, metric]:.1f}'
    return mean if deviation is None else f'{mean} ± {100 * deviation:.1f}'


def _class_cell(row: ComparedClass, name: str) -> str:
    accuracy = row.accuracy[name]
    if accuracy is None:
        return '-'
    gain = row.gain.get(name)
    return f'{100 * accuracy:.1f}' + ('' if gain is None else f' ({100 * gain:+.1f})')


def _shown(gain: float | None) -> float | None:
    return None if gain is None else round(gain, 4)


def _plotly_text(text: str) -> str:
    return text.replace('&', '&amp;').replace('<', '&lt;').replace('>', '&gt;')
