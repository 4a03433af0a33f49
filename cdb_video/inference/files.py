"""Predictions as CSV and JSON, each written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cdb_video.inference.predict import Predictor
from cdb_video.inference.results import ClassScore, Failure, Prediction, Timeline
from cdb_video.report.class_report.text import csv_table
from cdb_video_files.atomic import write_atomically

FORMAT_VERSION = 1
ENDINGS = ('.csv', '.json')
Outcome = Prediction | Timeline | Failure


def write_outcomes(
    path: Path,
    outcomes: Sequence[Outcome],
    *,
    topk: int,
    labels: Mapping[str, int],
    predictor: Predictor,
) -> Path:
    """Write what was found, as the ending of `path` says.

    The CSV has a line for each of the `topk` classes of a clip or window, and one for each clip that failed; the JSON
    has the same, and of which model it is.

    Args:
        path: Ends in .csv or .json; its folder exists.
        outcomes: At least one.
        topk: Classes of each clip or window.
        labels: Path -> label of the list, where it has one.
        predictor: That found it.

    Raises:
        OSError: If writing fails; a file that was there is then unchanged.
    """
    if path.suffix == '.csv':
        return write_atomically(path, csv_table(_rows(outcomes, topk, labels, predictor.class_names)).encode())
    document = {
        'version': FORMAT_VERSION,
        'config': str(predictor.config),
        'checkpoint': str(predictor.checkpoint),
        'classes': predictor.class_names,
        'clips': [_entry(outcome, topk, labels) for outcome in outcomes],
    }
    return write_atomically(path, (json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1) + '\n').encode())


def _rows(
    outcomes: Sequence[Outcome], topk: int, labels: Mapping[str, int], class_names: Sequence[str]
) -> list[dict[str, Any]]:
    has_windows = any(isinstance(outcome, Timeline) for outcome in outcomes)
    rows = []
    for outcome in outcomes:
        listed = labels.get(outcome.path)
        true = {'true_class': None if listed is None else _name(class_names, listed)} if labels else {}
        for start, end, rank, score, note, error in _lines(outcome, topk):
            found = (None, None, None) if score is None else (score.label, score.name, score.score)
            rows.append(
                {'path': outcome.path}
                | ({'start': start, 'end': end} if has_windows else {})
                | {'rank': rank, **dict(zip(('label', 'class', 'score'), found, strict=True))}
                | true
                | {'note': note, 'error': error}
            )
    return rows


def _lines(outcome: Outcome, topk: int) -> list[tuple[Any, ...]]:
    """Start, end, rank, score, note and error of each line of an outcome."""
    if isinstance(outcome, Failure):
        return [(None, None, None, None, None, outcome.cause)]
    if isinstance(outcome, Prediction):
        return [(None, None, *line, outcome.note, None) for line in enumerate(outcome.ranked[:topk], start=1)]
    lines: list[tuple[Any, ...]] = [
        (round(window.start, 3), round(window.end, 3), *line, outcome.note, None)
        for window in outcome.windows
        for line in enumerate(window.ranked[:topk], start=1)
    ]
    return lines if outcome.fault is None else [*lines, (None, None, None, None, None, outcome.fault)]


def _entry(outcome: Outcome, topk: int, labels: Mapping[str, int]) -> dict[str, Any]:
    entry: dict[str, Any] = {'path': outcome.path}
    if outcome.path in labels:
        entry['listed_label'] = labels[outcome.path]
    if isinstance(outcome, Failure):
        return entry | {'error': outcome.cause}
    if isinstance(outcome, Prediction):
        return entry | {'ranked': _plain(outcome.ranked[:topk]), 'note': outcome.note}
    windows = [{'start': w.start, 'end': w.end, 'ranked': _plain(w.ranked[:topk])} for w in outcome.windows]
    return entry | {'windows': windows, 'note': outcome.note, 'error': outcome.fault}


def _plain(ranked: Sequence[ClassScore]) -> list[dict[str, Any]]:
    return [{'label': score.label, 'class': score.name, 'score': score.score} for score in ranked]


def _name(class_names: Sequence[str], label: int) -> str:
    return class_names[label] if label < len(class_names) else f'label {label}, which the model does not have'
