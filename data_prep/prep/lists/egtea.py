"""EGTEA's annotation -> divided, written lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cdb_video_files.annotations import read_annotations, read_index
from cdb_video_files.class_lists import check_class_names
from cdb_video_files.clip_names import ClipName
from cdb_video_files.lists import FrameEntry, VideoEntry, write_frame_list, write_video_list
from cdb_video_files.records import AnnotationError
from prep.command import first_few
from prep.frames.data_root import frames_folder
from prep.frames.folder import FolderError
from prep.lists.choose_hold_out import settle
from prep.lists.media import Media, look_for_media
from prep.lists.split_clips import (
    HoldOut,
    LabelledClip,
    SplitError,
    check_apart,
    hold_out_clips,
    label_clips,
    parse_hold_out,
)

ANNOTATIONS, LISTS = 'action_annotation', 'lists'


@dataclass(frozen=True)
class Wanted:
    """Which lists are wanted, and from where.

    Attributes:
        root: Folder with action_annotation/.
        label: 'verb', 'noun' or 'action'.
        split: 1, 2 or 3.
        hold_out: Clips to validate on, as `parse_hold_out` reads it.
        seed: Of a hold-out that is drawn.
        source: 'frames', 'videos' or 'both': which lists to write, and what must be on disk.
        frames: Folder of frames or packs; None = the one below `root`.
        allow_missing: Whether clips that are not there are left out.
    """

    root: Path
    label: str
    split: int
    hold_out: str
    seed: int
    source: str
    frames: Path | None
    allow_missing: bool

    @property
    def annotations(self) -> Path:
        """Folder of the annotation files."""
        return self.root / ANNOTATIONS


@dataclass(frozen=True)
class Divided:
    """The clips of a split that are there, part by part; who is held out; what was found on disk."""

    parts: dict[str, list[LabelledClip]]
    hold_out: HoldOut
    media: Media


def divide(wanted: Wanted, ids: Sequence[int]) -> Divided:
    """Read the split, look for its clips and divide those that are there into the parts.

    Args:
        wanted: What is asked for.
        ids: EGTEA's ids of the classes, in the order of the labels.

    Raises:
        AnnotationError: If a line does not parse.
        FolderError: If clips are missing and may not be.
        SplitError: If the hold-out does not fit, or leaves a part empty.
    """
    hold_out = parse_hold_out(wanted.hold_out, wanted.seed)
    train, test = (_read_split(wanted, part, ids) for part in ('train', 'test'))
    check_apart(train, test)
    if not hold_out.is_open:  # what does not fit is said before ten thousand files are looked at
        hold_out_clips(train, test, hold_out)
    media = _found(wanted, [entry.clip for entry in (*train, *test)])
    # An open hold-out is settled on the clips that are there, so that it covers what can be measured.
    hold_out = settle(hold_out, [entry for entry in train if entry.clip not in media.missing])
    parts = {
        part: [entry for entry in entries if entry.clip not in media.missing]
        for part, entries in hold_out_clips(train, test, hold_out).items()
    }
    empty = [part for part, entries in parts.items() if not entries]
    if empty:
        raise SplitError(f'no clip is left for {", ".join(empty)}: nothing to list. Choose another --hold-out')
    return Divided(parts, hold_out, media)


def _found(wanted: Wanted, clips: Sequence[ClipName]) -> Media:
    frames = wanted.frames or frames_folder(wanted.root)
    media = look_for_media(wanted.root, clips, wanted.source, frames)
    if media.missing and not wanted.allow_missing:
        raise FolderError(_missing(media, len(clips), wanted.source, frames))
    return media


def _missing(media: Media, total: int, source: str, frames: Path) -> str:
    missing = [f'{clip} ({why})' for clip, why in media.missing.items()]
    what = f'{len(missing)} of {total} clips are missing: {first_few(missing)}.'
    others = '--source, or leave them out and have them listed with --allow-missing.'
    if source == 'videos':
        return f'{what} Choose {others}'
    return (
        f'{what} Frames were looked for in {frames}: run extract_frames, with --pack for packs, name another folder '
        f'with --frames, choose {others}'
    )


def read_names(path: Path) -> dict[int, str]:
    """EGTEA's ids and class names from an index file, in the order of the labels.

    Raises:
        AnnotationError: If a line does not parse, or a name cannot stand in a class list.
    """
    names = read_index(path)
    try:
        check_class_names(list(names.values()))
    except AnnotationError as error:
        raise error.at(path) from None
    return names


def _read_split(wanted: Wanted, part: str, ids: Sequence[int]) -> list[LabelledClip]:
    path = wanted.annotations / f'{part}_split{wanted.split}.txt'
    return label_clips(read_annotations(path, {wanted.label: ids}), wanted.label, ids, str(path))


def write_lists(
    folder: Path, parts: Mapping[str, Sequence[LabelledClip]], lengths: Mapping[ClipName, int], source: str
) -> None:
    """Write the frame and video lists of all parts.

    Args:
        folder: Where they go.
        parts: Clips by part.
        lengths: Frames of each clip.
        source: 'frames', 'videos' or 'both'.
    """
    for part, entries in parts.items():
        if source != 'videos':
            frames = [FrameEntry(e.clip.path, lengths[e.clip], e.label) for e in entries]
            write_frame_list(folder / f'{part}.txt', frames)
        if source != 'frames':
            videos = [VideoEntry(f'{e.clip.path}.mp4', e.label) for e in entries]
            write_video_list(folder / f'{part}_videos.txt', videos)
