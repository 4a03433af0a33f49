"""The figures of a comparison: metrics and classes of the methods, and the course of every run, on one axis."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cdb_video.difficulty.counts import accuracy_numbers
from cdb_video.difficulty.records import Record
from cdb_video.report.class_report.metrics import metric_label, share_named
from cdb_video.report.compare.methods import Comparison
from cdb_video.report.compare.rows import class_comparison
from cdb_video.report.compare.runs import ComparedRun, Method
from cdb_video.report.figures.parts import Figure, display_names

_COLOURS = 5
_DASHES = ('solid', 'dash', 'dot', 'dashdot')
_OF_OTHERS = ('replay', 'cross-fit')
"""Records whose epochs are of other runs."""
_MOST_HARD = 5
_MANY_RUNS = 24


def comparison_figures(comparison: Comparison) -> dict[str, Figure]:
    """All figures that there is something for, by name, in the order of the page."""
    figures = {'metrics': _metrics_figure(comparison)}
    if comparison.others:
        figures['gains'] = _gains_figure(comparison)
    courses = {
        'accuracy': _courses(comparison, _mean_class_accuracy, 'mean class accuracy'),
        'difficulty': _courses(comparison, _difficulty_of(hard_classes(comparison)), 'difficulty'),
    }
    return figures | {f'course-{name}': figure for name, figure in courses.items() if figure is not None}


def hard_classes(comparison: Comparison) -> list[int]:
    """The labels of the classes with the lowest accuracy of the baseline: five, or a third where there are few."""
    accuracy = comparison.class_means[comparison.baseline]
    known = [label for label in np.argsort(accuracy, kind='stable').tolist() if not math.isnan(accuracy[label])]
    return known[: min(_MOST_HARD, math.ceil(len(known) / 3))]


def plotly_text(text: str) -> str:
    """A text as plotly shows it, which reads some HTML in its texts."""
    return text.replace('&', '&amp;').replace('<', '&lt;').replace('>', '&gt;')


def _metrics_figure(comparison: Comparison) -> Figure:
    """The mean of every metric of every method, with the standard deviation where there are several seeds."""
    labels = [metric_label(metric) for metric in comparison.shown]
    bars = []
    for method in comparison.methods:
        means = [comparison.means[method.name, metric] for metric in comparison.shown]
        deviations = [comparison.deviations.get((method.name, metric)) for metric in comparison.shown]
        bars.append(_bars(comparison, method, labels, means, deviations, '%{y:.1%}'))
    layout = {'height': 400, 'yaxis': {'title': {'text': 'mean over seeds', 'standoff': 12}, 'tickformat': '.0%'}}
    return {'data': bars, 'layout': _LEGEND | {'barmode': 'group', 'xaxis': {'type': 'category'}} | layout}


def _gains_figure(comparison: Comparison) -> Figure:
    """Gain or loss of every class against the baseline, most training clips left."""
    rows = class_comparison(comparison)
    names = display_names(comparison.methods[0].runs[0].insight)
    labels = [names[row.label] for row in rows]
    bars = []
    for method in comparison.others:
        deviations = comparison.gain_deviations.get(method.name)
        spread = [None if deviations is None else float(deviations[row.label]) for row in rows]
        bars.append(_bars(comparison, method, labels, [row.gain[method.name] for row in rows], spread, '%{y:+.1%}'))
    title = f'accuracy against {plotly_text(comparison.baseline)}'
    layout = {
        'height': 440,
        'barmode': 'group',
        'xaxis': {'type': 'category', 'tickangle': -45, 'tickfont': {'size': 12 if len(labels) <= 40 else 9}},
        'yaxis': {'title': {'text': title, 'standoff': 12}, 'tickformat': '+.0%'},
    }
    return {'data': bars, 'layout': _LEGEND | layout}


_LEGEND = {'legend': {'orientation': 'h', 'y': 1.12}, 'showlegend': True}


def _bars(
    comparison: Comparison,
    method: Method,
    labels: Sequence[str],
    values: Sequence[float | None],
    deviations: Sequence[float | None],
    shown: str,
) -> dict[str, Any]:
    """The bars of a method, with the standard deviations that are known."""
    name = plotly_text(method.name)
    bars = {
        'type': 'bar',
        'name': name,
        'x': list(labels),
        'y': [_shown(value) for value in values],
        'marker': {'color': _colour(comparison, method)},
        'hovertemplate': f'%{{x}}<br>{shown}<extra>{name}</extra>',
    }
    if any(deviation is not None for deviation in deviations):
        spread = [_shown(deviation) for deviation in deviations]
        bars['error_y'] = {'type': 'data', 'array': spread, 'color': '--text', 'thickness': 1, 'width': 3}
        bars['hovertemplate'] = f'%{{x}}<br>{shown} ± %{{error_y.array:.1%}}<extra>{name}</extra>'
    return bars


def _courses(comparison: Comparison, value_of: Callable[[Record], float | None], what: str) -> Figure | None:
    """A curve for every run, runs of one method in one colour; None where no run has records of its own."""
    unit = _unit(comparison)
    curves = []
    for method in comparison.methods:
        is_first = True
        for place, run in enumerate(method.runs):
            points = [(_step(record, unit), value_of(record)) for record in _own_records(run)]
            known = [(step, value) for step, value in points if value is not None]
            if not known:
                continue
            curves.append(_curve(comparison, method, place, known) | {'showlegend': is_first})
            is_first = False
    if not curves:
        return None
    layout = {
        'height': 420,
        'xaxis': {'title': {'text': unit}},
        'yaxis': {'title': {'text': what, 'standoff': 12}, 'tickformat': '.0%'},
    }
    return {'data': curves, 'layout': _LEGEND | layout}


def _curve(comparison: Comparison, method: Method, place: int, points: Sequence[tuple[int, float]]) -> dict[str, Any]:
    name, colour = plotly_text(method.name), _colour(comparison, method)
    seed = method.runs[place].seed
    run = f'{name}, run {place + 1}' if seed is None else f'{name}, seed {seed}'
    steps, values = zip(*points, strict=True)
    is_crowded = sum(len(one.runs) for one in comparison.methods) > _MANY_RUNS or len(steps) > 60
    return {
        'type': 'scatter',
        'mode': 'lines' if is_crowded and len(steps) > 1 else 'lines+markers',
        'name': name,
        'legendgroup': name,
        'x': list(steps),
        'y': [_shown(value) for value in values],
        'line': {'color': colour, 'dash': _dash(comparison, method), 'width': 1.5},
        'marker': {'size': 4, 'color': colour},
        'hovertemplate': f'%{{x}}: %{{y:.1%}}<extra>{run}</extra>',
    }


def _own_records(run: ComparedRun) -> list[Record]:
    return [record for record in run.insight.run.records if record.source not in _OF_OTHERS]


def _unit(comparison: Comparison) -> str:
    """What all runs can be counted in: epochs, or iterations where the loop of one counts no epochs."""
    for method in comparison.methods:
        for run in method.runs:
            epochs = [record.epoch for record in _own_records(run)]
            if 0 in epochs or len(set(epochs)) < len(epochs):
                return 'iteration'
    return 'epoch'


def _step(record: Record, unit: str) -> int:
    return record.epoch if unit == 'epoch' else record.iteration


def _mean_class_accuracy(record: Record) -> float | None:
    """Of a validation."""
    if record.source != 'val' or not any(record.num_clips):
        return None
    found = share_named(record.metrics, 'mean1')
    return accuracy_numbers(record.num_clips, record.num_correct)['mean1'] if found is None else found


def _difficulty_of(labels: Sequence[int]) -> Callable[[Record], float | None]:
    """The mean difficulty of some classes."""

    def value(record: Record) -> float | None:
        known = 'difficulty' not in record.missing and labels
        return float(np.mean([record.difficulty[label] for label in labels])) if known else None

    return value


def _colour(comparison: Comparison, method: Method) -> str:
    """One for each method, the same in all figures; the baseline is grey."""
    if method.name == comparison.baseline:
        return '--muted'
    return f'--c{1 + _place(comparison, method) % _COLOURS}'


def _dash(comparison: Comparison, method: Method) -> str:
    """Solid until the colours come again."""
    if method.name == comparison.baseline:
        return _DASHES[0]
    return _DASHES[_place(comparison, method) // _COLOURS % len(_DASHES)]


def _place(comparison: Comparison, method: Method) -> int:
    return next(place for place, other in enumerate(comparison.others) if other.name == method.name)


def _shown(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else round(value, 4)
