"""A part of a resized image, for the price of that part.

640 columns to 341: column i is taken at (i + 0.5) * 640 / 341 - 0.5 of the source. For columns 50 to 274, OpenCV
would have to start at 50 * 640 / 341 = 93.84 of the source. It starts at whole ones only, so the part starts a
little earlier, where that is nearest to whole: at column 49, 91.96 of the source.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

# How many columns, or rows, a part may start before the first that is wanted: enough for rows of the usual sizes (480
# to 256) to start at a whole one.
_LEAD = 16
# How far the places from which a pixel is taken may be off, in pixels of the source. Else all is resized.
_MOST_SHIFT = 1 / 15
# Of images with a side below this OpenCV rounds the size of a part in ways of its own.
_SMALLEST = 32


def resize_part(
    image: NDArray[np.uint8], size: tuple[int, int], box: tuple[int, int, int, int], interpolation: int
) -> NDArray[np.uint8]:
    """Resize an image (H, W) or (H, W, C) to `size` and crop it to `box`, without the rest.

    Args:
        image: The whole image.
        size: Width and height of all of it, when resized.
        box: Left, top, right and bottom of the part, in pixels of the resized image.
        interpolation: One of OpenCV's that looks at the nearest neighbours alone, such as INTER_LINEAR.
    """
    left, top, right, bottom = box
    scale_x, scale_y = image.shape[1] / size[0], image.shape[0] / size[1]
    first_x, begin_x, end_x = _span(left, right, scale_x, image.shape[1])
    first_y, begin_y, end_y = _span(top, bottom, scale_y, image.shape[0])
    # Not by the size of the result: the factors would be others then, for it is rounded.
    shift = max(abs(first_x * scale_x - begin_x), abs(first_y * scale_y - begin_y))
    width, height = end_x - begin_x, end_y - begin_y
    # What comes out as large as it is, OpenCV takes for what is not to be resized.
    is_copied = (round(width / scale_x), round(height / scale_y)) == (width, height) and (scale_x, scale_y) != (1, 1)
    if shift > _MOST_SHIFT or is_copied or min(*image.shape[:2], *size) < _SMALLEST:
        whole: NDArray[np.uint8] = cv2.resize(image, size, interpolation=interpolation)
        return whole[top:bottom, left:right]
    part = cv2.resize(
        image[begin_y:end_y, begin_x:end_x], None, fx=1 / scale_x, fy=1 / scale_y, interpolation=interpolation
    )
    wanted: NDArray[np.uint8] = part[top - first_y : bottom - first_y, left - first_x : right - first_x]
    return wanted


def _span(first: int, last: int, scale: float, length: int) -> tuple[int, int, int]:
    """Where a part starts in the result, and where in the source it starts and ends; `first` to `last` are in it."""
    # Enlarged, the first columns lie nearer to the column of the source before, which a part does not have.
    latest = max(0, first - max(0, math.ceil((0.5 + _MOST_SHIFT) / scale - 0.5)))
    start = min(range(latest, max(-1, latest - _LEAD), -1), key=lambda place: abs(place * scale - round(place * scale)))
    return start, round(start * scale), min(length, math.ceil(last * scale) + 2)
