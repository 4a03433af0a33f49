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


def clip_groups(names: Sequence[str], paths: Sequence[str], by: str, listed_in: Path) -> tuple[str, ...]:
    """The group of every clip.

    Args:
        names: N names of clips.
        paths: N paths as they stand in the list, each the beginning of its name; segments of one video share one.
        by: 'session' or 'subject', which EGTEA's clip names say; or a file with a line for each clip, see
            `read_group_file`. A file of one of the two names needs a './' before it.
        listed_in: The list, for messages.

    Returns:
        N names of groups.

    Raises:
        ValueError: If a clip has no group.
        FileNotFoundError: If there is no such file.
    """
    return _by_name(paths, by, listed_in) if by in BY_NAME else _by_file(names, paths, Path(by), listed_in)


def read_group_file(path: Path) -> dict[str, str]:
    """Read a file of lines ``<clip> <group>``: the group is the last word, what stands before it the clip.

    A clip is named as in the list, or by the last part of its path, with the ending of a video or without. Of segments
    of one video, which a list with offsets has, each is named by its path and offset, or all by the path. Clips that
    are in no list do no harm: one file serves for all lists of a data set.

    Returns:
        Group by clip.

    Raises:
        AnnotationError: If a line has no two words, or a clip stands in two lines.
    """
    return dict(read_records(path, _parse, lambda record: record[0]))


def _line() -> str:
    return f'<{sample_word()}> <group>'


def _parse(line: str) -> tuple[str, str]:
    parts = line.strip().rsplit(maxsplit=1)
    if len(parts) != 2:
        raise AnnotationError('one word, expected two', f'Write {_line()}, a {sample_word()} and its group')
    return parts[0], parts[1]


def _by_name(paths: Sequence[str], by: str, listed_in: Path) -> tuple[str, ...]:
    groups = []
    for path in paths:
        try:
            groups.append(str(getattr(parse_clip_name(clip_name(path)), by)))
        except AnnotationError:
            raise ValueError(
                f'--group {by}: the {sample_word()} {path!r} of {listed_in} does not say its {by}; names such as '
                f'P04-R06-GreekSalad-682170-683940-F016368-F016419 do. Name a file of lines {_line()!r} instead: '
                '--group groups.txt'
            ) from None
    return tuple(groups)


def _by_file(names: Sequence[str], paths: Sequence[str], file: Path, listed_in: Path) -> tuple[str, ...]:
    if not file.is_file():
        raise FileNotFoundError(
            f"--group {file}: there is no such file; give 'session' or 'subject', which EGTEA's {sample_word()} names "
            'say, or a '
            f'file of lines {_line()!r}'
        )
    stated = read_group_file(file)
    number_of = Counter(map(clip_name, set(paths)))
    groups = [_stated_group(name, path, stated, number_of) for name, path in zip(names, paths, strict=True)]
    missing = [name for name, group in zip(names, groups, strict=True) if group is None]
    if missing:
        shown = ', '.join(map(repr, missing[:_SHOWN])) + (', ...' if len(missing) > _SHOWN else '')
        raise ValueError(
            f'--group {file} has no line for {counted(len(missing), sample_word())} of {listed_in}: {shown}. Add '
            f'a line {_line()!r} for each, with the {sample_word()} as in the list'
        )
    return tuple(group for group in groups if group is not None)


def _stated_group(name: str, path: str, stated: dict[str, str], number_of: Counter[str]) -> str | None:
    """The group of a clip; the last part of its path serves where no other video of the list has it."""
    short = clip_name(path)
    last = path.replace('\\', '/').rstrip('/').rpartition('/')[2]
    forms = [path, path.removesuffix(last) + short, *((last, short) if number_of[short] == 1 else ())]
    offset = name.removeprefix(path)
    keys = [*(form + offset for form in forms), *forms]
    return next((stated[key] for key in keys if key in stated), None)
