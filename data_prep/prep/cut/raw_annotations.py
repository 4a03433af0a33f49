"""EGTEA's list of everything that was annotated in the full recordings: raw_annotations/action_labels.csv.

    # Clip ID (Unique, used only internally); Clip Prefix (Unique); Video Session; Starting Time (ms); ...
    1; P05-R01-PastaSalad-583261-586055; P05-R01-PastaSalad; 583261; 586055; Cut tomato; Cut; tomato

Eight columns, separated by semicolons, in UTF-8; lines that begin with # are comments, the first one
names the columns. This is how public programs that read the file show it; we have not seen the file
itself. So every row is checked against itself: the prefix must be session, start and end.

The trimmed clips bear two more numbers, F<first>-F<end>, in frames of 24 a second. They follow from the
times by a rule that holds for all 10,321 names of EGTEA's first split, to the frame:

    first = floor(24 start), end = ceil(24 end), pad = floor((end - first + 1) / 10)
    F<first - pad>-F<end + pad>
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from cdb_video_files.clip_names import ClipName, parse_clip_name
from cdb_video_files.records import AnnotationError, read_records

FPS = 24
COLUMNS = (
    'Clip ID',
    'Clip Prefix',
    'Video Session',
    'Starting Time',
    'Ending Time',
    'Action Label',
    'Verb Label',
    'Noun Label',
)
_MILLISECONDS = re.compile(r'0|[1-9][0-9]{0,11}')
_SHAPE = (
    'Write the line as <id>; <session>-<start ms>-<end ms>; <session>; <start ms>; <end ms>; <action>; <verb>; <nouns>'
)


@dataclass(frozen=True)
class RawAction:
    """One annotated action of a recording.

    Attributes:
        clip: The trimmed clip that it gives; `clip.session` names the recording.
        action: Name of the action, such as 'Cut tomato'.
        verb: 'Cut'.
        nouns: 'tomato', or several.
    """

    clip: ClipName
    action: str
    verb: str
    nouns: tuple[str, ...]

    @property
    def prefix(self) -> str:
        """Session and times: what clip names have in common with the CSV."""
        return clip_prefix(self.clip)


def clip_prefix(clip: ClipName) -> str:
    """`<session>-<start ms>-<end ms>`."""
    return f'{clip.session}-{clip.start_ms}-{clip.end_ms}'


def padded_frames(start_ms: int, end_ms: int) -> tuple[int, int]:
    """The two F numbers of the clip of an action; see the module docstring.

    A clip cannot begin before its recording: the first number is 0 at least (our choice; EGTEA has no such case).
    """
    first, end = start_ms * FPS // 1000, -(-end_ms * FPS // 1000)
    pad = (end - first + 1) // 10
    return max(first - pad, 0), end + pad


def read_raw_actions(path: str | os.PathLike[str]) -> list[RawAction]:
    """Read action_labels.csv.

    Raises:
        AnnotationError: If a line breaks a rule, or the header names other columns; with file and line.
    """
    _check_header(Path(path))
    return read_records(path, parse_raw_line, lambda action: action.prefix, comment='#')


def parse_raw_line(line: str) -> RawAction:
    """Read one row."""
    fields = [field.strip() for field in line.split(';')]
    if len(fields) != len(COLUMNS):
        raise AnnotationError(f'{len(fields)} columns between semicolons, expected {len(COLUMNS)}', _SHAPE)
    _, prefix, session, start, end, action, verb, nouns = fields
    for what, text in (('starting', start), ('ending', end)):
        if _MILLISECONDS.fullmatch(text) is None:
            raise AnnotationError(f'{what} time {text!r} is not a whole number of milliseconds', _SHAPE)
    if prefix != f'{session}-{start}-{end}':
        raise AnnotationError(f'clip prefix {prefix!r} is not session, start and end, {session}-{start}-{end}', _SHAPE)
    if not action or not verb:
        raise AnnotationError('the action or the verb is empty', _SHAPE)
    first_frame, end_frame = padded_frames(int(start), int(end))
    clip = parse_clip_name(f'{prefix}-F{first_frame:06d}-F{end_frame:06d}')
    return RawAction(clip, action, verb, tuple(noun.strip() for noun in nouns.split(',') if noun.strip()))


def _check_header(path: Path) -> None:
    """The first comment, if it has semicolons, must name our columns in our order."""
    with path.open(encoding='utf-8-sig', errors='replace') as file:
        line = file.readline().strip()
    if not line.startswith('#') or ';' not in line:
        return
    names = [re.sub(r'\(.*\)', '', name).strip() for name in line.lstrip('#').split(';')]
    if [name.lower() for name in names] != [name.lower() for name in COLUMNS]:
        raise AnnotationError(
            f'the columns are {", ".join(names)}, expected {", ".join(COLUMNS)}', 'Use the file of the EGTEA release'
        ).at(path, 1, line)
