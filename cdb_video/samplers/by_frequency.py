"""The samplers that go by class frequency beside those of `ClassSampler`: progressive balance and repeat factors."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from cdb_video.checks import check_positive
from cdb_video.difficulty.formulas import FloatVector
from cdb_video.difficulty.frequency import progressive_mass, repeat_factors
from cdb_video.difficulty.tau import Progress
from cdb_video.samplers.class_sampler import ClassSampler

_LOG = logging.getLogger('cdb_video')


class ProgressiveSampler(ClassSampler):
    """From natural to class-balanced sampling in the course of training (arXiv 1910.09217).

    p_c = (1 - l) n_c / N + l / C, l = epoch / (T - 1): natural in the first epoch, class-balanced in the last of T. The
    epoch comes from `ClassDifficultyHook`, in a resumed run too::

        train_dataloader = dict(sampler=dict(type='ProgressiveSampler'))
        custom_hooks = [dict(type='ClassDifficultyHook', observe_only=True)]

    Everything else is as in `ClassSampler`: the epoch length, the walk through a class, ranks and seeds.

    Args:
        dataset: Dataset with `get_data_info`, from which the labels are read once.
        **kwargs: The other arguments of `ClassSampler`, without `frequency_power`.

    Raises:
        ValueError: If an argument is out of range, a class has no clip, or the data is multi-label.
    """

    follows_progress = True

    def __init__(self, dataset: Any, **kwargs: Any) -> None:
        _refuse_power(self, kwargs)
        super().__init__(dataset, **kwargs)
        self._progress = Progress()
        self._warned = False

    def set_progress(self, epoch: int, max_epochs: int) -> None:
        """Set the epoch that the law is of; called by `ClassDifficultyHook` before each.

        Args:
            epoch: Epochs done, 0 in the first.
            max_epochs: Epochs of the run, >= 1.
        """
        self._progress.set(epoch, max_epochs)
        self._take_law(progressive_mass(self.class_counts, self._progress.fraction))

    def __iter__(self) -> Iterator[int]:
        """Iterate over the clips of this rank in the current epoch."""
        if self._progress.max_epochs is None and not self._warned:
            self._warned = True
            _LOG.warning(
                'ProgressiveSampler is not told the epoch, so sampling stays natural: put '
                "dict(type='ClassDifficultyHook', observe_only=True) into custom_hooks; or call set_progress"
            )
        return super().__iter__()


class RepeatFactorSampler(ClassSampler):
    """Repeat-factor sampling (arXiv 1908.03195): p_c ~ n_c r_c, r_c = max(1, sqrt(t / f_c)), f_c = n_c / N.

    With one label a clip, the paper's factor of a clip is that of its class. The paper repeats every clip r_c times,
    with the fraction rounded at random in every epoch, so its epoch has sum n_c r_c clips. Here the draws of a class
    are n_c r_c on the same scale, rounded systematically (less than one off, where the paper's rounding of every clip
    by itself scatters), and the epoch has `num_samples` draws, by default N: as many steps as the other methods
    have. ``num_samples=round(sum n_c r_c)``, which is `num_repeated`, gives the paper's epoch.

    Args:
        dataset: Dataset with `get_data_info`, from which the labels are read once.
        threshold: t in (0, 1]. Classes with a smaller share of the clips are repeated. None = 1 / C, their share in
            balanced data (our choice; the paper's 0.001 is for 1203 classes).
        **kwargs: The other arguments of `ClassSampler`, without `frequency_power`.

    Attributes:
        repeat_factors: (C,) float64 >= 1.

    Raises:
        ValueError: If an argument is out of range, a class has no clip, or the data is multi-label.
    """

    def __init__(self, dataset: Any, threshold: float | None = None, **kwargs: Any) -> None:
        _refuse_power(self, kwargs)
        super().__init__(dataset, **kwargs)
        if threshold is not None:
            check_positive(1.0, threshold=threshold)
        self.threshold = 1 / self.num_classes if threshold is None else threshold
        self.repeat_factors: FloatVector = repeat_factors(self.class_counts, self.threshold)
        self._take_law(self.class_counts * self.repeat_factors)

    @property
    def num_repeated(self) -> int:
        """Clips in an epoch of the paper's length, the sum of n_c r_c."""
        return round(float((self.class_counts * self.repeat_factors).sum()))


def _refuse_power(sampler: ClassSampler, kwargs: dict[str, Any]) -> None:
    if 'frequency_power' in kwargs:
        raise ValueError(
            f'frequency_power={kwargs["frequency_power"]!r}: {type(sampler).__name__} has a law of its own; leave it '
            'out, or use ClassSampler'
        )
