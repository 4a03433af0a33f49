"""The group of every clip, which no two folds may share: its session or subject by its name, or what a file says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from cdb_video.class_names import counted
from cdb_video.host_words import sample as sample_word
from cdb_video.report.sources.dump import clip_name
from cdb_video_files.clip_names import parse_clip_name
from cdb_video_files.records import AnnotationError, read_records

BY_NAME = ('session', 'subject')
_SHOWN = 5
_LINE = '<clip> <group>'


def clip_groups(names: Sequence[str], by: str, listed_in: Path) -> tuple[str, ...]:
    """The group of every clip.

    Args:
        names: N names of clips, as their list has them.
        by: 'session' or 'subject', which EGTEA's clip names say; or a file with a line for each clip, see
            `read_group_file`. A file of one of the two names needs a './' before it.
        listed_in: The list, for messages.

    Returns:
        N names of groups.

    Raises:
        ValueError: If a clip has no group.
        FileNotFoundError: If there is no such file.
    """
    return _by_name(names, by, listed_in) if by in BY_NAME else _by_file(names, Path(by), listed_in)


def read_group_file(path: Path) -> dict[str, str]:
    """Read a file of lines ``<clip> <group>``: the group is the last word, what stands before it the clip.

    A clip is named as in the list, or by the last part of its path, with the ending of a video or without. Clips that
    are in no list do no harm: one file serves for all lists of a data set.

    Returns:
        Group by clip.

    Raises:
        AnnotationError: If a line has no two words, or a clip stands in two lines.
    """
    return dict(read_records(path, _parse, lambda record: record[0]))


def _parse(line: str) -> tuple[str, str]:
    parts = line.strip().rsplit(maxsplit=1)
    if len(parts) != 2:
        raise AnnotationError('one word, expected two', f'Write {_LINE}, a {sample_word()} and its group')
    return parts[0], parts[1]


def _by_name(names: Sequence[str], by: str, listed_in: Path) -> tuple[str, ...]:
    groups = []
    for name in names:
        try:
            groups.append(str(getattr(parse_clip_name(clip_name(name)), by)))
        except AnnotationError:
            raise ValueError(
                f'--group {by}: the {sample_word()} {name!r} of {listed_in} does not say its {by}; names such as '
                f'P04-R06-GreekSalad-682170-683940-F016368-F016419 do. Name a file of lines {_LINE!r} instead: '
                '--group groups.txt'
            ) from None
    return tuple(groups)


def _by_file(names: Sequence[str], path: Path, listed_in: Path) -> tuple[str, ...]:
    if not path.is_file():
        raise FileNotFoundError(
            f"--group {path}: there is no such file; give 'session' or 'subject', which EGTEA's {sample_word()} names "
            'say, or a '
            f'file of lines {_LINE!r}'
        )
    stated = read_group_file(path)
    number_of = Counter(map(clip_name, names))
    groups = [_stated_group(name, stated, number_of) for name in names]
    missing = [name for name, group in zip(names, groups, strict=True) if group is None]
    if missing:
        shown = ', '.join(map(repr, missing[:_SHOWN])) + (', ...' if len(missing) > _SHOWN else '')
        raise ValueError(
            f'--group {path} has no line for {counted(len(missing), sample_word())} of {listed_in}: {shown}. Add a '
            f'line {_LINE!r} for each, with the {sample_word()} as in the list'
        )
    return tuple(group for group in groups if group is not None)


def _stated_group(name: str, stated: dict[str, str], number_of: Counter[str]) -> str | None:
    """The group of a clip; its short name serves where no other clip of the list has it."""
    short = clip_name(name)
    last = name.replace('\\', '/').rstrip('/').rpartition('/')[2]
    stem = name.removesuffix(last) + short
    keys = [name, stem, *((last, short) if number_of[short] == 1 else ())]
    return next((stated[key] for key in keys if key in stated), None)
