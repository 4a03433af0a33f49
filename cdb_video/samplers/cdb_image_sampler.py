"""CDBImageSampler: images with objects of several classes, drawn by the difficulty of these."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cdb_video.checks import check_positive
from cdb_video.data.labels import describe
from cdb_video.data.objects import dataset_objects
from cdb_video.difficulty.formulas import FloatVector, IntVector, class_mass
from cdb_video.difficulty.frequency import repeat_factors
from cdb_video.difficulty.tau import TauOrRamp
from cdb_video.host_words import HostWords, speaking
from cdb_video.samplers.cdb_sampler import CDBSampler
from cdb_video.samplers.draw_order import Indices, draw_images
from cdb_video.samplers.image_law import ImageClasses, difficulty_factors

_LOG = logging.getLogger('cdb_video')
_LAWS = ('class', 'repeat')


class CDBImageSampler(CDBSampler):
    """Class-difficulty based sampling, CDB-S (arXiv 2207.14499), of images that show several classes.

    The paper ran CDB-S on LVIS, and no text of its law there is known to us: both laws are our reading.

    ``law='class'``, the words of the paper: a class is drawn with p_c ~ m_c^q d_c^tau, m_c the number of images that
    show it, then one of these, in shuffled passes. Whatever else the image shows comes with it. An image without
    objects is never drawn.

    ``law='repeat'``, the habit of LVIS: an image is drawn with p_i ~ r_i, where r_i is the largest
    r_c = max(1, (d_c / mean d)^tau) max(1, sqrt(t / f_c)) of the classes that it shows. The mean is over the classes
    with objects. The second factor is that of LVIS (arXiv 1908.03195), f_c = m_c / N, and is there with
    `repeat_threshold` alone. An image without objects has the factor 1. It is the gentler law, and leaves no image
    out::

        train_dataloader = dict(sampler=dict(type='CDBImageSampler', tau=1.0))
        train_dataloader = dict(sampler=dict(type='CDBImageSampler', law='repeat', repeat_threshold=0.001))

    Epochs have as many draws as there are images, whatever the law; the draws of a class, or of an image with
    ``law='repeat'``, are its expectation rounded systematically: less than one off. Epochs, ranks, seeds, and when a
    difficulty acts are as in `CDBSampler`; until the first one all classes are equally difficult.

    Args:
        dataset: Dataset with objects, read once: see `cdb_video.data.objects.dataset_objects`.
        law: 'class' or 'repeat'.
        tau: As `CDBSampler` has it.
        frequency_power: q >= 0, of the law 'class' alone.
        repeat_threshold: t in (0, 1], of the law 'repeat' alone: classes that a smaller share of all images shows have
            these repeated too; LVIS has 0.001. None = frequency does not act.
        begin: As `CDBSampler` has it: before, every image is drawn once an epoch.
        **kwargs: The other arguments of `ClassSampler`, without `labels`. `num_samples` is None for the number of
            images, and `allow_empty` is whether a class may be without objects.

    Attributes:
        class_counts: (C,) int64, objects per class, without ignored ones.
        image_counts: (C,) int64, m_c: images that show each class.
        class_probability: (C,) float64 with sum 1: p_c; of draws by image, `object_probability`.
        object_probability: (C,) float64 with sum 1: the share of each class in the objects that the drawn images show,
            in expectation. It is what losses by frequency are told.

    Raises:
        ValueError: If an argument is out of range or of the other law, or a class, or all images, have no object.
    """

    def __init__(
        self,
        dataset: Any,
        law: str = 'class',
        tau: TauOrRamp = 1.0,
        frequency_power: float = 0.0,
        repeat_threshold: float | None = None,
        begin: float = 0,
        **kwargs: Any,
    ) -> None:
        _check_options(law, frequency_power, repeat_threshold)
        self.law = law
        self.repeat_threshold = repeat_threshold
        self._by_image = False
        super().__init__(dataset, tau=tau, frequency_power=frequency_power, begin=begin, **kwargs)
        empty = self._shown.num_images - len(np.unique(self._shown.images))
        if law == 'class' and empty and self.rank == 0:
            _LOG.warning(
                f'{empty} of {self._shown.num_images} images of {describe(dataset)} have no object: CDBImageSampler '
                "with law='class' never draws them; law='repeat' does"
            )

    def set_class_mass(self, mass: ArrayLike) -> None:
        """As `ClassSampler` has it, with ``law='class'`` alone.

        Raises:
            ValueError: With ``law='repeat'``, which draws images by factors, or as of `ClassSampler`.
        """
        if self.law == 'repeat':
            raise ValueError("set_class_mass with law='repeat', which draws images and not classes: use law='class'")
        super().set_class_mass(mass)

    @property
    def image_counts(self) -> IntVector:
        """(C,) int64, images that show each class."""
        return self._shown.class_counts

    @property
    def class_probability(self) -> FloatVector:
        """(C,) float64 with sum 1, the probability that a draw takes each class; else its share of objects drawn."""
        return self.object_probability if self._by_image else super().class_probability

    @property
    def object_probability(self) -> FloatVector:
        """(C,) float64 with sum 1, the share of each class in the objects of the images drawn, in expectation."""
        return self._shown.shares_of_objects(self._mass if self._by_image else self._shown.mass_of_images(self._mass))

    def _read(self, allow_empty: bool) -> int:
        if self._labels is not None:
            raise ValueError(
                f'labels, {len(self._labels)} numbers: CDBImageSampler draws images by all objects that they show, '
                'which it reads from the dataset; leave labels out, or use CDBSampler for images with one label each'
            )
        classes, images = dataset_objects(self.dataset)
        if not len(classes):
            raise ValueError(
                f'no image of {describe(self.dataset)} has an object: check its annotations, and that its class list '
                'has the names that these use'
            )
        with speaking(HostWords('object')):
            self.class_counts = self._count(classes, allow_empty, images)
        self._shown = ImageClasses.of(classes, images, len(self.dataset), self.num_classes)
        self._drawn_from = self._shown.class_counts
        self._clips = self._shown.images_by_class()
        return self._shown.num_images

    def _draw(self, epoch: int) -> Indices:
        if not self._by_image:
            return super()._draw(epoch)
        return draw_images(self._mass, self.num_samples, np.random.default_rng([self.seed, epoch]))

    def _set_law(self, difficulty: ArrayLike, tau: float) -> None:
        """Take the mass of the classes, or of the images, by a difficulty; that of all images alike before `begin`."""
        if not self._difficulty.has_begun:
            self._take(np.ones(self._shown.num_images), by_image=True)
        elif self.law == 'class':
            self._take(class_mass(difficulty, tau, self.image_counts, self.frequency_power), by_image=False)
        else:
            self._take(self._shown.largest(self._factors(difficulty, tau)), by_image=True)

    def _factors(self, difficulty: ArrayLike, tau: float) -> FloatVector:
        """(C,) r_c of the law 'repeat'."""
        factors = difficulty_factors(difficulty, tau, self.image_counts > 0)
        if self.repeat_threshold is None:
            return factors
        return factors * repeat_factors(self.image_counts, self.repeat_threshold, self._shown.num_images)

    def _take(self, mass: FloatVector, by_image: bool) -> None:
        """Take a new mass, of classes or of images."""
        if by_image == self._by_image:
            self._take_law(mass)
        else:
            self._mass, self._by_image = mass, by_image


def _check_options(law: str, frequency_power: float, repeat_threshold: float | None) -> None:
    """Raise a ValueError unless there is such a law, and no option of the other one."""
    if law not in _LAWS:
        raise ValueError(
            f"law={law!r}: must be 'class' (a class first, then an image that shows it) or 'repeat' (images by the "
            'largest factor of their classes)'
        )
    if law == 'class' and repeat_threshold is not None:
        raise ValueError(
            f"repeat_threshold={repeat_threshold!r}: law='class' repeats no images; leave it out, or set law='repeat'"
        )
    if law == 'repeat' and frequency_power != 0:
        raise ValueError(
            f"frequency_power={frequency_power!r}: law='repeat' draws no classes; leave it out, set repeat_threshold "
            "in its place, or law='class'"
        )
    if repeat_threshold is not None:
        check_positive(1.0, repeat_threshold=repeat_threshold)
