"""Orientation: how the frames of a clip are to be turned and mirrored before they are shown."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cdb_video_files.video.errors import FrameError

Turn: TypeAlias = tuple[int, int, int, int]
"""The part (a, b, c, d) of a display matrix that turns and mirrors: x' = a x + c y, y' = b x + d y; each -1, 0 or 1."""
UPRIGHT: Turn = (1, 0, 0, 1)


class TurnedError(FrameError):
    """Frames are to be shown turned by other than quarter turns."""


class Orientations:
    """The turns of the frames of one clip, read once for each angle that they have.

    To read it from every frame would keep each of them in memory until the garbage collector comes by, since in PyAV a
    frame and its side data hold each other.
    """

    def __init__(self) -> None:
        self._turns: dict[int, Turn] = {}

    def of(self, frame: Any) -> Turn:
        """How to turn and mirror an av.VideoFrame.

        Raises:
            TurnedError: If that is by other than quarter turns.
        """
        angle = frame.rotation
        if angle not in self._turns:
            self._turns[angle] = _turn_of(frame)
        return self._turns[angle]


def turned(image: NDArray[Any], turn: Turn) -> NDArray[Any]:
    """Show an image (H, W) or (H, W, C) as a turn says. Example: a quarter turn, (0, 1, -1, 0), makes it (W, H)."""
    if turn == UPRIGHT:
        return image
    a, b, c, d = turn
    if b:
        image = image.swapaxes(0, 1)
        a, d = c, b
    return np.ascontiguousarray(image[::d, ::a])


def _turn_of(frame: Any) -> Turn:
    data = frame.side_data.get('DISPLAYMATRIX')
    if data is None:
        return UPRIGHT
    numbers = [number / 65536 for number in np.frombuffer(data, np.int32)[[0, 1, 3, 4]].tolist()]
    a, b, c, d = turn = tuple(round(number) for number in numbers)
    quarter = sorted((abs(a), abs(b))) == [0, 1] and (abs(c), abs(d)) == (abs(b), abs(a))
    if not quarter or not all(math.isclose(*pair, abs_tol=0.01) for pair in zip(numbers, turn, strict=True)):
        raise TurnedError(f'its frames are to be shown turned by other than quarter turns ({numbers})')
    return a, b, c, d
