"""The curves of losses and learning rate, by iteration."""

from __future__ import annotations

import html
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cdb_video.report.figures.parts import Figure
from cdb_video.report.sources.scalars import Scalars

_POINTS = 500
"""Of a curve at most: of more, neighbours are averaged."""
_CURVES = 8
_COLOURS = 5


def loss_figures(scalars: Scalars) -> dict[str, Figure]:
    """'losses', where one was logged, and 'lr' likewise. Of losses that are equal throughout the first is shown."""
    values = {name: np.array(column, np.float64) for name, column in scalars.values.items()}
    names = [name for name in values if name != 'lr']
    names.sort(key=lambda name: name != 'loss')
    distinct: list[str] = []
    for name in names:
        if not any(np.array_equal(values[name], values[other], equal_nan=True) for other in distinct):
            distinct.append(name)
    figures: dict[str, Figure] = {}
    curves = {name: values[name] for name in distinct[:_CURVES] if np.isfinite(values[name]).any()}
    if curves:
        figures['losses'] = _figure(scalars, curves, 320)
    if np.isfinite(values.get('lr', np.array([]))).any():
        figures['lr'] = _figure(scalars, {'lr': values['lr']}, 220)
    return figures


def num_not_finite(scalars: Scalars) -> int:
    """At how many steps a loss was not a finite number."""
    losses = [column for name, column in scalars.values.items() if name != 'lr']
    return sum(
        any(value is not None and not np.isfinite(value) for value in step) for step in zip(*losses, strict=True)
    )


def _figure(scalars: Scalars, curves: dict[str, NDArray[np.float64]], height: int) -> Figure:
    number = min(len(scalars.steps), _POINTS)
    ends = np.array([part[-1] for part in np.array_split(np.array(scalars.steps), number)])
    return {
        'data': [
            {
                'type': 'scatter',
                'mode': 'lines' if number > 1 else 'markers',
                'name': html.escape(name, quote=False),
                'x': ends.tolist(),
                'y': _means(values, number),
                'line': {'color': f'--c{1 + place % _COLOURS}', 'width': 2 if place == 0 else 1.5},
                'hovertemplate': '%{y:.4g}<extra>' + html.escape(name, quote=False) + '</extra>',
            }
            for place, (name, values) in enumerate(curves.items())
        ],
        'layout': {
            'height': height,
            'hovermode': 'x unified',
            'showlegend': len(curves) > 1,
            'legend': {'orientation': 'h', 'y': 1.15},
            'xaxis': {'title': {'text': 'iteration'}},
            'yaxis': {'rangemode': 'tozero', 'exponentformat': 'power'},
        },
    }


def _means(values: NDArray[np.float64], number: int) -> list[Any]:
    """The means of so many parts with almost as many values each, of those that are finite; None where none is."""
    parts = (part[np.isfinite(part)] for part in np.array_split(values, number))
    return [float(f'{part.mean():.5g}') if part.size else None for part in parts]
