"""What a detector finds in an image."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FoundObject:
    """An object that was found.

    Attributes:
        label: Counted from 0.
        name: Of the class.
        score: In [0, 1].
        box: x1, y1, x2, y2 in pixels of the image as it lies on disk.
    """

    label: int
    name: str
    score: float
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class Found:
    """What was found in an image.

    Attributes:
        path: The file, as it was given.
        objects: The best score first; of equal scores in the order of the detector.
        width: Of the image, in pixels.
        height: Likewise.
    """

    path: str
    objects: tuple[FoundObject, ...]
    width: int
    height: int
