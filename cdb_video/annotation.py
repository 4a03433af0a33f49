"""The line formats: EGTEA annotation files, training lists, class names.

The only file that knows how a line looks, but for the list of all recordings, which only
data_prep/raw_annotations.py reads. It uses the standard library alone, so that data
preparation needs no torch where mmengine is absent; where it is there, `import cdb_video` registers
the components, which imports torch too. Worker processes do not import it. Every reader accepts a byte order
mark, Windows line ends and blank lines, and answers anything else that it cannot read with an
`AnnotationError`; nothing is skipped silently.

    action_annotation/*_split*.txt   <clip> <action> <verb> <noun>[ <noun>[ <noun>]]   ids from 1
    action_annotation/*_idx.txt      <name, may hold spaces> <id>                      ids from 1
    lists/*/{train,val,test}.txt     <frame folder> <number of frames> <label>      labels from 0
    lists/*/*_videos.txt             <video file> <label>                           labels from 0
                                     (a path may hold blanks; mmaction2's own datasets then cannot read the list)
    lists/*/classes.txt              <name>, line k (from 0) for label k
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

_Record = TypeVar('_Record')
_PathLike = str | os.PathLike[str]

# 18 digits fit 64 bits; int() itself would also take '+1', '1_0' and other scripts' digits.
_WHOLE_NUMBER = re.compile(r'0|[1-9][0-9]{0,17}')
_CLIP_NAME = re.compile(
    r'(?P<subject>[A-Za-z]+[0-9]+)-(?P<recipe_id>R[0-9]+)-(?P<recipe>[^\s/\\\x00-\x1f\x7f-]+)'
    r'-(?P<start_ms>0|[1-9][0-9]{0,11})-(?P<end_ms>[1-9][0-9]{0,11})'
    r'-F(?P<start_frame>[0-9]{6}|[1-9][0-9]{6,11})-F(?P<end_frame>[0-9]{6}|[1-9][0-9]{6,11})',
    re.ASCII,
)
_LONGEST_SHOWN_LINE = 160

# Lines that need no closer look, where the text holds none of _NEEDS_A_LOOK: the usual ones, in a path without
# blanks. Whatever else there is goes through the functions that parse a line.
_PLAIN_PATH = r'^[ \t]*((?![/~])(?!.:)\S+)'
_PLAIN_FRAME_LINE = re.compile(rf'{_PLAIN_PATH}[ \t]+([1-9][0-9]{{0,17}})[ \t]+({_WHOLE_NUMBER.pattern})[ \t]*\n', re.M)
_PLAIN_VIDEO_LINE = re.compile(rf'{_PLAIN_PATH}[ \t]+({_WHOLE_NUMBER.pattern})[ \t]*\n', re.M)
_NEEDS_A_LOOK = ('\\', '\0', '..')
_BLOCK_CHARACTERS = 1 << 19


class AnnotationError(ValueError):
    """A line, or a whole file, breaks a rule of its format.

    Args:
        rule: What was expected and what was found.
        remedy: What the user can do about it.

    Attributes:
        path: The file, once a reader knows it.
        line_number: Counted from 1; None where the whole file is meant.
        line: The text that breaks the rule.
    """

    def __init__(self, rule: str, remedy: str) -> None:
        super().__init__(rule, remedy)
        self.rule = rule
        self.remedy = remedy
        self.path: str | None = None
        self.line_number: int | None = None
        self.line: str | None = None

    def at(self, path: _PathLike, line_number: int | None = None, line: str | None = None) -> AnnotationError:
        """Add the place and return the same error, ready to raise."""
        self.path, self.line_number, self.line = os.fspath(path), line_number, line
        return self

    def __str__(self) -> str:
        """`<file>:<line number>: '<line>': <rule>. <remedy>.`, as far as the place is known."""
        place = self.path or ''
        if self.line_number is not None:
            place += f':{self.line_number}'
        shown = self.line
        if shown is not None and len(shown) > _LONGEST_SHOWN_LINE:
            shown = shown[:_LONGEST_SHOWN_LINE] + '...'
        parts = [place] if place else []
        parts += [repr(shown)] if shown is not None else []
        return ': '.join([*parts, f'{self.rule}. {self.remedy}.'])


@dataclass(frozen=True, order=True)
class ClipName:
    """`P04-R06-GreekSalad-682170-683940-F016368-F016419`, in parts.

    Attributes:
        subject: 'P04' or 'OP01'.
        recipe_id: 'R06'.
        recipe: 'GreekSalad'; no dash, no blank, no slash.
        start_ms: Start of the action in the session's video, milliseconds, as annotated.
        end_ms: Its end, milliseconds.
        start_frame: First frame of the clip in the session's video, at 24 fps; EGTEA pads the
            action by a tenth of its duration on each side.
        end_frame: Frame after which the clip ends.
    """

    subject: str
    recipe_id: str
    recipe: str
    start_ms: int
    end_ms: int
    start_frame: int
    end_frame: int

    @property
    def session(self) -> str:
        """The recording that the clip was cut from, and its folder: 'P04-R06-GreekSalad'."""
        return f'{self.subject}-{self.recipe_id}-{self.recipe}'

    @property
    def path(self) -> str:
        """`<session>/<clip>`: its place below frames and, plus '.mp4', below cropped_clips."""
        return f'{self.session}/{self}'

    def __str__(self) -> str:
        """The name as EGTEA writes it."""
        frames = f'F{self.start_frame:06d}-F{self.end_frame:06d}'
        return f'{self.session}-{self.start_ms}-{self.end_ms}-{frames}'


def parse_clip_name(name: str) -> ClipName:
    """Take a clip name apart; `str()` of the result is `name` again.

    Raises:
        AnnotationError: If the name does not have EGTEA's seven parts, or ends before it starts.
    """
    match = _CLIP_NAME.fullmatch(name)
    if match is None:
        raise AnnotationError(
            f'clip name {name!r} is not <subject>-R<nn>-<recipe>-<start ms>-<end ms>-F<frame>-F<frame>',
            'Give it the form of P04-R06-GreekSalad-682170-683940-F016368-F016419',
        )
    part = match.groupdict()
    numbers = [int(part[key]) for key in ('start_ms', 'end_ms', 'start_frame', 'end_frame')]
    if numbers[1] <= numbers[0] or numbers[3] <= numbers[2]:
        raise AnnotationError(
            f'clip name {name!r} ends ({numbers[1]} ms, frame {numbers[3]}) before it starts '
            f'({numbers[0]} ms, frame {numbers[2]})',
            'Correct its times and frames',
        )
    return ClipName(part['subject'], part['recipe_id'], part['recipe'], *numbers)


@dataclass(frozen=True)
class Annotation:
    """One clip and what happens in it; all ids count from 1, as in the index files."""

    clip: ClipName
    action: int
    verb: int
    nouns: tuple[int, ...]


def parse_annotation_line(line: str) -> Annotation:
    """Read `<clip> <action> <verb> <noun>[ <noun>[ <noun>]]`."""
    name, *ids = line.split()
    if not 3 <= len(ids) <= 5:
        raise AnnotationError(
            f'{len(ids)} ids after the clip name, expected an action, a verb and 1 to 3 nouns',
            'Write the line as <clip> <action> <verb> <noun>[ <noun>[ <noun>]]',
        )
    action, verb, *nouns = (_parse_number(text, 'id', minimum=1) for text in ids)
    return Annotation(parse_clip_name(name), action, verb, tuple(nouns))


def format_annotation_line(annotation: Annotation) -> str:
    """The inverse of `parse_annotation_line`, without a line end."""
    ids = (annotation.action, annotation.verb, *annotation.nouns)
    return ' '.join(map(str, (annotation.clip, *ids)))


def read_annotations(path: _PathLike, ids: Mapping[str, Collection[int]] | None = None) -> list[Annotation]:
    """Read a split file; a clip may stand in it only once.

    Args:
        path: The file.
        ids: Which ids there are, by kind: 'action', 'verb', 'noun'. A kind that is left out is not checked.

    Raises:
        AnnotationError: If a line breaks a rule, or has an id that is not among `ids`.
    """
    known = dict(ids or {})

    def parse(line: str) -> Annotation:
        annotation = parse_annotation_line(line)
        for kind, numbers in known.items():
            _check_ids(annotation, kind, numbers)
        return annotation

    return read_records(path, parse, lambda annotation: str(annotation.clip))


def write_annotations(path: _PathLike, annotations: Iterable[Annotation]) -> None:
    """Write a split file."""
    _write_records(path, annotations, format_annotation_line, parse_annotation_line)


def read_index(path: _PathLike) -> dict[int, str]:
    """Read an index file: id (from 1) -> name, sorted by id; the last word of a line is the id."""
    pairs = read_records(path, _parse_index_line, lambda pair: str(pair[0]))
    return dict(sorted(pairs))


def write_index(path: _PathLike, names: Mapping[int, str]) -> None:
    """Write an index file, sorted by id."""
    _write_records(path, sorted(names.items()), lambda pair: f'{pair[1]} {pair[0]}', _parse_index_line)


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


def read_frame_list(path: _PathLike, num_classes: int | None = None) -> list[FrameEntry]:
    """Read a frame list; with `num_classes`, a label beyond the last class is an error too."""
    return read_records(path, lambda line: _parse_frame_line(line, num_classes), lambda entry: entry.frame_dir)


def frame_list_blocks(path: _PathLike) -> Iterator[list[tuple[str, str, str]]]:
    """The lines of a frame list, some thousands at a time, for lists of millions of clips.

    What `read_frame_list` checks in a line is checked here too. What it checks beyond that, that a clip stands
    in the list once and that its label is a class, and the place in an error, are left to the caller.

    Yields:
        `(frame folder, digits of the number of frames, digits of the label)` of each line.

    Raises:
        AnnotationError: If a line breaks a rule; without the place.
        UnicodeDecodeError: If the file is not UTF-8 text.
    """
    for block in _blocks(path):
        yield _plain_records(_PLAIN_FRAME_LINE, block) or [
            (entry.frame_dir, str(entry.total_frames), str(entry.label))
            for entry in map(_parse_frame_line, _filled_lines(block))
        ]


def video_list_blocks(path: _PathLike) -> Iterator[list[tuple[str, str]]]:
    """As `frame_list_blocks`, of a video list: `(video file, digits of the label)` of each line."""
    for block in _blocks(path):
        yield _plain_records(_PLAIN_VIDEO_LINE, block) or [
            (entry.filename, str(entry.label)) for entry in map(_parse_video_line, _filled_lines(block))
        ]


def write_frame_list(path: _PathLike, entries: Iterable[FrameEntry]) -> None:
    """Write a frame list."""
    _write_records(path, entries, lambda e: f'{e.frame_dir} {e.total_frames} {e.label}', _parse_frame_line)


def read_video_list(path: _PathLike, num_classes: int | None = None) -> list[VideoEntry]:
    """Read a video list; with `num_classes`, a label beyond the last class is an error too."""
    return read_records(path, lambda line: _parse_video_line(line, num_classes), lambda entry: entry.filename)


def write_video_list(path: _PathLike, entries: Iterable[VideoEntry]) -> None:
    """Write a video list."""
    _write_records(path, entries, lambda e: f'{e.filename} {e.label}', _parse_video_line)


def read_class_names(path: _PathLike) -> list[str]:
    """Read class names; the position in the list is the label."""
    names: list[str] = []
    gap: int | None = None
    for number, line in _lines(path):
        if not line.strip():
            gap = gap or number
            continue
        if gap is not None:
            # A blank line among the names would shift every label after it, or name a class ''.
            raise AnnotationError('a blank line among the class names', 'Remove it').at(path, gap, '')
        names.append(line.strip())
        if len(set(names)) < len(names):
            raise AnnotationError(
                f'class name {names[-1]!r} stands in line {names.index(names[-1]) + 1} already',
                'Give every class a name of its own',
            ).at(path, number, line)
    if not names:
        raise AnnotationError('no class name in the file', 'Write one name a line').at(path)
    return names


def check_class_names(names: Sequence[str]) -> None:
    """See that the names can be written as a file of class names.

    Raises:
        AnnotationError: If one is empty, a repetition or oddly spaced; without a place in a file.
    """
    for label, name in enumerate(names):
        if not name or name != ' '.join(name.split()) or name in names[:label]:
            raise AnnotationError(
                f'class name {name!r} of label {label} is empty, a repetition, or '
                'holds blanks other than single spaces between words',
                'Give every class a name of its own, on one line',
            )


def write_class_names(path: _PathLike, names: Sequence[str]) -> None:
    """Write class names, one a line, in the order of the labels."""
    check_class_names(names)
    _write_lines(path, names)


def _check_ids(annotation: Annotation, kind: str, known: Collection[int]) -> None:
    numbers = annotation.nouns if kind == 'noun' else (getattr(annotation, kind),)
    for number in numbers:
        if number not in known:
            raise AnnotationError(
                f'clip {annotation.clip} has {kind} {number}, which {kind}_idx.txt lacks '
                f'(its {len(known)} ids run from {min(known)} to {max(known)})',
                'Use the files of one release',
            )


def _parse_number(text: str, what: str, minimum: int) -> int:
    if _WHOLE_NUMBER.fullmatch(text) is None or int(text) < minimum:
        raise AnnotationError(f'{what} {text!r} is not a whole number >= {minimum}', 'Correct it')
    return int(text)


def _parse_label(text: str, num_classes: int | None) -> int:
    label = _parse_number(text, 'label', minimum=0)
    if num_classes is not None and label >= num_classes:
        raise AnnotationError(
            f'label {label} is outside 0..{num_classes - 1}, the {num_classes} classes',
            'Labels count from 0: build the list anew, or use the class names that belong to it',
        )
    return label


def parse_relative_path(text: str) -> str:
    """Return a path as it is; it can never leave the folder that it is relative to, on any system.

    Raises:
        AnnotationError: If it is absolute, or holds '..', a backslash or a NUL.
    """
    drive = text[1:2] == ':'
    absolute = drive or text.startswith(('/', '~'))
    if absolute or '\\' in text or '\0' in text or '..' in text.split('/'):
        raise AnnotationError(
            f"path {text!r} is absolute, holds '..' or a backslash",
            'Write it relative to the data folder, with forward slashes',
        )
    return text


def _parse_listed_path(text: str) -> str:
    # 'clip 24' is not a name with a blank in it, but the start of a line of another kind of list.
    *others, last = text.rsplit(maxsplit=1)
    if others and _WHOLE_NUMBER.fullmatch(last):
        raise AnnotationError(
            f'path {text!r} ends in a blank and a number',
            'Name a list of the kind that the dataset reads, without offsets and with one label; or rename the clip',
        )
    return parse_relative_path(text)


def _parse_index_line(line: str) -> tuple[int, str]:
    parts = line.rsplit(maxsplit=1)
    if len(parts) != 2:
        raise AnnotationError('no name, or no id after it', 'Write the line as <name> <id>')
    return _parse_number(parts[1], 'id', minimum=1), parts[0].strip()


def _parse_frame_line(line: str, num_classes: int | None = None) -> FrameEntry:
    parts = line.strip().rsplit(maxsplit=2)
    if len(parts) != 3:
        raise AnnotationError(f'{len(parts)} parts, expected 3', 'Write <frame folder> <number of frames> <label>')
    total_frames = _parse_number(parts[1], 'number of frames', minimum=1)
    return FrameEntry(_parse_listed_path(parts[0]), total_frames, _parse_label(parts[2], num_classes))


def _parse_video_line(line: str, num_classes: int | None = None) -> VideoEntry:
    parts = line.strip().rsplit(maxsplit=1)
    if len(parts) != 2:
        raise AnnotationError(f'{len(parts)} parts, expected 2', 'Write <video file> <label>')
    return VideoEntry(_parse_listed_path(parts[0]), _parse_label(parts[1], num_classes))


def _lines(path: _PathLike) -> Iterator[tuple[int, str]]:
    """Number (from 1) and text of every line; text mode turns other line ends into a newline."""
    try:
        text = Path(path).read_text(encoding='utf-8-sig')
    except UnicodeDecodeError as error:
        raise AnnotationError(
            f'not UTF-8 text (byte {error.start})', 'Save the file as UTF-8, or name the right file'
        ).at(path) from error
    # Not splitlines(): it would also break at form feeds and Unicode separators inside a name.
    return enumerate(text.split('\n'), start=1)


def _blocks(path: _PathLike) -> Iterator[str]:
    """The text in blocks of whole lines, each with a newline at its end."""
    with Path(path).open(encoding='utf-8-sig') as file:
        while block := file.read(_BLOCK_CHARACTERS):
            block += file.readline()
            yield block if block.endswith('\n') else block + '\n'


def _filled_lines(block: str) -> Iterator[str]:
    return (line for line in block.split('\n') if line.strip())


def _plain_records(plain: re.Pattern[str], block: str) -> list[Any] | None:
    """The groups of all lines, at the speed of one call; None if one of them is not plain."""
    if any(text in block for text in _NEEDS_A_LOOK):
        return None
    records = plain.findall(block)
    return records if len(records) == block.count('\n') else None


def read_records(
    path: _PathLike, parse: Callable[[str], _Record], key: Callable[[_Record], str], comment: str | None = None
) -> list[_Record]:
    """Read a file of one record a line, in any of the formats.

    Args:
        path: The file.
        parse: Reads a line, or raises an AnnotationError.
        key: What only one record may have.
        comment: Lines that begin with it are passed over, like blank ones.

    Raises:
        AnnotationError: If a line breaks a rule, two records share a key, or there is none; with the place.
    """
    records: list[_Record] = []
    first: dict[str, tuple[int, _Record]] = {}
    for number, line in _lines(path):
        if not line.strip() or (comment is not None and line.lstrip().startswith(comment)):
            continue
        try:
            record = parse(line)
            earlier, other = first.setdefault(key(record), (number, record))
            if earlier != number:
                how = 'the same' if other == record else 'another'
                raise AnnotationError(
                    f'{key(record)!r} stands in line {earlier} already, with {how} content',
                    'Keep the one line that is right',
                )
        except AnnotationError as error:
            raise error.at(path, number, line) from None
        records.append(record)
    if not records:
        raise AnnotationError('the file holds no entry', 'Build it anew, or name the right file').at(path)
    return records


def _write_records(
    path: _PathLike,
    records: Iterable[_Record],
    formatter: Callable[[_Record], str],
    parse: Callable[[str], _Record],
) -> None:
    """Write only what the reader would give back unchanged."""
    lines = []
    for record in records:
        line = formatter(record)
        if '\n' in line or parse(line) != record:
            raise AnnotationError(f'{record!r} cannot be written as one line', 'Rename it').at(path)
        lines.append(line)
    if len(lines) == 0:
        raise AnnotationError('nothing to write', 'Leave the file out').at(path)
    _write_lines(path, lines)


def _write_lines(path: _PathLike, lines: Iterable[str]) -> None:
    """Write under a temporary name and rename, so that no half-written file ever bears the name."""
    target = Path(path)
    temporary = target.with_name(f'.{target.name}.{os.getpid()}.tmp')
    try:
        temporary.write_bytes(''.join(f'{line}\n' for line in lines).encode())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
