"""Frames of any pixel format -> RGB, upright, of which only what is asked for is converted.

8-bit YUV is cropped, resized and flipped plane by plane, and what is left is converted by the exact matrix of its
colour space and range. swscale's usual conversion, which decord, PyAV and OpenCV share, is about a level too dark.
All else (more bits, RGB, odd sides, turned frames) takes swscale's exact way to RGB first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from cdb_video_files.video.errors import FrameError
from cdb_video_files.video.orientation import UPRIGHT, Orientations, turned
from cdb_video_files.video.partial_resize import resize_part

Image: TypeAlias = NDArray[np.uint8]


@dataclass(frozen=True)
class Resize:
    """To (width, height) pixels; `interpolation` is one of OpenCV's."""

    width: int
    height: int
    interpolation: int = cv2.INTER_LINEAR


@dataclass(frozen=True)
class Crop:
    """To the box of columns [left, right) and rows [top, bottom)."""

    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True)
class Flip:
    """Left and right exchanged, or top and bottom."""

    vertical: bool = False


Step: TypeAlias = Resize | Crop | Flip


class MatrixError(FrameError):
    """The colours of frames are stored by a matrix that nothing here converts."""


_PLANAR = frozenset(f'yuv{full}{sampling}p' for full in ('', 'j') for sampling in (420, 422, 444))
# Red's and blue's share of luma, by AVColorSpace. 2, not specified, is taken for BT.601 at any size, as swscale,
# and with it OpenCV, decord and PyAV, takes it.
_BT601 = (0.299, 0.114)
BT601_SPACES = (2, 5, 6)
"""AVColorSpace of BT.601: not specified, and its two names."""
_SHARES = {1: (0.2126, 0.0722), 9: (0.2627, 0.0593)} | dict.fromkeys(BT601_SPACES, _BT601)
# Those besides that swscale converts: RGB, FCC, SMPTE 240M; and names of those that it does not.
_BY_SWSCALE = (0, 4, 7)
_NAMES = {
    8: 'YCgCo',
    10: 'BT.2020 with constant luminance',
    11: 'SMPTE ST 2085',
    12: 'derived from the primaries',
    13: 'derived from the primaries, with constant luminance',
    14: 'ICtCp',
    15: 'IPT-C2',
    16: 'YCgCo-Re',
    17: 'YCgCo-Ro',
}
_JPEG_RANGE = 2


def apply_steps(image: Image, steps: Sequence[Step]) -> Image:
    """Resize, crop and flip an image (H, W) or (H, W, C); a view of it where that is enough."""
    for step in steps:
        if isinstance(step, Crop):
            image = image[step.top : step.bottom, step.left : step.right]
        elif isinstance(step, Flip):
            image = cv2.flip(image, 0 if step.vertical else 1)
        elif (step.width, step.height) != (image.shape[1], image.shape[0]):
            image = cv2.resize(image, (step.width, step.height), interpolation=step.interpolation)
    return image


def stepped_size(size: tuple[int, int], steps: Sequence[Step]) -> tuple[int, int]:
    """Width and height of an image of `size` after all steps.

    Raises:
        ValueError: If a crop reaches beyond the image, which slicing would not notice.
    """
    width, height = size
    for step in steps:
        if isinstance(step, Crop):
            if not (0 <= step.left < step.right <= width and 0 <= step.top < step.bottom <= height):
                raise ValueError(
                    f'a crop of columns {step.left}..{step.right} and rows {step.top}..{step.bottom} does not lie in '
                    f'a frame of {width}x{height}. Resize the frames first, or crop less'
                )
            width, height = step.right - step.left, step.bottom - step.top
        elif isinstance(step, Resize):
            width, height = step.width, step.height
    return width, height


def check_matrix(frame: Any) -> None:
    """Raise a MatrixError if an av.VideoFrame cannot be converted for its colour matrix."""
    if int(frame.colorspace) not in _SHARES and int(frame.colorspace) not in _BY_SWSCALE:
        RgbConverter().rgb(frame)


class RgbConverter:
    """Converts the frames of one clip; holds swscale's context between them, and how they are turned."""

    def __init__(self) -> None:
        self._swscale: Any = None
        self._orientations = Orientations()

    def shown_size(self, frame: Any) -> tuple[int, int]:
        """Width and height of an av.VideoFrame as it is to be shown, or of an image (H, W, 3).

        Raises:
            TurnedError: If the frame is to be shown turned by other than quarter turns.
        """
        if isinstance(frame, np.ndarray):
            return frame.shape[1], frame.shape[0]
        return (frame.width, frame.height) if self._orientations.of(frame)[0] else (frame.height, frame.width)

    def rgb(self, frame: Any, steps: Sequence[Step] = (), out: Image | None = None) -> Image:
        """(h, w, 3) uint8 RGB.

        Args:
            frame: An av.VideoFrame, or an image (H, W, 3) uint8 RGB.
            steps: What to do with it, in this order, within what `stepped_size` lets pass.
            out: Where to write the result, of its shape; None = where there is room, or a view of an image.

        Raises:
            MatrixError: If the frame's colours are stored by a matrix that swscale does not know.
            TurnedError: If the frame is to be shown turned by other than quarter turns.
        """
        if isinstance(frame, np.ndarray):
            return _put(frame, steps, out)
        turn = self._orientations.of(frame)
        even = frame.width % 2 == frame.height % 2 == 0
        if turn != UPRIGHT or not even or frame.format.name not in _PLANAR or int(frame.colorspace) not in _SHARES:
            return _put(turned(self._reformatted(frame), turn), steps, out)
        full = frame.format.name.startswith('yuvj') or int(frame.color_range) == _JPEG_RANGE
        planes = cv2.merge(_stepped(_planes(frame), steps))
        rgb: Image = cv2.transform(planes, _matrix(int(frame.colorspace), full), dst=out)
        return rgb

    def _reformatted(self, frame: Any) -> Image:
        from av.error import FFmpegError
        from av.video.reformatter import Interpolation, VideoReformatter

        if self._swscale is None:
            # One for all frames: VideoFrame.to_ndarray(format=...) sets up a new one, with threads, for every frame.
            self._swscale = VideoReformatter()
        exact = (
            Interpolation.BILINEAR
            | Interpolation.ACCURATE_RND
            | Interpolation.FULL_CHR_H_INP
            | Interpolation.FULL_CHR_H_INT
        )
        # A size given is a size that it need not ask the frame for; the same one, so that nothing is scaled here.
        try:
            converted = self._swscale.reformat(
                frame, frame.width, frame.height, 'rgb24', interpolation=exact, threads=1
            )
        except FFmpegError as error:
            number = int(frame.colorspace)
            matrix = f'colour matrix {number}, {_NAMES.get(number, "without a name")}'
            raise MatrixError(f'swscale does not convert its frames ({frame.format.name}, {matrix})') from error
        image: Image = converted.to_ndarray()
        return image


def _put(image: Image, steps: Sequence[Step], out: Image | None) -> Image:
    """Apply the steps and write the result to `out`, if it is given; a last flip writes there itself."""
    if out is None:
        return apply_steps(image, steps)
    if steps and isinstance(steps[-1], Flip):
        image = apply_steps(image, steps[:-1])
        cv2.flip(image, 0 if steps[-1].vertical else 1, dst=out)
    else:
        out[...] = apply_steps(image, steps)
    return out


def _planes(frame: Any) -> list[Image]:
    """Y, Cb and Cr: views of what is seen of the planes, whose rows may be longer."""
    return [
        np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]
        for plane in frame.planes
    ]


def _stepped(planes: list[Image], steps: Sequence[Step]) -> list[Image]:
    """The planes after all steps, all of one size.

    The first step to a size brings the colour planes to the size of the luma at once: both cover the same area.
    """
    luma = planes[0]
    size = Resize(luma.shape[1], luma.shape[0])
    if any(plane.shape != luma.shape for plane in planes[1:]) and not (steps and isinstance(steps[0], Resize)):
        steps = [size, *steps]
    match steps:
        case [Resize(interpolation=cv2.INTER_LINEAR) as first, Crop() as crop, *rest]:
            whole, box = (first.width, first.height), (crop.left, crop.top, crop.right, crop.bottom)
            planes = [resize_part(plane, whole, box, first.interpolation) for plane in planes]
            steps = rest
    return [apply_steps(plane, steps) for plane in planes]


@cache
def _matrix(colorspace: int, full_range: bool) -> NDArray[np.float64]:
    """(3, 4): R, G, B from Y, Cb, Cr and 1."""
    red, blue = _SHARES[colorspace]
    green = 1 - red - blue
    luma, chroma, black = (1.0, 1.0, 0) if full_range else (255 / 219, 255 / 224, 16)
    by_cb = np.array([0, -2 * (1 - blue) * blue / green, 2 * (1 - blue)]) * chroma
    by_cr = np.array([2 * (1 - red), -2 * (1 - red) * red / green, 0]) * chroma
    return np.stack([np.full(3, luma), by_cb, by_cr, -luma * black - 128 * (by_cb + by_cr)], axis=1)
