"""Your own clips and their labels, from folders that are named after the classes.

    <folder>/[<train|val|test>/]<class>/<video>      read_class_folders; a CSV is read by own_csv.py

Only names are looked at here, not the videos.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cdb_video_files.class_lists import check_class_names
from cdb_video_files.records import AnnotationError
from prep.command import first_few
from prep.frames.data_root import EXTENSIONS, clip_of_video, is_video

PART_NAMES = {
    **dict.fromkeys(('train', 'training'), 'train'),
    **dict.fromkeys(('val', 'valid', 'validate', 'validation'), 'val'),
    **dict.fromkeys(('test', 'testing'), 'test'),
}


class OwnClipsError(ValueError):
    """The CSV or the folder breaks a rule; the message names every place."""


@dataclass(frozen=True, order=True)
class OwnClip:
    """A video of your own.

    Attributes:
        path: Relative to the folder of videos, with forward slashes and extension.
        group: Who or what it belongs to (subject, session, source video); None = nobody said.
    """

    path: str
    group: str | None = None

    @property
    def subject(self) -> str:
        """The group; without one the clip stands for itself."""
        return self.path if self.group is None else self.group

    @property
    def session(self) -> str:
        """As `subject`: one column says both."""
        return self.subject

    @property
    def frame_dir(self) -> str:
        """Where extract_frames puts its frames, relative to frames/."""
        return clip_of_video(self.path)


@dataclass(frozen=True)
class OwnLine:
    """A clip, the name of its class and, where it was said, the part it belongs to.

    Attributes:
        clip: See `OwnClip`.
        label: Class name.
        part: 'train', 'val' or 'test'; None = to be drawn.
        where: `<file>:<line>` for messages, or the path alone.
    """

    clip: OwnClip
    label: str
    part: str | None
    where: str


def read_class_folders(folder: Path) -> list[OwnLine]:
    """Take every video below `folder`, its class from the folder that it lies in; sorted by path.

    Raises:
        OwnClipsError: If a file is no video or does not lie in a class folder, or a class is empty.
    """
    files = sorted(_files(folder))
    tops = {path.parts[0] for path in files if len(path.parts) > 1}
    split = bool(tops) and tops <= set(PART_NAMES) and any(len(path.parts) == 3 for path in files)
    depth = 3 if split else 2
    shape = '<split>/<class>/<video>' if split else '<class>/<video>'
    problems: list[str] = []
    lines: list[OwnLine] = []
    for file in files:
        name = file.as_posix()
        if len(file.parts) != depth:
            problems.append(f'{folder / file} is not {shape}')
        elif not is_video(file.name):
            problems.append(f'{folder / file} is no video by its extension ({", ".join(EXTENSIONS)})')
        else:
            part = PART_NAMES[file.parts[0]] if split else None
            lines.append(OwnLine(OwnClip(name), file.parts[-2], part, str(folder / file)))
    if problems:
        raise OwnClipsError(f'{first_few(problems)}. Move it away, or list the videos in a --csv')
    if not lines:
        raise OwnClipsError(f'{folder} holds no video in a class folder. Expected {folder}/<class>/<video>')
    return lines


def class_names(lines: Sequence[OwnLine], wanted: Sequence[str] | None) -> list[str]:
    """The classes in the order of their labels: as `wanted`, or sorted (as numbers, if they all are).

    Raises:
        OwnClipsError: If a label is not among the `wanted`, or cannot be a class name.
    """
    present = {line.label for line in lines}
    if wanted is None:
        numbers = all(name.isascii() and name.isdecimal() for name in present)
        wanted = sorted(present, key=(lambda name: (int(name), name)) if numbers else None)
    known = set(wanted)
    unknown = [line for line in lines if line.label not in known]
    if unknown:
        remedy = 'Correct them, or add the names to --classes'
        if all(line.label.isascii() and line.label.isdecimal() for line in unknown):
            remedy = (
                'Labels are names of classes, and these are numbers: write the names in their place (number k is line '
                'k + 1 of --classes if they count from 0), or leave --classes out, and the numbers are the names'
            )
        places = first_few([f'{line.where}: label {line.label!r}' for line in unknown])
        raise OwnClipsError(f'{places}: not among the {len(wanted)} names of --classes. {remedy}')
    try:
        check_class_names(wanted)
    except AnnotationError as error:
        raise OwnClipsError(str(error)) from error
    return list(wanted)


def _files(folder: Path) -> Iterator[Path]:
    """Every file below, relative; hidden files and folders (.DS_Store, .git) are left out."""
    visited: set[Path] = set()
    # Downloads are often linked in from another disk; a link back up must not loop for ever.
    for parent, folders, names in os.walk(folder, followlinks=True):
        if (real := Path(parent).resolve()) in visited:
            folders.clear()
            continue
        visited.add(real)
        folders[:] = [name for name in folders if not name.startswith('.')]
        yield from (Path(parent, name).relative_to(folder) for name in names if not name.startswith('.'))
