"""Which classes images show, and how often an image is drawn that shows several: pure numpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from cdb_video.checks import check_tau
from cdb_video.difficulty.formulas import FloatVector, IntVector
from cdb_video.difficulty.vectors import unit_vector
from cdb_video.samplers.draw_order import Indices, clips_by_class

_LARGEST_LOG = 200.0
"""Of a factor, e^200: an image with such a factor is all that is drawn; larger ones would end in inf / inf."""


@dataclass(frozen=True, eq=False)
class ImageClasses:
    """The pairs of an image and a class that it shows, in the order of the images.

    Attributes:
        num_images: N, those without objects included.
        classes: (P,) int64, the class of every pair.
        images: (P,) int64, its image; ascending.
        counts: (P,) int64, how many objects of the class the image has, >= 1.
        class_counts: (C,) int64, images that show each class.
    """

    num_images: int
    classes: IntVector
    images: IntVector
    counts: IntVector
    class_counts: IntVector

    @classmethod
    def of(cls, classes: IntVector, images: IntVector, num_images: int, num_classes: int) -> ImageClasses:
        """Gather objects by image and class.

        Args:
            classes: (M,) int in [0, C), of every object.
            images: (M,) int in [0, N), of every object.
            num_images: N.
            num_classes: C.
        """
        keys, counts = np.unique(images * num_classes + classes, return_counts=True)
        own_images, own_classes = np.divmod(keys, num_classes)
        return cls(num_images, own_classes, own_images, counts, np.bincount(own_classes, minlength=num_classes))

    def images_by_class(self) -> Indices:
        """(P,) the images in the order of the classes that they show: what `draw_clips` draws from."""
        order = clips_by_class(self.classes, len(self.class_counts))
        return self.images.astype(order.dtype)[order]

    def largest(self, of_class: FloatVector) -> FloatVector:
        """(N,) the largest of the numbers (C,) of the classes that an image shows; 1 where it shows none."""
        found = np.ones(self.num_images)
        if len(self.images):
            begins = np.flatnonzero(np.diff(self.images, prepend=-1))
            found[self.images[begins]] = np.maximum.reduceat(of_class[self.classes], begins)
        return found

    def mass_of_images(self, class_mass: FloatVector) -> FloatVector:
        """(N,) how often an image is drawn, in proportion, where a class is by (C,), then an image that shows it."""
        each = class_mass / np.maximum(self.class_counts, 1)
        return np.asarray(np.bincount(self.images, each[self.classes], self.num_images), dtype=np.float64)

    def shares_of_objects(self, image_mass: FloatVector) -> FloatVector:
        """(C,) with sum 1: the shares of the classes in all objects that images drawn by (N,) show."""
        seen = np.bincount(self.classes, self.counts * image_mass[self.images], len(self.class_counts))
        return np.asarray(seen / seen.sum(), dtype=np.float64)


def difficulty_factors(difficulty: ArrayLike, tau: float, shown: ArrayLike) -> FloatVector:
    """How often images of each class are repeated for its difficulty, r_c = max(1, (d_c / mean d)^tau): our choice.

    The form is that of the repeat factors of LVIS (arXiv 1908.03195), with difficulty in the place of rarity: classes
    easier than the mean are not repeated, and none is drawn less than natural.

    Args:
        difficulty: (C,) float in [0, 1].
        tau: Exponent >= 0.
        shown: (C,) bool, which classes any image shows; the mean is over these. At least one.

    Returns:
        (C,) float64 >= 1; all 1 if tau is 0, or all difficulties are equal.

    Raises:
        ValueError: If a value is out of its range.
    """
    check_tau(tau)
    values = unit_vector(difficulty, 'difficulty', nan=False)
    mean = values[np.asarray(shown, bool)].mean()
    if mean == 0:
        return np.ones_like(values)
    logs = tau * np.log(np.maximum(values / mean, 1.0))
    return np.asarray(np.exp(np.minimum(logs, _LARGEST_LOG)), dtype=np.float64)
