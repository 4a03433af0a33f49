"""From counts to class weights and class probabilities: every formula of the package.

Pure functions over float64 NumPy arrays, without mmengine. The chain is::

    counts -> class_accuracy -> class_difficulty -> resolve_tau -> class_weights | class_probability

Papers: Sinha, Ohashi, Nakamura, 'Class-Wise Difficulty-Balanced Loss for Solving Class-Imbalance',
ACCV 2020 (arXiv 2010.01824), equations cited as (n) below; the same authors, 'Class-Difficulty Based
Methods for Long-Tailed Visual Recognition', IJCV 2022 (arXiv 2207.14499).

Departures from the papers and from their reference code (github hitachi-rd-cv/CDB-loss), all of them:

* Weights are scaled to mean 1 over the classes, as the reference does and the papers do not: the
  scale of the loss, and so the learning rate, then does not depend on how hard the data is.
* A class without validation clips has accuracy NaN and keeps its last difficulty; one that was never
  measured takes the mean of the measured classes. The reference divides 0 by 0 and poisons every weight.
* If every difficulty is 0, weights and probabilities are those of equal difficulties; the reference
  divides 0 by 0.
* 'dynamic' is the tau of the papers, (3) and (4), and of the reference's ImageNet-LT code.
  'dynamic-egtea' is what the reference's EGTEA and CIFAR code computes: no factor 2 and no -1.
* Dynamic tau looks at the raw accuracies of the measured classes only, never at smoothed ones.
* ``prior_count``, ``momentum`` and ``min_difficulty`` are ours; off by default, because the papers have none.
* Only the name and the idea of CDB-S are known to us. Our reading: the class is drawn with
  p_c ~ d_c^tau, then a clip within it. ``frequency_power`` adds the factor n_c^q, so that one law covers
  natural (q=1, tau=0), square-root (q=1/2) and class-balanced (q=0) sampling too.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from cdb_video.checks import MEAN, check_frequency_power, check_smoothing, check_tau
from cdb_video.difficulty.vectors import FloatVector as FloatVector
from cdb_video.difficulty.vectors import IntVector as IntVector
from cdb_video.difficulty.vectors import check_classes, class_vector, unit_vector
from cdb_video.host_words import sample, samples

Tau: TypeAlias = float | str

TAU_EPS = 0.01
"""The eps of dynamic tau, (4): keeps max/min finite when a class has accuracy 0."""
_TOO_SMALL = 1e-200


def class_accuracy(correct: ArrayLike, total: ArrayLike) -> FloatVector:
    """Accuracy (recall) of every class, from counts; (1) of the paper.

    Args:
        correct: (C,) int >= 0, clips of each class that were predicted correctly.
        total: (C,) int >= 0, clips of each class that were evaluated.

    Returns:
        (C,) float64 in [0, 1]; NaN where a class has no clip.

    Raises:
        ValueError: If shapes differ, or a count is negative, not whole, or above its total.
    """
    num_correct = class_vector(correct, 'correct')
    num_clips = class_vector(total, 'total', like=num_correct)
    for name, counts in (('correct', num_correct), ('total', num_clips)):
        check_classes(
            np.isfinite(counts) & (counts >= 0) & (counts == np.floor(counts)),
            counts,
            name,
            'counts are whole numbers >= 0',
        )
    check_classes(
        num_correct <= num_clips,
        num_correct,
        'correct',
        f'a class cannot have more correct {samples()} than {samples()}',
    )
    accuracy = np.full(num_clips.shape, np.nan)
    np.divide(num_correct, num_clips, out=accuracy, where=num_clips > 0)
    return accuracy


def class_difficulty(
    accuracy: ArrayLike,
    previous: ArrayLike | None = None,
    *,
    total: ArrayLike | None = None,
    prior_count: float = 0.0,
    momentum: float | str = 0.0,
    min_difficulty: float = 0.0,
    num_measured: ArrayLike | None = None,
) -> FloatVector:
    """Difficulty d_c = 1 - accuracy_c of every class; (1) of the paper.

    Args:
        accuracy: (C,) float in [0, 1], NaN = no clip of this class was evaluated.
        previous: (C,) float in [0, 1], the difficulty before this validation, NaN where the class was
            never measured; None = no class was.
        total: (C,) int, clips of each class behind `accuracy`. Needed for `prior_count` only.
        prior_count: >= 0, our option. Shrinks a class towards the overall accuracy as if that many
            more clips had been seen at it: with prior_count=10 and an overall accuracy of 0.6, 0 of 2
            correct counts as (0 + 6) / (2 + 10) = 0.5.
        momentum: in [0, 1), our option. d = momentum * previous + (1 - momentum) * new, for a class
            that was measured before; its first measurement is taken as it is. 'mean' = the mean of all
            measurements so far, each counted alike.
        min_difficulty: in [0, 1], our option. The floor, so that a perfect class keeps a voice. With momentum='mean' of
            every measurement, so that their order does not matter.
        num_measured: (C,) int >= 0, validations before this one that measured the class, so that `previous`
            is the mean of so many. Needed for momentum='mean' only.

    Returns:
        (C,) float64 in [0, 1]. A class that was not measured keeps its `previous` value; where there
        is none it takes the mean of the classes measured so far, and 1 if there are none.

    Raises:
        ValueError: If a value is out of its range or shapes differ.
    """
    check_smoothing(prior_count, momentum, min_difficulty)
    new_accuracy = unit_vector(accuracy, 'accuracy')
    before = np.full_like(new_accuracy, np.nan)
    if previous is not None:
        before = unit_vector(previous, 'previous', like=new_accuracy)

    measured = ~np.isnan(new_accuracy)
    new = 1.0 - _shrink(new_accuracy, total, prior_count)
    blended = measured & ~np.isnan(before)
    if momentum == MEAN:
        new = np.maximum(new, min_difficulty)
        past = _times_measured(num_measured, like=new_accuracy)[blended]
        new[blended] = (past * before[blended] + new[blended]) / (past + 1.0)
    else:
        share = float(momentum)
        new[blended] = share * before[blended] + (1.0 - share) * new[blended]
    difficulty = np.where(measured, new, before)

    known = ~np.isnan(difficulty)
    difficulty[~known] = difficulty[known].mean() if known.any() else 1.0
    return np.clip(difficulty, min_difficulty, 1.0)


def resolve_tau(tau: Tau, accuracy: ArrayLike | None = None) -> float:
    """The exponent tau as a number; (3) and (4) of the paper where it is dynamic.

    Args:
        tau: A number >= 0; 'dynamic' = 2 sigmoid(b), b = max A / (min A + 0.01) - 1; or
            'dynamic-egtea' = sigmoid(max A / (min A + 0.01)), as the reference's EGTEA code has it.
        accuracy: (C,) float in [0, 1], the raw accuracies, NaN = not measured (left out). None or all
            NaN means no validation yet, which counts as accuracy 0 for all. Not read for a number.

    Returns:
        The exponent, >= 0.

    Raises:
        ValueError: If tau is neither a finite number >= 0 nor a known name.
    """
    check_tau(tau)
    if not isinstance(tau, str):
        return float(tau)
    measured = np.zeros(1)
    if accuracy is not None:
        values = unit_vector(accuracy, 'accuracy')
        if not np.isnan(values).all():
            measured = values[~np.isnan(values)]
    ratio = float(measured.max() / (measured.min() + TAU_EPS))
    return 2.0 * _sigmoid(ratio - 1.0) if tau == 'dynamic' else _sigmoid(ratio)


def class_weights(difficulty: ArrayLike, tau: float) -> FloatVector:
    """Loss weight of every class, w_c = C d_c^tau / sum_k d_k^tau; (2) of the paper, scaled to mean 1.

    Args:
        difficulty: (C,) float in [0, 1].
        tau: Exponent >= 0; 0 weighs all classes alike. A dynamic tau goes through `resolve_tau` first.

    Returns:
        (C,) float64 >= 0 with mean 1; exactly 1 everywhere if all difficulties are equal.

    Raises:
        ValueError: If a value is out of its range.
    """
    powers = _difficulty_power(unit_vector(difficulty, 'difficulty', nan=False), tau)
    weights: FloatVector = powers * (powers.size / powers.sum())
    return weights


def class_mass(difficulty: ArrayLike, tau: float, counts: ArrayLike, frequency_power: float = 0.0) -> FloatVector:
    """The class probabilities before they are scaled to sum 1: ~ n_c^q d_c^tau.

    Kept apart because n_c^1 is a whole number, exactly, while n_c / N is not: `allocate_draws` can
    then give every clip exactly one draw where the law says so.

    Args:
        difficulty: (C,) float in [0, 1].
        tau: Exponent of the difficulty, >= 0.
        counts: (C,) int >= 0, training clips per class. A class without clips has mass 0.
        frequency_power: q >= 0, the exponent of the counts.

    Returns:
        (C,) float64 >= 0, at least one of them positive. If every class with clips has difficulty 0,
        the difficulties count as equal.

    Raises:
        ValueError: If a value is out of its range or no class has a clip.
    """
    values = unit_vector(difficulty, 'difficulty', nan=False)
    num_clips = class_vector(counts, 'counts', like=values)
    check_classes(np.isfinite(num_clips) & (num_clips >= 0), num_clips, 'counts', 'counts are numbers >= 0')
    check_frequency_power(frequency_power)
    filled = num_clips > 0
    if not filled.any():
        raise ValueError(
            f'counts: no class has a {sample()}, so there is nothing to sample from; check the list of training '
            f'{samples()}'
        )
    mass = np.zeros_like(values)
    # Whole numbers for q = 1; scaled for all others, so that no power overflows.
    frequency = num_clips if frequency_power == 1 else num_clips / num_clips.max()
    mass[filled] = frequency[filled] ** frequency_power * _difficulty_power(values[filled], tau)
    if mass.max() < _TOO_SMALL:
        # The frequent classes are easy and the hard ones rare, beyond what a float can hold: by logarithms.
        mass[filled] = _mass_by_logarithms(frequency[filled], frequency_power, values[filled], tau)
    return mass


def class_probability(
    difficulty: ArrayLike, tau: float, counts: ArrayLike, frequency_power: float = 0.0
) -> FloatVector:
    """Probability that a draw takes class c: p_c = n_c^q d_c^tau / sum_k n_k^q d_k^tau.

    Args and errors are those of `class_mass`. q=0 is CDB-S in our reading of the paper; q=0, tau=0 is
    class-balanced and q=1, tau=0 natural sampling.

    Returns:
        (C,) float64 >= 0 with sum 1; 0 for a class without clips.
    """
    mass = class_mass(difficulty, tau, counts, frequency_power)
    probability: FloatVector = mass / mass.sum()
    return probability


def allocate_draws(mass: ArrayLike, num_draws: int, offset: float) -> IntVector:
    """Share `num_draws` draws among the classes in proportion to `mass`, by systematic rounding.

    The classes lie side by side on a line of length `num_draws`, each as long as its expected number
    of draws, and one draw falls at every `offset` + k. Example: expectations (1.5, 0.25, 1.25)
    end at 1.5, 1.75, 3.0; with offset 0.4 the draws at 0.4, 1.4, 2.4 go to classes 0, 0, 2.

    Args:
        mass: (C,) float >= 0, not all 0.
        num_draws: Number of draws, >= 0.
        offset: In [0, 1). Uniformly random, it makes every class's expected number of draws exact.

    Returns:
        (C,) int64 with sum `num_draws`, each less than one draw from its expectation.

    Raises:
        ValueError: If the mass is negative, not finite or all 0, or the offset is out of range.
    """
    values = class_vector(mass, 'mass')
    check_classes(np.isfinite(values) & (values >= 0), values, 'mass', 'a mass is a finite number >= 0')
    if not values.any():
        raise ValueError('mass: all classes have mass 0; at least one must be positive')
    if not 0.0 <= offset < 1.0:
        raise ValueError(f'offset={offset!r}: must be in [0, 1)')
    cumulative = np.cumsum(values)
    ends = cumulative * (num_draws / cumulative[-1])
    # 2.9999999996 is 3 after rounding errors, and must not lose a draw to a tiny offset.
    whole = np.rint(ends)
    ends = np.where(np.abs(ends - whole) <= 1e-12 * max(num_draws, 1), whole, ends)
    ends[-1] = num_draws
    # Draws at offset + k before an end e: all k < floor(e), and k = floor(e) if offset < e - floor(e).
    floors = np.floor(ends)
    before = floors.astype(np.int64) + (offset < ends - floors)
    draws: IntVector = np.diff(before, prepend=0)
    return draws


def _times_measured(num_measured: ArrayLike | None, like: FloatVector) -> FloatVector:
    """(C,) float64, how often each class was measured before."""
    if num_measured is None:
        raise ValueError("momentum='mean' needs the measurements so far per class: pass num_measured=(C,)")
    times = class_vector(num_measured, 'num_measured', like=like)
    check_classes((times >= 0) & (times == np.floor(times)), times, 'num_measured', 'counts are whole numbers >= 0')
    return times


def _shrink(accuracy: FloatVector, total: ArrayLike | None, prior_count: float) -> FloatVector:
    """(correct + prior_count * overall) / (total + prior_count) for the measured classes."""
    if prior_count == 0:
        return accuracy.copy()
    if total is None:
        raise ValueError(f'prior_count={prior_count!r} needs the {samples()} per class: pass total=(C,)')
    num_clips = class_vector(total, 'total', like=accuracy)
    measured = ~np.isnan(accuracy)
    check_classes(~measured | (num_clips > 0), num_clips, 'total', f'a class with an accuracy has {samples()}')
    correct = np.where(measured, accuracy * num_clips, 0.0)
    overall = correct.sum() / num_clips[measured].sum() if measured.any() else 0.0
    shrunk = np.full_like(accuracy, np.nan)
    shrunk[measured] = (correct[measured] + prior_count * overall) / (num_clips[measured] + prior_count)
    return np.clip(shrunk, 0.0, 1.0)


def _difficulty_power(difficulty: FloatVector, tau: float) -> FloatVector:
    """(d / max d)^tau; all ones if every d is 0. The scale keeps large exponents from underflowing."""
    if isinstance(tau, str):
        raise ValueError(f'tau={tau!r}: a number is needed here; resolve_tau(tau, accuracy) gives it')
    check_tau(tau)
    largest = difficulty.max()
    if largest == 0:
        return np.ones_like(difficulty)
    return np.asarray((difficulty / largest) ** tau, dtype=np.float64)


def _mass_by_logarithms(
    frequency: FloatVector, frequency_power: float, difficulty: FloatVector, tau: float
) -> FloatVector:
    """n^q d^tau for n > 0, scaled to a largest of 1, where both powers are needed at once to tell which that is."""
    with np.errstate(divide='ignore'):  # a difficulty of 0 has the logarithm -inf, and the mass 0
        logs = frequency_power * np.log(frequency) + tau * np.log(difficulty / difficulty.max())
    return np.asarray(np.exp(logs - logs.max()), dtype=np.float64)


def _sigmoid(x: float) -> float:
    """1 / (1 + exp(-x)) for x >= -1, the only range that occurs here: no overflow."""
    return 1.0 / (1.0 + math.exp(-x))
