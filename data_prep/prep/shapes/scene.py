"""A picture of shapes that overlap a little, and the pixels that are seen of each. Pure functions of a generator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

import cv2
import numpy as np
from numpy.typing import NDArray

from prep.shapes.kinds import KINDS, Outlines, draw_outlines

Mask = NDArray[np.bool_]

RADII = (0.09, 0.17)
"""Smallest and largest radius of a shape, as parts of the picture's side."""
LEAST_SEEN = 0.7
"""Part of a shape that the others leave to be seen."""
_TRIES, _SMALLER = 40, 0.9
_BACKGROUND, _DARK, _BRIGHT = (85, 145), (5, 55), (175, 250)
_NOISE = 6.0
"""Standard deviation, of 255 levels."""
_SHIFT = 4
"""Bits of a pixel that OpenCV places corners by."""


@dataclass(frozen=True)
class Scene:
    """A picture.

    Attributes:
        image: (side, side, 3) uint8, RGB.
        seen: The pixels of each shape that no later one covers, each (side, side).
    """

    image: NDArray[np.uint8]
    seen: list[Mask]


def draw_scene(labels: Sequence[int], side: int, rng: np.random.Generator) -> Scene:
    """Draw shapes of these classes at random places, the later ones over the earlier.

    Each lies within the picture, and at least `LEAST_SEEN` of it stays to be seen. Where there is no room they are
    drawn smaller.

    Args:
        labels: Places in `KINDS`; none gives the background.
        side: Width and height in pixels.
        rng: Decides all else.
    """
    masks = next(found for power in count() if (found := _arranged(labels, side, _SMALLER**power, rng)) is not None)
    image = _background(side, rng)
    for mask in masks:
        image[mask] = rng.uniform(*(_BRIGHT if rng.random() < 0.5 else _DARK), 3)
    image += rng.normal(0, _NOISE, (side, side, 1))
    return Scene(np.clip(np.rint(image), 0, 255).astype(np.uint8), seen_of(masks))


def seen_of(masks: Sequence[Mask]) -> list[Mask]:
    """What is seen of each mask if the later ones lie over the earlier."""
    seen = list(masks)
    for later in range(1, len(masks)):
        for earlier in range(later):
            seen[earlier] = seen[earlier] & ~masks[later]
    return seen


def fill(outlines: Outlines, side: int) -> Mask:
    """The pixels within an odd number of outlines, given in pixels; whole numbers are centres of pixels."""
    corners = [np.rint(points * (1 << _SHIFT)).astype(np.int32) for points in outlines]
    mask = np.zeros((side, side), np.uint8)
    cv2.fillPoly(mask, corners, 1, shift=_SHIFT)
    return mask.astype(bool)


def _arranged(labels: Sequence[int], side: int, scale: float, rng: np.random.Generator) -> list[Mask] | None:
    """A mask for each shape; None if one found no place."""
    masks: list[Mask] = []
    for label in labels:
        tried = (_placed(label, side, scale, rng) for _ in range(_TRIES))
        mask = next((mask for mask in tried if _leaves_seen([*masks, mask])), None)
        if mask is None:
            return None
        masks.append(mask)
    return masks


def _placed(label: int, side: int, scale: float, rng: np.random.Generator) -> Mask:
    radius = scale * rng.uniform(*RADII) * side
    # A pixel is left on either side, for lines that are drawn along the edge.
    centre = rng.uniform(radius + 1, side - radius - 2, 2)
    return fill([points * radius + centre for points in draw_outlines(KINDS[label], rng)], side)


def _leaves_seen(masks: Sequence[Mask]) -> bool:
    return all(seen.sum() >= LEAST_SEEN * mask.sum() for seen, mask in zip(seen_of(masks), masks, strict=True))


def _background(side: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Soft blots of grey tones, a little coloured; (side, side, 3)."""
    blots = rng.uniform(*_BACKGROUND, (5, 5, 1)) + rng.uniform(-12, 12, (5, 5, 3))
    image: NDArray[np.float64] = cv2.resize(blots, (side, side), interpolation=cv2.INTER_LINEAR)
    return image
