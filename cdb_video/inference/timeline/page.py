"""The page of timelines: what the model sees when, of one video or several, in one file."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

from cdb_video.inference.results import Timeline, Window
from cdb_video.report.figures.parts import Figure, all_ticks, height, rounded
from cdb_video.report.pages.page import render

SHOWN_CLASSES = 25
"""Of more classes, those with the highest scores anywhere are shown."""
_LIGHT_TO_DARK = [[0, '--heat0'], [0.5, '--heat1'], [1, '--heat2']]


def render_timelines(timelines: Sequence[Timeline], model: str) -> bytes:
    """The page, in UTF-8.

    Args:
        timelines: Those with windows are shown.
        model: What to call the model, such as its work directory.

    Raises:
        MissingPackagesError: If jinja2 or plotly is not installed.
    """
    shown = [timeline for timeline in timelines if timeline.windows]
    figures = {f'timeline-{number}': timeline_figure(timeline) for number, timeline in enumerate(shown)}
    return render('timeline.html', figures, timelines=shown, model=model, clock=clock)


def timeline_figure(timeline: Timeline) -> Figure:
    """Scores over time as a heat map: a row a class, a column a window, over the middle of the window."""
    labels = _shown_labels(timeline.windows)
    scores = [{score.label: score for score in window.ranked} for window in timeline.windows]
    names = [_plotly_text(scores[0][label].name) for label in labels]
    heat_map = {
        'type': 'heatmap',
        'x': [round((window.start + window.end) / 2, 3) for window in timeline.windows],
        'y': names,
        'z': [rounded([one[label].score for one in scores]) for label in labels],
        'customdata': [[_span(window) for window in timeline.windows]] * len(labels),
        'colorscale': _LIGHT_TO_DARK,
        'colorbar': {'thickness': 12, 'outlinewidth': 0},
        'hovertemplate': '%{y}<br>%{customdata}<br>score %{z:.3f}<extra></extra>',
    }
    layout = {
        'height': height(len(labels)) + 40,
        'xaxis': {'title': {'text': 'seconds', 'standoff': 12}, 'showgrid': False},
        'yaxis': {'type': 'category', 'autorange': 'reversed', 'showgrid': False}
        | all_ticks(len(labels), SHOWN_CLASSES),
    }
    return {'data': [heat_map], 'layout': layout}


def clock(seconds: float) -> str:
    """Seconds as people read them: 1:02:03.4."""
    minutes, rest = divmod(round(seconds, 1), 60)
    hours, minutes = divmod(int(minutes), 60)
    return f'{hours}:{minutes:02d}:{rest:04.1f}' if hours else f'{minutes}:{rest:04.1f}'


def _shown_labels(windows: Sequence[Window]) -> list[int]:
    highest: dict[int, float] = {}
    for window in windows:
        for score in window.ranked:
            highest[score.label] = max(score.score, highest.get(score.label, score.score))
    chosen = sorted(highest, key=lambda label: (-highest[label], label))[:SHOWN_CLASSES]
    return sorted(chosen)


def _span(window: Window) -> str:
    return f'{clock(window.start)} to {clock(window.end)}'


def _plotly_text(text: str) -> Any:
    return html.escape(text, quote=False)  # plotly reads some HTML in its texts
