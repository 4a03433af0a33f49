"""What of the annotated clips is on disk: videos, frames, and how they were made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from command_parts import first_few
from frame_folder import FolderError, Manifest, Options, check_frames, read_manifest
from tqdm import tqdm

from cdb_video.annotation import ClipName

CLIPS, FRAMES = 'cropped_clips', 'frames'
# Where some mirrors of EGTEA have the clips.
OTHER_CLIPS = 'video_clips/cropped_clips'


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


def clips_folder(root: Path) -> Path:
    """The folder of the videos below a data root: cropped_clips, or where mirrors have it.

    Raises:
        FolderError: If both are there and are not the same folder.
    """
    usual, other = root / CLIPS, root / OTHER_CLIPS
    if not other.is_dir():
        return usual
    if usual.is_dir() and usual.resolve() != other.resolve():
        raise FolderError(f'{usual} and {other} are both there, and not one folder. Merge them, or move one away')
    return usual if usual.is_dir() else other


def look_for_media(root: Path, clips: Sequence[ClipName], source: str) -> Media:
    """Look for the videos, the frames or both of clips.

    Args:
        root: The data root.
        clips: Those of all parts.
        source: 'frames', 'videos' or 'both'.

    Raises:
        FolderError: If the frames were not all extracted with the same options.
    """
    media = Media()
    videos = clips_folder(root) if source != 'frames' else root
    for clip in tqdm(clips, desc='checking', unit='clip', leave=False, disable=None):
        why = _why_no_video(videos / f'{clip.path}.mp4') if source != 'frames' else None
        manifest = None
        if why is None and source != 'videos':
            manifest, why = _look_for_frames(root / FRAMES / clip.path)
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


def _look_for_frames(folder: Path) -> tuple[Manifest | None, str | None]:
    if not folder.is_dir():
        return None, 'no frames'
    try:
        manifest = read_manifest(folder)
    except FolderError as error:
        return None, str(error)
    return manifest, check_frames(folder, manifest)


def look_for_clip(video: Path | None, frames: Path | None) -> tuple[Manifest | None, str | None]:
    """Look for one clip.

    Args:
        video: Its file; None = not needed.
        frames: Its folder of frames; None = not needed.

    Returns:
        The manifest of the frames, if they are needed and there; and what is missing, None if nothing is.
    """
    why = _why_no_video(video) if video is not None else None
    return (None, why) if why is not None or frames is None else _look_for_frames(frames)
