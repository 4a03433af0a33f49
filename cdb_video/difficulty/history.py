"""The record of difficulty over training: ``class_history.jsonl`` in the work directory.

One JSON object a line. The first is the header (``kind='header'``): class names, training counts and a
run id; a run that is resumed with other training clips adds another. Every validation adds a record
(``kind='validation'``). The file is a log, never state: training takes nothing from it, and losing it costs
nothing but itself. This is the only file that knows the format.

Keys of a record: epoch, iter (of training, at the validation), num_clips, num_correct (C ints each),
accuracy (C numbers, null = no clip of that class), difficulty (C numbers), consumers (a dict from the
consumer's name to its tau and its weight or probability, C numbers), metrics (name to number); and source, where the
counts are not those of a validation of this run: 'train' = of its training batches, 'replay' = of the run whose history
is replayed.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cdb_video.class_names import counted
from cdb_video_files.atomic import write_atomically
from cdb_video_files.json_checks import METRICS, NUMBER, SHARE, TEXT, WHOLE, Check, count_fault, first_fault, is_number
from cdb_video_files.json_values import plain

HISTORY_NAME = 'class_history.jsonl'
SOURCES = ('val', 'train', 'replay')
FORMAT_VERSION = 1


def _are_consumers(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(entry, dict) and first_fault(entry, _CONSUMER, required=False) is None for entry in value.values()
    )


_CONSUMER = {
    'tau': Check(is_number, 'a number').or_null(),
    'weight': NUMBER.listed().or_null(),
    'probability': NUMBER.listed().or_null(),
}
_CHECKS = {
    'header': {'num_classes': WHOLE, 'class_names': TEXT.listed().or_null(), 'train_counts': WHOLE.listed().or_null()},
    'validation': {
        'epoch': WHOLE,
        'iter': WHOLE,
        'num_clips': WHOLE.listed(),
        'num_correct': WHOLE.listed(),
        'accuracy': SHARE.or_null().listed(),
        'difficulty': SHARE.listed(),
        'consumers': Check(_are_consumers, "a dict from names to dicts of 'tau' and 'weight' or 'probability'"),
        'metrics': METRICS,
        'source': Check(lambda value: value in SOURCES, f'one of {", ".join(SOURCES)}'),
    },
}


@dataclass
class History:
    """A history file as it was read.

    Attributes:
        header: The last header, empty if it is missing or torn.
        records: The records in the order of the file.
        num_torn_lines: Lines that are not complete JSON objects and were left out.
    """

    header: dict[str, Any] = field(default_factory=dict)
    records: list[dict[str, Any]] = field(default_factory=list)
    num_torn_lines: int = 0


def source_of(record: Mapping[str, Any]) -> str:
    """What the counts of a record are of: 'val', 'train' or 'replay', see above."""
    return str(record.get('source', 'val'))


def make_header(
    run_id: str, num_classes: int, class_names: tuple[str, ...] | None, train_counts: list[int]
) -> dict[str, Any]:
    """The first line of a history file."""
    return {
        'kind': 'header',
        'version': FORMAT_VERSION,
        'run_id': run_id,
        'num_classes': num_classes,
        'class_names': None if class_names is None else list(class_names),
        'train_counts': list(train_counts),
    }


def append_lines(path: Path, *entries: dict[str, Any]) -> None:
    """Append entries, each as one line, and see that they reach the disk.

    NaN and infinity become null, since JSON has neither. If the file ends in a torn line, the next starts on its own.

    Raises:
        OSError: If writing fails.
    """
    text = ''.join(json.dumps(plain(entry)) + '\n' for entry in entries)
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
    history = History()
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if not line.strip():
            continue
        entry = _parse(line)
        if entry is None:
            history.num_torn_lines += 1
            continue
        fault = first_fault(entry, _CHECKS[entry['kind']], required=False)
        fault = fault or count_fault(entry.get('num_correct', []), entry.get('num_clips', []))
        if fault:
            raise ValueError(f'{path}: line {number}: {fault}. Mend or remove that line')
        if entry['kind'] == 'header':
            version = entry.get('version', 0)
            if not isinstance(version, int) or version > FORMAT_VERSION:
                raise ValueError(
                    f'{path}: format version {version!r}, this cdb_video reads up to {FORMAT_VERSION}; update cdb_video'
                )
            earlier, names = history.header.get('class_names'), entry.get('class_names')
            if earlier and names and len(earlier) == len(names) and earlier != names:
                raise ValueError(
                    f'{path}: line {number}: this header has other class names than the one before it: runs with '
                    'different class lists are in one file; keep the lines of one of them'
                )
            history.header = entry
        else:
            history.records.append(entry)
    if history.num_torn_lines:
        torn = counted(history.num_torn_lines, 'line')
        warnings.warn(f'{path}: {torn} left out, being torn or not records', stacklevel=2)
    return history


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
