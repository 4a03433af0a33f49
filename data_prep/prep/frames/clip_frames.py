"""The frames of a clip that are to be written, from either backend, checked to be complete.

PyAV decodes and keeps the books. decord is a second opinion: its pictures are written, but PyAV
decodes the clip too, since decord alone is silent about what is wrong. It fills a tail that an edit
list cuts off with copies of the last frame, takes damaged MPEG-4 for whole, and can loop for ever
past the last frame. So it is asked for the frames that exist, and each must look like PyAV's.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import av
import cv2
import numpy as np

from prep.decode.clip_reader import ClipReader, open_clip
from prep.decode.errors import VideoError
from prep.decode.frame_planes import FrameReducer, reduced_size
from prep.frames.frame_choice import FrameChoice
from prep.frames.manifest import Options

# Size of the small grey pictures that are compared, and by how much (of 255) they may differ on average.
# The two differ by about one level, for they convert to RGB differently, and more in single pixels of noise.
_THUMB = 24
_MAX_DIFFERENCE = 3.0

Frame: TypeAlias = av.VideoFrame | np.ndarray


class ClipFrames:
    """Iterates over the chosen frames of a clip: PyAV's frames, or decord's images, blue first.

    After the last one `decoded` and `announced` hold the numbers of frames, and `is_bounded` whether the
    container announces a number or a duration at all.

    Args:
        source: The video file.
        options: `backend`, `stride` and `fps` of them.
    """

    def __init__(self, source: Path, options: Options) -> None:
        self._source = source
        self._options = options
        self.decoded = 0
        self.announced: int | None = None
        self.is_bounded = True
        self.rate: float | None = None

    def __iter__(self) -> Iterator[Frame]:
        if self._options.backend == 'pyav':
            yield from (frame for wanted, frame in self._decode() if wanted)
            return
        reducer = FrameReducer(2 * _THUMB)
        # Whether a frame is wanted, and a small picture of it: 1 kB.
        seen = [(wanted, _thumb(reducer.image(frame))) for wanted, frame in self._decode()]
        yield from _decord_frames(self._source, seen)

    def _decode(self) -> Iterator[tuple[bool, av.VideoFrame]]:
        with open_clip(self._source) as container:
            reader = ClipReader(container)
            self.rate = float(reader.rate) if reader.rate else None
            choice = FrameChoice(self._options, reader.rate)
            for index, frame in enumerate(reader.frames()):
                yield choice.wants(index, frame.time), frame
            self.decoded = reader.decoded
            self.announced = reader.check_count()
            self.is_bounded = reader.is_bounded


def _decord_frames(source: Path, seen: list[tuple[bool, np.ndarray]]) -> Iterator[np.ndarray]:
    try:
        import decord
    except ImportError as error:
        raise VideoError('decord is not installed here. Install it, or use --backend pyav') from error
    decord.logging.set_level(decord.logging.QUIET)
    try:
        reader = decord.VideoReader(str(source), num_threads=1)
        for index, (wanted, expected) in enumerate(seen):
            image = reader.next().asnumpy()[..., ::-1]
            _compare(image, expected, index)
            if wanted:
                yield np.ascontiguousarray(image)
    except (decord.DECORDError, RuntimeError, StopIteration, AssertionError) as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise VideoError(f'decord cannot read it ({reason[0][:200]}). Use --backend pyav') from error


def _compare(image: np.ndarray, expected: np.ndarray, index: int) -> None:
    thumb = _thumb(image)
    same_shape = thumb.shape == expected.shape
    difference = float(cv2.absdiff(thumb, expected).mean()) if same_shape else float('inf')
    if difference > _MAX_DIFFERENCE:
        raise VideoError(
            f'frame {index + 1} is another one to decord than to PyAV (they differ by {difference:.0f} levels). '
            'Use --backend pyav'
        )


def _thumb(image: np.ndarray) -> np.ndarray:
    """(h, w) grey of (H, W, 3), blue first, both uint8, with a shorter side of _THUMB at most."""
    size = reduced_size(image.shape[1], image.shape[0], _THUMB)
    thumb: np.ndarray = cv2.cvtColor(cv2.resize(image, size, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
    return thumb
