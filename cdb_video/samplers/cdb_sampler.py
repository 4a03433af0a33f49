"""CDBSampler: classes drawn by their difficulty (CDB-S)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cdb_video.data.labels import describe
from cdb_video.difficulty.consumer import DifficultyInput
from cdb_video.difficulty.formulas import class_mass
from cdb_video.difficulty.tau import TauOrRamp
from cdb_video.samplers.class_sampler import ClassSampler


class CDBSampler(ClassSampler):
    """Class-difficulty based sampling, CDB-S (arXiv 2207.14499): p_c ~ n_c^q d_c^tau.

    The difficulties come from `ClassDifficultyHook` after every validation and act from the next epoch on
    (in iteration-based runs from the next pass over the data, or with ``infinite=True`` at once). Until the
    first one all classes are equally difficult, and with the default q = 0 that means class-balanced
    sampling, not natural sampling::

        train_dataloader = dict(sampler=dict(type='CDBSampler', tau=1.0))

    With a DataLoader of torch, where `DifficultyTracker` hands them on::

        loader = DataLoader(dataset, batch_size=32, sampler=CDBSampler(dataset, labels=labels))

    Args:
        dataset: Dataset with `get_data_info`, from which the labels are read once; of any kind with `labels`.
        tau: Exponent >= 0, or 'dynamic' (the papers) or 'dynamic-egtea' (the reference's EGTEA code). Ours:
            ``(0, 2)`` lets it grow over the epochs, from 0 in the first to 2 in the last.
        frequency_power: q >= 0: 0 is CDB-S in our reading of the paper; 1 keeps the natural frequencies
            and lets the difficulty act on top of them.
        begin: Our option: the law acts from this epoch on, and sampling is natural before (deferred re-sampling). A
            whole number of epochs, or a fraction in [0, 1) of all. 0 = from the start.
        **kwargs: The other arguments of `ClassSampler`.

    Raises:
        ValueError: If an argument is out of range, a class has no clip, or the data is multi-label.
    """

    def __init__(
        self,
        dataset: Any,
        tau: TauOrRamp = 1.0,
        frequency_power: float = 0.0,
        begin: float = 0,
        **kwargs: Any,
    ) -> None:
        self._difficulty = DifficultyInput(tau, begin)
        super().__init__(dataset, frequency_power=frequency_power, **kwargs)
        self._begun = False
        self._difficulty.assume(np.ones(self.num_classes), self._set_law)

    @property
    def tau(self) -> TauOrRamp:
        """The argument."""
        return self._difficulty.tau

    @property
    def begin(self) -> float:
        """The argument."""
        return self._difficulty.begin

    @property
    def tau_(self) -> float | None:
        """The exponent in use; None before the first difficulty."""
        return self._difficulty.exponent

    @property
    def acts_by_difficulty(self) -> bool:
        """Whether the law follows the difficulty: unless tau is 0."""
        return self._difficulty.acts

    @property
    def follows_progress(self) -> bool:
        """Whether the law changes with the epoch, beside the difficulty."""
        return self._difficulty.follows_progress

    def __iter__(self) -> Iterator[int]:
        """Iterate over the clips of this rank: those of the current epoch, or of pass after pass for ever."""
        # Iteration-based loops fetch the first batches before any hook runs: too early to miss the difficulty.
        if self._begun:
            self._warn_if_undriven()
        self._begun = True
        return super().__iter__()

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, which makes its draw a different one; an infinite sampler counts its passes from there."""
        self._warn_if_undriven()
        super().set_epoch(epoch)

    def _warn_if_undriven(self) -> None:
        if self._difficulty.is_awaited:
            self._difficulty.warn_undriven(self, 'sampling with equal difficulties')

    def set_class_difficulty(self, difficulty: ArrayLike, accuracy: ArrayLike | None = None) -> None:
        """Derive the class probabilities from a new difficulty; called by `ClassDifficultyHook`.

        Args:
            difficulty: (C,) float in [0, 1].
            accuracy: (C,) float in [0, 1], NaN = not measured. The raw accuracies, for a dynamic tau; None = 1 -
                difficulty.

        Raises:
            ValueError: If the number of classes differs from the dataset's, or a value is out of range.
        """
        if len(np.asarray(difficulty)) != self.num_classes:
            raise ValueError(
                f'the difficulty has {len(np.asarray(difficulty))} classes, {describe(self.dataset)} has '
                f'{self.num_classes}: check num_classes of the head; if it is right, give the data its full class list '
                '(classes of FrameListDataset or VideoListDataset, metainfo=dict(classes=...) of others) and set '
                'allow_empty=True in the sampler'
            )
        self._difficulty.take(difficulty, accuracy, self._set_law)

    def set_progress(self, epoch: int, max_epochs: int) -> None:
        """Set the epoch, for `begin` and a tau that grows; called by `ClassDifficultyHook` before each.

        Args:
            epoch: Epochs done, 0 in the first.
            max_epochs: Epochs of the run, >= 1.
        """
        self._difficulty.set_progress(epoch, max_epochs, self._set_law)

    def _set_law(self, difficulty: ArrayLike, tau: float) -> None:
        """Take the class mass by a difficulty; the natural one before `begin`."""
        power = self.frequency_power if self._difficulty.has_begun else 1.0
        self._take_law(class_mass(difficulty, tau, self.class_counts, power))
