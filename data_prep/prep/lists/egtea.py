"""EGTEA's annotation -> divided, written lists."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
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


def _divide(
    root: Path, args: argparse.Namespace, ids: Sequence[int]
) -> tuple[dict[str, list[LabelledClip]], HoldOut, Media]:
    """Read the split, look for its clips and divide those that are there into the parts."""
    hold_out = parse_hold_out(args.hold_out, args.seed)
    train, test = (_read_split(root, part, args, ids) for part in ('train', 'test'))
    check_apart(train, test)
    if not hold_out.is_open:  # what does not fit is said before ten thousand files are looked at
        hold_out_clips(train, test, hold_out)
    frames = args.frames or frames_folder(root)
    media = look_for_media(root, [entry.clip for entry in (*train, *test)], args.source, frames)
    if media.missing and not args.allow_missing:
        raise FolderError(_missing(media, len(train) + len(test), args.source, frames))
    # An open hold-out is settled on the clips that are there, so that it covers what can be measured.
    hold_out = settle(hold_out, [entry for entry in train if entry.clip not in media.missing])
    parts = {
        part: [entry for entry in entries if entry.clip not in media.missing]
        for part, entries in hold_out_clips(train, test, hold_out).items()
    }
    empty = [part for part, entries in parts.items() if not entries]
    if empty:
        raise SplitError(f'no clip is left for {", ".join(empty)}: nothing to list. Choose another --hold-out')
    return parts, hold_out, media


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


def _read_names(path: Path) -> dict[int, str]:
    names = read_index(path)
    try:
        check_class_names(list(names.values()))
    except AnnotationError as error:
        raise error.at(path) from None
    return names


def _read_split(root: Path, part: str, args: argparse.Namespace, ids: Sequence[int]) -> list[LabelledClip]:
    path = root / ANNOTATIONS / f'{part}_split{args.split}.txt'
    return label_clips(read_annotations(path, {args.label: ids}), args.label, ids, str(path))


def _write_lists(
    folder: Path,
    parts: Mapping[str, Sequence[LabelledClip]],
    lengths: Mapping[ClipName, int],
    source: str,
) -> None:
    for part, entries in parts.items():
        if source != 'videos':
            frames = [FrameEntry(e.clip.path, lengths[e.clip], e.label) for e in entries]
            write_frame_list(folder / f'{part}.txt', frames)
        if source != 'frames':
            videos = [VideoEntry(f'{e.clip.path}.mp4', e.label) for e in entries]
            write_video_list(folder / f'{part}_videos.txt', videos)
