"""Read a folder of lists for check_dataset, as far as it can be read, and turn its lines into jobs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cdb_video_files.class_lists import read_class_names
from cdb_video_files.clip_names import ClipName, parse_clip_name
from cdb_video_files.lists import read_frame_list, read_video_list
from cdb_video_files.records import AnnotationError
from cdb_video_files.video.containers import video_path
from prep.check.job import Job
from prep.check.report import SOURCES, Finding
from prep.command import first_few
from prep.frames.data_root import clip_of_frames, clip_of_video, frames_place
from prep.lists.split_clips import PARTS

ANNOTATIONS, CLASSES, SUMMARY = 'action_annotation', 'classes.txt', 'summary.json'
# The length that a clip's name states and the decoded one differ by one frame in healthy clips.
_NAMED_SLACK = 1


@dataclass(frozen=True)
class Entry:
    """A line of either kind of list.

    Attributes:
        name: As in the list.
        label: From 0.
        frames: Of a frame list.
    """

    name: str
    label: int
    frames: int | None = None

    @property
    def key(self) -> str:
        """The clip, whichever list it stands in."""
        return clip_of_video(self.name) if self.frames is None else clip_of_frames(self.name)


@dataclass
class Lists:
    """A folder of lists, as far as it could be read.

    Attributes:
        entries: Lines by part and source.
        classes: Class names; None = there are none.
        summary: Of build_lists; None = there is none.
        findings: What is wrong with the files.
    """

    entries: dict[tuple[str, str], list[Entry]] = field(default_factory=dict)
    classes: list[str] | None = None
    summary: dict[str, Any] | None = None
    findings: list[Finding] = field(default_factory=list)


def read_lists(folder: Path, sources: Sequence[str] = SOURCES, allow_absolute: bool = False) -> Lists:
    """Read what there is of a folder of lists.

    Args:
        folder: That holds them.
        sources: Which of them.
        allow_absolute: Whether clips may stand there by absolute paths.

    Raises:
        ValueError: If it holds no list of these sources.
        OSError: If a file is there but cannot be read.
    """
    lists = Lists()
    paths = {
        (part, source): folder / f'{part}{"" if source == "frames" else "_videos"}.txt'
        for part in PARTS
        for source in sources
    }
    present = {key: path for key, path in paths.items() if path.exists()}
    others = _other_lists(folder)
    if not present:
        raise ValueError(
            f'{folder} holds none of {", ".join(path.name for path in paths.values())}'
            f'{f"; there are {first_few(others)}" if others else ""}. Build the lists with build_lists, and name their '
            'folder with --lists'
        )
    if others:
        detail = f'{first_few(others)} not read: lists are called train.txt, val.txt, test.txt, or ..._videos.txt'
        lists.findings.append(Finding('list', folder.name, '', detail, is_warning=True))
    for (part, source), path in present.items():
        try:
            lists.entries[part, source] = list(_read_list(path, source, allow_absolute))
        except AnnotationError as error:
            lists.findings.append(Finding('list', path.name, '', str(error)))
    try:
        lists.classes = read_class_names(folder / CLASSES)
    except FileNotFoundError:
        lists.findings.append(Finding('classes', CLASSES, '', 'there is no file of class names'))
    except AnnotationError as error:
        lists.findings.append(Finding('classes', CLASSES, '', str(error)))
    _read_summary(folder / SUMMARY, lists)
    return lists


def _other_lists(folder: Path) -> list[str]:
    """Names of text files that may be meant as lists, and are not called so."""
    ours = {CLASSES, *(f'{part}{kind}.txt' for part in PARTS for kind in ('', '_videos'))}
    names = os.listdir(folder) if folder.is_dir() else []
    return sorted(name for name in names if name.endswith('.txt') and name not in ours and not name.startswith('.'))


def _read_list(path: Path, source: str, allow_absolute: bool) -> Iterator[Entry]:
    if source == 'frames':
        lines = read_frame_list(path, allow_absolute=allow_absolute)
        yield from (Entry(line.frame_dir, line.label, line.total_frames) for line in lines)
    else:
        videos = read_video_list(path, allow_absolute=allow_absolute)
        yield from (Entry(video.filename, video.label) for video in videos)


def _read_summary(path: Path, lists: Lists) -> None:
    if not path.exists():
        return  # lists of another maker
    try:
        summary = json.loads(path.read_text(encoding='utf-8'))
        _ = summary['clips'], [(entry['name'], entry['label']) for entry in summary['classes']]
        lists.summary = summary
    except (ValueError, KeyError, TypeError) as error:
        lists.findings.append(Finding('summary', path.name, '', f'not a summary of build_lists: {error!r}'))


def make_jobs(lists: Lists, folders: Mapping[str, Path]) -> list[Job]:
    """What there is to read, in the order of the lists; `folders` has that of 'frames' and that of 'videos'."""
    decoded = {entry.key: entry.frames for entries in lists.entries.values() for entry in entries if entry.frames}
    jobs = []
    for (part, source), entries in lists.entries.items():
        for entry in entries:
            if source == 'frames':
                path, frames, slack = frames_place(folders[source], entry.name), entry.frames, 0
            else:
                path = Path(video_path(str(folders[source] / entry.name)))
                frames, slack = _expected_frames(entry.key, decoded)
            jobs.append(Job(part, source, entry.name, path, frames, slack))
    return jobs


def _expected_frames(key: str, decoded: Mapping[str, int | None]) -> tuple[int | None, int]:
    # The frames were decoded from this very video; packets can be one more, see check_video.
    if decoded.get(key):
        return decoded[key], 1
    clip = clip_name_of(key)
    return (None, 0) if clip is None else (clip.end_frame - clip.start_frame, _NAMED_SLACK)


def clip_name_of(key: str) -> ClipName | None:
    """EGTEA's clip name in a line's key; None where clips are called otherwise."""
    try:
        return parse_clip_name(key.rpartition('/')[2])
    except AnnotationError:
        return None
