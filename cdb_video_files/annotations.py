"""Annotation files of EGTEA: split files and index files, read, checked and written."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from cdb_video_files.clip_names import ClipName, parse_clip_name
from cdb_video_files.records import AnnotationError, PathName, parse_number, read_records, write_records


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
    action, verb, *nouns = (parse_number(text, 'id', minimum=1) for text in ids)
    return Annotation(parse_clip_name(name), action, verb, tuple(nouns))


def format_annotation_line(annotation: Annotation) -> str:
    """The inverse of `parse_annotation_line`, without a line end."""
    ids = (annotation.action, annotation.verb, *annotation.nouns)
    return ' '.join(map(str, (annotation.clip, *ids)))


def read_annotations(path: PathName, ids: Mapping[str, Collection[int]] | None = None) -> list[Annotation]:
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


def write_annotations(path: PathName, annotations: Iterable[Annotation]) -> None:
    """Write a split file."""
    write_records(path, annotations, format_annotation_line, parse_annotation_line)


def read_index(path: PathName) -> dict[int, str]:
    """Read an index file: id (from 1) -> name, sorted by id; the last word of a line is the id."""
    pairs = read_records(path, _parse_index_line, lambda pair: str(pair[0]))
    return dict(sorted(pairs))


def write_index(path: PathName, names: Mapping[int, str]) -> None:
    """Write an index file, sorted by id."""
    write_records(path, sorted(names.items()), lambda pair: f'{pair[1]} {pair[0]}', _parse_index_line)


def _check_ids(annotation: Annotation, kind: str, known: Collection[int]) -> None:
    numbers = annotation.nouns if kind == 'noun' else (getattr(annotation, kind),)
    for number in numbers:
        if number not in known:
            raise AnnotationError(
                f'clip {annotation.clip} has {kind} {number}, which {kind}_idx.txt lacks '
                f'(its {len(known)} ids run from {min(known)} to {max(known)})',
                'Use the files of one release',
            )


def _parse_index_line(line: str) -> tuple[int, str]:
    parts = line.rsplit(maxsplit=1)
    if len(parts) != 2:
        raise AnnotationError('no name, or no id after it', 'Write the line as <name> <id>')
    return parse_number(parts[1], 'id', minimum=1), parts[0].strip()
