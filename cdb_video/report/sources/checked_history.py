"""The history of a run as reports take it: what is whole, of one class list and of one run."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cdb_video.class_names import counted
from cdb_video.difficulty.history import HISTORY_NAME, read_history
from cdb_video_files.json_checks import repeated_name

_VECTORS = ('num_clips', 'num_correct', 'accuracy', 'difficulty')
_KEYS = ('epoch', 'iter', 'consumers', 'metrics')


class EmptyHistoryError(ValueError):
    """A history holds nothing to report on; the message names it and says what to do."""


class CheckedHistory:
    """A checked history: header, whole records, and what was wrong with the others.

    Attributes:
        path: Where it is.
        num_classes: C.
        class_names: C names; None = not known.
        train_counts: (C,) int64; None = not known.
        records: Whole records of the newest run, in order.
        notes: What was left out, in sentences.

    Raises:
        EmptyHistoryError: If there is nothing to report on.
        ValueError: If a value is not what it must be, or there are several class lists.
    """

    def __init__(self, path: Path) -> None:
        with warnings.catch_warnings():
            # Torn lines become a note in the report.
            warnings.simplefilter('ignore', UserWarning)
            history = read_history(path)
        self.path = path
        self.notes: list[str] = []
        if not history.header and not history.records:
            lines = counted(history.num_torn_lines, 'line')
            what = f'holds {lines} of which none is of a {HISTORY_NAME}' if history.num_torn_lines else 'is empty'
            raise EmptyHistoryError(
                f'{path} {what}: name a work directory, a history or a dump; a run that has just begun must get to its '
                'first validation'
            )
        if history.num_torn_lines:
            self.notes.append(f'{path.name}: left out {counted(history.num_torn_lines, "torn line")}.')
        self.records = [record for record in history.records if record.keys() >= {*_KEYS, *_VECTORS}]
        incomplete = len(history.records) - len(self.records)
        if incomplete:
            needed = ', '.join(_KEYS + _VECTORS)
            self.notes.append(f'{path.name}: left out {counted(incomplete, "record")} without all of {needed}.')
        names, counts = history.header.get('class_names'), history.header.get('train_counts')
        self.class_names = None if names is None else tuple(names)
        self.train_counts = None if counts is None else np.asarray(counts, np.int64)
        self.num_classes = self._agreed_size(history.header.get('num_classes'))
        if not history.header:
            self.notes.append(f'{path.name} has no header, so class names and training clips are not known.')
        self._keep_newest_run()

    def _agreed_size(self, stated: int | None) -> int:
        """The number of classes that header and records agree on; `stated` is what the header says beside its lists."""
        repeated = repeated_name(self.class_names or ())
        if repeated:
            raise ValueError(f'{self.path}: class_names of the header: {repeated}. Rename one of them there')
        sizes = {len(record[key]) for record in self.records for key in _VECTORS}
        sizes |= {len(part) for part in (self.class_names, self.train_counts) if part is not None}
        sizes |= {len(vector) for record in self.records for vector in _driven_vectors(record)}
        sizes |= {stated} if stated else set()
        if len(sizes) > 1:
            raise ValueError(
                f'{self.path}: header and records speak of {sorted(sizes)} classes: runs with different class lists '
                'are in one file; keep the lines of one of them'
            )
        if not sizes:
            raise EmptyHistoryError(
                f'{self.path}: no header with classes and no whole record: let the run get to its first validation'
            )
        return sizes.pop()

    def _keep_newest_run(self) -> None:
        """Leave out the records before the iterations begin anew, as they do where files were put together."""
        pairs = enumerate(itertools.pairwise(self.records), 1)
        begins = [place for place, (before, after) in pairs if after['iter'] < before['iter']]
        if begins:
            before, after = (self.records[begins[-1] + step]['iter'] for step in (-1, 0))
            self.notes.append(
                f'{self.path.name}: left out {counted(begins[-1], "record")} of an earlier run, since iteration '
                f'{after} follows {before}.'
            )
            self.records = self.records[begins[-1] :]


def _driven_vectors(record: Mapping[str, Any]) -> list[list[float]]:
    """The weights and probabilities of a record."""
    entries = record['consumers'].values()
    return [entry[key] for entry in entries for key in ('weight', 'probability') if entry.get(key) is not None]
