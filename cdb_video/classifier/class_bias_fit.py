"""The objective of the class bias for the mean of the classes, its derivatives, and Newton's method for them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cdb_video.difficulty.formulas import FloatVector, IntVector

Matrix = NDArray[np.float64]
TOLERANCE = 1e-9
"""A slope below this, times K, counts as none."""
_MOST_STEPS = 200
_MOST_HALVINGS = 40
_SUFFICIENT = 1e-4


@dataclass(frozen=True)
class Point:
    """The objective at a bias.

    Attributes:
        value: What is maximised; -inf where a class has lost all its probability to rounding.
        gradient: (K,) float64.
        shares: (N, C) float64, softmax(z + b).
        weights: (N,) float64 > 0 with sum 1: the part of a clip in the slope, p_iy / (K sum_{j in y} p_jy).
    """

    value: float
    gradient: FloatVector
    shares: Matrix
    weights: FloatVector


@dataclass(frozen=True)
class Maximum:
    """Where an ascent ended.

    Attributes:
        values: (K,) float64.
        converged: Whether no slope is left there.
        steps: Newton steps that were done.
    """

    values: FloatVector
    converged: bool
    steps: int


class Objective:
    """(1/K) sum_c log m_c - lambda mean_c a_c^2, m_c = mean_{i in c} softmax(z_i + b)_c, over the K measured classes.

    b is a for these, and the mean of a for all others.

    Args:
        scores: (N, C) float64, z.
        labels: (N,) int64 in 0..C-1.
        penalty: lambda > 0.
    """

    def __init__(self, scores: Matrix, labels: IntVector, penalty: float) -> None:
        order = np.argsort(labels, kind='stable')
        self._scores, self._labels, self._penalty = scores[order], labels[order], penalty
        counts = np.bincount(labels, minlength=scores.shape[1])
        self._measured = counts > 0
        self.num_classes = int(self._measured.sum())
        """K."""
        self._counts = counts[self._measured]
        self._starts = np.cumsum(self._counts) - self._counts
        self._clips = np.arange(len(labels))

    def at(self, values: FloatVector) -> Point:
        """The objective and its gradient at a, (K,) float64.

        With q_i the weights of `Point`, the gradient is 1/K [c is measured] - sum_i q_i p_ic - (2 lambda / K) a_c.
        """
        shares = self._scores + self._bias(values)
        shares -= shares.max(axis=1, keepdims=True)
        np.exp(shares, out=shares)
        shares /= shares.sum(axis=1, keepdims=True)
        own = shares[self._clips, self._labels]
        sums = np.add.reduceat(own, self._starts)
        if not (sums > 0).all():
            return Point(-np.inf, np.zeros(self.num_classes), shares, own)
        value = np.log(sums / self._counts).mean() - self._penalty * (values**2).mean()
        weights = own / (self.num_classes * np.repeat(sums, self._counts))
        slope = self._measured / self.num_classes - weights @ shares
        gradient = self._tied(slope) - 2 * self._penalty / self.num_classes * values
        return Point(float(value), gradient, shares, weights)

    def hessian(self, point: Point) -> Matrix:
        """The second derivatives at a point, (K, K) float64.

        Those by b are 2 sum_i q_i p_i p_i^T - diag(sum_i q_i p_i) - K sum_c s_c s_c^T, s_c = sum_{i in c} q_i p_i.
        """
        weighted = point.shares * np.sqrt(point.weights)[:, None]
        second = 2 * (weighted.T @ weighted)
        second[np.diag_indices_from(second)] -= point.weights @ point.shares
        sums = np.add.reduceat(point.shares * point.weights[:, None], self._starts, axis=0)
        second -= self.num_classes * (sums.T @ sums)
        tied = self._tied(self._tied(second).T)
        tied[np.diag_indices_from(tied)] -= 2 * self._penalty / self.num_classes
        return tied

    def _bias(self, values: FloatVector) -> FloatVector:
        """The bias b of all classes, (C,)."""
        bias = np.full(self._measured.size, values.mean())
        bias[self._measured] = values
        return bias

    def _tied(self, by_bias: NDArray[np.float64]) -> NDArray[np.float64]:
        """Derivatives by b, along the first axis, as those by a: all a move the classes that are not measured alike."""
        tied: NDArray[np.float64] = by_bias[self._measured] + by_bias[~self._measured].sum(axis=0) / self.num_classes
        return tied


def maximize(objective: Objective) -> Maximum:
    """Climb from 0 by Newton's method, with shorter steps where the whole one does not lead up."""
    values = np.zeros(objective.num_classes)
    point = objective.at(values)
    for step in range(_MOST_STEPS):
        if _steepness(objective, point) < TOLERANCE:
            return Maximum(values, True, step)
        direction = _direction(-objective.hessian(point), point.gradient)
        found = _climb(objective, values, point, direction)
        if found is None:
            return Maximum(values, False, step)
        values, point = found
    return Maximum(values, _steepness(objective, point) < TOLERANCE, _MOST_STEPS)


def _steepness(objective: Objective, point: Point) -> float:
    """K times the largest slope by one class, which is at most 1 but for the penalty."""
    return float(np.abs(point.gradient).max()) * objective.num_classes


def _direction(curvature: Matrix, gradient: FloatVector) -> FloatVector:
    """Newton's step, with as much added to the curvature as makes it positive: then it leads up."""
    size = len(gradient)
    added = 0.0
    while True:
        damped = curvature + added * np.eye(size)
        try:
            np.linalg.cholesky(damped)
        except np.linalg.LinAlgError:
            added = max(2 * added, 1e-3 / size)
            continue
        solved: FloatVector = np.linalg.solve(damped, gradient)
        return solved


def _climb(
    objective: Objective, values: FloatVector, point: Point, direction: FloatVector
) -> tuple[FloatVector, Point] | None:
    """The first of ever shorter steps that leads up enough, or, at the top, to a smaller slope; None if none does."""
    rise = float(point.gradient @ direction)
    length = 1.0
    for _ in range(_MOST_HALVINGS):
        tried = values + length * direction
        new = objective.at(tried)
        is_level = abs(new.value - point.value) <= 1e-13 * max(1.0, abs(point.value))
        if new.value >= point.value + _SUFFICIENT * length * rise or (
            is_level and _steepness(objective, new) < _steepness(objective, point)
        ):
            return tried, new
        length /= 2
    return None
