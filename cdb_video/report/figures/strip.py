"""The classes of a validation as one small image, for TensorBoard and its like."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Cividis in nine steps, dark blue to yellow.
_CIVIDIS = np.array(
    [
        (0, 34, 78), (31, 52, 109), (65, 77, 107), (93, 101, 111), (124, 123, 120),
        (154, 147, 119), (187, 172, 108), (223, 200, 86), (254, 232, 56),
    ],
    np.float64,
)  # fmt: skip
_WIDTH = 1000
_ROW_HEIGHT = 24
_GAP = 4


def class_strip(vectors: Sequence[ArrayLike], order: Sequence[int]) -> NDArray[np.uint8]:
    """One row of cells a vector, one cell a class: dark blue for 0, yellow for the greatest value of the row.

    Args:
        vectors: (C,) float >= 0 each. Of a first row that is a difficulty, the greatest value counts as 1.
        order: The classes from left to right.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    width = max(2, min(24, _WIDTH // len(order)))
    rows: list[NDArray[np.uint8]] = []
    for place, vector in enumerate(vectors):
        values = np.asarray(vector, np.float64)[list(order)]
        top = 1.0 if place == 0 else values.max()
        colours = _colours(values / top if top > 0 else values)
        rows.append(np.repeat(np.repeat(colours[None], _ROW_HEIGHT, axis=0), width, axis=1))
        rows.append(np.full((_GAP, width * len(order), 3), 255, np.uint8))
    return np.concatenate(rows[:-1])


def _colours(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    """(n,) in [0, 1] to (n, 3)."""
    places = np.linspace(0, 1, len(_CIVIDIS))
    channels = [np.interp(values, places, _CIVIDIS[:, channel]) for channel in range(3)]
    return np.round(np.stack(channels, axis=-1)).astype(np.uint8)
