"""Video frames -> JPEG files, reduced as `frame_planes` says; from the colour planes where it can be."""

from __future__ import annotations

import cv2
import numpy as np
import simplejpeg

from prep.decode.frame_planes import FrameReducer
from prep.frames.clip_frames import Frame
from prep.frames.manifest import Options


class JpegEncoder:
    """Encodes the frames of one clip.

    Args:
        options: `short_side` and `quality` of them.

    Attributes:
        size: Width and height of the frames, in pixels; (0, 0) before the first.
    """

    def __init__(self, options: Options) -> None:
        self._reducer = FrameReducer(options.short_side)
        self._quality = options.quality
        self.size = (0, 0)

    def encode(self, frame: Frame) -> bytes:
        """A JPEG file, 4:2:0, of a frame.

        Raises:
            VideoError: See `FrameReducer`.
        """
        planes = None if isinstance(frame, np.ndarray) else self._reducer.planes(frame)
        if planes is not None:
            self.size = (planes[0].shape[1], planes[0].shape[0])
            luma, blue, red = _with_even_rows(planes[0]), *map(np.ascontiguousarray, planes[1:])
            from_planes: bytes = simplejpeg.encode_jpeg_yuv_planes(luma, blue, red, quality=self._quality)
            return from_planes
        image = np.ascontiguousarray(self._reducer.image(frame))
        self.size = (image.shape[1], image.shape[0])
        from_image: bytes = simplejpeg.encode_jpeg(
            image, quality=self._quality, colorspace='BGR', colorsubsampling='420'
        )
        return from_image


def _with_even_rows(luma: np.ndarray) -> np.ndarray:
    """The same (H, W) plane, in memory that goes on to an even height and width.

    The encoder reads two columns and rows of luma for each of chroma, past the end of an odd side:
    pixels that nobody sees but the encoder, which would make of them what happens to lie there.
    """
    height, width = luma.shape
    if height % 2 == 0 and width % 2 == 0:
        return np.ascontiguousarray(luma)
    grown: np.ndarray = cv2.copyMakeBorder(luma, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
    return grown[:height, :width]


def why_no_jpeg(data: bytes, size: tuple[int, int]) -> str | None:
    """What is wrong with a JPEG file that should show (width, height) pixels; None = nothing."""
    try:
        shape = simplejpeg.decode_jpeg(data, colorspace='GRAY').shape
    except ValueError as error:
        return f'cannot be decoded ({error})'
    if (shape[1], shape[0]) != size:
        return f'is {shape[1]}x{shape[0]}, not {size[0]}x{size[1]}'
    return None
