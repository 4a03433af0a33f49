"""Losses and samplers that are compared but no part of the product."""

from __future__ import annotations

from typing import Any

import numpy as np
from mmengine.registry import DATA_SAMPLERS, MODELS
from numpy.typing import ArrayLike

from cdb_video.difficulty.accumulated import accumulated_weights
from cdb_video.difficulty.consumer import DifficultyInput
from cdb_video.losses import CDBLoss
from cdb_video.samplers import CDBSampler


@MODELS.register_module()
class FullStrengthLoss(CDBLoss):
    """CDB-A without growth: the accumulated law at its full strength from the first validation on."""

    def set_validations(self, done: int, planned: int) -> None:
        """Take any validation as the last one."""
        super().set_validations(planned if done else 0, planned)


@DATA_SAMPLERS.register_module()
class AccumulatedSampler(CDBSampler):
    """The accumulated law in the sampler: p_c ~ exp(s d_c), s = kappa x validations done / validations of the run.

    Class-balanced until the first validation.

    Args:
        dataset: As `CDBSampler` takes it.
        strength: kappa >= 0.
        **kwargs: The other arguments of `CDBSampler`, but for tau, begin and frequency_power.
    """

    needs_mean_difficulty = True

    def __init__(self, dataset: Any, strength: float, **kwargs: Any) -> None:
        super().__init__(dataset, tau=0.0, **kwargs)
        self._difficulty = DifficultyInput(1.0, 0, strength)
        self._difficulty.assume(np.ones(self.num_classes), self._set_law)

    @property
    def strength(self) -> float | None:
        """The argument."""
        return self._difficulty.strength

    def set_validations(self, done: int, planned: int) -> None:
        """Take the share of the validations; called by the hook before a new difficulty."""
        self._difficulty.set_validations(done, planned)

    def _set_law(self, difficulty: ArrayLike, tau: float) -> None:
        """Take the class mass by a difficulty and the exponent s; all alike while the sampler is built."""
        mass = accumulated_weights(difficulty, tau)
        self._take_law(np.where(self.class_counts > 0, mass, 0.0))
