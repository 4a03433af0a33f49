"""scikit-learn's handwritten digits as 32x32 images: a source that needs no download."""

from __future__ import annotations

import cv2
import numpy as np

from prep.images.source import ImagesError, Source, part_of_pixels

SIDE = 32
TEST_PER_CLASS = 50
"""Of 174 to 183 images a class; the source has no test part of its own."""
_NAMES = ('zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine')


def read_digits() -> Source:
    """The 1,797 digits of 8x8 pixels, magnified (bicubic).

    Raises:
        ImagesError: If scikit-learn is missing.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImagesError('--source digits comes with scikit-learn: pip install scikit-learn') from error
    digits = load_digits()
    levels = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    pixels = np.stack([cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC) for image in levels])
    return Source('digits', _NAMES, {'train': part_of_pixels('train', pixels, digits.target, _NAMES)})
