"""Consumers of class difficulty: the methods by which they are found, and `DifficultyInput`, which they hold.

A consumer is any part of a model, or a sampler, with one of these methods; `ClassDifficultyHook` calls them::

    set_class_difficulty(difficulty, accuracy)    before training, where it is 1 for all, and after every validation
    set_class_prior(prior)                        before training, and where the sampler's law changes
    set_progress(epoch, max_epochs)               before every epoch
    set_validations(done, planned)                before every set_class_difficulty

What it derived is recorded if it says so: `class_weight` or `class_probability`, (C,), and `tau_` or `strength_`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Protocol, TypeGuard

import numpy as np
from numpy.typing import ArrayLike

from cdb_video.checks import check_begin, check_not_negative, check_tau_or_ramp, is_ramp
from cdb_video.difficulty.accumulated import share_of_validations
from cdb_video.difficulty.formulas import FloatVector
from cdb_video.difficulty.tau import Progress, TauOrRamp, tau_now

_LOG = logging.getLogger('cdb_video')
Derive = Callable[[ArrayLike, float], None]
"""Takes a difficulty, (C,) float in [0, 1], and the exponent at which it acts, and derives weights or a law."""


class TakesDifficulty(Protocol):
    """Derives something from the difficulty of every class."""

    def set_class_difficulty(self, difficulty: ArrayLike, accuracy: ArrayLike | None = None) -> None:
        """Take a new difficulty, (C,) in [0, 1], and the accuracy behind it.

        The accuracy is (C,), NaN = not measured; None = 1 - difficulty.
        """


class TakesPrior(Protocol):
    """Derives something from the class frequencies that training sees."""

    def set_class_prior(self, prior: ArrayLike) -> None:
        """Take the frequencies, (C,) float >= 0."""


class TakesProgress(Protocol):
    """May change in the course of training, difficulty apart."""

    @property
    def follows_progress(self) -> bool:
        """Whether it does, as it is configured."""

    def set_progress(self, epoch: int, max_epochs: int) -> None:
        """Take the epochs done, and of how many."""


class TakesValidations(Protocol):
    """Acts more strongly the more of its validations a run has made."""

    def set_validations(self, done: int, planned: int) -> None:
        """Take how many validations are behind the difficulty, and how many the run will have made at its end."""


def takes_difficulty(part: Any) -> TypeGuard[TakesDifficulty]:
    """Whether a part has `set_class_difficulty`."""
    # Not isinstance of a runtime protocol, which from Python 3.12 on does not see what a wrapper forwards.
    return hasattr(part, 'set_class_difficulty')


def takes_prior(part: Any) -> TypeGuard[TakesPrior]:
    """Whether a part has `set_class_prior`."""
    return hasattr(part, 'set_class_prior')


def takes_progress(part: Any) -> TypeGuard[TakesProgress]:
    """Whether a part has `set_progress`."""
    return hasattr(part, 'set_progress')


def takes_validations(part: Any) -> TypeGuard[TakesValidations]:
    """Whether a part has `set_validations`."""
    return hasattr(part, 'set_validations')


def acts_by_difficulty(part: Any) -> bool:
    """Whether a part that takes a difficulty does anything with it: not with tau=0 or strength=0."""
    own = getattr(part, 'acts_by_difficulty', None)
    return getattr(part, 'tau', None) != 0 if own is None else bool(own)


def has_class_law(part: Any) -> bool:
    """Whether a part is a sampler that says with which probability it draws every class."""
    return hasattr(part, 'class_probability')


class DifficultyInput:
    """The difficulty that a consumer was handed last, and the exponent at which it acts in this epoch.

    The one place for `tau` or `strength`, `begin`, the epoch, the share of the validations and the last measurement of
    `CDBLoss`, `CDBSampler` and those that detection adds. A consumer gives it a function that derives weights or a law;
    what that function refuses changes nothing. An example, with tau (0, 2) over 3 epochs: the same difficulty acts with
    the exponents 0, 1 and 2.

    Args:
        tau: As `CDBLoss` takes it; not read where `strength` is given.
        begin: As `CDBLoss` takes it.
        strength: kappa of the accumulated law, so that the exponent is kappa times the share of the validations that
            are done; None = the exponent is tau.

    Attributes:
        tau: The argument.
        begin: The argument.
        strength: The argument.
        exponent: That in use; None before the first difficulty.

    Raises:
        ValueError: If an argument is out of its range.
    """

    def __init__(self, tau: TauOrRamp, begin: float, strength: float | None = None) -> None:
        check_tau_or_ramp(tau)
        check_begin(begin)
        if strength is not None:
            check_not_negative(strength=strength)
        self.tau = tau
        self.begin = begin
        self.strength = strength
        self.exponent: float | None = None
        self._progress = Progress()
        self._share: float | None = None
        self._difficulty: FloatVector | None = None
        self._accuracy: FloatVector | None = None
        self._warned = False

    @property
    def follows_progress(self) -> bool:
        """Whether what is derived changes with the epoch, beside the difficulty."""
        return self.begin != 0 or (self.strength is None and is_ramp(self.tau))

    @property
    def acts(self) -> bool:
        """Whether the difficulty ever acts."""
        return (self.tau if self.strength is None else self.strength) != 0

    @property
    def has_begun(self) -> bool:
        """Whether difficulty acts in this epoch; see `begin`."""
        return self._progress.reached(self.begin)

    @property
    def is_awaited(self) -> bool:
        """Whether no difficulty has come yet, one would act, and nobody was told: then `warn_undriven` is due."""
        return self.exponent is None and self.acts and not self._warned

    def take(self, difficulty: ArrayLike, accuracy: ArrayLike | None, derive: Derive) -> None:
        """Derive from a new difficulty, and keep it for the epochs to come.

        Args:
            difficulty: (C,) float in [0, 1].
            accuracy: (C,) float in [0, 1], NaN = not measured; for a dynamic tau. None = 1 - difficulty.
            derive: Called once. If it raises, all stays as it was.

        Raises:
            ValueError: If a value is out of its range, or nobody has said how many of its validations the run has made,
                on which `strength` rests.
        """
        if self.strength and self._share is None:
            raise ValueError(
                f"strength={self.strength:g} of law='accumulated' grows with the validations of the run, and nobody "
                'has said how many are done: call set_validations(done, planned) before set_class_difficulty, as '
                'ClassDifficultyHook does'
            )
        # Copies: the caller may use his arrays for something else.
        values = _copy(difficulty)
        measured = np.clip(1.0 - values, 0.0, 1.0) if accuracy is None else _copy(accuracy)
        exponent = self._exponent(measured)
        derive(difficulty, exponent)
        self.exponent = exponent
        self._difficulty, self._accuracy = values, measured

    def assume(self, difficulty: FloatVector, derive: Derive) -> None:
        """Derive from what counts as difficulty, (C,) float in [0, 1], until the first one arrives."""
        derive(difficulty, self._exponent(None))
        self._difficulty = difficulty

    def set_progress(self, epoch: int, max_epochs: int, derive: Derive) -> None:
        """Take the epoch; derive anew if that changes anything.

        Args:
            epoch: Epochs done, 0 in the first.
            max_epochs: Epochs of the run, >= 1.
            derive: As in `take`.

        Raises:
            ValueError: Unless 0 <= epoch <= max_epochs and max_epochs >= 1.
        """
        self._progress.set(epoch, max_epochs)
        if not self.follows_progress or self._difficulty is None:
            return
        exponent = self._exponent(self._accuracy)
        derive(self._difficulty, exponent)
        self.exponent = None if self.exponent is None else exponent

    def set_validations(self, done: int, planned: int) -> None:
        """Take the validations done, and of how many; they count from the next difficulty on.

        Args:
            done: >= 0.
            planned: Of the whole run, >= 1.

        Raises:
            ValueError: If a number is out of its range.
        """
        self._share = share_of_validations(done, planned)

    def warn_undriven(self, part: Any, acts_as: str) -> None:
        """Log, once, that nobody hands difficulty to a loss or sampler."""
        self._warned = True
        _LOG.warning(
            f'{type(part).__name__} has been handed no class difficulty, so it acts as {acts_as}: put '
            "dict(type='ClassDifficultyHook') into custom_hooks (a list in a child config replaces that of its base), "
            'without observe_only; or call set_class_difficulty'
        )

    def _exponent(self, accuracy: ArrayLike | None) -> float:
        """The exponent in this epoch; 0 before `begin`."""
        if not self.has_begun:
            return 0.0
        if self.strength is None:
            return tau_now(self.tau, accuracy, self._progress)
        return self.strength * (self._share or 0.0)


def _copy(values: ArrayLike) -> FloatVector:
    # np.array of a tensor warns in NumPy 2.
    return np.asarray(values, np.float64).copy()
