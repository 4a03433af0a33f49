"""Plan of the moving digits: which image moves how in which clip, and how many of each class."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

NUM_CLASSES = 10
NUM_FRAMES = 16
SIZE = 32
"""Pixels a side; some readers fail at widths of 16, 24 or 48."""
SIDES = (20, 27)
"""Smallest and largest side of a digit, pixels: so large that a network of a few thousand weights learns them."""
VAL_PER_CLASS = (1, 2, 5, 10, 20)
TEST_PER_CLASS = 50
PARTS = ('train', 'val', 'test')


@dataclass(frozen=True)
class Options:
    """What decides the content.

    Attributes:
        seed: >= 0.
        max_count: Training clips of the largest class. Beyond the number of its images, an image serves again, with
            another motion.
        imbalances: Largest class over smallest, >= 1.
        noise: Standard deviation of the noise of a pixel, of 255 levels. Half of the variance stands still, half is new
            in every frame.
    """

    seed: int
    max_count: int
    imbalances: tuple[float, ...]
    noise: float


@dataclass(frozen=True)
class Clip:
    """A clip to make.

    Attributes:
        part: Its index in train, val, test.
        digit: 0..9.
        number: Of the clip within its part and class.
        image: Index among scikit-learn's images.
    """

    part: int
    digit: int
    number: int
    image: int

    @property
    def name(self) -> str:
        """Its file, relative to the folder of the videos."""
        return f'{PARTS[self.part]}/digit{self.digit}_{self.number:03d}.mp4'


def class_sizes(max_count: int, imbalance: float, order: Sequence[int]) -> list[int]:
    """Training clips of each class: n_max imbalance^(-k / 9) for the k-th in `order`, rounded, at least 1.

    Args:
        max_count: n_max >= 1.
        imbalance: >= 1.
        order: The classes, largest first.
    """
    sizes = [0] * len(order)
    for place, digit in enumerate(order):
        sizes[digit] = max(1, round(max_count * imbalance ** (-place / (len(order) - 1))))
    return sizes


def plan(targets: NDArray[Any], options: Options) -> tuple[list[Clip], list[int]]:
    """Which clips there are, and the classes, largest first.

    Args:
        targets: (N,) the digit of every image.
        options: See there.
    """
    order = np.random.default_rng([options.seed, 0]).permutation(NUM_CLASSES).tolist()
    largest = [
        max(sizes)
        for sizes in zip(*(class_sizes(options.max_count, i, order) for i in options.imbalances), strict=True)
    ]
    clips = []
    for digit in range(NUM_CLASSES):
        images = np.random.default_rng([options.seed, 1, digit]).permutation(np.flatnonzero(targets == digit)).tolist()
        test, val = images[:TEST_PER_CLASS], images[TEST_PER_CLASS : TEST_PER_CLASS + VAL_PER_CLASS[-1]]
        train = images[TEST_PER_CLASS + VAL_PER_CLASS[-1] :]
        for part, pool, number in ((0, train, largest[digit]), (1, val, len(val)), (2, test, len(test))):
            clips += [Clip(part, digit, k, pool[k % len(pool)]) for k in range(number)]
    return clips, order
