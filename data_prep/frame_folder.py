"""A clip's folder of frames and the small manifest in it: write, read, check.

    frames/<session>/<clip>/img_00001.jpg ... manifest.json

The only file that knows this layout. A folder bears its final name only when it is complete; the
manifest then says how many frames it holds, from which file and with which options they were made.
The manifest holds nothing about the run itself, so the same clip and options give the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FRAME_NAME = 'img_{:05d}.jpg'
MANIFEST_NAME = 'manifest.json'
_FORMAT = 1


class FolderError(ValueError):
    """A folder of frames is not what it should be; the message names the folder and the rule."""


@dataclass(frozen=True)
class Options:
    """What decides how the frames look.

    Attributes:
        short_side: The shorter side is reduced to this many pixels, never enlarged; 0 = as it is.
        quality: JPEG quality, 1 to 100.
    """

    short_side: int = 256
    quality: int = 90

    @property
    def words(self) -> str:
        """As on the command line."""
        return f'--short-side {self.short_side} --quality {self.quality}'


@dataclass(frozen=True)
class Source:
    """The video file that frames were made from, so that a changed file is noticed.

    Attributes:
        name: File name without its folder.
        size: Bytes.
        mtime_ns: Time of the last change, in nanoseconds since 1970.
        sha256: Of the whole file, as hexadecimal digits.
    """

    name: str
    size: int
    mtime_ns: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> Source:
        """Look at a file."""
        status = path.stat()
        return cls(path.name, status.st_size, status.st_mtime_ns, _sha256(path))

    def is_same_file(self, path: Path) -> bool:
        """Whether `path` still has these bytes; they are read only where the time has changed."""
        status = path.stat()
        if (path.name, status.st_size) != (self.name, self.size):
            return False
        return status.st_mtime_ns == self.mtime_ns or _sha256(path) == self.sha256


@dataclass(frozen=True)
class Manifest:
    """What a complete folder holds.

    Attributes:
        frames: Number of frames that were decoded and written, >= 1.
        announced: Number of frames that the container's header promises; None = it does not say.
        width: Of the written frames, in pixels.
        height: Of the written frames, in pixels.
        options: See `Options`.
        source: See `Source`.
    """

    frames: int
    announced: int | None
    width: int
    height: int
    options: Options
    source: Source


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest of a folder that does not bear its final name yet."""
    text = json.dumps({'format': _FORMAT, **asdict(manifest)}, indent=1)
    (folder / MANIFEST_NAME).write_text(text + '\n', encoding='utf-8')


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a finished folder.

    Raises:
        FolderError: If the folder holds no manifest of ours.
    """
    path = folder / MANIFEST_NAME
    try:
        values = json.loads(path.read_text(encoding='utf-8'))
        return _manifest_from(values)
    except FileNotFoundError:
        raise FolderError(f'{folder} holds no {MANIFEST_NAME}: extract_frames did not make it') from None
    except (ValueError, TypeError, KeyError) as error:
        raise FolderError(f'{path} is not a manifest of extract_frames: {error!r}') from error


def check_frames(folder: Path, manifest: Manifest) -> str | None:
    """What is wrong with the frames on disk; None if they are what the manifest says."""
    present = sum(name.startswith('img_') for name in os.listdir(folder))
    if present != manifest.frames:
        return f'holds {present} of {manifest.frames} frames'
    # Names are numbered without a gap, so the right number and the last name mean all of them.
    last = FRAME_NAME.format(manifest.frames)
    if not (folder / last).is_file():
        return f'lacks {last}'
    return None


def put_in_place(partial: Path, folder: Path) -> None:
    """Let a complete folder appear under its final name, in place of an earlier one if any."""
    old = folder.with_name(f'.{folder.name}.old')
    if old.exists():  # left by a run that was killed between the two renames below
        shutil.rmtree(old)
    if folder.exists():
        folder.rename(old)
    partial.rename(folder)
    if old.exists():
        shutil.rmtree(old)


def foreign_names(folder: Path) -> list[str]:
    """Names in the folder that extract_frames did not write."""
    names = os.listdir(folder)
    return sorted(name for name in names if name != MANIFEST_NAME and not _is_frame_name(name))


def _is_frame_name(name: str) -> bool:
    digits = name.removeprefix('img_').removesuffix('.jpg')
    return digits.isdecimal() and name == FRAME_NAME.format(int(digits))


def _manifest_from(values: dict[str, Any]) -> Manifest:
    if values['format'] != _FORMAT:
        raise ValueError(f'format {values["format"]!r}, this version reads {_FORMAT}')
    manifest = Manifest(
        frames=values['frames'],
        announced=values['announced'],
        width=values['width'],
        height=values['height'],
        options=Options(**values['options']),
        source=Source(**values['source']),
    )
    if not isinstance(manifest.frames, int) or manifest.frames < 1:
        raise ValueError(f'frames is {manifest.frames!r}, not a whole number >= 1')
    return manifest


def _sha256(path: Path) -> str:
    with path.open('rb') as file:
        return hashlib.file_digest(file, 'sha256').hexdigest()
