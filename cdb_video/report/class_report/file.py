"""``class_report.json`` and ``class_report.csv``: the report, its name and version, reader and writer.

All that is taken from the JSON is checked: people merge and edit such files.
"""

from __future__ import annotations

import json
import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from cdb_video.checks import MEASURES
from cdb_video.difficulty.records import SOURCES
from cdb_video.report.class_report.rows import OF_OBJECTS, ClassRow
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
REPORT_VERSION = 1
_ANEW = 'Run mim test to write it anew'
_MOST_CLIPS = 10_000_000
"""In the confusions of a class report, from which one entry a clip is made."""
_SPLITS = ('val', 'test', 'train', 'cross-fit', 'dump', 'none')
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
    'difficulty_measure': Check(lambda value: value in MEASURES, f'one of {", ".join(MEASURES)}').or_null(),
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
    'num_missed': WHOLE.or_null(),
    'ap': SHARE.or_null(),
    'train_images': WHOLE.or_null(),
}


@dataclass(frozen=True, slots=True)
class Analysis:
    """What a report is written with beside the evaluation; made anew by each, and not read back.

    Attributes:
        intervals: Key of a metric -> its 95 % interval.
        resampled: 'sessions' or 'clips', what the bootstrap drew; None without it.
        rank_correlation: Of training clips and accuracy; None = not known.
        notes: What a reader must know of the numbers, and what the report lacks.
        restlessness: How much the classes change from validation to validation, see
            `cdb_video.difficulty.diagnosis.restlessness`; None = not known.
        wilson: Keys of the metrics whose interval is not of the bootstrap, whose draws were all alike, but Wilson's.
    """

    intervals: Mapping[str, tuple[float, float]]
    resampled: str | None
    rank_correlation: float | None
    notes: Sequence[str]
    restlessness: Mapping[str, float] | None = None
    wilson: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class ClassReport:
    """An evaluation by class, as the files have it.

    Attributes:
        split: What was evaluated: 'val', 'test', 'train', 'cross-fit', 'dump' or 'none'.
        epoch: Of the model; None = not known, as is the next one.
        iteration: Of the model.
        metrics: By the key under which they were recorded.
        rows: C rows; in the order of the labels where they were read.
        difficulty_source: What the difficulty was measured on, as in a history; None = there is none.
        difficulty_measure: What it is 1 minus: 'accuracy' or 'probability'; None = there is none, or an early version.
        confusions: (true, predicted, clips) of every pair with clips; None = predictions are not known. Objects that
            were missed are in no pair, but in the rows.
        shot_thresholds: (few, many) of the groups by training clips; None = not known, as are the next two.
        head_threshold: More training clips than this is the head.
        dump: Where the predictions are that it was made with, from the folder of the report.
        analysis: What was made of predictions and history; None = nothing was, or the report was read.
    """

    split: str
    epoch: int | None
    iteration: int | None
    metrics: Mapping[str, Any]
    rows: Sequence[ClassRow]
    difficulty_source: str | None = None
    difficulty_measure: str | None = None
    confusions: Sequence[Sequence[int]] | None = None
    shot_thresholds: Sequence[int] | None = None
    head_threshold: int | None = None
    dump: str | None = None
    analysis: Analysis | None = None

    @property
    def counts(self) -> list[tuple[int, int]]:
        """C pairs of evaluated clips and right ones."""
        return [(row.num_clips, row.num_correct) for row in self.rows]

    @property
    def num_missed(self) -> list[int] | None:
        """C numbers of objects that were missed; None where samples are classified, or that is not known."""
        missed = [row.num_missed for row in self.rows if row.num_missed is not None]
        return missed if missed and len(missed) == len(self.rows) else None


def read_class_report(path: Path) -> ClassReport:
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
    columns = [column.name for column in fields(ClassRow)]
    rows = [ClassRow(**{name: row.get(name) for name in columns}) for row in report['classes']]
    return ClassReport(
        split=report['split'],
        epoch=report['epoch'],
        iteration=report.get('iter'),
        metrics=report['metrics'],
        rows=tuple(sorted(rows, key=lambda row: row.label)),
        **{
            key: report.get(key)
            for key in (
                'difficulty_source',
                'difficulty_measure',
                'confusions',
                'shot_thresholds',
                'head_threshold',
                'dump',
            )
        },
    )


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
        or _missed_fault(rows)
        or _confusion_fault(
            report.get('confusions') or [], [row['num_clips'] - (row.get('num_missed') or 0) for row in rows]
        )
    )


def _missed_fault(rows: list[dict[str, Any]]) -> str | None:
    """A sentence on the first class that misses more than was wrong; and if not all classes say what they miss."""
    missed = [row.get('num_missed') for row in rows]
    if None in missed and any(number is not None for number in missed):
        return f'num_missed of class {missed.index(None)} is missing, and other classes have it; all must, or none'
    for row, number in zip(rows, missed, strict=True):
        wrong = row['num_clips'] - row['num_correct']
        if number is not None and number > wrong:
            return (
                f'num_missed of class {row["label"]} is {number}; it must be no more than its num_clips less its '
                f'num_correct, {wrong}'
            )
    return None


def _confusion_fault(confusions: list[list[int]], clips: list[int]) -> str | None:
    """A sentence if the confusions are not of these clips, (C,); none at all are always right."""
    found = [0] * len(clips)
    for true, predicted, number in confusions:
        if max(true, predicted) >= len(clips):
            return f'confusions has {[true, predicted, number]}; its classes must be 0..{len(clips) - 1}'
        found[true] += number
    if confusions and found != clips:
        return (
            f'confusions adds up to {reprlib.repr(found)}; it must be the num_clips, less num_missed where that is '
            f'known, {reprlib.repr(clips)}'
        )
    if sum(found) > _MOST_CLIPS:
        return f'confusions has {sum(found)} samples; it must have at most {_MOST_CLIPS}'
    return None


def write_class_report(directory: Path, report: ClassReport, name: str = 'class_report') -> list[Path]:
    """Write ``<name>.csv`` and ``<name>.json``, each by renaming a complete file.

    Args:
        directory: Made if it is missing.
        report: What is written; its rows in their order.
        name: Name of the files without ending.

    Returns:
        The two paths.

    Raises:
        OSError: If writing fails.
    """
    directory.mkdir(parents=True, exist_ok=True)
    rows = _of_one_form([row.to_dict() for row in report.rows])
    document = plain({'version': REPORT_VERSION, **_summary(report), 'classes': rows})
    contents = {'csv': csv_table(rows), 'json': json.dumps(document, indent=1, ensure_ascii=False) + '\n'}
    return [write_atomically(directory / f'{name}.{kind}', text.encode()) for kind, text in contents.items()]


def _of_one_form(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with those columns of objects that any class has, behind the others."""
    known = [name for name in OF_OBJECTS if any(name in row for row in rows)]
    plainly = [{name: value for name, value in row.items() if name not in known} for row in rows]
    return [own | {name: row.get(name) for name in known} for own, row in zip(plainly, rows, strict=True)]


def _summary(report: ClassReport) -> dict[str, Any]:
    """What the JSON says beside the classes, in its order; the order and the keys differ with the analysis."""
    evaluated = {
        'split': report.split,
        'epoch': report.epoch,
        'iter': report.iteration,
        'metrics': report.metrics,
    }
    analysis = report.analysis
    if analysis is None:
        predicted = {'confusions': report.confusions, 'shot_thresholds': report.shot_thresholds}
        evaluated |= {'difficulty_source': report.difficulty_source, 'difficulty_measure': report.difficulty_measure}
        return evaluated | (predicted if report.confusions is not None else {})
    return evaluated | {
        'intervals': analysis.intervals,
        'resampled': analysis.resampled,
        **({'wilson': list(analysis.wilson)} if analysis.wilson else {}),
        'shot_thresholds': report.shot_thresholds,
        'head_threshold': report.head_threshold,
        'rank_correlation': analysis.rank_correlation,
        'restlessness': analysis.restlessness,
        'difficulty_source': report.difficulty_source,
        'difficulty_measure': report.difficulty_measure,
        'dump': report.dump,
        'confusions': report.confusions or [],
        'notes': analysis.notes,
    }
