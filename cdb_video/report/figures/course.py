"""The course of a training: its metrics, the difficulty of every class, and what the difficulty became."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cdb_video.difficulty.counts import accuracy_numbers
from cdb_video.difficulty.records import Derived, Record
from cdb_video.report.class_report.metrics import METRIC_LABELS, metric_label, share_named
from cdb_video.report.figures.parts import MAX_CELLS, Figure, all_ticks, by_frequency, height, rounded
from cdb_video.report.insight.insight import Insight

_CURVES = {
    'mean1': ('--c1', 'solid'),
    'top1': ('--c2', 'solid'),
    'top5': ('--c3', 'dot'),
    'macro_f1': ('--c4', 'dash'),
    'missed': ('--c3', 'dash'),
    **{f'bbox_{name}': ('--c4', 'solid') for name in ('AP', 'mAP')},
    **{f'segm_{name}': ('--c4', 'dot') for name in ('AP', 'mAP')},
}
_OF = {'val': '', 'train': ', training batches', 'replay': ', replayed run', 'cross-fit': ', cross-fitted'}


def course(insight: Insight, names: Sequence[str], vectors: Sequence[ArrayLike], what: str) -> Figure:
    """A heat map of one number a class over the validations; the most frequent class is on top."""
    order = by_frequency(insight)
    unit, steps = _steps(insight.run.records)
    gap = 1 if max(len(steps), len(names)) <= 40 else 0
    heat_map = {
        'type': 'heatmap',
        'x': steps,
        'y': [names[label] for label in order],
        'z': [rounded(row) for row in np.array(vectors, np.float64).T[order]],
        'colorscale': 'Cividis',
        'colorbar': {'thickness': 12, 'outlinewidth': 0, 'title': {'text': what, 'side': 'right'}},
        'hovertemplate': f'%{{y}}<br>{unit} %{{x}}<br>{what} %{{z}}<extra></extra>',
        'xgap': gap,
        'ygap': gap,
        'zmin': 0,
    }
    if what == 'difficulty':
        heat_map['zmax'] = 1
    return {
        'data': [heat_map],
        'layout': {
            'height': height(len(names)),
            'xaxis': {'title': {'text': unit}, 'showgrid': False, 'constrain': 'domain'},
            'yaxis': {'type': 'category', 'autorange': 'reversed', 'showgrid': False}
            | all_ticks(len(names), MAX_CELLS),
        },
    }


def learning_curves(insight: Insight) -> Figure:
    """The metrics of every validation, the worst class by what its accuracy was measured on, the mean difficulty.

    Harmonic mean and worst class are of the counts, so that histories that were written without them show them too.
    """
    records, sources = insight.run.records, insight.run.sources
    unit, steps = _steps(records)
    curves = []
    for name, (colour, dash) in _CURVES.items():
        values = [
            share_named(record.metrics, name) if source == 'val' else None
            for record, source in zip(records, sources, strict=True)
        ]
        if any(value is not None for value in values):
            curves.append((metric_label(name), colour, dash, values))
    counted = [_accuracy_numbers(record) for record in records]

    def of_source(name: str, source: str) -> list[float | None]:
        return [found.get(name) if other == source else None for found, other in zip(counted, sources, strict=True)]

    if 'val' in sources:
        curves.insert(1, (METRIC_LABELS['hmean'], '--c1', 'dash', of_source('hmean', 'val')))
    for source in dict.fromkeys(sources):
        dash = 'solid' if source == 'val' else 'dot'
        curves.append((f'{METRIC_LABELS["worst"]}{_OF[source]}', '--c5', dash, of_source('worst', source)))
    curves.append(('Mean difficulty', '--muted', 'dot', [float(np.mean(record.difficulty)) for record in records]))
    return {
        'data': [
            {
                'type': 'scatter',
                'mode': 'lines+markers' if len(steps) <= 60 else 'lines',
                'name': name,
                'x': steps,
                'y': rounded(values),
                'line': {'color': colour, 'dash': dash, 'width': 2},
                'marker': {'size': 5, 'color': colour},
                'hovertemplate': f'%{{y:.1%}}<extra>{name}</extra>',
            }
            for name, colour, dash, values in curves
        ],
        'layout': {
            'height': 420,
            'hovermode': 'x unified',
            'xaxis': {'title': {'text': unit}},
            'yaxis': {'tickformat': '.0%', 'range': [-0.03, 1.03]},
            'legend': {'orientation': 'h', 'y': 1.15},
        },
    }


def consumer_figures(insight: Insight, names: Sequence[str]) -> dict[str, Figure]:
    """What the difficulty became: weights and probabilities of the classes; tau, or s of CDB-A, where it changes."""
    records = insight.run.records
    figures: dict[str, Figure] = {}
    curves: list[dict[str, Any]] = []
    unit, steps = _steps(records)
    for consumer in {name: None for record in records for name in record.consumers}:
        entries = [record.consumers.get(consumer, Derived()) for record in records]
        for key in ('weight', 'probability'):
            vectors = [entry.vectors.get(key, ()) for entry in entries]
            if all(len(vector) == len(names) for vector in vectors):
                figures[f'{key}-{consumer}'] = course(insight, names, vectors, key)
        for symbol, exponents in (('tau', [one.tau for one in entries]), ('s', [one.strength for one in entries])):
            if len({value for value in exponents if value is not None}) > 1:
                name = html.escape(f'{consumer}, {symbol}', quote=False)
                line = {'color': f'--c{1 + len(curves)}'}
                curve = {'x': steps, 'y': rounded(exponents), 'name': name, 'line': line}
                curves.append({'type': 'scatter', 'mode': 'lines+markers'} | curve)
    if curves:
        layout = {'height': 280, 'xaxis': {'title': {'text': unit}}, 'yaxis': {'title': {'text': 'exponent'}}}
        figures['exponent'] = {'data': curves, 'layout': layout | {'showlegend': True}}
    return figures


def _steps(records: Sequence[Record]) -> tuple[str, list[int]]:
    """What the validations are counted in: epochs, or iterations where the loop counts no epochs."""
    epochs = [record.epoch for record in records]
    if len(set(epochs)) == len(epochs):
        return 'epoch', epochs
    return 'iteration', [record.iteration for record in records]


def _accuracy_numbers(record: Record) -> dict[str, float]:
    """Of the counts, as all accuracies of a report are; none without clips."""
    return accuracy_numbers(record.num_clips, record.num_correct) if any(record.num_clips) else {}
