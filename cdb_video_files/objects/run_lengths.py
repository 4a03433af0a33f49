"""Masks as run lengths, in COCO's two forms: lists of whole numbers, and the same packed into a text.

    {'size': [height, width], 'counts': [background, object, background, ...]}

Pixels are counted down the columns, from the top left; the first run is of the background and may be 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_FIRST, _BITS = 48, 5
"""Code of the first character, and bits of a number that one holds; the sixth says that more follow."""


class RunLengthError(ValueError):
    """A mask is none; the message says what is wrong with it, without its place."""


def encode_runs(mask: NDArray[np.bool_]) -> dict[str, Any]:
    """A mask (height, width) as JSON can hold it, with its runs as a list."""
    flat = mask.ravel(order='F')
    ends = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    runs = np.diff([0, *ends, flat.size]).tolist()
    return {'size': list(mask.shape), 'counts': [0, *runs] if flat[0] else runs}


def read_runs(segmentation: Any) -> tuple[list[int], int, int]:
    """Run lengths as a file has them, checked.

    Args:
        segmentation: What JSON gave: 'size' and 'counts', a list or a text.

    Returns:
        The runs, height and width.

    Raises:
        RunLengthError: If a part is missing, of another kind, or the runs are not as long as the image.
    """
    if not isinstance(segmentation, dict) or not {'size', 'counts'} <= segmentation.keys():
        raise RunLengthError("no size and counts in it, as in {'size': [height, width], 'counts': [...]}")
    size, counts = segmentation['size'], segmentation['counts']
    if not isinstance(size, list) or len(size) != 2 or any(type(side) is not int or side < 1 for side in size):
        raise RunLengthError(f'size is {size!r}, not [height, width] in pixels')
    runs = _unpacked(counts) if isinstance(counts, str) else counts
    if not isinstance(runs, list) or any(type(run) is not int or run < 0 for run in runs):
        raise RunLengthError('counts has something else than whole numbers >= 0')
    if sum(runs) != size[0] * size[1]:
        raise RunLengthError(f'counts has {sum(runs)} pixels, not the {size[0] * size[1]} of {size[1]}x{size[0]}')
    return runs, size[0], size[1]


def _unpacked(text: str) -> list[int]:
    """The numbers of a packed text, five bits a character, the lowest first.

    From the fourth on, what stands there is how much more a number is than the one two places before it.
    """
    runs: list[int] = []
    value = shift = 0
    for character in text:
        code = ord(character) - _FIRST
        if not 0 <= code < 1 << (_BITS + 1):
            raise RunLengthError(f'counts has the character {character!r}, which no packed run length has')
        value |= (code & 31) << shift
        shift += _BITS
        if code & 32:
            continue
        if code & 16:  # the sign
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = shift = 0
    if shift:
        raise RunLengthError('counts is cut off')
    return runs


def decode_runs(runs: Sequence[int], height: int, width: int) -> NDArray[np.bool_]:
    """The mask (height, width) of checked runs."""
    is_object = np.arange(len(runs)) % 2 == 1
    return np.repeat(is_object, runs).reshape(width, height).T


def bounds_of_runs(runs: Sequence[int], height: int) -> tuple[int, int, int, int] | None:
    """Left, top, right and bottom of the pixels of checked runs, right and bottom excluded; None if there are none."""
    ends = np.cumsum(runs)
    starts, stops = ends[0::2][: len(runs) // 2], ends[1::2]
    starts, stops = starts[starts < stops], stops[starts < stops]
    if not len(starts):
        return None
    left, right = int(starts[0] // height), int((stops[-1] - 1) // height)
    # A run that goes on in the next column has the last row and the first one.
    is_long = starts // height < (stops - 1) // height
    top = 0 if is_long.any() else int((starts % height).min())
    bottom = height - 1 if is_long.any() else int(((stops - 1) % height).max())
    return left, top, right + 1, bottom + 1
