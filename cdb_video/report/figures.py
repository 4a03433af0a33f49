"""The pictures of the page, as plotly figures in plain dicts: data and layout, no pixels and no plotly import.

A colour that begins with '--' is a property of the style sheet: the page puts in the one of its light or dark theme.
Sequences of colours are cividis, or go from the background to blue: both read the same in grey and for all kinds of
colour vision.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cdb_video.report.insight import METRIC_LABELS, Insight
from cdb_video.report.statistics import IntMatrix

Figure = dict[str, Any]
MAX_CELLS = 150
"""Above that many classes a confusion matrix is shown for those with the most mistakes only."""
SHOWN_CLASSES = 100
_LONGEST_NAME = 34
_LIGHT_TO_DARK = [[0, '--heat0'], [0.5, '--heat1'], [1, '--heat2']]
_LABELLED = 30
_LOG_TICKS = [digit * 10**power for power in range(7) for digit in (1, 2, 5)]
_CURVES = {'mean1': ('--c1', 'solid'), 'top1': ('--c2', 'solid'), 'top5': ('--c3', 'dot'), 'macro_f1': ('--c4', 'dash')}


def display_names(insight: Insight) -> list[str]:
    """The class names as plotly shows them, in the order of the labels: escaped, short, no two alike."""
    names = [insight.name_of(label) for label in range(insight.run.num_classes)]
    short = [name if len(name) <= _LONGEST_NAME else f'{name[: _LONGEST_NAME - 1]}…' for name in names]
    return [
        # plotly reads some HTML in its texts, such as links.
        html.escape(name if short.count(name) == 1 else f'{name} ({label})', quote=False)
        for label, name in enumerate(short)
    ]


def by_frequency(insight: Insight) -> list[int]:
    """The labels, most training clips first; in the order of the labels where the clips are not known."""
    counts = insight.run.train_counts
    labels = range(insight.run.num_classes)
    return list(labels) if counts is None else sorted(labels, key=lambda label: (-counts[label], label))


def build_figures(insight: Insight) -> dict[str, Figure]:
    """The figures that can be drawn, by the id of their place in the page."""
    names = display_names(insight)
    figures: dict[str, Figure] = {}
    if insight.run.train_counts is not None:
        figures['counts'] = class_histogram(insight, names)
        if any(row['accuracy'] is not None for row in insight.rows):
            figures['tail'] = accuracy_by_count(insight, names)
    if insight.run.records:
        figures['curves'] = learning_curves(insight)
        figures['difficulty'] = course(insight, names, [r['difficulty'] for r in insight.run.records], 'difficulty')
        figures |= _consumer_figures(insight, names)
    if insight.confusion is not None:
        figures['confusion'] = confusion_matrix(insight, names)
    return figures


def accuracy_by_count(insight: Insight, names: Sequence[str]) -> Figure:
    """Accuracy of every class, with its interval, against its training clips."""
    rows = sorted(
        (row for row in insight.rows if row['accuracy'] is not None), key=lambda row: (row['train_count'], row['label'])
    )
    accuracy = _rounded([row['accuracy'] for row in rows])
    texts = [names[row['label']] for row in rows]
    return {
        'data': [
            {
                'type': 'scatter',
                'cliponaxis': False,
                'mode': 'markers+text' if len(rows) <= _LABELLED else 'markers',
                'x': [row['train_count'] for row in rows],
                'y': accuracy,
                'text': texts,
                'textposition': label_places([row['train_count'] for row in rows], accuracy, texts),
                'textfont': {'size': 10, 'color': '--muted'},
                'marker': {'size': 9, 'color': '--c1', 'line': {'width': 1, 'color': '--surface'}},
                'error_y': {
                    'type': 'data',
                    'symmetric': False,
                    'array': _rounded([row['accuracy_high'] - row['accuracy'] for row in rows]),
                    'arrayminus': _rounded([row['accuracy'] - row['accuracy_low'] for row in rows]),
                    'color': '--band',
                    'thickness': 1.5,
                    'width': 0,
                },
                'customdata': [row['num_clips'] for row in rows],
                'hovertemplate': '%{text}<br>%{x} training clips<br>accuracy %{y:.1%} of %{customdata} clips'
                '<extra></extra>',
            }
        ],
        'layout': {
            'height': 460,
            'xaxis': {
                'title': {'text': 'training clips (log scale)'},
                'type': 'log',
                'zeroline': False,
                'tickvals': _LOG_TICKS,
            },
            'yaxis': {'title': {'text': 'accuracy', 'standoff': 12}, 'tickformat': '.0%', 'range': [-0.05, 1.08]},
        },
    }


def label_places(counts: Sequence[int], accuracy: Sequence[float | None], texts: Sequence[str]) -> list[str]:
    """Where to write the name of each point, such that names do not cover points or each other, as far as that goes.

    Args:
        counts: Training clips, drawn on a logarithmic axis.
        accuracy: In [0, 1].
        texts: The names.
    """
    if len(texts) > _LABELLED:
        return []
    logs = np.log10(np.maximum(counts, 1))
    span = max(float(np.ptp(logs)), 0.1)
    # In pixels, of a picture as wide as a laptop shows it.
    points = [(900 * (log - logs.min()) / span, 330 * (y or 0)) for log, y in zip(logs, accuracy, strict=True)]
    taken = [(x - 7, x + 7, y - 7, y + 7) for x, y in points]
    places = []
    for (x, y), text in zip(points, texts, strict=True):
        half = 3 * len(text)
        boxes = {
            'middle right': (x + 8, x + 8 + 2 * half, y - 7, y + 7),
            'middle left': (x - 8 - 2 * half, x - 8, y - 7, y + 7),
            'top center': (x - half, x + half, y + 8, y + 22),
            'bottom center': (x - half, x + half, y - 22, y - 8),
        }
        covered = {
            place: sum(_overlap(box, other) for other in taken) + (box[0] < -30) + (box[1] > 1000)
            for place, box in boxes.items()
        }
        places.append(min(boxes, key=lambda place: covered[place]))
        taken.append(boxes[places[-1]])
    return places


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[0] < other[1] and other[0] < one[1] and one[2] < other[3] and other[2] < one[3]


def class_histogram(insight: Insight, names: Sequence[str]) -> Figure:
    """Training clips of every class, most first."""
    assert insight.run.train_counts is not None
    order = by_frequency(insight)
    few, many = insight.shot_thresholds
    counts = insight.run.train_counts[order].tolist()
    kinds = {
        f'many-shot (more than {many})': ('--c1', lambda count: count > many),
        f'medium-shot ({few} to {many})': ('--c2', lambda count: few <= count <= many),
        f'few-shot (fewer than {few})': ('--c3', lambda count: count < few),
    }
    data = [
        {
            'type': 'bar',
            'name': kind,
            'x': [names[label] for label, count in zip(order, counts, strict=True) if belongs(count)],
            'y': [count for count in counts if belongs(count)],
            'marker': {'color': colour, 'line': {'width': 0}},
            'hovertemplate': '%{x}<br>%{y} training clips<extra></extra>',
        }
        for kind, (colour, belongs) in kinds.items()
    ]
    axis = {'type': 'category', 'categoryorder': 'array', 'categoryarray': [names[label] for label in order]}
    return {
        'data': [bars for bars in data if bars['x']],
        'layout': {
            'height': 420,
            'xaxis': axis | {'tickangle': -45} | _all_ticks(len(names), _LABELLED),
            'yaxis': {'title': {'text': 'training clips'}},
            'legend': {'orientation': 'h', 'y': 1.12},
            'bargap': 0.15 if len(names) <= _LABELLED else 0,
        },
    }


def course(insight: Insight, names: Sequence[str], vectors: Sequence[ArrayLike], what: str) -> Figure:
    """A heat map of one number a class over the validations; the most frequent class is on top."""
    order = by_frequency(insight)
    unit, steps = _steps(insight.run.records)
    gap = 1 if max(len(steps), len(names)) <= 40 else 0
    heat_map = {
        'type': 'heatmap',
        'x': steps,
        'y': [names[label] for label in order],
        'z': [_rounded(row) for row in np.array(vectors, np.float64).T[order]],
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
            'height': _height(len(names)),
            'xaxis': {'title': {'text': unit}, 'showgrid': False, 'constrain': 'domain'},
            'yaxis': {'type': 'category', 'autorange': 'reversed', 'showgrid': False}
            | _all_ticks(len(names), MAX_CELLS),
        },
    }


def learning_curves(insight: Insight) -> Figure:
    """The metrics of every validation, and the accuracy of the worst class and the mean difficulty."""
    records = insight.run.records
    unit, steps = _steps(records)
    curves = []
    for name, (colour, dash) in _CURVES.items():
        values = [_metric(record['metrics'], name) for record in records]
        if any(value is not None for value in values):
            curves.append((METRIC_LABELS[name], colour, dash, values))
    worst = [min((a for a in record['accuracy'] if a is not None), default=None) for record in records]
    curves.append(('Worst class', '--c5', 'solid', worst))
    curves.append(('Mean difficulty', '--muted', 'dot', [float(np.mean(record['difficulty'])) for record in records]))
    return {
        'data': [
            {
                'type': 'scatter',
                'mode': 'lines+markers' if len(steps) <= 60 else 'lines',
                'name': name,
                'x': steps,
                'y': _rounded(values),
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


def confusion_matrix(insight: Insight, names: Sequence[str]) -> Figure:
    """What every class is taken for, in shares of its clips.

    Above `MAX_CELLS` classes, the `SHOWN_CLASSES` with the most mistakes are shown and the others are added up in one
    row and column.
    """
    assert insight.confusion is not None
    confusion, shown = insight.confusion, by_frequency(insight)
    texts = list(names)
    if len(names) > MAX_CELLS:
        mistakes = confusion.sum(axis=0) + confusion.sum(axis=1) - 2 * np.diag(confusion)
        chosen = sorted(np.argsort(-mistakes, kind='stable')[:SHOWN_CLASSES].tolist(), key=shown.index)
        rest = np.setdiff1d(np.arange(len(names)), chosen)
        confusion = _merged(confusion, chosen, rest)
        texts, shown = [*(names[c] for c in chosen), f'{len(rest)} other classes'], list(range(SHOWN_CLASSES + 1))
    cells = confusion[np.ix_(shown, shown)]
    labels = [texts[label] for label in shown]
    total = cells.sum(axis=1, keepdims=True)
    shares = np.where(total > 0, cells / np.maximum(total, 1), np.nan)
    heat_map = {
        'type': 'heatmap',
        'x': labels,
        'y': labels,
        'z': [_rounded(row) for row in shares],
        'customdata': cells.tolist(),
        'colorscale': _LIGHT_TO_DARK,
        'zmin': 0,
        'zmax': 1,
        'xgap': 1,
        'ygap': 1,
        'colorbar': {'thickness': 12, 'outlinewidth': 0, 'tickformat': '.0%'},
        'hovertemplate': 'true: %{y}<br>predicted: %{x}<br>%{customdata} clips, %{z:.1%} of the class<extra></extra>',
    }
    if len(labels) <= _LABELLED:
        heat_map |= {'text': _texts(cells), 'texttemplate': '%{text}', 'textfont': {'size': 11}}
    alike = [labels[place] for place in similar_order(cells)]
    axis = {'type': 'category', 'categoryorder': 'array', 'categoryarray': labels, 'showgrid': False}
    return {
        'data': [heat_map],
        'layout': {
            'height': _height(len(labels)) + 110,
            'xaxis': axis
            | {'title': {'text': 'predicted', 'standoff': 12}, 'tickangle': -60}
            | _all_ticks(len(labels), MAX_CELLS),
            'yaxis': axis
            | {'title': {'text': 'true', 'standoff': 12}, 'autorange': 'reversed'}
            | _all_ticks(len(labels), MAX_CELLS),
        },
        'orders': {'frequency': labels, 'similar': alike},
    }


def similar_order(confusion: IntMatrix) -> list[int]:
    """An order in which classes that are confused stand side by side: along the Fiedler vector of the confusions.

    Args:
        confusion: (C, C) int >= 0.

    Returns:
        A permutation of 0..C-1.
    """
    total = np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    shares = confusion / total
    # The small constant ties classes that are confused with nothing to all others.
    weights = shares + shares.T + 1e-3
    np.fill_diagonal(weights, 0)
    laplacian = np.diag(weights.sum(axis=1)) - weights
    vectors = np.linalg.eigh(laplacian)[1]
    return np.argsort(vectors[:, min(1, len(vectors) - 1)], kind='stable').tolist()


def _merged(confusion: IntMatrix, chosen: Sequence[int], rest: np.ndarray[Any, Any]) -> IntMatrix:
    """The chosen classes, and the rest as one class more."""
    rows = np.vstack([confusion[list(chosen)], confusion[rest].sum(axis=0)])
    return np.hstack([rows[:, list(chosen)], rows[:, rest].sum(axis=1, keepdims=True)])


def _consumer_figures(insight: Insight, names: Sequence[str]) -> dict[str, Figure]:
    """What the difficulty became: weights and probabilities of the classes, and tau where it changes."""
    records = insight.run.records
    figures: dict[str, Figure] = {}
    taus: list[dict[str, Any]] = []
    unit, steps = _steps(records)
    for consumer in {name: None for record in records for name in record['consumers']}:
        entries = [record['consumers'].get(consumer, {}) for record in records]
        for key in ('weight', 'probability'):
            if all(len(entry.get(key) or ()) == len(names) for entry in entries):
                figures[f'{key}-{consumer}'] = course(insight, names, [entry[key] for entry in entries], key)
        tau = [entry.get('tau') for entry in entries]
        if len({value for value in tau if value is not None}) > 1:
            curve = {'x': steps, 'y': _rounded(tau), 'name': html.escape(consumer, quote=False)}
            taus.append({'type': 'scatter', 'mode': 'lines+markers', 'line': {'color': f'--c{1 + len(taus)}'}} | curve)
    if taus:
        layout = {'height': 280, 'xaxis': {'title': {'text': unit}}, 'yaxis': {'title': {'text': 'tau'}}}
        figures['tau'] = {'data': taus, 'layout': layout}
    return figures


def _steps(records: Sequence[dict[str, Any]]) -> tuple[str, list[int]]:
    """What the validations are counted in: epochs, or iterations where the loop counts no epochs."""
    epochs = [record['epoch'] for record in records]
    if len(set(epochs)) == len(epochs):
        return 'epoch', epochs
    return 'iteration', [record['iter'] for record in records]


def _metric(metrics: dict[str, Any], name: str) -> float | None:
    return next((value for key, value in metrics.items() if key.rpartition('/')[2] == name), None)


def _rounded(values: Any) -> list[float | None]:
    """Four decimals are more than a picture shows, and a third of the size."""
    numbers = np.round(np.array(values, np.float64), 4)
    rounded: list[float | None] = numbers.tolist()
    if np.isnan(numbers).any():
        return [None if value is None or math.isnan(value) else value for value in rounded]
    return rounded


def _texts(cells: IntMatrix) -> list[list[str]]:
    return [[str(value) if value else '' for value in row] for row in cells.tolist()]


def _height(num_rows: int) -> int:
    """Pixels: 22 a row where there are few, 13 up to `MAX_CELLS`, and then a page."""
    return 130 + (22 * num_rows if num_rows <= 40 else min(13 * num_rows, 13 * MAX_CELLS // 2 + 4 * num_rows, 1500))


def _all_ticks(number: int, limit: int) -> dict[str, Any]:
    """Name every class on an axis where there is room for all."""
    size = 12 if number <= 40 else 9
    return {'automargin': True, 'tickfont': {'size': size}} | ({'dtick': 1} if number <= limit else {})
