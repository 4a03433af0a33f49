"""A table of predictions, as any program can write it: CSV, or Parquet where pyarrow or pandas can read it.

One row a sample, and these columns:

- ``label``: the true class, a whole number 0..C-1, or the name of a class where the run or ``--classes`` has names;
- ``predicted``: the predicted class, in the same way; may be left out where there are scores;
- ``score_0`` to ``score_{C-1}``, or one column of the name of every class: optional, numbers; the highest is the
  prediction;
- ``path``, a file or a folder of frames, or ``name``: optional, for the list of mistakes.

CSV is UTF-8 with a header line, divided by commas.
"""

from __future__ import annotations

import csv
import importlib
import re
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cdb_video.class_names import counted
from cdb_video.difficulty.formulas import IntVector
from cdb_video.report.sources.dump import DumpError, ForeignDumpError, Predictions

CSV_ENDING, PARQUET_ENDING = '.csv', '.parquet'
TABLE_ENDINGS = (CSV_ENDING, PARQUET_ENDING)
_NAMED = ('path', 'name')
_SCORE = re.compile(r'score_(\d+)')
_COLUMNS = 'label, predicted, score_0 and so on (or a column for every class), path or name'
_MOST_CLASSES = 1 << 16

Columns = Mapping[str, Sequence[Any]]


def is_table(path: Path) -> bool:
    """Whether a file is to be read as a table of predictions, by its ending."""
    return path.suffix.lower() in TABLE_ENDINGS


def read_table(path: Path, class_names: Sequence[str] | None = None, num_classes: int | None = None) -> Predictions:
    """Read a table of predictions.

    Args:
        path: Ending in .csv or .parquet.
        class_names: C names; None = not known, so that all classes are numbers.
        num_classes: C; None = as many as there are scores, or names, or else the largest class plus 1.

    Raises:
        FileNotFoundError: If there is no such file.
        DumpError: If it cannot be read, or a value is not what it must be; the message names column and row.
    """
    if not path.is_file():
        raise FileNotFoundError(f'{path} does not exist: name a table of predictions, with the columns {_COLUMNS}')
    columns = _read_csv(path) if path.suffix.lower() == CSV_ENDING else _read_parquet(path)
    if 'label' not in columns:
        raise ForeignDumpError(
            f'{path} has no column label, only {_listed(columns)}: a table of predictions has the columns {_COLUMNS}'
        )
    if not len(columns['label']):
        raise DumpError(f'{path} has a header and no rows: write one row a sample')
    names = None if class_names is None else list(class_names)
    scored = _score_columns(path, columns, names)
    _check_columns(path, columns, scored)
    size = len(scored) or num_classes or (len(names) if names else None)
    labels = _classes(path, columns, 'label', names, size)
    predicted = _classes(path, columns, 'predicted', names, size) if 'predicted' in columns else None
    if scored:
        scores = np.stack([_numbers(path, columns, name) for name in scored], axis=1)
        _check_agreed(path, scores, predicted)
    elif predicted is None:
        raise ForeignDumpError(
            f'{path} has neither a column predicted nor scores: say for every sample which class was predicted, or '
            'give a column of scores for every class, score_0 and so on'
        )
    else:
        scores = np.zeros((len(labels), size or int(max(labels.max(), predicted.max())) + 1), np.float32)
        scores[np.arange(len(labels)), predicted] = 1
    return Predictions(labels, scores, _paths(columns), None, has_scores=bool(scored))


def _read_csv(path: Path) -> Columns:
    """The columns, of text."""
    try:
        with path.open(encoding='utf-8-sig', newline='') as file:
            rows = [(reader.line_num, row) for reader in (csv.reader(file, strict=True),) for row in reader if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DumpError(f'{path}: {error}: write it as CSV in UTF-8, divided by commas') from error
    if not rows:
        raise DumpError(f'{path} is empty: write a header line with the columns {_COLUMNS}, and one row a sample')
    (_, header), *others = rows
    names = [name.strip() for name in header]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DumpError(f'{path}: the header has {twice!r} twice: every column has a name of its own')
    for number, row in others:
        if len(row) != len(names):
            raise DumpError(
                f'{path}: line {number} has {counted(len(row), "value")}, the header {len(names)}: quote values with '
                'commas in them'
            )
    return (
        dict(zip(names, zip(*(row for _, row in others), strict=True), strict=True))
        if others
        else dict.fromkeys(names, ())
    )


def _read_parquet(path: Path) -> Columns:
    """The columns, as pyarrow or else pandas reads them."""
    if find_spec('pyarrow') is None and find_spec('fastparquet') is None:
        raise DumpError(f'{path}: Parquet needs pyarrow: pip install pyarrow, or write the table as CSV')
    try:
        if find_spec('pyarrow') is not None:
            table = importlib.import_module('pyarrow.parquet').read_table(path).to_pydict()
        else:
            table = importlib.import_module('pandas').read_parquet(path).to_dict('list')
    except (OSError, ValueError) as error:  # of pyarrow too: ArrowInvalid is a ValueError
        raise DumpError(f'{path}: {error}: write it as Parquet anew, or as CSV') from error
    return {str(name): values for name, values in table.items()}


def _score_columns(path: Path, columns: Columns, names: list[str] | None) -> list[str]:
    """The columns of the scores, in the order of the classes; none where there are none."""
    numbers = sorted(int(found[1]) for name in columns if (found := _SCORE.fullmatch(name)))
    if numbers:
        if numbers != list(range(len(numbers))):
            raise DumpError(
                f'{path}: the columns of scores are those of the classes {_listed(map(str, numbers))}: there must be '
                f'one for every class, score_0 to score_{numbers[-1]}'
            )
        return [f'score_{number}' for number in numbers]
    given = [name for name in names or () if name in columns and name not in ('label', 'predicted', *_NAMED)]
    missing = [name for name in names or () if name not in columns]
    if given and missing:
        raise DumpError(
            f'{path} has scores of {given[0]} and none of {missing[0]}: there must be a column for every class, or none'
        )
    return given


def _check_columns(path: Path, columns: Columns, scored: Sequence[str]) -> None:
    """See that no column is one that nobody reads."""
    known = {'label', 'predicted', *_NAMED, *scored}
    other = [name for name in columns if name not in known]
    if other:
        raise ForeignDumpError(
            f'{path} has the column {other[0]!r}, which is none of {_COLUMNS}: take it out; if it is a class, give '
            'the class names by --classes, or have them in the history'
        )


def _classes(path: Path, columns: Columns, column: str, names: list[str] | None, size: int | None) -> IntVector:
    """(N,) int64 classes of a column of numbers or of names."""
    _check_unambiguous(path, columns, column, names)
    found = [_class(value, names) for value in columns[column]]
    least = size or _MOST_CLASSES
    wrong = next((row for row, one in enumerate(found) if one is None or not 0 <= one < least), None)
    if wrong is not None:
        rule = f'a whole number 0..{size - 1}' if size else 'a whole number 0..C-1'
        known = ', or a name of a class' if names else ' (for names of classes give --classes)'
        raise DumpError(f'{path}: row {wrong + 1} has the {column} {columns[column][wrong]!r}: must be {rule}{known}')
    return np.asarray(found, np.int64)


def _check_unambiguous(path: Path, columns: Columns, column: str, names: list[str] | None) -> None:
    """See that no value is the number of one class and the name of another, as where names are numbers."""
    places = {name: place for place, name in enumerate(names or ())}
    for row, value in enumerate(columns[column]):
        number = _class(value, None)
        other = places.get(value.strip()) if isinstance(value, str) else None
        if number is not None and other is not None and other != number and number < len(places):
            raise DumpError(
                f'{path}: row {row + 1} has the {column} {value!r}, which is the name of class {other} and the number '
                f'of class {number}: write names that are no numbers, and give the same ones by --classes'
            )


def _class(value: Any, names: list[str] | None) -> int | None:
    """A class by its number, or else by its name; None = neither."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, str):
        text = value.strip()
        if names and text in names:
            return names.index(text)
        return int(text) if re.fullmatch(r'[+-]?\d{1,18}', text) else None
    return None


def _numbers(path: Path, columns: Columns, column: str) -> NDArray[np.float64]:
    """(N,) finite numbers of a column."""
    found = np.full(len(columns[column]), np.nan)
    for row, value in enumerate(columns[column]):
        try:
            found[row] = float(value)
        except (TypeError, ValueError):
            continue  # stays NaN, and is refused
    wrong = np.flatnonzero(~np.isfinite(found))
    if wrong.size:
        raise DumpError(
            f'{path}: row {wrong[0] + 1} has the {column} {columns[column][wrong[0]]!r}: a score is a finite number; '
            'of a model that has diverged test another checkpoint'
        )
    return found


def _check_agreed(path: Path, scores: NDArray[np.float64], predicted: IntVector | None) -> None:
    """See that the predicted classes are those with the highest score."""
    if predicted is None:
        return
    best = scores.argmax(axis=1)
    other = np.flatnonzero(best != predicted)
    if other.size:
        row = int(other[0])
        raise DumpError(
            f'{path}: row {row + 1} has predicted {predicted[row]}, and its highest score is that of class '
            f'{best[row]}: both must be of one class, of a tie the lower; or leave out the column predicted'
        )


def _paths(columns: Columns) -> tuple[str, ...] | None:
    """The path or name of every sample; None where one has none."""
    given = next((columns[name] for name in _NAMED if name in columns), None)
    if given is None or not all(isinstance(one, str) and one.strip() for one in given):
        return None
    return tuple(given)


def _listed(names: Any) -> str:
    found = list(names)
    return ', '.join(found[:8]) + (', ...' if len(found) > 8 else '')
