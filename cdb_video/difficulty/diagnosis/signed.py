"""Signed difficulty: whether a class loses more clips to the others than it takes from them.

Difficulty says how many clips of a class are lost, and not why. With all K measured classes counted alike::

    q_c = (1 / K) sum_t (clips of t that were predicted as c) / (clips of t)
    e_c = 1 - K q_c = d_c - a_c,    a_c = sum over t != c of the share of t that was predicted as c

so e_c is what a class loses, d_c, less what it takes, a_c: 1 if it is never predicted, 0 if it is predicted as often as
there are clips of it, below 0 if it takes more than it loses. Over the measured classes e_c adds up to K times the
share of clips that were predicted as a class without clips, which is mostly 0.

An object that a detector misses is lost, and no class takes it: then e_c adds up to the misses on top, K times their
mean share in the classes.

K q_c is the prior that a classifier has in effect, over that of the data. It differs from the training counts, also
after a correction by them: Prior2Posterior (WACV 2025, arXiv 2412.16540) estimates it from probabilities, to correct
them; predictive distribution calibration (arXiv 2302.14284) looks at the distribution of the predictions as a measure.
To subtract it from 1 as the sign of a class's difficulty, and from counts, is our choice.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cdb_video.difficulty.formulas import FloatVector
from cdb_video.host_words import units

DRAWS = 1000
"""Of the bootstrap."""
_DECIMALS = 12
"""To which signs are rounded, so that a class that takes what it loses has 0, in whatever order classes are added."""


def signed_difficulty(confusion: ArrayLike) -> FloatVector:
    """Signed difficulty e_c = 1 - K q_c of every class, see the head of the module.

    Args:
        confusion: (C, C) int >= 0, clips of the class of the row that were predicted as the class of the column; or
            (C, C + 1), of which the last column has the objects that were missed, and so predicted as no class.

    Returns:
        (C,) float64, at most 1, and at least 1 - K; NaN where a class has no clip, rounded to 12 decimals.

    Raises:
        ValueError: If these are not counts of C classes by C classes, or by one answer more.
    """
    counts = _counts(confusion)
    clips = counts.sum(axis=1)
    shares = counts / np.where(clips > 0, clips, 1)[:, None]
    return _signs(shares.sum(axis=0)[: len(counts)], clips > 0)


def signed_interval(confusion: ArrayLike, *, repeats: int = DRAWS, seed: int = 0) -> tuple[FloatVector, FloatVector]:
    """The 95 % interval of every signed difficulty: bootstrap over the clips within each true class.

    To draw the n clips of a class anew is to draw its row from the multinomial distribution of its shares. Clips are
    taken as independent. Where classes have under 5 clips, the interval is too narrow: of one clip all draws are alike.
    A class that is never predicted has the interval 1 to 1.

    Args:
        confusion: As for `signed_difficulty`, with the same errors.
        repeats: Draws, >= 1.
        seed: Of the draws.

    Returns:
        Lower and upper ends, (C,) float64; NaN where a class has no clip, rounded to 12 decimals.

    Raises:
        ValueError: If there is no draw.
    """
    if repeats < 1:
        raise ValueError(f'repeats={repeats}: an interval needs 1 draw or more')
    counts = _counts(confusion)
    clips = counts.sum(axis=1)
    generator = np.random.default_rng(seed)
    taken = np.zeros((counts.shape[1], repeats))
    for true in np.flatnonzero(clips):
        predicted = np.flatnonzero(counts[true])
        drawn = generator.multinomial(clips[true], counts[true, predicted] / clips[true], size=repeats)
        taken[predicted] += drawn.T / clips[true]
    # The more is taken, the lower is the sign.
    high, low = np.quantile(taken[: len(counts)], [0.025, 0.975], axis=1)
    return _signs(low, clips > 0), _signs(high, clips > 0)


def _signs(taken: FloatVector, measured: NDArray[np.bool_]) -> FloatVector:
    """1 - K q of the measured classes, from K q; NaN for the others."""
    return np.where(measured, np.round(1.0 - taken, _DECIMALS) + 0.0, np.nan)  # + 0.0 makes 0 of -0


def _counts(confusion: ArrayLike) -> NDArray[np.int64]:
    """The confusion as (C, C) or (C, C + 1) int64, seen to be counts."""
    values = np.asarray(confusion)
    if values.ndim != 2 or values.shape[1] - values.shape[0] not in (0, 1) or not values.size:
        raise ValueError(
            f'confusion: has shape {values.shape}; it must be (C, C), a row and a column for every class, or (C, C + 1)'
            ', with a column for what was missed'
        )
    good = np.isfinite(values) & (values >= 0) & (values == np.floor(values))
    if not good.all():
        true, predicted = np.argwhere(~good)[0]
        answer = 'missed' if predicted == len(values) else f'predicted as class {predicted}'
        raise ValueError(
            f'confusion: class {true} has {values[true, predicted]:g} {units()} {answer}; counts are whole numbers >= 0'
        )
    return values.astype(np.int64)
