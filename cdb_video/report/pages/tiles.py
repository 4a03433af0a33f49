"""The tiles at the head of the page: a metric each, with its interval and a word on what it is."""

from __future__ import annotations

from typing import Any

from cdb_video.class_names import counted
from cdb_video.difficulty.counts import SHOT_GROUPS
from cdb_video.host_words import unit, units
from cdb_video.report.class_report.metrics import metric_label
from cdb_video.report.class_report.rows import DetailedRow
from cdb_video.report.insight.insight import Insight

OVERALL = ('top1', 'top5', 'missed', 'confused', 'mean1', 'hmean', 'worst', 'mean_precision', 'macro_f1')
GROUPS = (*SHOT_GROUPS, 'head', 'tail')


def tiles(insight: Insight, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """What the head of the page shows: label, value, interval and a word on what it is."""
    few, many = insight.shot_thresholds
    head = insight.options.head_threshold
    of_groups = 'images' if insight.run.counts_objects else units()
    words = {
        'missed': 'no detection overlaps them enough',
        'confused': 'found, and called by another name',
        'mean1': 'every class counts the same',
        'hmean': f'low classes count most; depends on the {units()} per class, compare on this set alone',
        'worst': _about_worst(insight),
        'mean_precision': 'of what is predicted, how much is right',
        'macro_f1': 'recall and precision in one',
        'many_shot': f'more than {many} training {of_groups}',
        'medium_shot': f'{few} to {many}',
        'few_shot': f'fewer than {few}',
        'head': f'more than {head} training {units()}',
        'tail': f'up to {head}',
    }
    found = []
    for name in (name for name in names if name not in insight.mute_groups):
        size = insight.group_sizes.get(name)
        if name in insight.metrics or size is not None:
            low, high = _interval(insight, name)
            about = words.get(name, '') + ('' if size is None else f' · {counted(size, "class", "classes")}')
            tile = {'label': metric_label(name), 'value': insight.metrics.get(name), 'about': about}
            found.append(tile | {'low': low, 'high': high})
    return found


def _worst(insight: Insight) -> DetailedRow | None:
    """The row of the worst class; None where no class has clips."""
    return next((row for row in insight.rows if row.accuracy is not None), None)


def _about_worst(insight: Insight) -> str:
    """Which class it is, and its training clips."""
    row = _worst(insight)
    if row is None or row.train_count is None:
        return '' if row is None else row.name
    return f'{row.name} · {counted(row.train_count, f"training {unit()}")}'


def _interval(insight: Insight, name: str) -> tuple[float | None, float | None]:
    """Of a metric; of the worst class it is Wilson's, as in its row."""
    row = _worst(insight) if name == 'worst' else None
    if row is not None:
        return row.accuracy_low, row.accuracy_high
    return insight.intervals.get(name, (None, None))
