"""A CSV of your own clips: which video has which label, and perhaps which part and group. Reads text alone.

    path,label[,split][,group]                          one header line, columns in any order, others are not read
    label,youtube_id,time_start,time_end[,split]        Kinetics: of <youtube_id>_<start, 6 digits>_<end, 6 digits>.mp4

Every line that breaks a rule is named.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from cdb_video_files.class_lists import check_class_names
from cdb_video_files.lists import parse_relative_path, read_frame_list, read_video_list
from cdb_video_files.records import AnnotationError
from prep.command import first_few
from prep.own_data.clips import OwnClip, OwnClipsError, OwnLine, part_called
from prep.own_data.stored_videos import StoredVideos

GROUP_COLUMNS = ('group', 'subject', 'session')
KINETICS = ('youtube_id', 'time_start', 'time_end')
_DELIMITERS = (',', ';', '\t')
# Whole seconds; pandas may have made 12.0 of 12.
_SECONDS = re.compile(r'([0-9]{1,6})(?:\.0*)?', re.ASCII)


@dataclass(frozen=True)
class Columns:
    """Names of the columns. `split` and `group` may be None: then the usual names are looked for.

    With `of_kinetics` a file is called after the columns KINETICS, and `path` is the first of them.
    """

    path: str = 'path'
    label: str = 'label'
    split: str | None = None
    group: str | None = None
    of_kinetics: bool = False


def read_csv(path: Path, columns: Columns, stored: StoredVideos) -> list[OwnLine]:
    """Read a CSV with a header line; comma, semicolon or tab; UTF-8, with or without byte order mark.

    Args:
        path: The CSV.
        columns: What its columns are called.
        stored: Where names without an ending are looked for.

    Raises:
        OwnClipsError: If a column is missing or a line breaks a rule; the first few are named.
        FolderError: If a name has no ending, and a folder of the videos cannot be read.
    """
    rows = _rows(path, columns)
    _, header = next(rows)
    columns = _found(columns, header, path)
    lines: list[OwnLine] = []
    problems: list[str] = []
    for number, cells in rows:
        where = f'{path}:{number}'
        if len(cells) != len(header):
            problems.append(f'{where}: {len(cells)} cells, the header has {len(header)}. Quote cells that hold a comma')
            continue
        try:
            lines.append(_line(dict(zip(header, cells, strict=True)), columns, where, stored))
        except AnnotationError as error:
            problems.append(f'{where}: {error}')
    problems += _twice(lines)
    if problems:
        raise OwnClipsError(first_few(problems))
    if not lines:
        raise OwnClipsError(f'{path} holds no line below its header')
    return lines


def _rows(path: Path, columns: Columns) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells, the header first; blank lines are left out."""
    try:
        text = path.read_text(encoding='utf-8-sig')
    except UnicodeDecodeError as error:
        raise OwnClipsError(f'{path} is not UTF-8 text (byte {error.start}). Save it as UTF-8') from error
    first = text.lstrip().split('\n', 1)[0]
    # The delimiter that shows the columns which must be there; a spreadsheet writes what its language has.
    needed = ({columns.path, columns.label}, {*KINETICS, columns.label})
    headers = {mark: {cell.strip() for cell in _cells(first, mark)} for mark in _DELIMITERS}
    delimiter = next((mark for mark, header in headers.items() if any(names <= header for names in needed)), ',')
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True, skipinitialspace=True)
    found = False
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                found = True
                yield reader.line_num, [cell.strip() for cell in cells]
    except csv.Error as error:
        raise OwnClipsError(f'{path}:{reader.line_num}: not CSV ({error}). Check its quotes') from error
    if not found:
        raise OwnClipsError(f'{path} is empty. Write a header line with {columns.path} and {columns.label}')


def _cells(line: str, delimiter: str) -> list[str]:
    return next(csv.reader([line], delimiter=delimiter), [])


def _found(columns: Columns, header: Sequence[str], path: Path) -> Columns:
    """The columns with those of the usual names filled in."""
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise OwnClipsError(f'{path}:1: two columns are called {twice[0]!r}. Rename one')
    groups = [name for name in GROUP_COLUMNS if name in header]
    if columns.group is None and len(groups) > 1:
        raise OwnClipsError(
            f'{path}:1: the columns {", ".join(groups)} could all be groups. Choose with --group-column'
        )
    found = replace(
        _with_kinetics(columns, header),
        split=columns.split or ('split' if 'split' in header else None),
        group=columns.group or (groups[0] if groups else None),
    )
    for option in ('path', 'label', 'split', 'group'):
        name = getattr(found, option)
        if name is not None and name not in header:
            raise OwnClipsError(
                f'{path}:1: no column is called {name!r}; there are {", ".join(map(repr, header))}. '
                f'{_finished(path) or f"Rename it, or say which one it is with --{option}-column"}'
            )
    return found


def _with_kinetics(columns: Columns, header: Sequence[str]) -> Columns:
    """The columns; those of Kinetics where they are there, and no column of paths was named or is called so."""
    if columns.path != Columns.path or columns.path in header or not set(KINETICS) <= set(header):
        return columns
    return replace(columns, path=KINETICS[0], of_kinetics=True)


def _finished(path: Path) -> str | None:
    """What to do with a file that is no CSV but a list that can be trained from; None = it is none."""
    # Frames first: the blank in `<frame folder> <frames> <label>` could belong to the name of a video.
    for read, kind, shape in (
        (read_frame_list, 'FrameListDataset', '<frame folder> <frames> <label>'),
        (read_video_list, 'VideoListDataset', '<video> <label>'),
    ):
        try:
            read(path)
        except AnnotationError:
            continue
        return (
            f'The file is no CSV but a list of {shape}, as training reads it, and needs no list_videos: give it to '
            f'{kind} as ann_file (docs/start/your_own_data.md, step 2)'
        )
    return None


def _line(row: Mapping[str, str], columns: Columns, where: str, stored: StoredVideos) -> OwnLine:
    path = PurePosixPath(parse_relative_path(row[columns.path])).as_posix()
    if path == '.':
        raise AnnotationError(f'the {columns.path} is empty', 'Name a video')
    path = stored.with_ending(_kinetics_name(row) if columns.of_kinetics else path)
    label = row[columns.label]
    if not label:
        raise AnnotationError('the label is empty', 'Name the class')
    check_class_names([label])
    part = None
    if columns.split is not None:
        part = part_called(row[columns.split])
        if part is None:
            raise AnnotationError(
                f'{columns.split} {row[columns.split]!r} is not train, val or test', 'Write one of the three'
            )
    group = None if columns.group is None else row[columns.group]
    if group == '':
        raise AnnotationError(f'the {columns.group} is empty', 'Name it for every video; a name of its own will do')
    return OwnLine(OwnClip(path, group), label, part, where)


def _kinetics_name(row: Mapping[str, str]) -> str:
    """What those who download Kinetics call the file of a row, without its ending."""
    name, *times = (row[column] for column in KINETICS)
    seconds = [_SECONDS.fullmatch(text) for text in times]
    for column, text, match in zip(KINETICS[1:], times, seconds, strict=True):
        if match is None:
            raise AnnotationError(
                f'{column} {text!r} is not a whole number of seconds', 'Correct it, or name the files in a column path'
            )
    return '_'.join([name, *(f'{int(match[1]):06d}' for match in seconds if match is not None)])


def _twice(lines: Sequence[OwnLine]) -> Iterator[str]:
    first: dict[str, OwnLine] = {}
    for line in lines:
        earlier = first.setdefault(line.clip.path, line)
        if earlier is line:
            continue
        how = 'the same label' if earlier.label == line.label else f'another label, {earlier.label!r}'
        yield (
            f'{line.where}: {line.clip.path!r} ({line.label!r}) stands at {earlier.where} already, with {how}. '
            'Keep the one that is right'
        )
