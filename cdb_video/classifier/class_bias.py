"""Class bias: a number for the score of every class, fitted on validation probabilities, after training.

A network favours some classes beyond what their training clips say, also where the loss took the counts into account
(Prior2Posterior, WACV 2025, arXiv 2412.16540). A bias b on the scores z answers that without training; logit
adjustment after training (Menon et al., ICLR 2021, arXiv 2007.07314) takes it from the counts, here it is fitted. The
aim 'mean' raises all classes alike, 'worst' the hardest ones, in the way of post-hoc minimax ('Distributionally Robust
Post-hoc Classifiers under Prior Shifts', ICLR 2023).

Pure functions over float64 NumPy arrays. z = log p, since the softmax forgets what all scores of a clip have in common;
so p must be those of one view: an average over views has no scores to which b could be added.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cdb_video.checks import check_positive
from cdb_video.classifier.class_bias_fit import Objective, maximize
from cdb_video.difficulty.counts import ClassCounts
from cdb_video.difficulty.formulas import FloatVector, IntVector, class_difficulty
from cdb_video.host_words import sample, samples

Matrix = NDArray[np.float64]
AIMS = ('mean', 'worst')
FLOOR = 1e-12
"""The least probability; below it the logarithm would say more than float32 does."""
FEW_CLIPS = 5
PENALTY = 0.1
PENALTY_OF_FEW = 1.0
WORST_STEPS = 300
WORST_PRIOR_COUNT = 5.0
# Scores are float32 at best, and half precision is not rare.
_SUM_TOLERANCE = 1e-2


@dataclass(frozen=True)
class ClassBias:
    """A fitted class bias.

    Attributes:
        bias: (C,) float64, to be added to the scores; mean 0 over all classes, and exactly 0 for those that were not
            measured.
        num_clips: (C,) int64, validation clips of each class; a class without one is not measured.
        aim: One of `AIMS`.
        penalty: lambda of 'mean', > 0; None for 'worst'.
        converged: Whether no slope is left; always for 'worst', which has a fixed number of steps.
        steps: How many were done.
    """

    bias: FloatVector
    num_clips: IntVector
    aim: str
    penalty: float | None
    converged: bool
    steps: int

    @property
    def unmeasured(self) -> list[int]:
        """The classes without validation clips."""
        return [int(index) for index in np.flatnonzero(self.num_clips == 0)]


def fit_class_bias(
    probabilities: ArrayLike, labels: ArrayLike, aim: str = 'mean', penalty: float | None = None
) -> ClassBias:
    """Fit a class bias on the clips of a validation set.

    'mean': b = argmax (1/K) sum_c log(mean_{i in c} softmax(z_i + b)_c) - lambda mean_c b_c^2 over the K measured
    classes, by Newton's method from 0. The objective is smooth, but need not be concave: what is found is the maximum
    that an ascent from 0 leads to.

    'worst': b = 0, then b += eta_k (d - mean d) with eta_k = 1 / sqrt(k) for k = 1..300, where d is the difficulty of
    the classes under the scores z + b with prior_count=5; the result is the mean of the 300 b that this gives.

    A class without clips has the mean of the others, which is 0, throughout.

    Args:
        probabilities: (N, C) float in [0, 1], each row with sum 1: of one view of each clip.
        labels: (N,) int in 0..C-1, the true classes.
        aim: 'mean' or 'worst'.
        penalty: lambda > 0 of 'mean'. None = 0.1, and 1 if any measured class has under 5 clips (one number for all
            classes, as it was tested).

    Returns:
        The bias with what it was fitted on.

    Raises:
        ValueError: If an argument is out of its range, or under 2 classes have clips.
    """
    if aim not in AIMS:
        raise ValueError(f'aim={aim!r}: must be one of {", ".join(map(repr, AIMS))}')
    values, truth = _checked(probabilities, labels)
    scores = log_scores(values)
    num_clips = np.bincount(truth, minlength=scores.shape[1]).astype(np.int64)
    measured = num_clips > 0
    if measured.sum() < 2:
        raise ValueError(
            f'labels: {int(measured.sum())} of {measured.size} classes have validation {samples()}, and a bias is '
            f'between at least 2: take a validation set with {samples()} of more classes'
        )
    if aim == 'worst':
        if penalty is not None:
            raise ValueError(f"penalty={penalty!r}: is of aim='mean'; 'worst' has none, leave it out")
        return ClassBias(level_difficulty(scores, truth), num_clips, aim, None, True, WORST_STEPS)
    if penalty is None:
        penalty = PENALTY_OF_FEW if num_clips[measured].min() < FEW_CLIPS else PENALTY
    check_positive(penalty=penalty)
    found = maximize(Objective(scores, truth, penalty))
    bias = np.zeros(measured.size)
    bias[measured] = found.values - found.values.mean()
    return ClassBias(bias, num_clips, aim, penalty, found.converged, found.steps)


def log_scores(probabilities: ArrayLike) -> Matrix:
    """Scores z = log p, with p floored at 1e-12: (N, C) to (N, C) float64."""
    scores: Matrix = np.log(np.maximum(np.asarray(probabilities, np.float64), FLOOR))
    return scores


def biased_probabilities(probabilities: ArrayLike, bias: ArrayLike) -> Matrix:
    """What a classifier answers once a bias is added to its scores: softmax(z + b).

    Args:
        probabilities: (N, C) float in [0, 1].
        bias: (C,) float.

    Returns:
        (N, C) float64, each row with sum 1.
    """
    scores = log_scores(probabilities) + np.asarray(bias, np.float64)
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: Matrix = powers / powers.sum(axis=1, keepdims=True)
    return shares


def level_difficulty(scores: Matrix, labels: IntVector, steps: int = WORST_STEPS) -> FloatVector:
    """The bias of the aim 'worst', see `fit_class_bias`: hard classes gain, step by step.

    Args:
        scores: (N, C) float64, z.
        labels: (N,) int64 in 0..C-1.
        steps: >= 1.

    Returns:
        (C,) float64, the mean of the bias after each step.
    """
    num_classes = scores.shape[1]
    measured = np.bincount(labels, minlength=num_classes) > 0
    bias, total = np.zeros(num_classes), np.zeros(num_classes)
    biased = np.empty_like(scores)
    for step in range(1, steps + 1):
        np.add(scores, bias, out=biased)
        predicted = biased.argmax(axis=1)
        counts = ClassCounts.of(labels, predicted, predicted == labels, num_classes)
        difficulty = class_difficulty(counts.accuracy, total=counts.num_clips, prior_count=WORST_PRIOR_COUNT)
        bias[measured] += (difficulty[measured] - difficulty[measured].mean()) / np.sqrt(step)
        total += bias
    mean = total / steps
    mean[measured] -= mean[measured].mean()  # 0 but for rounding
    return mean


def _checked(probabilities: ArrayLike, labels: ArrayLike) -> tuple[Matrix, IntVector]:
    """Both as arrays.

    Raises:
        ValueError: If a shape, a probability or a label is not what it must be.
    """
    values, truth = np.asarray(probabilities, np.float64), np.asarray(labels)
    if values.ndim != 2 or 0 in values.shape:
        raise ValueError(
            f'probabilities: must have shape ({samples()}, classes), with at least one each, not {values.shape}'
        )
    if truth.shape != values.shape[:1] or truth.dtype.kind not in 'iu':
        raise ValueError(
            f'labels: must be one whole number for each of {len(values)} {samples()}, got shape {truth.shape} of '
            f'{truth.dtype}: both must be of the same {samples()}'
        )
    outside = np.flatnonzero((truth < 0) | (truth >= values.shape[1]))
    if outside.size:
        raise ValueError(
            f'labels: {sample()} {outside[0]} has label {truth[outside[0]]}, but there are {values.shape[1]} '
            f'probabilities a {sample()}: labels must be 0..{values.shape[1] - 1}; take probabilities of the same '
            'classes'
        )
    within = ((values >= 0) & (values <= 1)).all(axis=1)
    bad = np.flatnonzero(~(within & (np.abs(values.sum(axis=1) - 1) < _SUM_TOLERANCE)))
    if bad.size:
        raise ValueError(
            f'probabilities: those of {sample()} {bad[0]} lie from {values[bad[0]].min():g} to '
            f'{values[bad[0]].max():g} and add up to {values[bad[0]].sum():g}, but must lie in [0, 1] and add up to 1 '
            f"({bad.size} such {samples()}): test with average_clips='prob' in the head"
        )
    return values, truth.astype(np.int64)
