"""Where videos and frames lie below a data root. Imported by worker processes: no torch."""

from __future__ import annotations

from pathlib import Path

from clip_manifest import FolderError
from pack_file import SUFFIX as PACK_SUFFIX

CLIPS, FRAMES, PACKS = 'cropped_clips', 'frames', 'packs'
# Where some downloads of EGTEA have the clips.
OTHER_CLIPS = f'video_clips/{CLIPS}'


def clips_folder(root: Path) -> Path:
    """The folder of the videos: cropped_clips, or video_clips/cropped_clips.

    Where neither is there it is the first, for the caller to name as missing.

    Raises:
        FolderError: If both are there and are not the same folder.
    """
    usual, other = root / CLIPS, root / OTHER_CLIPS
    if not other.is_dir():
        return usual
    if usual.is_dir() and usual.resolve() != other.resolve():
        raise FolderError(f'{usual} and {other} are both there, and not one folder. Merge them, or move one away')
    return usual if usual.is_dir() else other


def videos_below(folder: Path) -> Path:
    """The folder of videos that is meant by `folder`: it, or the one below it if it is a data root.

    Raises:
        FolderError: See `clips_folder`.
    """
    clips = clips_folder(folder)
    return clips if clips.is_dir() else folder


def frames_folder(root: Path) -> Path:
    """The folder of the frames: frames, or packs where only these are there."""
    frames, packs = root / FRAMES, root / PACKS
    return packs if packs.is_dir() and not frames.is_dir() else frames


def frames_place(frames: Path, name: str) -> Path:
    """Where the frames of a clip lie: the folder `name`, or the pack of that name, with or without its suffix.

    Where neither is there it is the folder, for the caller to name as missing.
    """
    place = frames / name
    if name.endswith(PACK_SUFFIX) or place.is_dir():
        return place
    # By hand: a clip's name may hold a dot that is no suffix.
    pack = place.with_name(f'{place.name}{PACK_SUFFIX}')
    return pack if pack.exists() or pack.is_symlink() else place
