"""The clips of a list in arrays: for lists of millions of clips, which workers share.

A million clips with names as long as EGTEA's are a dictionary, three objects and some hundred bytes each for
Python, or these arrays of about 100 MB. A loader's worker that is forked reads the parent's. To one that is
spawned torch hands its tensors in shared memory (/dev/shm on Linux must have room for one copy), so that there
is one copy of them however many workers there are.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, islice, repeat
from typing import Any, overload

import numpy as np
import torch
from torch import Tensor

from cdb_video.difficulty.formulas import IntVector
from cdb_video_files.lists import frame_list_blocks, read_frame_list, read_video_list, video_list_blocks
from cdb_video_files.records import AnnotationError

_PathLike = str | os.PathLike[str]
_Records = Sequence[tuple[Any, ...]]


class ClipTable(Sequence[dict[str, Any]]):
    """A sequence of entries as mmaction2's datasets keep them, each made when it is asked for.

    Args:
        names: (B,) uint8, the UTF-8 names of all clips, one after the other.
        ends: (N,) int64, where the name of each clip ends in `names`.
        labels: (N,) int64.
        total_frames: (N,) int64, the number of frames of each clip; None for a list of videos.
        folder: Goes before every name.

    An entry has the keys `frame_dir`, `total_frames` and `label`, or `filename` and `label`. A slice is a table.
    """

    def __init__(self, names: Tensor, ends: Tensor, labels: Tensor, total_frames: Tensor | None, folder: str) -> None:
        self.names = names
        self.ends = ends
        self.labels = labels
        self.total_frames = total_frames
        self.folder = folder

    def __len__(self) -> int:
        """Number of clips."""
        return len(self.ends)

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...

    @overload
    def __getitem__(self, index: slice) -> ClipTable: ...

    def __getitem__(self, index: int | slice) -> dict[str, Any] | ClipTable:
        """The entry of a clip, or a table of some clips, which shares nothing with this one."""
        if isinstance(index, slice):
            return self.take(range(*index.indices(len(self))))
        place = range(len(self))[index]
        ends = self.ends.numpy()
        start = ends.item(place - 1) if place else 0
        name = self.names.numpy()[start : ends.item(place)].tobytes()
        total_frames = None if self.total_frames is None else self.total_frames.numpy().item(place)
        return self._entry(name, self.labels.numpy().item(place), total_frames)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """The entries of all clips."""
        names = self.names.numpy().data
        lengths = repeat(None) if self.total_frames is None else self.total_frames.numpy().data
        start = 0
        for end, label, total_frames in zip(self.ends.numpy().data, self.labels.numpy().data, lengths, strict=False):
            yield self._entry(bytes(names[start:end]), label, total_frames)
            start = end

    def _entry(self, name: bytes, label: int, total_frames: int | None) -> dict[str, Any]:
        path = os.path.join(self.folder, name.decode())
        if total_frames is None:
            return {'filename': path, 'label': label}
        return {'frame_dir': path, 'total_frames': total_frames, 'label': label}

    def take(self, indices: Sequence[int]) -> ClipTable:
        """A table of the clips at these places, in this order; negative ones count from the end.

        Raises:
            IndexError: If there is no such clip.
        """
        places = np.asarray([range(len(self))[index] for index in indices], dtype=np.int64)
        ends = self.ends.numpy()
        starts = np.concatenate([[0], ends[:-1]])[places] if len(places) else places
        sizes = ends[places] - starts
        new_ends = sizes.cumsum()
        names = np.empty(int(sizes.sum()), np.uint8)
        source, target = self.names.numpy().data, names.data
        for start, size, new_end in zip(starts.tolist(), sizes.tolist(), new_ends.tolist(), strict=True):
            target[new_end - size : new_end] = source[start : start + size]
        chosen = torch.from_numpy(places)
        return ClipTable(
            torch.from_numpy(names),
            torch.from_numpy(new_ends),
            self.labels[chosen],
            None if self.total_frames is None else self.total_frames[chosen],
            self.folder,
        )

    def all_labels(self) -> IntVector:
        """(N,) int64, a copy."""
        labels: IntVector = self.labels.numpy().copy()
        return labels


def listed_name(path: str, folder: str) -> str:
    """The name of a clip as it stands in the list, from the path in its entry and the folder that went before it."""
    return path.removeprefix(os.path.join(folder, '')) if folder else path


def read_frame_table(path: _PathLike, num_classes: int | None, folder: str, allow_absolute: bool = False) -> ClipTable:
    """Read a frame list as `read_frame_list` does, errors and all, into a table.

    Args:
        path: The list.
        num_classes: Labels must be below it; None = any label.
        folder: Goes before the frame folders, but for absolute paths.
        allow_absolute: Whether there may be some.

    Raises:
        AnnotationError: If a line breaks a rule; with its place.
    """

    def by_line() -> _Records:
        entries = read_frame_list(path, num_classes, allow_absolute)
        return [(entry.frame_dir, entry.total_frames, entry.label) for entry in entries]

    names, ends, (total_frames, labels) = _read(frame_list_blocks(path, allow_absolute), by_line, num_classes)
    return ClipTable(names, ends, labels, total_frames, folder)


def read_video_table(path: _PathLike, num_classes: int | None, folder: str, allow_absolute: bool = False) -> ClipTable:
    """As `read_frame_table`, of a video list."""

    def by_line() -> _Records:
        return [(entry.filename, entry.label) for entry in read_video_list(path, num_classes, allow_absolute)]

    names, ends, (labels,) = _read(video_list_blocks(path, allow_absolute), by_line, num_classes)
    return ClipTable(names, ends, labels, None, folder)


def _read(
    blocks: Iterable[_Records], by_line: Callable[[], _Records], num_classes: int | None
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Names, their ends, and the numbers of each line, the label last."""
    try:
        names, columns = _stack(blocks)
        sound = _is_sound(columns, num_classes)
    except (AnnotationError, UnicodeDecodeError):
        sound = False
    if not sound:
        # Whatever is wrong, the reader that goes line by line says what and where. If nothing is, as when two names
        # have one hash, its records serve.
        names, columns = _stack([by_line()])
    ends, _, *numbers = (torch.frombuffer(column, dtype=torch.int64) for column in columns)
    return torch.frombuffer(names, dtype=torch.uint8), ends, numbers


def _stack(blocks: Iterable[_Records]) -> tuple[bytearray, list[array[int]]]:
    """All names, one after the other, and their ends, their hashes, and the numbers of each line; none: no line."""
    names = bytearray()
    columns: list[array[int]] = []
    for records in blocks:
        if not records:
            continue
        # Not zip(*records): its many iterators set the garbage collector to work.
        paths, *numbers = ([record[place] for record in records] for place in range(len(records[0])))
        columns = columns or [array('q') for _ in range(2 + len(numbers))]
        text = ''.join(paths)
        sizes = map(len, paths) if text.isascii() else (len(path.encode()) for path in paths)
        ends = islice(accumulate(sizes, initial=len(names)), 1, None)
        found = (ends, map(hash, paths), *(map(int, part) for part in numbers))
        for column, values in zip(columns, found, strict=True):
            column.extend(values)
        names += text.encode()
    return names, columns


def _is_sound(columns: Sequence[array[int]], num_classes: int | None) -> bool:
    """Whether there are clips, all of different names, as far as hashes tell, and with labels that are classes."""
    if not columns:
        return False
    _, hashes, *_, labels = (np.frombuffer(column, np.int64) for column in columns)
    hashes.sort()
    return bool((hashes[1:] != hashes[:-1]).all()) and (num_classes is None or int(labels.max()) < num_classes)
