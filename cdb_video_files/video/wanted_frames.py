"""The frames that a sample asks for, each of which is decoded once however often it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Wanted:
    """Frames in the order in which they are asked for: place 0, 1, ...

    Args:
        places: (N,) int, frame of each place.

    Attributes:
        frames: The different frames, rising.
        numbers: For each place, the position of its frame in `frames`.
    """

    def __init__(self, places: NDArray[Any]) -> None:
        frames, first, numbers = np.unique(places, return_index=True, return_inverse=True)
        self.frames: list[int] = frames.tolist()
        self.numbers: list[int] = numbers.ravel().tolist()
        self._first: list[int] = first.tolist()

    def first_places(self) -> tuple[int, list[int]]:
        """Number of places; and for each of `frames`, the first place that asks for it."""
        return len(self.numbers), self._first

    def repeats(self) -> Iterator[tuple[int, int]]:
        """Each place whose frame has been asked for before, with the first place that did."""
        for place, number in enumerate(self.numbers):
            if place != self._first[number]:
                yield place, self._first[number]
