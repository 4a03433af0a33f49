"""How the sizes of the classes fall, from the largest to the smallest. Pure functions."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence

import numpy as np

POWER = 6.0
"""The Pareto exponent of ImageNet-LT (Liu et al., CVPR 2019)."""
PROFILES = ('exponential', 'pareto', 'natural')
_TINY = 1e-9


class OrderError(ValueError):
    """An order of the classes is none; the message says what, the rule and what to do."""


def class_sizes(profile: str, num_classes: int, largest: int, imbalance: float) -> list[int]:
    """Images of each class, largest first; rounded down, at least 1.

    Of the largest class k is 0, of the smallest C - 1; n_min = n_max / imbalance.

    * exponential: n_k = n_max imbalance^(-k / (C - 1)), the rule of the class-balanced loss (Cui et al., CVPR 2019) and
      of LDAM (Cao et al., NeurIPS 2019); of CIFAR-100 it takes 10,847 images at imbalance 100.
    * pareto: n_k = n_min + (n_max - n_min) q_k / q_0, where q_k = ((k + 1) / C)^(-1/6) - 1 are the quantiles of the
      distribution that `numpy.random.pareto(6)` draws from. ImageNet-LT's sizes were drawn with numpy (its authors,
      issue 38 of OpenLongTailRecognition-OLTR). Quantiles in the place of draws are our choice: the sizes need no
      seed, and a stronger imbalance takes a part of a weaker one. For 1,000 classes of 1,280 to 5 images they give
      121,449 images; ImageNet-LT has 115,846.

    Args:
        profile: 'exponential' or 'pareto'.
        num_classes: C >= 2.
        largest: n_max >= 1.
        imbalance: >= 1.
    """
    places = np.arange(num_classes)
    if profile == 'exponential':
        sizes = largest * imbalance ** (-places / (num_classes - 1))
    else:
        quantiles = ((places + 1) / num_classes) ** (-1 / POWER) - 1
        smallest = largest / imbalance
        sizes = smallest + (largest - smallest) * quantiles / quantiles[0]
    # 2000 * 0.01 may be a hair below 20.
    return [max(1, math.floor(size + _TINY)) for size in sizes.tolist()]


def class_order(num_classes: int, order: int | Sequence[int] | None) -> list[int]:
    """The labels, largest class first.

    Args:
        num_classes: C.
        order: A seed that draws them, or all labels as they are to be; None = in the order of the labels.

    Raises:
        OrderError: If a label is missing, stands there twice, or there is no such class.
    """
    if order is None:
        return list(range(num_classes))
    if isinstance(order, int):
        return [int(label) for label in np.random.default_rng([order, 0]).permutation(num_classes)]
    if sorted(order) != list(range(num_classes)):
        raise OrderError(
            f'--class-order {",".join(map(str, order))}: of the labels 0 to {num_classes - 1} each must stand there '
            'once, the most frequent class first. Give them all, or a seed that draws the order'
        )
    return list(order)


def largest_within(total: int, num_classes: int, imbalance: float) -> int:
    """The largest n_max whose exponential profile has `total` members at most; 0 if even one a class are more.

    Args:
        total: >= 0.
        num_classes: C >= 2.
        imbalance: >= 1; 1 gives as many to every class.
    """

    def is_too_much(largest: int) -> bool:
        return sum(class_sizes('exponential', num_classes, largest, imbalance)) > total

    return bisect_left(range(1, total + 1), True, key=is_too_much)


def largest_possible(profile: str, available: Sequence[int], imbalance: float) -> int:
    """The largest n_max for which every class has images enough; 0 if there is none.

    Args:
        profile: See `class_sizes`.
        available: Images of each class, in the order of the profile.
        imbalance: >= 1.
    """

    def is_too_much(largest: int) -> bool:
        sizes = class_sizes(profile, len(available), largest, imbalance)
        return any(size > have for size, have in zip(sizes, available, strict=True))

    return bisect_left(range(1, available[0] + 1), True, key=is_too_much)
