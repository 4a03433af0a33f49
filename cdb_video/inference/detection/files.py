"""What a detector has found as CSV and JSON, each written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cdb_video.inference.detection.detector import Detector
from cdb_video.inference.detection.results import Found
from cdb_video.inference.results import Failure
from cdb_video.report.class_report.text import csv_table
from cdb_video_files.atomic import write_atomically

FORMAT_VERSION = 1
_CORNERS = ('x1', 'y1', 'x2', 'y2')
_DIGITS = 2  # hundredths of a pixel


def write_found(path: Path, outcomes: Sequence[Found | Failure], detector: Detector, score_threshold: float) -> Path:
    """Write what was found, as the ending of `path` says.

    The CSV has a line for each object, one for each image in which none was found, and one for each that failed; the
    JSON has the same by image, and of which model it is.

    Args:
        path: Ends in .csv or .json; its folder exists.
        outcomes: At least one.
        detector: That found it.
        score_threshold: Below which nothing is in it.

    Raises:
        OSError: If writing fails; a file that was there is then unchanged.
    """
    if path.suffix == '.csv':
        return write_atomically(path, csv_table([row for one in outcomes for row in _rows(one)]).encode())
    document = {
        'version': FORMAT_VERSION,
        'config': str(detector.config),
        'checkpoint': str(detector.checkpoint),
        'classes': detector.class_names,
        'score_threshold': score_threshold,
        'images': [_entry(one) for one in outcomes],
    }
    return write_atomically(path, (json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1) + '\n').encode())


def _rows(outcome: Found | Failure) -> list[dict[str, Any]]:
    names = ('rank', 'label', 'class', 'score', *_CORNERS)
    error = outcome.cause if isinstance(outcome, Failure) else None
    lines: list[tuple[Any, ...]] = [(None,) * len(names)]
    if isinstance(outcome, Found) and outcome.objects:
        lines = [
            (rank, one.label, one.name, one.score, *_rounded(one.box))
            for rank, one in enumerate(outcome.objects, start=1)
        ]
    return [{'path': outcome.path, **dict(zip(names, line, strict=True)), 'error': error} for line in lines]


def _entry(outcome: Found | Failure) -> dict[str, Any]:
    if isinstance(outcome, Failure):
        return {'path': outcome.path, 'error': outcome.cause}
    objects = [
        {'label': one.label, 'class': one.name, 'score': one.score, 'box': _rounded(one.box)} for one in outcome.objects
    ]
    return {'path': outcome.path, 'width': outcome.width, 'height': outcome.height, 'objects': objects}


def _rounded(box: Sequence[float]) -> list[float]:
    return [round(value, _DIGITS) for value in box]
