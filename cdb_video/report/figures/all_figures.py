"""The pictures of the page, as plotly figures in plain dicts: data and layout, no pixels and no plotly import.

A colour that begins with '--' is a property of the style sheet: the page puts in the one of its light or dark theme.
Sequences of colours are cividis, or go from the background to blue: both read the same in grey and for all kinds of
colour vision.
"""

from __future__ import annotations

from cdb_video.report.figures.confusion import confusion_matrix
from cdb_video.report.figures.course import consumer_figures, course, learning_curves
from cdb_video.report.figures.frequency import accuracy_by_count, class_histogram
from cdb_video.report.figures.losses import loss_figures
from cdb_video.report.figures.parts import Figure, display_names
from cdb_video.report.insight.insight import Insight


def build_figures(insight: Insight) -> dict[str, Figure]:
    """The figures that can be drawn, by the id of their place in the page."""
    names = display_names(insight)
    figures: dict[str, Figure] = {}
    if insight.run.train_counts is not None:
        figures['counts'] = class_histogram(insight, names)
        if any(row.accuracy is not None for row in insight.rows):
            figures['tail'] = accuracy_by_count(insight, names)
    if insight.run.records:
        figures['curves'] = learning_curves(insight)
        difficulties = [record.difficulty for record in insight.run.records]
        figures['difficulty'] = course(insight, names, difficulties, 'difficulty')
        figures |= consumer_figures(insight, names)
    if insight.run.scalars is not None:
        figures |= loss_figures(insight.run.scalars)
    if insight.confusion is not None:
        figures['confusion'] = confusion_matrix(insight, names)
    return figures
