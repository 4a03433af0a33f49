"""Training clips of the classes: how many each has, and whether its accuracy follows from that."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cdb_video.difficulty.counts import SHOT_GROUPS, Mask, shot_groups
from cdb_video.host_words import units, worded
from cdb_video.report.figures.parts import LABELLED, MAX_CELLS, Figure, all_ticks, by_frequency, rounded
from cdb_video.report.insight.insight import Insight

_LOG_TICKS = [digit * 10**power for power in range(7) for digit in (1, 2, 5)]


def accuracy_by_count(insight: Insight, names: Sequence[str]) -> Figure:
    """Accuracy of every class, with its interval, against its training clips."""
    rows = sorted(
        (row for row in insight.rows if row.accuracy is not None), key=lambda row: (row.train_count or 0, row.label)
    )
    counts = [row.train_count or 0 for row in rows]
    low, exact, high = np.array([(row.accuracy_low, row.accuracy, row.accuracy_high) for row in rows], np.float64).T
    accuracy = rounded(exact)
    texts = [names[row.label] for row in rows]
    places = label_places(counts, accuracy, texts)
    points = {
        'type': 'scatter',
        'cliponaxis': False,
        'mode': 'markers+text' if len(rows) <= LABELLED else 'markers',
        'x': counts,
        'y': accuracy,
        'hovertext': texts,
        # A name for which there is no room stands in the hover text alone.
        'text': [text if place else '' for text, place in zip(texts, places, strict=False)],
        'textposition': [place or 'middle right' for place in places],
        'textfont': {'size': 10, 'color': '--muted'},
        'marker': {'size': 9, 'color': '--c1', 'line': {'width': 1, 'color': '--surface'}}
        if len(rows) <= MAX_CELLS
        else {'size': 7, 'color': '--c1', 'opacity': 0.4},
        'error_y': _error_bars(rounded(high - exact), rounded(exact - low)),
        'customdata': [row.num_clips for row in rows],
        'hovertemplate': worded(
            '%{hovertext}<br>%{x} training {units}<br>accuracy %{y:.1%} of %{customdata} {units}<extra></extra>'
        ),
    }
    title = 'accuracy in the training batches' if insight.split == 'train' else 'accuracy'
    return {
        'data': [points],
        'layout': {
            'height': 460,
            'xaxis': {
                'title': {'text': f'training {units()} (log scale)'},
                'type': 'log',
                'zeroline': False,
                'tickvals': _LOG_TICKS,
            },
            'yaxis': {'title': {'text': title, 'standoff': 12}, 'tickformat': '.0%', 'range': [-0.05, 1.08]},
        },
    }


def _error_bars(above: list[float | None], below: list[float | None]) -> Figure:
    return {
        # A thousand of them would cover the points.
        'visible': len(above) <= MAX_CELLS,
        'type': 'data',
        'symmetric': False,
        'array': above,
        'arrayminus': below,
        'color': '--band',
        'thickness': 1.5,
        'width': 0,
    }


def label_places(counts: Sequence[int], accuracy: Sequence[float | None], texts: Sequence[str]) -> list[str]:
    """Where to write the name of each point, such that names do not cover points or each other.

    Args:
        counts: Training clips, drawn on a logarithmic axis.
        accuracy: In [0, 1].
        texts: The names.

    Returns:
        Places as plotly calls them, '' where there is no room; none at all if there are too many names.
    """
    if len(texts) > LABELLED:
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
            'top right': (x + 8, x + 8 + 2 * half, y + 3, y + 17),
            'bottom right': (x + 8, x + 8 + 2 * half, y - 17, y - 3),
            'top left': (x - 8 - 2 * half, x - 8, y + 3, y + 17),
            'bottom left': (x - 8 - 2 * half, x - 8, y - 17, y - 3),
        }
        covered = {
            place: sum(_overlap(box, other) for other in taken) + (box[0] < -30) + (box[1] > 1000)
            for place, box in boxes.items()
        }
        best = min(boxes, key=lambda place: covered[place])
        places.append('' if covered[best] else best)
        if places[-1]:
            taken.append(boxes[best])
    return places


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[0] < other[1] and other[0] < one[1] and one[2] < other[3] and other[2] < one[3]


def class_histogram(insight: Insight, names: Sequence[str]) -> Figure:
    """Training clips of every class, most first; coloured by the shot groups, where these are known."""
    assert insight.run.train_counts is not None
    order = by_frequency(insight)
    counts = insight.run.train_counts[order].tolist()
    data = [
        {
            'type': 'bar',
            'name': kind,
            'x': [names[label] for label, belongs in zip(order, mask[order], strict=True) if belongs],
            'y': [count for count, belongs in zip(counts, mask[order], strict=True) if belongs],
            'marker': {'color': colour, 'line': {'width': 0}},
            'hovertemplate': f'%{{x}}<br>%{{y}} training {units()}<extra></extra>',
        }
        for kind, colour, mask in _kinds(insight)
    ]
    axis = {'type': 'category', 'categoryorder': 'array', 'categoryarray': [names[label] for label in order]}
    return {
        'data': [bars for bars in data if bars['x']],
        'layout': {
            'height': 420,
            'xaxis': axis | {'tickangle': -45, 'showgrid': False, 'nticks': 40} | all_ticks(len(names), LABELLED),
            'yaxis': {'title': {'text': f'training {units()}'}}
            | ({'type': 'log', 'tickvals': _LOG_TICKS} if len(names) > MAX_CELLS else {}),
            'legend': {'orientation': 'h', 'y': 1.12},
            'bargap': 0.15 if len(names) <= LABELLED else 0,
        },
    }


def _kinds(insight: Insight) -> list[tuple[str, str, Mask]]:
    """The shot groups in words, each with its colour and its classes, (C,) bool; one for all where none are known."""
    by = insight.run.group_counts
    if by is None:
        return [(f'training {units()}', '--c1', np.ones(insight.run.num_classes, np.bool_))]
    few, many = insight.shot_thresholds
    what = ' images' if insight.run.counts_objects else ''
    ranges = (f'more than {many}{what}', f'{few} to {many}{what}', f'fewer than {few}{what}')
    groups = shot_groups(by, insight.shot_thresholds)
    return [
        (f'{name.replace("_", "-")} ({words})', f'--c{place}', groups[name])
        for place, (name, words) in enumerate(zip(SHOT_GROUPS, ranges, strict=True), 1)
    ]
