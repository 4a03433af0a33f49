"""Labelled videos of any origin -> checked, divided lists."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tqdm import tqdm

from cdb_video_files.lists import FrameEntry, VideoEntry, write_frame_list, write_video_list
from prep.command import first_few
from prep.decode.errors import VideoError
from prep.decode.video_header import announced_frames
from prep.frames.data_root import is_video, listed_frames
from prep.frames.folder import FolderError, Manifest
from prep.lists.media import check_made_alike, look_for_clip
from prep.lists.split_clips import PARTS
from prep.own_data.clips import OwnClip, OwnClipsError, OwnLine
from prep.own_data.divide import divide
from prep.own_data.spelling import shown
from prep.own_data.stored_videos import StoredVideos

_DEFAULT_SHARE = 0.15


@dataclass(frozen=True)
class Labelled:
    """A clip and its class, counted from 0."""

    clip: OwnClip
    label: int


@dataclass
class Found:
    """What of the videos and frames is there.

    Attributes:
        lengths: Frames of each clip: decoded ones where there are frames, else what the header states.
        missing: Clips that cannot be used, each with the reason.
        unbounded: Clips that announce neither a number of frames nor a duration, so that a cut cannot be seen.
        manifests: Of the frames of each clip, where they are wanted and there.
        twice: Pairs of clips that are one file under two names.
    """

    lengths: dict[OwnClip, int] = field(default_factory=dict)
    missing: dict[OwnClip, str] = field(default_factory=dict)
    unbounded: int = 0
    manifests: dict[OwnClip, Manifest] = field(default_factory=dict)
    twice: list[tuple[OwnClip, OwnClip]] = field(default_factory=list)


@dataclass(frozen=True)
class Division:
    """How clips are to be divided.

    Attributes:
        val_share: Share of every class to validate on, in [0, 1); None = the usual one.
        test_share: The same for testing.
        seed: Which clips are drawn.
    """

    val_share: float | None
    test_share: float | None
    seed: int


def look_for_files(lines: Sequence[OwnLine], stored: StoredVideos, frames: Path | None) -> Found:
    """Look whether every video is there, and its frames if they are wanted; opens none.

    Args:
        lines: The clips.
        stored: The folder of the videos; what else is there names what may be meant by a name that is not.
        frames: Folder of frames or packs; None = not wanted.

    Raises:
        FolderError: If the frames were not all extracted with the same options.
    """
    found = Found()
    first: dict[tuple[int, int], OwnClip] = {}
    for line in tqdm(lines, desc='looking', unit='video', leave=False, disable=None):
        clip, video = line.clip, stored.folder / line.clip.path
        manifest, why = look_for_clip(video, None if frames is None else frames / clip.frame_dir)
        if why is None and manifest is not None and manifest.source.name != video.name:
            why = f'its frames were made from {manifest.source.name}'
        if why is not None:
            found.missing[clip] = why if video.is_file() else f'{why}{_more(clip, stored)}'
            continue
        if manifest is not None:
            found.manifests[clip] = manifest
        status = video.stat()
        if (other := first.setdefault((status.st_dev, status.st_ino), clip)) != clip:
            found.twice.append((other, clip))
    check_made_alike(Counter(manifest.options for manifest in found.manifests.values()))
    return found


def _more(clip: OwnClip, stored: StoredVideos) -> str:
    """What to add of a video that is not there: what is in its place, that no ending helps, or what may be meant."""
    place = stored.folder / clip.path
    if os.path.lexists(place):
        return ': a link that leads nowhere' if place.is_symlink() else ': not a regular file'
    if not is_video(clip.path):
        return ' of that name, with any ending'
    nearly = stored.nearly(clip.path)
    return '' if nearly is None else f', but {shown(nearly)} is there'


def open_videos(lines: Sequence[OwnLine], videos: Path, found: Found) -> None:
    """Open every video that is there, and complete what was found.

    Args:
        lines: The clips.
        videos: Folder of the videos.
        found: What `look_for_files` gave.
    """
    there = [line.clip for line in lines if line.clip not in found.missing]
    for clip in tqdm(there, desc='opening', unit='video', leave=False, disable=None):
        try:
            announced, is_bounded = announced_frames(videos / clip.path)
        except VideoError as error:
            found.missing[clip] = str(error)
            continue
        manifest = found.manifests.get(clip)
        found.lengths[clip] = announced if manifest is None else manifest.frames
        found.unbounded += not is_bounded


def check_missing(found: Found, lines: Sequence[OwnLine], allowed: bool) -> None:
    """Raise a FolderError if clips cannot be used and that is not allowed, or none can."""
    missing = [f'{line.where}: {line.clip.path} ({why})' for line in lines if (why := found.missing.get(line.clip))]
    if missing and not allowed:
        raise FolderError(
            f'{len(missing)} of {len(lines)} clips cannot be used: {first_few(missing)}. Correct --videos or the '
            'paths, or leave these out and have them listed with --allow-missing'
        )
    if len(missing) == len(lines):
        raise FolderError(f'none of the {len(lines)} clips is there: {first_few(missing)}. Is --videos right?')


def divided(lines: Sequence[OwnLine], division: Division) -> tuple[list[OwnLine], str]:
    """Give every clip a part; also say how, in words.

    Where the split is given, its parts stay as they are, and what it lacks is drawn from its training
    clips: val always, since difficulty is measured there, test only if a share is asked for.

    Raises:
        OwnClipsError: If nothing would be left to train on, or a share is asked for of a part that is given.
    """
    given = {line.part for line in lines} - {None}
    if given and 'train' not in given:
        raise OwnClipsError(f'the split has {", ".join(sorted(map(str, given)))} but no train: nothing to train on')
    asked = {'val': division.val_share, 'test': division.test_share}
    for part, share in asked.items():
        if part in given and share is not None:
            raise OwnClipsError(f'--{part}-share {share:g}, but the split has a {part} part. Give one of the two')
    usual = {'val': _DEFAULT_SHARE, 'test': 0.0 if given else _DEFAULT_SHARE}
    shares = {p: usual[p] if share is None else share for p, share in asked.items() if p not in given}
    if sum(shares.values()) >= 1:
        raise OwnClipsError(f'the shares {shares} leave nothing to train on. Their sum must be below 1')
    open_ones = [line for line in lines if line.part in (None, 'train')]
    drawn = dict(zip((line.clip for line in open_ones), divide(open_ones, shares, division.seed), strict=True))
    settled = [replace(line, part=drawn.get(line.clip, line.part)) for line in lines]
    return settled, _words(given, shares, division.seed, lines[0].clip.group is not None)


def _words(given: set[str | None], shares: Mapping[str, float], seed: int, grouped: bool) -> str:
    words = [f'{part} as given' for part in ('val', 'test') if part in given]
    drawn = [f'{part} {share:g}' for part, share in shares.items() if share > 0]
    if drawn:
        words.append(f'{", ".join(drawn)} of {"the groups" if grouped else "every class"}, seed {seed}')
    return '; '.join(words) or 'none'


def parts_of(lines: Sequence[OwnLine], names: Sequence[str]) -> dict[str, list[Labelled]]:
    """The clips of every part that has some, with their labels, sorted by path."""
    label_of = {name: label for label, name in enumerate(names)}
    parts = {
        part: sorted(
            (Labelled(line.clip, label_of[line.label]) for line in lines if line.part == part),
            key=lambda entry: entry.clip.path,
        )
        for part in PARTS
    }
    return {part: entries for part, entries in parts.items() if entries}


def write_lists(
    folder: Path, parts: Mapping[str, Sequence[Labelled]], lengths: Mapping[OwnClip, int], frames: Path | None
) -> None:
    """Write the video list of every part, and its frame list if there is a folder of frames."""
    for part, entries in parts.items():
        write_video_list(folder / f'{part}_videos.txt', [VideoEntry(e.clip.path, e.label) for e in entries])
        if frames is not None:
            listed = [FrameEntry(listed_frames(frames, e.clip.frame_dir), lengths[e.clip], e.label) for e in entries]
            write_frame_list(folder / f'{part}.txt', listed)
