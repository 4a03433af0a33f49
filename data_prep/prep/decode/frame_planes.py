"""Video frames -> reduced pictures in JPEG's colours: upright, short side as asked, full-range BT.601.

Most clips are 8-bit 4:2:0 in BT.601, as JPEG itself is. Their three planes are reduced and brought to
full range as they are: a quarter of the work of a detour through RGB, and without its rounding. All
else (BT.709, more bits, other subsampling) takes the exact way through RGB.
"""

from __future__ import annotations

import math

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter

from cdb_video_files.video.orientation import UPRIGHT, Orientations, Turn, TurnedError, turned
from cdb_video_files.video.pixels import BT601_SPACES
from prep.decode.errors import VideoError

Planes = tuple[np.ndarray, np.ndarray, np.ndarray]

_PLANAR = ('yuv420p', 'yuvj420p')
_LEVELS = np.arange(256)
_FULL_LUMA = np.clip(np.rint((_LEVELS - 16) * 255 / 219), 0, 255).astype(np.uint8)
_FULL_CHROMA = np.clip(np.rint((_LEVELS - 128) * 255 / 224 + 128), 0, 255).astype(np.uint8)
# AREA: a new pixel is the mean of those it covers. The other flags make the colours exact: swscale's
# quick way is 1 to 1.5 levels too dark.
_CONVERSION = (
    Interpolation.AREA | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP | Interpolation.FULL_CHR_H_INT
)


class FrameReducer:
    """Reduces the frames of one clip.

    Args:
        short_side: The shorter side becomes this many pixels, never more than it has; 0 = as it is.
        even: Whether both sides are rounded to even numbers, as video encoders want them.
    """

    def __init__(self, short_side: int, *, even: bool = False) -> None:
        self._short_side = short_side
        self._even = even
        self._converter = VideoReformatter()
        self._orientations = Orientations()

    def planes(self, frame: av.VideoFrame) -> Planes | None:
        """Y (H, W), Cb and Cr (ceil(H/2), ceil(W/2)), uint8, full-range BT.601; None = only `image` can.

        Raises:
            VideoError: If the frame is to be turned by other than quarter turns.
        """
        # To mirror a plane of odd width would shift its colours against the pixels.
        if not _is_planar(frame) or self._turn_of(frame) != UPRIGHT:
            return None
        width, height = frame.width, frame.height
        new_width, new_height = self._size(width, height)
        sizes = [(width, height), *[((width + 1) // 2, (height + 1) // 2)] * 2]
        planes = [_plane(plane, size) for plane, size in zip(frame.planes, sizes, strict=True)]
        if (new_width, new_height) != (width, height):
            scale = (new_width / width, new_height / height)
            half = ((new_width + 1) // 2, (new_height + 1) // 2)
            planes = [
                _reduce(planes[0], (new_width, new_height)),
                *(_reduce_chroma(p, scale, half) for p in planes[1:]),
            ]
        if frame.format.name != 'yuvj420p' and frame.color_range != ColorRange.JPEG:
            tables = (_FULL_LUMA, _FULL_CHROMA, _FULL_CHROMA)
            planes = [cv2.LUT(plane, table) for plane, table in zip(planes, tables, strict=True)]
        luma, blue, red = planes
        return luma, blue, red

    def image(self, frame: av.VideoFrame | np.ndarray) -> np.ndarray:
        """(H, W, 3) uint8, blue first, of any frame, or of an image of that kind.

        Raises:
            VideoError: If the frame is to be turned by other than quarter turns.
        """
        if isinstance(frame, np.ndarray):
            size = self._size(frame.shape[1], frame.shape[0])
            return frame if size == (frame.shape[1], frame.shape[0]) else _reduce(frame, size)
        width, height = self._size(frame.width, frame.height)
        # One converter for all frames: VideoFrame.to_ndarray(format=...) sets up a new one, with
        # its threads, for every frame.
        image = self._converter.reformat(frame, width, height, 'bgr24', interpolation=_CONVERSION, threads=1)
        return turned(image.to_ndarray(), self._turn_of(frame))

    def _turn_of(self, frame: av.VideoFrame) -> Turn:
        try:
            return self._orientations.of(frame)
        except TurnedError as error:
            raise VideoError(str(error)) from error

    def _size(self, width: int, height: int) -> tuple[int, int]:
        width, height = reduced_size(width, height, self._short_side)
        if self._even:
            return max(2, 2 * round(width / 2)), max(2, 2 * round(height / 2))
        return width, height


def reduced_size(width: int, height: int, short_side: int) -> tuple[int, int]:
    """Width and height with the shorter side at most `short_side` (0 = no limit), same shape."""
    factor = short_side / min(width, height)
    if short_side == 0 or factor >= 1:
        return width, height
    return max(1, round(width * factor)), max(1, round(height * factor))


def _is_planar(frame: av.VideoFrame) -> bool:
    return frame.format.name in _PLANAR and int(frame.colorspace) in BT601_SPACES


def _plane(plane: av.video.plane.VideoPlane, size: tuple[int, int]) -> np.ndarray:
    """A view of the part of a plane that is seen; the rows may be longer."""
    width, height = size
    return np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[:height, :width]


def _filter(factor: float) -> int:
    # Up to a factor of two the four neighbours of the linear filter are about what a new pixel covers,
    # at a fifth of the time of the area filter; beyond it they would leave pixels out.
    return cv2.INTER_LINEAR if factor <= 2 else cv2.INTER_AREA


def _reduce(plane: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    reduced: np.ndarray = cv2.resize(plane, size, interpolation=_filter(plane.shape[1] / size[0]))
    return reduced


def _reduce_chroma(plane: np.ndarray, scale: tuple[float, float], size: tuple[int, int]) -> np.ndarray:
    """Reduce by exactly `scale`, the luma's factors, to `size`.

    An odd side has one more chroma sample than half its pixels: 341 pixels have 171 samples, which
    cover 342. To stretch 320 samples over these 171 would move the colours of the right edge by a
    pixel. So the plane is continued by what is missing, and reduced by the very factors of the luma.
    """
    (fx, fy), (width, height) = scale, size
    right, below = _lacking(plane.shape[1], fx, width), _lacking(plane.shape[0], fy, height)
    if right or below:
        plane = cv2.copyMakeBorder(plane, 0, below, 0, right, cv2.BORDER_REPLICATE)
    reduced: np.ndarray = cv2.resize(plane, None, fx=fx, fy=fy, interpolation=_filter(1 / fx))
    return reduced[:height, :width]


def _lacking(length: int, factor: float, wanted: int) -> int:
    """How many samples to add to `length` so that `factor` times it is at least `wanted`, rounded."""
    return max(0, math.ceil((wanted - 0.49) / factor) - length)
