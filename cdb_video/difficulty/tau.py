"""How far training is, for what changes in its course: a deferred start, and a tau that grows.

Pure, without mmengine. `ClassDifficultyHook` hands the epoch on before each epoch (`set_progress`), the same
in a resumed run as in an uninterrupted one; whoever takes it derives everything from it and keeps no count of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from numpy.typing import ArrayLike

from cdb_video.difficulty.formulas import Tau, resolve_tau

TauOrRamp: TypeAlias = Tau | Sequence[float]
"""A tau, or a ramp: a pair of which the first acts in the first epoch, the second in the last, linear between."""


class Progress:
    """The epoch that is trained now, of how many.

    Attributes:
        epoch: Epochs done, 0 in the first; 0 until it is set.
        max_epochs: Epochs of the run; None until it is set.
    """

    def __init__(self) -> None:
        self.epoch = 0
        self.max_epochs: int | None = None

    def set(self, epoch: int, max_epochs: int) -> None:
        """Take a new epoch.

        Raises:
            ValueError: Unless 0 <= epoch <= max_epochs and max_epochs >= 1.
        """
        if max_epochs < 1 or not 0 <= epoch <= max_epochs:
            raise ValueError(f'epoch={epoch!r}, max_epochs={max_epochs!r}: must be 0 <= epoch <= max_epochs >= 1')
        self.epoch, self.max_epochs = epoch, max_epochs

    @property
    def fraction(self) -> float:
        """In [0, 1]: 0 in the first epoch, 1 in the last; 0 in a run of one epoch, and until the epoch is set."""
        if self.max_epochs is None:
            return 0.0
        return min(self.epoch / max(self.max_epochs - 1, 1), 1.0)

    def reached(self, begin: float) -> bool:
        """Whether what starts at `begin` acts in this epoch; see `check_begin`."""
        if not isinstance(begin, float):
            return self.epoch >= begin
        # 0.8 of 10 epochs is epoch 8, whatever rounding says.
        return begin == 0 or (self.max_epochs is not None and self.epoch >= begin * self.max_epochs - 1e-9)


def tau_now(tau: TauOrRamp, accuracy: ArrayLike | None, progress: Progress) -> float:
    """The exponent in this epoch; see `cdb_video.difficulty.formulas.resolve_tau` for what is no ramp."""
    if isinstance(tau, str) or not isinstance(tau, Sequence):
        return resolve_tau(tau, accuracy)
    share = progress.fraction
    begin, end = (float(number) for number in tau)
    return (1 - share) * begin + share * end
