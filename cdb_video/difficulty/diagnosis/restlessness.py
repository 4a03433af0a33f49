"""Restlessness: how much the accuracies of the classes change from one validation to the next.

A difficulty without memory feeds back with a delay: a class that is hard now is weighed more, is easy at the next
validation, is weighed less, and is hard again. What shows it is the mean change::

    r = mean |A_c,t - A_c,t-1|    over pairs of successive validations t and the classes with 10 or more clips in both

of the raw accuracies, and so of 1 - A_c, the difficulty before any smoothing. The recorded difficulty may be smoothed:
its own mean change is given beside r, but a smoothed number is calm whatever the network does, and only counts can be
compared with the noise of counting: what |A_c,t - A_c,t-1| would be in the mean if both were drawn anew from binomial
distributions with the accuracy of both together, p::

    noise = mean sqrt(2 p (1 - p) (1 / n_t + 1 / n_t-1) / pi)

by the normal approximation, which is at most a fifth too high for validations of the same clips. Since they are the
same, a calm network stays below it. Learning changes accuracies too, but one way: sum_c |A_c,last - A_c,first| over the
number of changes is the part of r that is not taken back. All of this is our choice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cdb_video.difficulty.formulas import FloatVector

FEWEST_CLIPS = 10
"""That a class must have in both of two validations."""
LIMIT = 0.1
"""Above it, and above twice the noise of counting, a run is restless."""


@dataclass(frozen=True, slots=True)
class Restlessness:
    """How much the classes change from validation to validation; means over classes and changes.

    Attributes:
        change: r, of the accuracies, in [0, 1].
        noise: What counting alone would give, in [0, 1].
        one_way: The part of `change` that is not taken back later.
        recorded_change: Mean change of the recorded difficulty, which may be smoothed.
        num_classes: Classes that have clips enough.
        num_changes: Pairs of successive validations.
    """

    change: float
    noise: float
    one_way: float
    recorded_change: float
    num_classes: int
    num_changes: int

    @property
    def is_restless(self) -> bool:
        """Whether the change is above `LIMIT`, above twice the noise, and for the greater part taken back later.

        The last of these is so that a short training, in which accuracies do nothing but rise, is not called restless.
        """
        return self.change > LIMIT and self.change > 2 * self.noise and self.one_way < self.change / 2


def restlessness(
    num_clips: ArrayLike, num_correct: ArrayLike, difficulty: ArrayLike, successive: ArrayLike | None = None
) -> Restlessness | None:
    """How much the classes change over T validations; see the head of the module.

    Args:
        num_clips: (T, C) int >= 0, clips of each class.
        num_correct: (T, C) int, 0 <= num_correct <= num_clips, those predicted correctly.
        difficulty: (T, C) float in [0, 1], as recorded.
        successive: (T - 1,) bool, whether validation t + 1 came right after validation t; None = all did.

    Returns:
        The means; None if no class has clips enough in two successive validations.

    Raises:
        ValueError: If shapes do not fit each other.
    """
    clips, correct, recorded = (np.asarray(values, np.float64) for values in (num_clips, num_correct, difficulty))
    if clips.ndim != 2 or not clips.shape == correct.shape == recorded.shape:
        raise ValueError(
            f'num_clips has shape {clips.shape}, num_correct {correct.shape}, difficulty {recorded.shape}; all must be '
            '(T, C), a row for every validation'
        )
    follows = np.ones(max(len(clips) - 1, 0), np.bool_) if successive is None else np.asarray(successive, np.bool_)
    if follows.shape != (max(len(clips) - 1, 0),):
        raise ValueError(f'successive has shape {follows.shape}; it must have one entry less than the validations')
    enough = (np.minimum(clips[1:], clips[:-1]) >= FEWEST_CLIPS) & follows[:, None]
    number = int(enough.sum())
    if not number:
        return None
    accuracy = correct / np.maximum(clips, 1)
    change = np.where(enough, np.diff(accuracy, axis=0), 0.0)
    noise = np.where(enough, counting_noise(clips[1:], correct[1:], clips[:-1], correct[:-1]), 0.0)
    return Restlessness(
        change=float(np.abs(change).sum() / number),
        noise=float(noise.sum() / number),
        one_way=float(np.abs(change.sum(axis=0)).sum() / number),
        recorded_change=float(np.abs(np.diff(recorded, axis=0))[enough].mean()),
        num_classes=int(enough.any(axis=0).sum()),
        num_changes=int(enough.any(axis=1).sum()),
    )


def counting_noise(
    clips: ArrayLike, correct: ArrayLike, other_clips: ArrayLike, other_correct: ArrayLike
) -> NDArray[np.float64]:
    """Expected |A - A'| of two counts of the same accuracy, that of both together, by the normal approximation.

    Args:
        clips: Any shape, int >= 0; all have the same shape.
        correct: Of these clips, those predicted correctly.
        other_clips: Clips of the other count.
        other_correct: Of these clips, those predicted correctly.

    Returns:
        The same shape, float64 in [0, 1); 0 where one of the counts has no clip.
    """
    first, second = np.asarray(clips, np.float64), np.asarray(other_clips, np.float64)
    counted = (first > 0) & (second > 0)
    first, second = np.where(counted, first, 1.0), np.where(counted, second, 1.0)
    right = np.where(counted, np.asarray(correct, np.float64) + np.asarray(other_correct, np.float64), 0.0)
    share: FloatVector = right / (first + second)
    return np.sqrt(2 * share * (1 - share) * (1 / first + 1 / second) / np.pi)
