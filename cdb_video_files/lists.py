"""Frame lists and video lists, read line by line or in fast blocks, and written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cdb_video_files.packs import PACK_SUFFIX
from cdb_video_files.records import (
    _WHOLE_NUMBER,
    AnnotationError,
    PathName,
    is_text,
    parse_number,
    read_records,
    write_records,
)

# Lines that need no closer look, where the text holds none of _NEEDS_A_LOOK: the usual ones, in a path without
# blanks. Whatever else there is goes through the functions that parse a line.
_LABEL = rf'[ \t]+({_WHOLE_NUMBER.pattern})'
_FRAMES_AND_LABEL = rf'[ \t]+([1-9][0-9]{{0,17}}){_LABEL}'


_DRIVE = re.compile(r'[A-Za-z]:[/\\]')


_NEEDS_A_LOOK = ('\\', '\0', '..')


_BLOCK_CHARACTERS = 1 << 19


@dataclass(frozen=True)
class FrameEntry:
    """A line for mmaction2's RawframeDataset.

    Attributes:
        frame_dir: Folder of the clip's frames, relative, with forward slashes.
        total_frames: Number of frames in it, >= 1.
        label: Class, counted from 0.
    """

    frame_dir: str
    total_frames: int
    label: int


@dataclass(frozen=True)
class VideoEntry:
    """A line for mmaction2's VideoDataset: the clip's file, relative, and its label, from 0."""

    filename: str
    label: int


def read_frame_list(path: PathName, num_classes: int | None = None, allow_absolute: bool = False) -> list[FrameEntry]:
    """Read a frame list; with `num_classes`, a label beyond the last class is an error too.

    Args:
        path: The list.
        num_classes: Labels must be below it; None = any label.
        allow_absolute: Whether a clip may stand there by its absolute path.

    Raises:
        AnnotationError: If a line breaks a rule; with its place.
    """

    def parse(line: str) -> FrameEntry:
        return _parse_frame_line(line, num_classes, allow_absolute)

    return read_records(path, parse, lambda entry: entry.frame_dir)


def frame_list_blocks(path: PathName, allow_absolute: bool = False) -> Iterator[list[tuple[str, str, str]]]:
    """The lines of a frame list, some thousands at a time, for lists of millions of clips.

    What `read_frame_list` checks in a line is checked here too. What it checks beyond that, that a clip stands
    in the list once and that its label is a class, and the place in an error, are left to the caller.

    Yields:
        `(frame folder, digits of the number of frames, digits of the label)` of each line.

    Raises:
        AnnotationError: If a line breaks a rule; without the place.
        UnicodeDecodeError: If the file is not UTF-8 text.
    """
    plain = _plain_line(_FRAMES_AND_LABEL, allow_absolute)
    for block in _blocks(path):
        yield _plain_records(plain, block) or [
            (entry.frame_dir, str(entry.total_frames), str(entry.label))
            for entry in (_parse_frame_line(line, None, allow_absolute) for line in _filled_lines(block))
        ]


def video_list_blocks(path: PathName, allow_absolute: bool = False) -> Iterator[list[tuple[str, str]]]:
    """As `frame_list_blocks`, of a video list: `(video file, digits of the label)` of each line."""
    plain = _plain_line(_LABEL, allow_absolute)
    for block in _blocks(path):
        yield _plain_records(plain, block) or [
            (entry.filename, str(entry.label))
            for entry in (_parse_video_line(line, None, allow_absolute) for line in _filled_lines(block))
        ]


def write_frame_list(path: PathName, entries: Iterable[FrameEntry]) -> None:
    """Write a frame list."""
    write_records(path, entries, lambda e: f'{e.frame_dir} {e.total_frames} {e.label}', _parse_frame_line)


def read_video_list(path: PathName, num_classes: int | None = None, allow_absolute: bool = False) -> list[VideoEntry]:
    """As `read_frame_list`, of a video list."""

    def parse(line: str) -> VideoEntry:
        return _parse_video_line(line, num_classes, allow_absolute)

    return read_records(path, parse, lambda entry: entry.filename)


def write_video_list(path: PathName, entries: Iterable[VideoEntry]) -> None:
    """Write a video list."""
    write_records(path, entries, lambda e: f'{e.filename} {e.label}', _parse_video_line)


def _parse_label(text: str, num_classes: int | None) -> int:
    label = parse_number(text, 'label', minimum=0)
    if num_classes is not None and label >= num_classes:
        raise AnnotationError(
            f'label {label} is outside 0..{num_classes - 1}, the {num_classes} classes',
            'Labels count from 0: build the list anew, or use the class names that belong to it',
        )
    return label


def check_listed_name(name: str) -> str:
    """Return the name of a video or of frames as it is; a line of a list can hold it, and gives it back.

    Raises:
        AnnotationError: If none can; without a place, for those who have the files.
    """
    why = _why_unlisted(name)
    if why is None:
        try:
            return parse_relative_path(name)
        except AnnotationError as error:
            why = error.rule
    raise AnnotationError(f'no list can hold the name {name!a}: {why}', 'Rename the file or its folder')


def is_listed_name(name: str) -> bool:
    """Whether a line of a list can hold a name."""
    try:
        return bool(check_listed_name(name))
    except AnnotationError:
        return False


def packed_name(clip: str) -> str:
    """The name of a pack that a frame list can hold where it cannot hold the clip's: 'take 2.pack' of 'take 2'.

    'take 2 24 0' could as well be the clip 'take', its offset 2 and 24 frames.
    """
    return f'{clip}{PACK_SUFFIX}'


def slashed_name(clip: str) -> str:
    """As `packed_name`, of a folder of frames: 'take 2/'."""
    return f'{clip}/'


def _why_unlisted(name: str) -> str | None:
    """Why a line would not give a name back, whether or not it is a path that is allowed."""
    if name != name.strip() or not name:
        return 'it begins or ends with a blank' if name else 'it is empty'
    if '\n' in name or '\r' in name:
        return 'it holds a line break'
    if name.startswith('\ufeff'):
        return 'it begins with a byte order mark'
    if not is_text(name):
        return 'it is not UTF-8'
    return 'it ends in a blank and a number' if _ends_in_number(name) else None


def _ends_in_number(name: str) -> bool:
    *others, last = name.rsplit(maxsplit=1)
    return bool(others) and _WHOLE_NUMBER.fullmatch(last) is not None


def parse_relative_path(text: str) -> str:
    """Return a path as it is; it can never leave the folder that it is relative to, on any system.

    Raises:
        AnnotationError: If it is absolute, has a colon second, or holds '..', a backslash or a NUL.
    """
    _refuse_colon_second(text)
    if is_absolute(text) or text.startswith('~') or _strays(text):
        raise AnnotationError(
            f"path {text!r} is absolute, holds '..' or a backslash",
            'Write it relative to the data folder, with forward slashes',
        )
    return text


def is_absolute(text: str) -> bool:
    """Whether a path begins at the root, or at a drive, of any system."""
    return text.startswith('/') or text[1:2] == ':'


def _refuse_colon_second(text: str) -> None:
    """'1:02.mp4' would be a path of a drive on Windows alone; 'C:/a.mp4' is meant as one."""
    if text[1:2] == ':' and text[0] != '/' and not _DRIVE.match(text):
        raise AnnotationError(
            f'path {text!r} has a colon second, which Windows takes for a drive', 'Rename the file or its folder'
        )


def _strays(text: str) -> bool:
    return '\\' in text or '\0' in text or '..' in text.split('/')


def _parse_absolute_path(text: str, is_allowed: bool) -> str:
    if not is_allowed:
        _refuse_colon_second(text)
        raise AnnotationError(
            f'path {text!r} is absolute',
            'Write it relative to the data folder, or set allow_absolute=True in the dataset (--allow-absolute of '
            'check_dataset)',
        )
    if _strays(text):
        raise AnnotationError(f"path {text!r} holds '..' or a backslash", 'Write it with forward slashes, without ..')
    return text


def _parse_listed_path(text: str, allow_absolute: bool) -> str:
    # 'clip 24' is not a name with a blank in it, but the start of a line of another kind of list.
    if _ends_in_number(text):
        raise AnnotationError(
            f'path {text!r} ends in a blank and a number',
            'Name a list of the kind that the dataset reads, without offsets and with one label; or rename the clip',
        )
    return _parse_absolute_path(text, allow_absolute) if is_absolute(text) else parse_relative_path(text)


def _parse_frame_line(line: str, num_classes: int | None = None, allow_absolute: bool = False) -> FrameEntry:
    parts = line.strip().rsplit(maxsplit=2)
    if len(parts) != 3:
        raise AnnotationError(f'{len(parts)} parts, expected 3', 'Write <frame folder> <number of frames> <label>')
    total_frames = parse_number(parts[1], 'number of frames', minimum=1)
    return FrameEntry(_parse_listed_path(parts[0], allow_absolute), total_frames, _parse_label(parts[2], num_classes))


def _parse_video_line(line: str, num_classes: int | None = None, allow_absolute: bool = False) -> VideoEntry:
    parts = line.strip().rsplit(maxsplit=1)
    if len(parts) != 2:
        raise AnnotationError(f'{len(parts)} parts, expected 2', 'Write <video file> <label>')
    return VideoEntry(_parse_listed_path(parts[0], allow_absolute), _parse_label(parts[1], num_classes))


def _blocks(path: PathName) -> Iterator[str]:
    """The text in blocks of whole lines, each with a newline at its end."""
    with Path(path).open(encoding='utf-8-sig') as file:
        while block := file.read(_BLOCK_CHARACTERS):
            block += file.readline()
            yield block if block.endswith('\n') else block + '\n'


def _filled_lines(block: str) -> Iterator[str]:
    return (line for line in block.split('\n') if line.strip())


@cache
def _plain_line(numbers: str, allow_absolute: bool) -> re.Pattern[str]:
    """A plain line whose path is followed by `numbers`."""
    other = '(?!~)' if allow_absolute else '(?![/~])(?!.:)'
    return re.compile(rf'^[ \t]*({other}\S+){numbers}[ \t]*\n', re.M)


def _plain_records(plain: re.Pattern[str], block: str) -> list[Any] | None:
    """The groups of all lines, at the speed of one call; None if one of them is not plain."""
    if any(text in block for text in _NEEDS_A_LOOK):
        return None
    records = plain.findall(block)
    return records if len(records) == block.count('\n') else None
