"""How the frames of a clip are named, where a dataset does not find them: what is there, and which settings read it."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cdb_video.class_names import counted
from cdb_video_files.images.pictures import is_picture

_LOOKED_INTO = 20
"""Folders, at most: those of a list are named alike, or the first few tell that they are not."""


@dataclass(frozen=True)
class FrameNames:
    """The names of the frames in a folder that differ in their number alone.

    Attributes:
        template: As `filename_tmpl` of the dataset takes it, with the folder below the clip's where there is one.
        first: The smallest number.
        last: The largest number.
        count: How many frames there are.
    """

    template: str
    first: int
    last: int
    count: int

    def settings(self, start_index: int, filename_tmpl: str) -> dict[str, Any]:
        """What is to be set otherwise in a dataset that has these two, for it to find the first frame and the last."""
        same = all(_formats(filename_tmpl, number) == _formats(self.template, number) for number in self._ends)
        wanted = {} if same else {'filename_tmpl': self.template}
        return wanted if self.first == start_index else wanted | {'start_index': self.first}

    def __str__(self) -> str:
        names = ' to '.join(dict.fromkeys(_formats(self.template, number) for number in self._ends))
        return f'{names} ({counted(self.count, "frame")})'

    def has(self, length: int) -> bool:
        """Whether there are that many frames, numbered without a gap."""
        return self.count >= length and self.last - self.first + 1 == self.count

    @property
    def _ends(self) -> tuple[int, int]:
        return self.first, self.last


def frame_names(folder: str) -> FrameNames | None:
    """What the frames in a folder are called, or those in a folder below it; None = there are none that are numbered.

    Of several series the longest counts, such as that of colour beside a few masks.
    """
    series = _longest(folder)
    if series is not None:
        return series
    below = [(entry.name, found) for entry in _entries(folder) if entry.is_dir() and (found := _longest(entry.path))]
    if not below:
        return None
    name, found = max(below, key=lambda pair: pair[1].count)
    return replace(found, template=f'{_escaped(name)}/{found.template}')


def what_is_there(
    clips: Sequence[tuple[str, str, int]], total: int, start_index: int, filename_tmpl: str
) -> tuple[str, bool]:
    """What is in the folders of clips of which a dataset does not find the first or the last frame.

    Args:
        clips: Name, folder and number of frames of each such clip; at least one.
        total: Clips in the list that have a folder.
        start_index: Of the dataset.
        filename_tmpl: Of the dataset.

    Returns:
        What is there, with the settings of the dataset that read it; and whether there are such settings.
    """
    found = [(name, frame_names(folder), length) for name, folder, length in clips[:_LOOKED_INTO]]
    helped = [
        (name, names, wanted)
        for name, names, length in found
        if names and names.has(length) and (wanted := names.settings(start_index, filename_tmpl))
    ]
    if not helped:
        name, names, length = found[0]
        there = names or _listed(clips[0][1])
        return f'{name} holds {there}, and the list says {counted(length, "frame")} from number {start_index} on', False
    name, names, wanted = helped[0]
    cause = f'the frames of {name} have other names, {names}: set {_written(wanted)} in the dataset'
    other = next(((one, its) for one, its, settings in helped if settings != wanted), None)
    if other is not None:
        return f'{cause}. Those of {other[0]} are {other[1]}. {_ONE_WAY}', True
    return (cause if len(clips) == total else f'{cause}. Other clips have the names that it expects. {_ONE_WAY}'), True


_ONE_WAY = (
    'A dataset takes one way to name frames: rename them, or list those that are named alike in datasets of their own, '
    "and join these by type='ConcatDataset'"
)


def _written(settings: Mapping[str, Any]) -> str:
    return ' and '.join(f'{key}={value!r}' for key, value in settings.items())


def _formats(template: str, number: int) -> str:
    """The name of a frame by a template; the template itself where it is none."""
    try:
        return template.format(number)
    except (IndexError, KeyError, ValueError):
        return template


def _entries(folder: str) -> list[os.DirEntry[str]]:
    """What a folder holds, sorted; nothing where one may not look."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []


def _listed(folder: str) -> str:
    """The first few things in a folder without numbered pictures."""
    names = [entry.name for entry in _entries(folder)]
    return f'no numbered pictures ({", ".join(names[:3])}{", ..." if len(names) > 3 else ""})' if names else 'nothing'


def _longest(folder: str) -> FrameNames | None:
    """The longest series of pictures in a folder whose names differ in one number."""
    by_text: dict[tuple[str, ...], list[list[str]]] = defaultdict(list)
    for entry in _entries(folder):
        if is_picture(entry.name):
            parts = re.split(r'([0-9]+)', entry.name)
            if len(parts) > 1:
                by_text[tuple(parts[::2])].append(parts[1::2])
    series = [found for texts, numbers in by_text.items() for found in _series(texts, numbers)]
    return max(series, key=lambda found: found.count, default=None)


def _series(texts: Sequence[str], numbers: Sequence[Sequence[str]]) -> Iterator[FrameNames]:
    """The series of names that consist of `texts` with numbers between them; none if more than one of these changes."""
    columns = list(zip(*numbers, strict=True))
    changing = [place for place, column in enumerate(columns) if len(set(column)) > 1]
    if len(changing) > 1:
        return
    place = changing[0] if changing else len(columns) - 1
    digits = columns[place]
    padded = {len(one) for one in digits if one.startswith('0') and len(one) > 1}
    if len(padded) > 1:
        return
    width = f':0{padded.pop()}' if padded else ''
    fields = [f'{{{width}}}' if at == place else column[0] for at, column in enumerate(columns)]
    pieces = [_escaped(texts[0])]
    for field, text in zip(fields, texts[1:], strict=True):
        pieces += [field, _escaped(text)]
    values = sorted(map(int, digits))
    yield FrameNames(''.join(pieces), values[0], values[-1], len(values))


def _escaped(text: str) -> str:
    return text.replace('{', '{{').replace('}', '}}')
