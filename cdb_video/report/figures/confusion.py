"""What is taken for what: the confusion matrix, readable with many classes, and an order that shows groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cdb_video.class_names import counted
from cdb_video.host_words import worded
from cdb_video.report.figures.parts import LABELLED, MAX_CELLS, Figure, all_ticks, by_frequency, height, rounded
from cdb_video.report.insight.insight import Insight
from cdb_video.report.insight.statistics import IntMatrix

SHOWN_CLASSES = 100
MISSED = 'missed'
"""In place of the label of the class that an object was taken for."""
_LIGHT_TO_DARK = [[0, '--heat0'], [0.5, '--heat1'], [1, '--heat2']]


def confusion_matrix(insight: Insight, names: Sequence[str]) -> Figure:
    """What every class is taken for, in shares of its clips; of objects a last column has those that were missed.

    Above `MAX_CELLS` classes, the `SHOWN_CLASSES` with the most mistakes are shown and the others are added up in one
    row and column. Beside the figure stand 'orders' of the axes, and 'classes': the label of each name on them.
    """
    assert insight.outcomes is not None
    cells, labels = _shown(insight.outcomes.answers, by_frequency(insight), names)
    answers = labels
    if cells.shape[1] > len(labels):
        answers = [*labels, _missed_label(labels)]
    total = cells.sum(axis=1, keepdims=True)
    shares = np.where(total > 0, cells / np.maximum(total, 1), np.nan)
    heat_map = {
        'type': 'heatmap',
        'x': answers,
        'y': labels,
        'z': [rounded(row) for row in shares],
        'customdata': cells.tolist(),
        'colorscale': _LIGHT_TO_DARK,
        'zmin': 0,
        'zmax': 1,
        'xgap': 1,
        'ygap': 1,
        'colorbar': {'thickness': 12, 'outlinewidth': 0, 'tickformat': '.0%'},
        'hovertemplate': worded(
            'true: %{y}<br>predicted: %{x}<br>%{customdata} {units}, %{z:.1%} of the class<extra></extra>'
        ),
    }
    if len(labels) <= LABELLED:
        heat_map |= {'text': _texts(cells), 'texttemplate': '%{text}', 'textfont': {'size': 11}}
    alike = [labels[place] for place in similar_order(cells[:, : len(labels)])]
    classes = {name: str(label) for label, name in enumerate(names)} | dict.fromkeys(answers[len(labels) :], MISSED)
    orders = {'frequency': labels, 'similar': alike}
    return {'data': [heat_map], 'layout': _layout(labels), 'orders': orders, 'classes': classes}


def _missed_label(labels: Sequence[str]) -> str:
    """What to call the answer of objects that were missed: as no class is called."""
    label = 'missed'
    while label in labels:
        label = f'({label})'
    return label


def _shown(confusion: IntMatrix, order: Sequence[int], names: Sequence[str]) -> tuple[IntMatrix, list[str]]:
    """The cells that are shown, in the order of their labels, and these; see `confusion_matrix`."""
    if len(names) <= MAX_CELLS:
        columns = [*order, *range(len(names), confusion.shape[1])]
        return confusion[np.ix_(order, columns)], [names[label] for label in order]
    mistakes = confusion.sum(axis=0)[: len(names)] + confusion.sum(axis=1) - 2 * np.diag(confusion)
    chosen = sorted(np.argsort(-mistakes, kind='stable')[:SHOWN_CLASSES].tolist(), key=order.index)
    rest = np.setdiff1d(np.arange(len(names)), chosen)
    others = counted(len(rest), 'other class', 'other classes')
    return _merged(confusion, chosen, rest), [*(names[label] for label in chosen), others]


def _layout(labels: Sequence[str]) -> Figure:
    axis = {'type': 'category', 'categoryorder': 'array', 'categoryarray': labels, 'showgrid': False}
    return {
        'height': height(len(labels)) + 110,
        'xaxis': axis
        | {'title': {'text': 'predicted', 'standoff': 12}, 'tickangle': -60 if len(labels) <= 40 else -90}
        | all_ticks(len(labels), MAX_CELLS)
        # A column is 9 pixels wide where there are a hundred.
        | ({'tickfont': {'size': 8}} if len(labels) > 40 else {}),
        'yaxis': axis
        | {'title': {'text': 'true', 'standoff': 12}, 'autorange': 'reversed'}
        | all_ticks(len(labels), MAX_CELLS),
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
    return np.hstack([rows[:, list(chosen)], rows[:, rest].sum(axis=1, keepdims=True), rows[:, len(confusion) :]])


def _texts(cells: IntMatrix) -> list[list[str]]:
    return [[str(value) if value else '' for value in row] for row in cells.tolist()]
