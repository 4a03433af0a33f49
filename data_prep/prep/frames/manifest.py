"""What is known about the frames of a clip: from which file, how made, how many. Written beside or into them.

The manifest holds nothing about the run itself, so the same clip and options give the same bytes.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

# Format 1 had neither method, stride, fps, backend, codec nor decoded and sha256.
_FORMAT, _FORMATS = 2, (1, 2)
# Counts up when the same options give other pixels. 1: one resize and conversion by swscale, JPEG by
# OpenCV. 2: resized in the colour planes, JPEG from the planes.
METHOD = 2
JPEG, MPEG4, H264 = 'jpeg', 'mpeg4', 'h264'


class FolderError(ValueError):
    """What lies where frames belong is not what it should be; the message names it and the rule."""


class CutOffError(FolderError):
    """What lies there was made by extract_frames, or is empty, but has lost its end: no one's only copy."""


@dataclass(frozen=True)
class Options:
    """What decides how the frames look.

    Attributes:
        short_side: The shorter side is reduced to this many pixels, never enlarged; 0 = as it is.
        quality: For JPEG 1 to 100; for MPEG-4 the quantiser, 1 (best) to 31; for H.264 the rate
            factor, 0 (best) to 51.
        stride: Every n-th frame, >= 1, from the first on.
        fps: The first frame in every 1/fps seconds; None = all, or what `stride` says.
        backend: 'pyav' or 'decord'.
        codec: 'jpeg', or for videos 'mpeg4' or 'h264'.
        method: See METHOD.
    """

    short_side: int = 256
    quality: int = 90
    stride: int = 1
    fps: float | None = None
    backend: str = 'pyav'
    codec: str = JPEG
    method: int = METHOD

    @property
    def words(self) -> str:
        """As on the command line."""
        text = f'--short-side {self.short_side} --quality {self.quality}'
        if self.codec != JPEG:
            text += f' --videos {self.codec}'
        if self.stride != 1:
            text += f' --stride {self.stride}'
        if self.fps is not None:
            text += f' --fps {self.fps:g}'
        if self.backend != 'pyav':
            text += f' --backend {self.backend}'
        return text if self.method == METHOD else f'{text} (by another version of extract_frames)'


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

    def is_same_file(self, path: Path, *, read: bool = False) -> bool:
        """Whether `path` still has these bytes; they are read where the time has changed, or with `read`."""
        status = path.stat()
        if (path.name, status.st_size) != (self.name, self.size):
            return False
        return (not read and status.st_mtime_ns == self.mtime_ns) or _sha256(path) == self.sha256


@dataclass(frozen=True)
class Manifest:
    """What a complete clip holds.

    Attributes:
        frames: Number of frames that were written, >= 1.
        announced: Number of frames that the container's header promises; None = it does not say.
        width: Of the written frames, in pixels.
        height: Of the written frames, in pixels.
        options: See `Options`.
        source: See `Source`.
        decoded: Number of frames that were decoded; more than `frames` where not all were to be
            written. None = as many.
        sha256: Of the JPEG files one after the other; None = not known.
        bytes: Of the JPEG files of a folder together; None = not known, as in manifests of earlier versions:
            then frames that were cut are found only by reading them.
    """

    frames: int
    announced: int | None
    width: int
    height: int
    options: Options
    source: Source
    decoded: int | None = None
    sha256: str | None = None
    bytes: int | None = None


def manifest_to_json(manifest: Manifest) -> dict[str, Any]:
    """As an object that JSON can hold."""
    return {'format': _FORMAT, **asdict(manifest)}


def manifest_from_json(values: dict[str, Any]) -> Manifest:
    """The reverse of `manifest_to_json`.

    Raises:
        ValueError, TypeError, KeyError: If `values` are not those of a manifest.
    """
    if values['format'] not in _FORMATS:
        raise ValueError(f'format {values["format"]!r}, this version reads {_FORMATS}')
    options = dict(values['options'])
    if values['format'] == 1:
        options['method'] = 1
    manifest = Manifest(
        frames=values['frames'],
        announced=values['announced'],
        width=values['width'],
        height=values['height'],
        options=Options(**options),
        source=Source(**values['source']),
        decoded=values.get('decoded'),
        sha256=values.get('sha256'),
        bytes=values.get('bytes'),
    )
    if not isinstance(manifest.frames, int) or manifest.frames < 1:
        raise ValueError(f'frames is {manifest.frames!r}, not a whole number >= 1')
    return manifest


def _sha256(path: Path) -> str:
    with path.open('rb') as file:
        return hashlib.file_digest(file, 'sha256').hexdigest()
