"""The part of an image around an object, with its box and that of what was found there, as a small picture."""

from __future__ import annotations

import base64

import numpy as np

from cdb_video.difficulty.formulas import FloatVector
from cdb_video.report.sources.clip_pictures import Image

OBJECT_COLOUR = 'blue'
FOUND_COLOUR = 'orange'
HEIGHT, WIDTH = 120, 240
"""Of a picture at most, in pixels."""
_MARGIN = 0.3
"""Around the boxes, in their longer side."""
_LEAST_MARGIN = 8
_BGR = {OBJECT_COLOUR: (178, 114, 0), FOUND_COLOUR: (0, 140, 255)}  # told apart by all kinds of colour vision
_QUALITY = 75


def crop_address(image: Image, box: FloatVector, found: FloatVector | None = None) -> str:
    """The crop as a ``data:image/jpeg`` address. Needs OpenCV.

    Args:
        image: (H, W, 3) uint8 BGR.
        box: (4,) float, of the object: x1, y1, x2, y2 in pixels of the image; framed in blue.
        found: (4,) float, of the detection, framed in orange; None = there is none.

    Raises:
        ValueError: If the box lies outside the image.
    """
    import cv2

    crop = draw_crop(image, box, found)
    _, encoded = cv2.imencode('.jpg', crop, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return 'data:image/jpeg;base64,' + base64.b64encode(encoded.tobytes()).decode()


def draw_crop(image: Image, box: FloatVector, found: FloatVector | None = None) -> Image:
    """The crop, (h, w, 3) uint8 BGR with h <= `HEIGHT` and w <= `WIDTH`, one of them equal; see `crop_address`.

    Example: a box of 40 x 20 pixels in the middle of an image: 12 pixels more on all sides, 64 x 44, are shown in
    175 x 120.
    """
    import cv2

    left, top, right, bottom = _window(image, box, found)
    part = image[top:bottom, left:right]
    height, width = part.shape[:2]
    scale = min(HEIGHT / height, WIDTH / width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    drawn = cv2.resize(part, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    # That of the object comes last, so that it is seen where both lie on each other.
    for one, colour in ((found, FOUND_COLOUR), (box, OBJECT_COLOUR)):
        if one is not None:
            x1, y1, x2, y2 = (int(value) for value in np.rint((one - [left, top, left, top]) * scale))
            corner = min(x2, size[0] - 1), min(y2, size[1] - 1)
            cv2.rectangle(drawn, (max(x1, 0), max(y1, 0)), corner, _BGR[colour], 2)
    return np.asarray(drawn, np.uint8)


def _window(image: Image, box: FloatVector, found: FloatVector | None) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what is shown, within the image."""
    height, width = image.shape[:2]
    x1, y1, x2, y2 = box
    if x2 <= 0 or y2 <= 0 or x1 >= width or y1 >= height:
        corners = ', '.join(f'{value:g}' for value in box)
        raise ValueError(f'the box {corners} lies outside the image, which is {width} x {height}: is it another image?')
    boxes = np.stack([box] if found is None else [box, found])
    low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    margin = max(_LEAST_MARGIN, _MARGIN * float((high - low).max()))
    (left, top), (right, bottom) = np.floor(low - margin), np.ceil(high + margin)
    return max(int(left), 0), max(int(top), 0), min(int(right), width), min(int(bottom), height)
