"""The three forms in which a clip's frames can lie on disk, behind one interface.

frames/<session>/<clip>/img_00001.jpg ...    a folder of JPEG files
packs/<session>/<clip>.pack                  the same JPEG files in one file
videos_256/<session>/<clip>.mp4              a small video
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from prep.frames.clip_frames import Frame
from prep.frames.folder import FolderWriter, check_frames, check_names, foreign_names, read_frames, read_manifest
from prep.frames.jpegs import JpegEncoder, why_no_jpeg
from prep.frames.manifest import FolderError, Manifest, Options
from prep.frames.pack import SUFFIX as PACK_SUFFIX
from prep.frames.pack import PackFileWriter, read_pack, read_pack_manifest
from prep.frames.small_video import SUFFIX as VIDEO_SUFFIX
from prep.frames.small_video import VideoFileWriter, read_video_manifest, why_no_video


class ClipWriter(Protocol):
    """Takes the frames of one clip; nothing appears before `finish`."""

    rate: float | None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the frames, in pixels."""

    @property
    def sha256(self) -> str | None:
        """Of the frames so far."""

    def add(self, frame: Frame) -> None:
        """Take the next frame."""

    def finish(self, manifest: Manifest) -> None:
        """Let the clip appear."""

    def discard(self) -> None:
        """Remove what is not finished."""


class JpegWriter:
    """Encodes frames as JPEG files and hands them on to a folder or a pack."""

    rate: float | None = None

    def __init__(self, files: FolderWriter | PackFileWriter, options: Options) -> None:
        self._files = files
        self._encoder = JpegEncoder(options)
        self.finish = files.finish
        self.discard = files.discard

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the frames."""
        return self._encoder.size

    @property
    def sha256(self) -> str:
        """Of the frames so far, one after the other."""
        return self._files.sha256

    def add(self, frame: Frame) -> None:
        """Take the next frame."""
        self._files.add(self._encoder.encode(frame))


def _nothing_there(target: Path) -> bool:
    return not os.path.lexists(target)


def _no_frames_there(target: Path) -> bool:
    # A folder without anything in it is no loss, and mkdir may have got as far as that.
    empty = target.is_dir() and not target.is_symlink() and not any(target.iterdir())
    return empty or _nothing_there(target)


def _nothing_wrong(_target: Path, _manifest: Manifest) -> None:
    return None


def _nothing_foreign(_target: Path) -> list[str]:
    return []


@dataclass(frozen=True)
class Layout:
    """Where clips lie, and how they are written and read there.

    Attributes:
        suffix: What a clip's name ends in there.
        writer: Begins a clip at a place, with options.
        read_manifest: Reads the manifest of a finished clip; FolderError if it holds none of ours.
        verify: Reads all; says what is wrong, or None.
        is_missing: Whether there is nothing at a place yet.
        check: What is wrong, as far as it shows at a glance, or None.
        foreign_names: What lies there that extract_frames did not write.
    """

    suffix: str
    writer: Callable[[Path, Options], ClipWriter]
    read_manifest: Callable[[Path], Manifest]
    verify: Callable[[Path, Manifest], str | None]
    is_missing: Callable[[Path], bool] = _nothing_there
    check: Callable[[Path, Manifest], str | None] = _nothing_wrong
    foreign_names: Callable[[Path], list[str]] = _nothing_foreign


def _verify_folder(folder: Path, manifest: Manifest) -> str | None:
    if foreign := foreign_names(folder):
        return f'holds {foreign[0]}, which is not a frame'
    # Not by their bytes: to name the frame that is damaged tells more.
    return check_names(folder, manifest) or _why_bad_jpegs(read_frames(folder, manifest), manifest)


def _verify_pack(path: Path, manifest: Manifest) -> str | None:
    try:
        return _why_bad_jpegs(read_pack(path, manifest), manifest)
    except FolderError as error:
        return str(error)


def _why_bad_jpegs(frames: Iterator[bytes], manifest: Manifest) -> str | None:
    digest = hashlib.sha256()
    for number, jpeg in enumerate(frames, 1):
        digest.update(jpeg)
        if why := why_no_jpeg(jpeg, (manifest.width, manifest.height)):
            return f'frame {number} {why}'
    if manifest.sha256 not in (None, digest.hexdigest()):
        return 'its frames are not those that were written'
    return None


LAYOUTS = {
    'frames': Layout(
        '',
        lambda folder, options: JpegWriter(FolderWriter(folder), options),
        read_manifest,
        _verify_folder,
        _no_frames_there,
        check_frames,
        foreign_names,
    ),
    'packs': Layout(
        PACK_SUFFIX,
        lambda path, options: JpegWriter(PackFileWriter(path), options),
        read_pack_manifest,
        _verify_pack,
    ),
    'videos': Layout(VIDEO_SUFFIX, VideoFileWriter, read_video_manifest, why_no_video),
}
