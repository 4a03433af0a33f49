"""The record of difficulty over training: ``class_history.jsonl`` in the work directory.

One JSON object a line. The first is the header (``kind='header'``): class names, training counts and a
run id; a run that is resumed with other training clips, or otherwise started, adds another. Every validation adds a
record (``kind='validation'``). The file is a log, never state: training takes nothing from it, and losing it costs
nothing but itself. What the lines hold is in :mod:`cdb_video.difficulty.records`; no other file reads or writes them.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cdb_video.checks import MEASURES
from cdb_video.class_names import counted
from cdb_video.difficulty.records import FORMAT_VERSION, SOURCES, Header, Record
from cdb_video_files.atomic import write_atomically
from cdb_video_files.json_checks import METRICS, NUMBER, SHARE, TEXT, WHOLE, Check, count_fault, first_fault, is_number
from cdb_video_files.json_values import plain

HISTORY_NAME = 'class_history.jsonl'


def _are_consumers(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(entry, dict) and first_fault(entry, _CONSUMER, required=False) is None for entry in value.values()
    )


def _are_settings(value: Any) -> bool:
    return isinstance(value, dict) and value.get('measure', 'accuracy') in MEASURES


def _are_facts(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(fact, str) for fact in value.values())


_CONSUMER = {
    'tau': Check(is_number, 'a number').or_null(),
    'strength': Check(is_number, 'a number').or_null(),
    'weight': NUMBER.listed().or_null(),
    'probability': NUMBER.listed().or_null(),
}
_CHECKS = {
    'header': {
        'num_classes': WHOLE,
        'class_names': TEXT.listed().or_null(),
        'train_counts': WHOLE.listed().or_null(),
        'train_images': WHOLE.listed().or_null(),
        'planned_validations': WHOLE,
        'settings': Check(_are_settings, "a dict of 'measure' and the smoothing").or_null(),
        'facts': Check(_are_facts, 'a dict of texts').or_null(),
    },
    'validation': {
        'epoch': WHOLE,
        'iter': WHOLE,
        'num_clips': WHOLE.listed(),
        'num_correct': WHOLE.listed(),
        'accuracy': SHARE.or_null().listed(),
        'difficulty': SHARE.listed(),
        'mean_probability': SHARE.or_null().listed().or_null(),
        'num_validations': WHOLE,
        'consumers': Check(_are_consumers, "a dict from names to dicts of 'tau' and 'weight' or 'probability'"),
        'metrics': METRICS,
        'source': Check(lambda value: value in SOURCES, f'one of {", ".join(SOURCES)}'),
    },
}


@dataclass(frozen=True)
class History:
    """A history file as it was read.

    Attributes:
        header: The last header; None if there is none, or it is torn.
        records: The records in the order of the file.
        num_torn_lines: Lines that are not complete JSON objects and were left out.
    """

    header: Header | None = None
    records: tuple[Record, ...] = ()
    num_torn_lines: int = 0


def append_lines(path: Path, *entries: Header | Record) -> None:
    """Append entries, each as one line, and see that they reach the disk.

    NaN and infinity become null, since JSON has neither. If the file ends in a torn line, the next starts on its own.

    Raises:
        OSError: If writing fails.
    """
    text = ''.join(json.dumps(plain(entry.to_dict())) + '\n' for entry in entries)
    with path.open('a+b') as file:
        if file.tell() > 0:
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b'\n':
                text = '\n' + text
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())


def read_history(path: Path) -> History:
    """Read a history file; torn lines are left out, counted and warned about.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it was written by a newer version of the format, or a value is not what the format says. Values
            that are missing are left to the reader.
    """
    header: Header | None = None
    records: list[Record] = []
    num_torn_lines = 0
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if not line.strip():
            continue
        entry = _parse(line)
        if entry is None:
            num_torn_lines += 1
            continue
        _check(entry, path, number)
        if entry['kind'] == 'header':
            header = _follow_up(header, Header.from_dict(entry), path, number)
        else:
            records.append(Record.from_dict(entry))
    if num_torn_lines:
        torn = counted(num_torn_lines, 'line')
        warnings.warn(f'{path}: {torn} left out, being torn or not records', stacklevel=2)
    return History(header, tuple(records), num_torn_lines)


def _check(entry: Mapping[str, Any], path: Path, number: int) -> None:
    """See that a line, of this number in the file, is what the format says, and of no newer version."""
    fault = first_fault(entry, _CHECKS[entry['kind']], required=False)
    fault = fault or count_fault(entry.get('num_correct', []), entry.get('num_clips', []))
    if fault:
        raise ValueError(f'{path}: line {number}: {fault}. Mend or remove that line')
    version = entry.get('version', 0)
    if entry['kind'] == 'header' and (not isinstance(version, int) or version > FORMAT_VERSION):
        raise ValueError(
            f'{path}: format version {version!r}, this cdb_video reads up to {FORMAT_VERSION}; update cdb_video'
        )


def _follow_up(earlier: Header | None, header: Header, path: Path, number: int) -> Header:
    """The header of a line, seen to have the class names of the one before it."""
    names = earlier and earlier.class_names
    if names and header.class_names and len(names) == len(header.class_names) and names != header.class_names:
        raise ValueError(
            f'{path}: line {number}: this header has other class names than the one before it: runs with '
            'different class lists are in one file; keep the lines of one of them'
        )
    return header


def fork_history(path: Path, iteration: int | None) -> Path | None:
    """Keep aside what a new or resumed run will not continue.

    Args:
        path: The history file.
        iteration: The run continues after this training iteration: later records go to a file beside
            it, the others stay. None = the run starts anew: the whole file goes aside.

    Returns:
        Where the lines are now, None if there was nothing to move.
    """
    if not path.exists():
        return None
    lines = path.read_bytes().splitlines(keepends=True)
    kept: list[bytes] = []
    moved: list[bytes] = []
    for line in lines:
        entry = _parse(line)
        later = entry is None or (entry['kind'] == 'validation' and entry['iter'] > (iteration or 0))
        (moved if iteration is None or later else kept).append(line)
    if not moved:
        return None
    aside = _free_name(path)
    write_atomically(aside, b''.join(moved))
    if iteration is None:
        path.unlink()
    else:
        write_atomically(path, b''.join(kept))
    return aside


def _parse(line: bytes) -> dict[str, Any] | None:
    """The entry in a line, None if it is torn or no entry of ours."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):  # nested too deeply: nothing of ours
        return None
    if not isinstance(entry, dict) or entry.get('kind') not in ('header', 'validation'):
        return None
    if entry['kind'] == 'validation' and not isinstance(entry.get('iter'), int):
        return None
    return entry


def _free_name(path: Path) -> Path:
    """The first of ``name.1.jsonl``, ``name.2.jsonl``, ... that does not exist."""
    number = 1
    while (candidate := path.with_name(f'{path.stem}.{number}{path.suffix}')).exists():
        number += 1
    return candidate
