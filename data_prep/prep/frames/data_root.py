"""Where videos and frames lie below a data root. Imported by worker processes: no torch."""

from __future__ import annotations

from pathlib import Path

from cdb_video_files.lists import is_listed_name, packed_name, slashed_name
from cdb_video_files.video.containers import VIDEO_ENDINGS
from cdb_video_files.video.containers import is_video as is_video
from prep.frames.manifest import FolderError
from prep.frames.pack import SUFFIX as PACK_SUFFIX

EXTENSIONS = VIDEO_ENDINGS
CLIPS, FRAMES, PACKS = 'cropped_clips', 'frames', 'packs'
# What the file browsers of macOS and Windows leave in any folder.
SYSTEM_FILES = ('.DS_Store', 'Thumbs.db', 'desktop.ini')
# What cut_clips leaves beside the clips that it makes.
CUT_RECORD = 'cut_clips.json'
# Where some downloads of EGTEA have the clips.
OTHER_CLIPS = f'video_clips/{CLIPS}'


def clip_of_video(name: str) -> str:
    """The clip that a video holds: its name, or path, without the extension; as it is where there is none."""
    # By hand: to pathlib the name '...mp4' without its suffix is '..', the folder above.
    extension = next((ending for ending in EXTENSIONS if name.lower().endswith(ending)), '')
    return name[: len(name) - len(extension)]


def clip_of_frames(name: str) -> str:
    """The clip whose frames a name in a list stands for: a folder, with or without a slash behind it, or a pack."""
    return name.rstrip('/').removesuffix(PACK_SUFFIX)


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
    """The folder of the frames: packs, which the configs read, where there are any, or else frames."""
    packs = root / PACKS
    there = packs.is_dir() and any(place.is_dir() or place.suffix == PACK_SUFFIX for place in packs.iterdir())
    return packs if there else root / FRAMES


def listed_frames(frames: Path, clip: str) -> str:
    """The name of a clip in a frame list: its own, or where a line cannot hold that with `.pack` or `/` behind it."""
    if is_listed_name(clip):
        return clip
    is_pack = frames_place(frames, clip).name != Path(clip).name
    return packed_name(clip) if is_pack else slashed_name(clip)


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
