"""The history of a run as reports take it: what is whole, of one class list and of one run."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cdb_video.class_names import counted
from cdb_video.difficulty.formulas import IntVector
from cdb_video.difficulty.history import HISTORY_NAME, History, read_history
from cdb_video.difficulty.records import RECORD_KEYS, Header, Record
from cdb_video.host_words import units
from cdb_video_files.json_checks import repeated_name


class EmptyHistoryError(ValueError):
    """A history holds nothing to report on; the message names it and says what to do."""


@dataclass(frozen=True)
class CheckedHistory:
    """A checked history: header, whole records, and what was wrong with the others.

    Attributes:
        path: Where it is.
        num_classes: C.
        class_names: C names; None = not known.
        train_counts: (C,) int64; None = not known.
        train_images: (C,) int64, training images that show each class; None = not known, or no objects are counted.
        records: Whole records of the newest run, in order.
        notes: What was left out, in sentences.
        facts: How the run was started last, text by name; empty = not known.
    """

    path: Path
    num_classes: int
    class_names: tuple[str, ...] | None
    train_counts: IntVector | None
    train_images: IntVector | None
    records: tuple[Record, ...]
    notes: tuple[str, ...]
    facts: Mapping[str, str] = field(default_factory=dict)


def read_checked_history(path: Path) -> CheckedHistory:
    """Read a history, and leave out what a report cannot take.

    Raises:
        EmptyHistoryError: If there is nothing to report on.
        ValueError: If a value is not what it must be, or there are several class lists.
    """
    with warnings.catch_warnings():
        # Torn lines become a note in the report.
        warnings.simplefilter('ignore', UserWarning)
        history = read_history(path)
    if history.header is None and not history.records:
        lines = counted(history.num_torn_lines, 'line')
        what = f'holds {lines} of which none is of a {HISTORY_NAME}' if history.num_torn_lines else 'is empty'
        raise EmptyHistoryError(
            f'{path} {what}: name a work directory, a history or a dump; a run that has just begun must get to its '
            'first validation'
        )
    header = history.header or Header()
    whole = [record for record in history.records if not record.missing]
    num_classes = _agreed_size(header, whole, path)
    records, left_out = _newest_run(whole)
    return CheckedHistory(
        path=path,
        num_classes=num_classes,
        class_names=header.class_names,
        train_counts=_whole(header.train_counts),
        train_images=_whole(header.train_images),
        records=records,
        notes=tuple(f'{path.name}{note}' for note in (*_lacks(history, len(whole)), *left_out)),
        facts=header.facts or {},
    )


def _whole(counts: Sequence[int] | None) -> IntVector | None:
    return None if counts is None else np.asarray(counts, np.int64)


def _lacks(history: History, num_whole: int) -> list[str]:
    """What a history lacks, in sentences that go on after its name."""
    notes = []
    if history.num_torn_lines:
        notes.append(f': left out {counted(history.num_torn_lines, "torn line")}.')
    incomplete = len(history.records) - num_whole
    if incomplete:
        notes.append(f': left out {counted(incomplete, "record")} without all of {", ".join(RECORD_KEYS)}.')
    if history.header is None:
        notes.append(f' has no header, so class names and training {units()} are not known.')
    return notes


def _agreed_size(header: Header, records: Sequence[Record], path: Path) -> int:
    """The number of classes that header and records agree on."""
    repeated = repeated_name(header.class_names or ())
    if repeated:
        raise ValueError(f'{path}: class_names of the header: {repeated}. Rename one of them there')
    stated = (header.class_names, header.train_counts, header.train_images)
    sizes = {len(part) for part in stated if part is not None}
    for record in records:
        vectors = (record.num_clips, record.num_correct, record.accuracy, record.difficulty)
        derived = (vector for consumer in record.consumers.values() for vector in consumer.vectors.values())
        sizes |= {len(vector) for vector in (*vectors, *derived)}
    sizes |= {header.num_classes} if header.num_classes else set()
    if len(sizes) > 1:
        raise ValueError(
            f'{path}: header and records speak of {sorted(sizes)} classes: runs with different class lists are in '
            'one file; keep the lines of one of them'
        )
    if not sizes:
        raise EmptyHistoryError(
            f'{path}: no header with classes and no whole record: let the run get to its first validation'
        )
    return sizes.pop()


def _newest_run(records: Sequence[Record]) -> tuple[tuple[Record, ...], list[str]]:
    """The records since the iterations began anew, as they do where files were put together; and a note on others."""
    pairs = enumerate(itertools.pairwise(records), 1)
    begins = [(place, before, after) for place, (before, after) in pairs if after.iteration < before.iteration]
    if not begins:
        return tuple(records), []
    place, before, after = begins[-1]
    note = (
        f': left out {counted(place, "record")} of an earlier run, since iteration {after.iteration} follows '
        f'{before.iteration}.'
    )
    return tuple(records[place:]), [note]
