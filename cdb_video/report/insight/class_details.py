"""What a report says of every single class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cdb_video.class_names import class_label
from cdb_video.difficulty.formulas import FloatVector
from cdb_video.report.class_report.rows import Row, class_rows
from cdb_video.report.insight.statistics import IntMatrix, Outcomes, ratio, wilson_interval
from cdb_video.report.sources.run_data import RunData


def detailed_rows(
    run: RunData, num_clips: Sequence[int], num_correct: Sequence[int], outcomes: Outcomes | None
) -> list[Row]:
    """One row a class, hardest first: those of `class_rows` with more keys.

    Args:
        run: Where names, training clips, difficulty and what became of it are taken from.
        num_clips: C clips evaluated.
        num_correct: C clips predicted correctly.
        outcomes: What came out for each clip; None = not known.

    Returns:
        Dicts with, beside the keys of `class_rows`, accuracy_low, accuracy_high, precision, peak_difficulty,
        peak_epoch, and confused_with: up to two dicts of label, name, clips. None where a value is not known.
    """
    rows = class_rows(
        num_clips,
        num_correct,
        class_names=run.class_names,
        train_counts=None if run.train_counts is None else run.train_counts.tolist(),
        **_driven(run),
    )
    low, high = wilson_interval([row['num_correct'] for row in rows], [row['num_clips'] for row in rows])
    peak, when = _peaks(run)
    confusion, precision = None, None
    if outcomes is not None:
        confusion, precision = outcomes.confusion, ratio(outcomes.num_correct, outcomes.num_predicted)
    for place, row in enumerate(rows):
        label, has_clips = row['label'], row['num_clips'] > 0
        row['accuracy_low'] = float(low[place]) if has_clips else None
        row['accuracy_high'] = float(high[place]) if has_clips else None
        row['precision'] = None if precision is None else float(precision[label])
        row['peak_difficulty'] = None if peak is None else float(peak[label])
        row['peak_epoch'] = None if when is None else when[label]
        row['confused_with'] = [] if confusion is None else _confused_with(run, confusion, label)
    return rows


def _driven(run: RunData) -> dict[str, Any]:
    """Difficulty, weights and probabilities behind the evaluated model: of the class report, else the newest record."""
    rows = (run.report or {}).get('classes') or []
    if rows and all(row.get('difficulty') is not None for row in rows):
        vectors = {
            key: [row.get(key) for row in rows]
            for key in ('weight', 'probability')
            if all(row.get(key) is not None for row in rows)
        }
        return {'difficulty': [row['difficulty'] for row in rows], 'consumers': {'report': vectors}}
    if not run.records:
        return {}
    return {'difficulty': run.records[-1]['difficulty'], 'consumers': run.records[-1]['consumers']}


def _peaks(run: RunData) -> tuple[FloatVector | None, list[int] | None]:
    """The highest difficulty of each class over the records, and the epoch of its first time."""
    if not run.records:
        return None, None
    course = np.array([record['difficulty'] for record in run.records], np.float64)
    return course.max(axis=0), [run.records[index]['epoch'] for index in course.argmax(axis=0)]


def _confused_with(run: RunData, confusion: IntMatrix, label: int) -> list[dict[str, Any]]:
    """The two classes that clips of this class are most often taken for."""
    row = confusion[label].copy()
    row[label] = 0
    best = sorted(np.flatnonzero(row), key=lambda other: (-row[other], other))[:2]
    return [
        {'label': int(other), 'name': class_label(run.class_names, int(other)), 'clips': int(row[other])}
        for other in best
    ]
