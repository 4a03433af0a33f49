"""Masks as polygons that run along the edges of their pixels, so that the polygons hold the very same pixels."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Corners = list[tuple[int, int]]

_AHEAD = ((1, 0), (0, 1), (-1, 0), (0, -1))
"""Right, down, left, up, in the order in which one turns to the right."""
_RIGHT_PIXEL = ((0, 0), (-1, 0), (-1, -1), (0, -1))
"""From a corner, of the two pixels ahead the one to the right; the other one is that of the next turn to the left."""


def outlines(mask: Mask) -> list[Corners]:
    """The corners of polygons that together cover the pixels of a mask, each pixel once.

    Coordinates are those of pixel edges: the polygon (0, 0), (2, 0), (2, 1), (0, 1) covers the first two pixels of the
    first row. Parts that touch at a corner alone are polygons of their own. A polygon cannot have a hole, so what has
    one is cut in two through it, from top to bottom.

    Args:
        mask: (height, width).

    Returns:
        Corners as (x, y), clockwise as one sees them; none for an empty mask.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return []
    top, left = int(rows[0]), int(columns[0])
    inner = mask[top : rows[-1] + 1, left : columns[-1] + 1]
    return [[(x + left, y + top) for x, y in _boundary(part)] for part in _without_holes(inner)]


def _without_holes(mask: Mask) -> Iterator[Mask]:
    """Parts that hang together along edges, cut until none has a hole."""
    number, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    for label in range(1, number):
        part: Mask = labels == label
        column = _column_of_hole(part)
        if column is None:
            yield part
        else:
            for side in (slice(None, column), slice(column, None)):
                half = np.zeros_like(part)
                half[:, side] = part[:, side]
                yield from _without_holes(half)


def _column_of_hole(part: Mask) -> int | None:
    """The middle column of a hole; None if there is no hole."""
    number, labels = cv2.connectedComponents(1 - np.pad(part, 1).astype(np.uint8), connectivity=8)
    for label in range(1, number):
        if label != labels[0, 0]:
            columns = np.flatnonzero((labels == label).any(axis=0)) - 1
            return int(columns[0] + columns[-1] + 1) // 2
    return None


def _boundary(part: Mask) -> Corners:
    """Walk round a part without holes, its pixels to the right."""
    cells = np.pad(part, 1).tolist()
    y = int(np.flatnonzero(part.any(axis=1))[0])
    x = int(np.flatnonzero(part[y])[0])
    corners: Corners = [(x, y)]
    heading = 0
    while True:
        x, y = x + _AHEAD[heading][0], y + _AHEAD[heading][1]
        right, left = (_RIGHT_PIXEL[turn % 4] for turn in (heading, heading + 3))
        if not cells[y + right[1] + 1][x + right[0] + 1]:
            turn = 1
        elif cells[y + left[1] + 1][x + left[0] + 1]:
            turn = 3
        else:
            continue
        if (x, y) == corners[0]:  # the top left corner of the part, which is met but once
            return corners
        corners.append((x, y))
        heading = (heading + turn) % 4
