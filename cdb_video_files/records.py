"""The line formats: EGTEA annotation files, training lists, class names.

The only file that knows how a line looks, but for the list of all recordings, which only
data_prep/prep/cut/raw_annotations.py reads. It uses the standard library alone, so that data
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
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

_Record = TypeVar('_Record')
PathName = str | os.PathLike[str]

# 18 digits fit 64 bits; int() itself would also take '+1', '1_0' and other scripts' digits.
_WHOLE_NUMBER = re.compile(r'0|[1-9][0-9]{0,17}')
_LONGEST_SHOWN_LINE = 160


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

    def at(self, path: PathName, line_number: int | None = None, line: str | None = None) -> AnnotationError:
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


def parse_number(text: str, what: str, minimum: int) -> int:
    """A whole number >= `minimum`; an AnnotationError that calls it `what` where it is none."""
    if _WHOLE_NUMBER.fullmatch(text) is None or int(text) < minimum:
        raise AnnotationError(f'{what} {text!r} is not a whole number >= {minimum}', 'Correct it')
    return int(text)


def read_lines(path: PathName) -> Iterator[tuple[int, str]]:
    """Number (from 1) and text of every line; text mode turns other line ends into a newline."""
    try:
        text = Path(path).read_text(encoding='utf-8-sig')
    except UnicodeDecodeError as error:
        raise AnnotationError(
            f'not UTF-8 text (byte {error.start})', 'Save the file as UTF-8, or name the right file'
        ).at(path) from error
    # Not splitlines(): it would also break at form feeds and Unicode separators inside a name.
    return enumerate(text.split('\n'), start=1)


def read_records(
    path: PathName, parse: Callable[[str], _Record], key: Callable[[_Record], str], comment: str | None = None
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
    for number, line in read_lines(path):
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


def write_records(
    path: PathName,
    records: Iterable[_Record],
    formatter: Callable[[_Record], str],
    parse: Callable[[str], _Record],
) -> None:
    """Write only what the reader would give back unchanged."""
    lines = []
    for record in records:
        line = formatter(record)
        if (why := _why_lost(line, record, parse)) is not None:
            raise AnnotationError(f'{record!a} cannot be written as one line{why}', 'Rename it').at(path)
        lines.append(line)
    if len(lines) == 0:
        raise AnnotationError('nothing to write', 'Leave the file out').at(path)
    write_lines(path, lines)


def is_text(text: str) -> bool:
    """Whether a text can be written as UTF-8: the name of a file may hold bytes that are none."""
    return text.encode('utf-8', 'replace').decode() == text


def _why_lost(line: str, record: _Record, parse: Callable[[str], _Record]) -> str | None:
    """Why a reader would not give a record back, as far as there is more to say; None = it would."""
    try:
        is_kept = not set(line) & {'\n', '\r'} and line[:1] != '\ufeff' and is_text(line) and parse(line) == record
        return None if is_kept else ''
    except AnnotationError as error:
        return f': {error.rule}'


def write_lines(path: PathName, lines: Iterable[str]) -> None:
    """Write under a temporary name and rename, so that no half-written file ever bears the name."""
    target = Path(path)
    temporary = target.with_name(f'.{target.name}.{os.getpid()}.tmp')
    try:
        temporary.write_bytes(''.join(f'{line}\n' for line in lines).encode())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
