"""What of the annotated clips is on disk: videos, frames, and how they were made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from cdb_video_files.clip_names import ClipName
from prep.command import first_few
from prep.frames.data_root import clips_folder, frames_place
from prep.frames.folder import FolderError, Manifest, Options, check_frames, read_manifest
from prep.frames.pack import SUFFIX as PACK_SUFFIX
from prep.frames.pack import read_pack_manifest


@dataclass
class Media:
    """What was found.

    Attributes:
        lengths: Frames of each clip that is whole. Without frames it is what the clip's name states.
        missing: Clips that lack something, each with the reason.
        other_lengths: Clips with two or more decoded frames more or less than their name states.
        options: How many clips' frames were extracted with which options.
    """

    lengths: dict[ClipName, int] = field(default_factory=dict)
    missing: dict[ClipName, str] = field(default_factory=dict)
    other_lengths: list[ClipName] = field(default_factory=list)
    options: Counter[Options] = field(default_factory=Counter)


def look_for_media(root: Path, clips: Sequence[ClipName], source: str, frames: Path) -> Media:
    """Look for the videos, the frames or both of clips.

    Args:
        root: The data root.
        clips: Those of all parts.
        source: 'frames', 'videos' or 'both'.
        frames: The folder of frames or packs.

    Raises:
        FolderError: If the frames were not all extracted with the same options.
    """
    media = Media()
    videos = clips_folder(root) if source != 'frames' else root
    for clip in tqdm(clips, desc='checking', unit='clip', leave=False, disable=None):
        why = _why_no_video(videos / f'{clip.path}.mp4') if source != 'frames' else None
        manifest = None
        if why is None and source != 'videos':
            manifest, why = _look_for_frames(frames_place(frames, clip.path))
        if why is not None:
            media.missing[clip] = why
        else:
            _add(media, clip, manifest)
    check_made_alike(media.options)
    return media


def check_made_alike(options: Counter[Options]) -> None:
    """Raise a FolderError if frames were extracted with different options."""
    if len(options) > 1:
        made = [f'{count} clips with {kind.words}' for kind, count in options.most_common()]
        raise FolderError(
            f'the frames were not all made alike: {first_few(made)}. Choose one and run extract_frames '
            'with it and --overwrite'
        )


def _add(media: Media, clip: ClipName, manifest: Manifest | None) -> None:
    stated = clip.end_frame - clip.start_frame
    media.lengths[clip] = stated if manifest is None else manifest.frames
    if manifest is not None:
        media.options[manifest.options] += 1
        # One frame fewer is common: MPEG-4 with packed B-frames ends in an empty packet.
        # What was decoded counts, not the every n-th frame of it that --stride or --fps kept.
        if abs((manifest.decoded or manifest.frames) - stated) > 1:
            media.other_lengths.append(clip)


def _why_no_video(video: Path) -> str | None:
    if not video.is_file():
        return 'no video'
    return 'the video is empty' if video.stat().st_size == 0 else None


def _look_for_frames(place: Path) -> tuple[Manifest | None, str | None]:
    """The manifest of a folder or a pack, and why its frames cannot be used, if they cannot."""
    try:
        if place.is_dir():
            manifest = read_manifest(place)
            return manifest, check_frames(place, manifest)
        if place.name.endswith(PACK_SUFFIX) and place.is_file():
            return read_pack_manifest(place), None
    except FolderError as error:
        return None, str(error)
    return None, 'no frames'


def look_for_clip(video: Path | None, frames: Path | None) -> tuple[Manifest | None, str | None]:
    """Look for one clip.

    Args:
        video: Its file; None = not needed.
        frames: Its folder of frames or, with .pack at its end, its pack; None = not needed.

    Returns:
        The manifest of the frames, if they are needed and there; and what is missing, None if nothing is.
    """
    why = _why_no_video(video) if video is not None else None
    return (
        (None, why) if why is not None or frames is None else _look_for_frames(frames_place(frames.parent, frames.name))
    )
