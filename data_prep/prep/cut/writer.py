"""Write one clip that was cut from a recording: scaled, encoded, put in place by rename."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.video.reformatter import Interpolation, VideoReformatter

from prep.frames.small_video import X264_REPEATABLE

# As raw_annotations.FPS, which a worker could not import without torch.
FPS = 24
PART_SUFFIX = '.part'
_SCALING = Interpolation.AREA | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP


@dataclass(frozen=True)
class CutOptions:
    """How the clips look.

    Attributes:
        short_side: The shorter side is reduced to this many pixels, never enlarged; 0 = as it is.
        crf: Rate factor of H.264, 0 (best) to 51.
    """

    short_side: int = 480
    crf: int = 18


class ClipWriter:
    """Encodes the frames of one clip beside its place, and renames it there.

    No B-frames: they would need an edit list, which readers treat differently. A key frame every second.
    """

    def __init__(self, path: Path, options: CutOptions) -> None:
        self._path, self._options = path, options
        path.parent.mkdir(parents=True, exist_ok=True)
        self._partial = path.with_name(f'.{path.name}{PART_SUFFIX}')
        self._container = av.open(str(self._partial), 'w', format='mp4', options={'movflags': 'faststart'})
        self._stream: Any = None
        self._scaler = VideoReformatter()
        self._count = 0

    def add(self, frame: av.VideoFrame) -> None:
        """Encode the next frame."""
        if self._stream is None:
            self._stream = self._new_stream(frame)
        picture = self._scaler.reformat(
            frame, self._stream.width, self._stream.height, 'yuv420p', interpolation=_SCALING, threads=1
        )
        picture.pts, picture.time_base = self._count, Fraction(1, FPS)
        # The source's kind of frame would be taken as a wish.
        picture.pict_type = av.video.frame.PictureType.NONE
        self._count += 1
        self._mux(picture)

    def finish(self) -> int:
        """Let the clip appear; return its number of frames."""
        self._mux(None)
        self._container.close()
        self._partial.replace(self._path)
        return self._count

    def discard(self) -> None:
        """Remove what is not finished."""
        self._container.close()
        self._partial.unlink(missing_ok=True)

    def _new_stream(self, frame: av.VideoFrame) -> Any:
        h264 = 'libx264' in av.codecs_available
        x264 = {**X264_REPEATABLE, 'crf': str(self._options.crf), 'preset': 'veryfast'}
        quality = x264 if h264 else {'qmin': '2', 'qmax': '4'}
        stream = self._container.add_stream('libx264' if h264 else 'mpeg4', rate=FPS, options=quality)
        stream.width, stream.height = even_size(frame.width, frame.height, self._options.short_side)
        stream.pix_fmt = 'yuv420p'
        stream.gop_size = FPS
        stream.max_b_frames = 0
        stream.thread_count = 1
        return stream

    def _mux(self, picture: av.VideoFrame | None) -> None:
        try:
            self._container.mux(self._stream.encode(picture))
        except av.error.FFmpegError as error:
            raise OSError(f'{self._path} cannot be written: {error.strerror}') from error


def even_size(width: int, height: int, short_side: int) -> tuple[int, int]:
    """Width and height, the shorter one at most `short_side` (0 = no limit), both even, as 4:2:0 needs them."""
    factor = 1.0 if short_side == 0 else min(1.0, short_side / min(width, height))
    return max(2, round(width * factor / 2) * 2), max(2, round(height * factor / 2) * 2)
