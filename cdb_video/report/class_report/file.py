"""Reads ``class_report.json``, and checks all that is taken from it: people merge and edit such files."""

from __future__ import annotations

import json
import reprlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cdb_video.difficulty.history import SOURCES
from cdb_video.report.class_report.rows import Row
from cdb_video.report.class_report.text import csv_table
from cdb_video_files.atomic import write_atomically
from cdb_video_files.json_checks import (
    METRICS,
    NUMBER,
    SHARE,
    TEXT,
    WHOLE,
    Check,
    count_fault,
    first_fault,
    repeated_name,
)
from cdb_video_files.json_values import plain

REPORT_NAME = 'class_report.json'
_ANEW = 'Run mim test to write it anew'
_MOST_CLIPS = 10_000_000
"""In the confusions of a class report, from which one entry a clip is made."""
_SPLITS = ('val', 'test', 'train', 'dump', 'none')
_TRIPLET = Check(
    lambda value: isinstance(value, list) and len(value) == 3 and all(map(WHOLE.fits, value)),
    '[true, predicted, clips] in whole numbers',
)
_REPORT = {
    'split': Check(lambda value: isinstance(value, str) and value in _SPLITS, f'one of {", ".join(_SPLITS)}'),
    'epoch': WHOLE.or_null(),
    'metrics': METRICS,
    'classes': Check(lambda value: isinstance(value, dict), 'a dict').listed(),
}
_REPORT_DETAILS = {
    'iter': WHOLE.or_null(),
    'dump': TEXT.or_null(),
    'difficulty_source': Check(lambda value: value in SOURCES, f'one of {", ".join(SOURCES)}').or_null(),
    'confusions': Check(
        lambda value: isinstance(value, list) and all(map(_TRIPLET.fits, value)), f'a list, each entry {_TRIPLET.rule}'
    ).or_null(),
    'shot_thresholds': Check(
        lambda value: (
            isinstance(value, list) and len(value) == 2 and all(map(WHOLE.fits, value)) and value == sorted(value)
        ),
        'two whole numbers, few and many, with few <= many',
    ).or_null(),
}
_ROW = {'label': WHOLE, 'name': TEXT, 'num_clips': WHOLE, 'num_correct': WHOLE}
_ROW_DETAILS = {
    'train_count': WHOLE.or_null(),
    'accuracy': SHARE.or_null(),
    'difficulty': SHARE.or_null(),
    'weight': NUMBER.or_null(),
    'probability': NUMBER.or_null(),
}


def read_class_report(path: Path) -> dict[str, Any]:
    """The content of a ``class_report.json``, its rows in the order of the labels.

    Raises:
        ValueError: If it cannot be read.
    """
    try:
        report: Any = json.loads(path.read_text(encoding='utf-8'))
    except (ValueError, RecursionError) as error:
        raise ValueError(f'{path} cannot be read ({error}). {_ANEW}') from error
    fault = _report_fault(report)
    if fault:
        raise ValueError(f'{path} cannot be read: {fault}. {_ANEW}')
    report['classes'] = sorted(report['classes'], key=lambda row: row['label'])
    return dict(report)


def _report_fault(report: Any) -> str | None:
    """A sentence on the first thing in a class report that is not as it must be; None if there is none."""
    if not isinstance(report, dict):
        return f'it holds {reprlib.repr(report)}; it must be a dict'
    fault = first_fault(report, _REPORT) or first_fault(report, _REPORT_DETAILS, required=False)
    if fault:
        return fault
    rows = report['classes']
    for place, row in enumerate(rows):
        fault = first_fault(row, _ROW) or first_fault(row, _ROW_DETAILS, required=False)
        if fault:
            return f'classes[{place}]: {fault}'
    rows = sorted(rows, key=lambda row: row['label'])
    labels, clips = [row['label'] for row in rows], [row['num_clips'] for row in rows]
    if labels != list(range(len(rows))):
        return f'the labels are {reprlib.repr(labels)}; they must be 0..{len(rows) - 1}, each once'
    return (
        repeated_name([row['name'] for row in rows])
        or count_fault([row['num_correct'] for row in rows], clips)
        or _confusion_fault(report.get('confusions') or [], clips)
    )


def _confusion_fault(confusions: list[list[int]], clips: list[int]) -> str | None:
    """A sentence if the confusions are not of these clips, (C,); none at all are always right."""
    found = [0] * len(clips)
    for true, predicted, number in confusions:
        if max(true, predicted) >= len(clips):
            return f'confusions has {[true, predicted, number]}; its classes must be 0..{len(clips) - 1}'
        found[true] += number
    if confusions and found != clips:
        return f'confusions adds up to {reprlib.repr(found)}; it must be the num_clips, {reprlib.repr(clips)}'
    if sum(found) > _MOST_CLIPS:
        return f'confusions has {sum(found)} clips; it must have at most {_MOST_CLIPS}'
    return None


REPORT_VERSION = 1


def write_class_report(
    directory: Path, rows: Sequence[Row], summary: Mapping[str, Any], name: str = 'class_report'
) -> list[Path]:
    """Write ``<name>.csv`` and ``<name>.json``, each by renaming a complete file.

    Args:
        directory: Made if it is missing.
        rows: From `class_rows`.
        summary: What was evaluated: split, epoch, iter, metrics, ...; goes into the JSON.
        name: Name of the files without ending.

    Returns:
        The two paths.

    Raises:
        OSError: If writing fails.
    """
    directory.mkdir(parents=True, exist_ok=True)
    document = plain({'version': REPORT_VERSION, **summary, 'classes': rows})
    contents = {'csv': csv_table(rows), 'json': json.dumps(document, indent=1, ensure_ascii=False) + '\n'}
    return [write_atomically(directory / f'{name}.{kind}', text.encode()) for kind, text in contents.items()]
