"""Your own clips and what was said of each. Folders of classes are read by class_folders.py, a CSV by csv_lines.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cdb_video_files.lists import check_listed_name
from cdb_video_files.records import AnnotationError
from prep.command import first_few
from prep.frames.data_root import clip_of_video

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


def check_names(lines: Sequence[OwnLine]) -> None:
    """See that lists can hold the names of all clips, before their files are looked at.

    Raises:
        OwnClipsError: If they cannot; the message names the places.
    """
    problems = []
    for line in lines:
        try:
            check_listed_name(line.clip.path)
        except AnnotationError as error:
            problems.append(f'{_printable(line.where)}: {error.rule}')
    if problems:
        raise OwnClipsError(f'{first_few(problems)}. Rename the files, or their folders')


def _printable(where: str) -> str:
    return where if where.isprintable() else ascii(where)


def part_called(name: str) -> str | None:
    """The part that a word stands for, in any case of its letters; None = it stands for none."""
    return PART_NAMES.get(name.lower())
