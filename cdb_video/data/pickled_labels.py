r"""Labels of the entries that mmengine keeps as pickles, read from the bytes of many entries at once.

A BaseDataset keeps `pickle.dumps(entry, protocol=4)` of every entry, one behind the other in one array. An entry of a
file and its label, ``{'img_path': 'a/b.png', 'gt_label': 7}``, is known byte by byte there:

    80 04             protocol 4
    95, 8 bytes       a frame, and how many bytes it has: all that follow
    7d 94 28          a dictionary; what is to be set in it follows
    8c, 1 byte, key, 94
                      a string of at most 255 bytes: its length, its bytes
    8c, 1 byte, path, 94
    8c, 1 byte, key, 94
    4b, 1 byte; 4d, 2 bytes; or 4a, 4 bytes
                      the label, without sign; or with one in 4 bytes
    75 2e             set the two; end

All of these bytes are compared but those of the path, so nothing else passes for such an entry.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from cdb_video.difficulty.formulas import IntVector

CHUNK = 1 << 16
"""Entries that are read at once; it changes speed and memory alone."""
_LONGEST = 255
_START = b'\x80\x04\x95'
_FRAME = len(_START) + 8
_OPCODES = np.frombuffer(b'\0KM\0J', np.uint8)
"""What stands before a label of so many bytes; labels of 0 and 3 there are none."""
_END = b'u.'
_LAST = 1 + 4 + len(_END)
"""Bytes from the opcode of the longest label on."""

Bytes = NDArray[np.uint8]


def labels_in_pickles(data: Bytes, ends: IntVector, label_keys: Sequence[str]) -> tuple[IntVector, IntVector]:
    """The labels of entries that have the form above, with the keys of the first entry.

    Args:
        data: (B,) uint8, the pickles one behind the other.
        ends: (N,) int64, ascending: where each of them ends.
        label_keys: The keys that a label may have.

    Returns:
        (N,) int64 labels, and (M,) int64, ascending: the entries of another form, whose labels are not read.
    """
    labels = np.zeros(len(ends), np.int64)
    form = _form_of(pickle.loads(data[: ends[0]].tobytes()), label_keys) if len(ends) else None
    if form is None:
        return labels, np.arange(len(ends))
    others = []
    for first in range(0, len(ends), CHUNK):
        begin = ends[first - 1] if first else 0
        of_chunk = ends[first : first + CHUNK] - begin
        labels[first : first + CHUNK], known = _read(data[begin : begin + of_chunk[-1]], of_chunk, *form)
        others.append(first + np.flatnonzero(~known))
    return labels, np.concatenate(others)


def _form_of(entry: Any, label_keys: Sequence[str]) -> tuple[Bytes, Bytes] | None:
    """The bytes between frame and length of the path, and those between path and label; None = another form."""
    if type(entry) is not dict or [type(key) for key in entry] != [str, str]:
        return None
    path_key, label_key = entry
    keys = [key.encode() for key in entry]
    if label_key not in label_keys or path_key in label_keys or max(map(len, keys)) > _LONGEST:
        return None
    first, second = (b'\x8c' + bytes([len(key)]) + key + b'\x94' for key in keys)
    return np.frombuffer(b'}\x94(' + first + b'\x8c', np.uint8), np.frombuffer(b'\x94' + second, np.uint8)


def _read(data: Bytes, ends: IntVector, before: Bytes, between: Bytes) -> tuple[IntVector, NDArray[np.bool_]]:
    """The labels of a chunk, and which of them were read; `before` and `between` are those of `_form_of`."""
    starts = np.concatenate([[0], ends[:-1]])
    head = _FRAME + len(before) + 1
    known = ends - starts >= head + len(between) + len(_END) + 2
    if not known.any():
        return np.zeros(len(ends), np.int64), known
    heads = _windows(data, np.where(known, starts, 0), head)
    known &= _equal(heads[:, : len(_START)], _START) & _equal(heads[:, _FRAME:-1], before)
    known &= _numbers(heads[:, len(_START) : _FRAME], '<u8') == (ends - starts - _FRAME).astype(np.uint64)
    after_path = starts + head + heads[:, -1]
    width = ends - len(_END) - 1 - len(between) - after_path
    known &= (width == 1) | (width == 2) | (width == 4)
    known &= _equal(_windows(data, np.where(known, after_path, 0), len(between)), between)
    tails = _windows(data, np.where(known, ends - _LAST, 0), _LAST)
    width = np.where(known, width, 1)
    known &= tails[np.arange(len(ends)), 4 - width] == _OPCODES[width]
    known &= _equal(tails[:, 5:], _END)
    # The label ends where these four bytes end; the bytes before it are shifted out.
    whole = _numbers(tails[:, 1:5], '<u4')
    signed = whole.astype(np.uint32).view(np.int32)
    labels = np.where(width == 4, signed, (whole >> (32 - 8 * width).astype(np.uint32)).astype(np.int64))
    return labels, known


def _windows(data: Bytes, places: IntVector, size: int) -> Bytes:
    """(N, size) uint8: so many bytes from each place on."""
    return sliding_window_view(data, size)[places]


def _equal(found: Bytes, expected: Bytes | bytes) -> NDArray[np.bool_]:
    """(N,) whether the rows of (N, size) bytes are the expected ones."""
    matches: NDArray[np.bool_] = (found == np.frombuffer(expected, np.uint8)).all(axis=1)
    return matches


def _numbers(found: Bytes, dtype: str) -> NDArray[Any]:
    """(N,) the rows of (N, size) bytes as numbers."""
    return np.ascontiguousarray(found).view(dtype)[:, 0]
