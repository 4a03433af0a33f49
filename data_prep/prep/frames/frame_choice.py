"""Which frames of a clip are written: all, every n-th, or so many per second."""

from __future__ import annotations

import math
from fractions import Fraction

from prep.frames.manifest import Options

# A frame may lie this part of an interval early: timestamps are rounded to the container's clock.
_ROUNDING = 0.01


class FrameChoice:
    """Asked frame by frame, from the first on.

    Args:
        options: `stride` or `fps` of them.
        rate: Frames per second, for frames without a timestamp; None = not known.
    """

    def __init__(self, options: Options, rate: Fraction | None) -> None:
        self._stride = options.stride
        self._fps = options.fps
        self._rate = rate
        self._start: float | None = None
        self._interval = -1

    def wants(self, index: int, seconds: float | None) -> bool:
        """Whether frame `index`, from 0, shown at `seconds`, is one.

        With `fps` it is the first frame in each interval of 1/fps seconds. So a clip of constant rate
        gives every n-th frame where n is whole, and one of variable rate follows its own clock; no
        frame is doubled.

        Raises:
            ValueError: With `fps`, if neither a timestamp nor a frame rate is known.
        """
        if self._fps is None:
            return index % self._stride == 0
        if seconds is None:
            if not self._rate:
                raise ValueError('has neither timestamps nor a frame rate. Use --stride in place of --fps')
            seconds = float(index / self._rate)
        if self._start is None:
            self._start = seconds
        interval = math.floor((seconds - self._start) * self._fps + _ROUNDING)
        if interval <= self._interval:
            return False
        self._interval = interval
        return True
