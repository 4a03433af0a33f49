"""Class lists: `classes.txt`, one name a line, in the order of the labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cdb_video_files.records import AnnotationError, PathName, is_text, read_lines, write_lines


def read_class_names(path: PathName) -> list[str]:
    """Read class names; the position in the list is the label.

    Raises:
        FileNotFoundError: If there is no such file.
        AnnotationError: If it is not one name a line, each once.
    """
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


def _lines(path: PathName) -> Iterator[tuple[int, str]]:
    try:
        yield from read_lines(path)
    except FileNotFoundError as error:
        message = f'there is no class list {path}: name a file with one class name a line'
        raise FileNotFoundError(message) from error


def is_class_name(name: str) -> bool:
    """Whether a line of a file of class names can hold a name and gives it back."""
    return bool(name) and name == ' '.join(name.split()) and name[0] != '\ufeff' and is_text(name)


def check_class_names(names: Sequence[str]) -> None:
    """See that the names can be written as a file of class names.

    Raises:
        AnnotationError: If one is empty, a repetition or oddly spaced; without a place in a file.
    """
    for label, name in enumerate(names):
        if name in names[:label] or not is_class_name(name):
            raise AnnotationError(
                f'class name {name!r} of label {label} is empty, a repetition, no UTF-8, or '
                'holds blanks other than single spaces between words',
                'Give every class a name of its own, on one line',
            )


def write_class_names(path: PathName, names: Sequence[str]) -> None:
    """Write class names, one a line, in the order of the labels."""
    check_class_names(names)
    write_lines(path, names)
