"""Samplers that draw the class first: the static laws, and CDB-S."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from torch.utils.data import Sampler

from cdb_video.checks import check_flags, check_frequency_power
from cdb_video.class_names import class_label
from cdb_video.data.labels import dataset_class_names, dataset_labels, describe, given_labels, name_sample
from cdb_video.difficulty.formulas import FloatVector, IntVector, allocate_draws, class_mass
from cdb_video.difficulty.vectors import check_classes, class_vector
from cdb_video.host_words import sample, samples
from cdb_video.processes import get_dist_info, shared_seed
from cdb_video.samplers.draw_order import Indices, clips_by_class, draw_clips

_CHUNK = 1 << 12


class ClassSampler(Sampler):
    """Draws classes with probability p_c ~ n_c^q, then clips within the class (arXiv 1910.09217).

    One epoch is `num_samples` draws, the same on every rank; each rank takes its slice. The number of
    draws of a class is its expectation rounded systematically: less than one draw off, and unbiased
    over the epochs. Within an epoch a class is walked through in shuffled order before any of its
    clips repeats, anew in every epoch; so q=1 with the default epoch length is plain shuffling.

    Args:
        dataset: Dataset with `get_data_info`, from which the labels are read once; faster if it also has
            `get_labels()`, see `cdb_video.data.labels.dataset_labels`. With `labels` of any kind.
        frequency_power: q >= 0: 1 natural, 0.5 square root, 0 class-balanced.
        num_samples: Draws in one epoch, over all ranks. None = the number of clips.
        seed: Seed, the same on all ranks. None = a random one, agreed among the ranks.
        round_up: Add draws (from the start of the epoch) until the epoch divides by the number of ranks.
        allow_empty: Whether a class of the class list may be without training clips.
        infinite: Never end: pass follows pass, for iteration-based loops. New difficulties then start a new
            pass at once, and act on the first batch that the workers have not fetched yet.
        shuffle: Accepted as True only, so that ``sampler=dict(type='ClassSampler')`` can be merged
            over the ``dict(type='DefaultSampler', shuffle=True)`` of a base config.
        labels: (N,) whole numbers >= 0, the labels of the samples in the order of the dataset, for datasets of any
            kind, which are then asked for their length alone (and for class names, in ``metainfo['classes']``). None =
            the dataset is asked.

    Attributes:
        class_counts: (C,) int64, training clips per class.
        class_probability: (C,) float64 with sum 1, the law in use.

    Raises:
        ValueError: If an argument is out of range, a class has no clip, or the data is multi-label.
    """

    def __init__(
        self,
        dataset: Any,
        frequency_power: float = 1.0,
        num_samples: int | None = None,
        seed: int | None = None,
        round_up: bool = True,
        allow_empty: bool = False,
        infinite: bool = False,
        shuffle: bool = True,
        labels: ArrayLike | None = None,
    ) -> None:
        check_frequency_power(frequency_power)
        if num_samples is not None and (not isinstance(num_samples, int) or num_samples < 1):
            raise ValueError(
                f'num_samples={num_samples!r}: must be a whole number >= 1 (draws in one epoch over all '
                f'ranks), or None for the number of {samples()}'
            )
        if seed is not None and (not isinstance(seed, int) or seed < 0):
            raise ValueError(f'seed={seed!r}: must be a whole number >= 0, or None for a random one')
        check_flags(round_up=round_up, infinite=infinite, allow_empty=allow_empty)
        if infinite and not round_up:
            raise ValueError('infinite=True with round_up=False: the processes would drift apart; leave round_up out')
        if shuffle is not True:
            raise ValueError(
                f'shuffle={shuffle!r}: {type(self).__name__} draws at random; use DefaultSampler for a fixed '
                'order (validation, test)'
            )
        self.rank, self.world_size = get_dist_info()
        self.dataset = dataset
        self.frequency_power = frequency_power
        self.seed = shared_seed() if seed is None else seed
        self.epoch = 0
        self.round_up = round_up
        self.infinite = infinite
        self.class_names = dataset_class_names(dataset)
        self._labels = None if labels is None else given_labels(labels, dataset)
        number = self._read(allow_empty)
        self._labels = None  # the clips by class say the same
        self.num_samples = number if num_samples is None else num_samples
        if not round_up and self.num_samples < self.world_size:
            raise ValueError(
                f'num_samples={self.num_samples} is less than the {self.world_size} processes, some of which would '
                f'wait for ever without a {sample()}: set round_up=True, or use fewer processes'
            )
        self.total_size = self.num_samples
        if round_up:
            self.total_size = math.ceil(self.num_samples / self.world_size) * self.world_size
        self._mass = class_mass(np.ones(self.num_classes), 0.0, self._drawn_from, frequency_power)

    @property
    def num_classes(self) -> int:
        """Number of classes C: that of the class list, else the largest label plus 1."""
        return len(self.class_counts)

    @property
    def class_probability(self) -> FloatVector:
        """(C,) float64 with sum 1, the probability that a draw takes each class."""
        return self._mass / self._mass.sum()

    def draw_epoch(self) -> Indices:
        """All draws of the current epoch, before padding: (num_samples,) int32 or int64 indices of clips.

        Depends on the seed, the epoch and the law alone, so every rank draws the same.
        """
        return self._draw(self.epoch)

    def __iter__(self) -> Iterator[int]:
        """Iterate over the clips of this rank: those of the current epoch, or of pass after pass for ever.

        The current epoch is drawn at once, not at the first clip.
        """
        return self._endless() if self.infinite else self._draw_of_rank(self.epoch)

    def __len__(self) -> int:
        """Number of draws of this rank in an epoch; the same in every epoch."""
        return math.ceil((self.total_size - self.rank) / self.world_size)

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, which makes its draw a different one; an infinite sampler counts its passes from there."""
        self.epoch = epoch

    def set_class_mass(self, mass: ArrayLike) -> None:
        """Draw by a law of one's own, from the next epoch on, or with ``infinite=True`` at once; for subclasses.

        Args:
            mass: (C,) float >= 0, to which the probabilities of the classes are proportional. A class without samples
                is never drawn, whatever its mass.

        Raises:
            ValueError: If it has another number of classes, a number that is negative, NaN or infinite, or nothing for
                the classes with samples.
        """
        given = class_vector(mass, 'mass')
        if len(given) != self.num_classes:
            raise ValueError(
                f'mass: has {len(given)} classes, but {describe(self.dataset)} has {self.num_classes}: give one number '
                'a class'
            )
        check_classes(np.isfinite(given) & (given >= 0), given, 'mass', 'masses are numbers >= 0')
        drawable = np.where(self.class_counts > 0, given, 0.0)
        if not drawable.any():
            raise ValueError(f'mass: 0 for every class that has {samples()}: give at least one of them more')
        self._take_law(drawable)

    def _endless(self) -> Iterator[int]:
        """Pass after pass; a law that has changed begins the next pass. All ranks turn at the same draw."""
        for epoch in itertools.count(self.epoch):
            law = self._mass
            for index in self._draw_of_rank(epoch):
                yield index
                if self._mass is not law:
                    break

    def _draw_of_rank(self, epoch: int) -> Iterator[int]:
        """The draws of an epoch that are this rank's, padded."""
        drawn = self._draw(epoch)
        # A copy lets go of what the other ranks take.
        of_rank = drawn[self.rank :: self.world_size].copy() if self.world_size > 1 else drawn
        if len(of_rank) < len(self):
            # Padding goes on from the start of the epoch, and is one clip a rank at most.
            last = self.rank + self.world_size * len(of_rank)
            of_rank = np.append(of_rank, drawn[last % self.num_samples])
        return itertools.chain.from_iterable(_in_chunks(of_rank))

    def _draw(self, epoch: int) -> Indices:
        """All draws of an epoch, before padding."""
        rng = np.random.default_rng([self.seed, epoch])
        draws = allocate_draws(self._mass, self.num_samples, rng.random())
        return draw_clips(self._clips, self._drawn_from, draws, rng)

    def _take_law(self, mass: FloatVector) -> None:
        """Take a new class mass; the same one lets an infinite sampler go on with its pass."""
        if not np.array_equal(mass, self._mass):
            self._mass = mass

    def _read(self, allow_empty: bool) -> int:
        """Read the labels: sets the clips by class, how many a class has of them, and `class_counts`.

        Returns:
            Number of clips.
        """
        labels = dataset_labels(self.dataset) if self._labels is None else self._labels
        self.class_counts = self._drawn_from = self._count(labels, allow_empty)
        self._clips = clips_by_class(labels, self.num_classes)
        return len(labels)

    def _count(self, labels: IntVector, allow_empty: bool, clips: IntVector | None = None) -> IntVector:
        """Labels per class, those of `clips`, None = one a clip; an empty class is an error unless allowed."""
        num_classes = int(labels.max()) + 1
        if self.class_names is not None:
            if num_classes > len(self.class_names):
                raise ValueError(
                    f'{describe(self.dataset)} has label {num_classes - 1} ({self._largest(labels, clips)}), but its '
                    f'class list has {len(self.class_names)} names: labels must be 0..{len(self.class_names) - 1}'
                )
            num_classes = len(self.class_names)
        counts = np.bincount(labels, minlength=num_classes)
        empty = np.flatnonzero(counts == 0)
        if empty.size and not allow_empty:
            names = ', '.join(class_label(self.class_names, index) for index in empty[:5])
            remedy = f'Remove them from the class list, add {samples()}, or set allow_empty=True in the sampler'
            if self.class_names is None:
                remedy = (
                    f'There is no class list, so the number of classes is the largest label plus 1. The largest is '
                    f'{num_classes - 1}, of {self._largest(labels, clips)}. Is that label wrong, or do the labels not '
                    f'count from 0? Then correct the list. If all are right, add {samples()}, or set allow_empty=True '
                    'in the sampler'
                )
            raise ValueError(
                f'{empty.size} of {num_classes} classes {"has" if empty.size == 1 else "have"} no {sample()} in '
                f'{describe(self.dataset)}: {names}{", ..." if empty.size > 5 else ""}. {remedy}'
            )
        return counts

    def _largest(self, labels: IntVector, clips: IntVector | None) -> str:
        """The first sample with the largest label, for messages."""
        place = int(labels.argmax())
        return name_sample(self.dataset, place if clips is None else int(clips[place]))


def _in_chunks(indices: Indices) -> Iterator[list[int]]:
    """Python integers, a chunk at a time: all at once they would take ten times the memory of the array."""
    return (indices[first : first + _CHUNK].tolist() for first in range(0, len(indices), _CHUNK))
