"""What the pictures share: the names and the order of the classes, heights, ticks, numbers as a picture needs them."""

from __future__ import annotations

import html
import math
from typing import Any

import numpy as np

from cdb_video.report.insight.insight import Insight

Figure = dict[str, Any]
MAX_CELLS = 150
"""Above that many classes a confusion matrix is shown for those with the most mistakes only."""
LABELLED = 30
"""Up to that many classes, their names or numbers are written into the picture."""
_LONGEST_NAME = 34


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


def rounded(values: Any) -> list[float | None]:
    """Four decimals are more than a picture shows, and a third of the size."""
    numbers = np.round(np.array(values, np.float64), 4)
    rounded: list[float | None] = numbers.tolist()
    if np.isnan(numbers).any():
        return [None if value is None or math.isnan(value) else value for value in rounded]
    return rounded


def height(num_rows: int) -> int:
    """Pixels: 22 a row where there are few, 13 up to `MAX_CELLS`, and then a page."""
    return 130 + (22 * num_rows if num_rows <= 40 else min(13 * num_rows, 13 * MAX_CELLS // 2 + 4 * num_rows, 1500))


def all_ticks(number: int, limit: int) -> dict[str, Any]:
    """Name every class on an axis where there is room for all."""
    size = 12 if number <= 40 else 9
    return {'automargin': True, 'tickfont': {'size': size}} | ({'dtick': 1} if number <= limit else {})
