"""What came out for every sample of a validation, as integers that processes exchange; and what is counted of it.

A sample is kept as (label, predicted class, rank of the label, number of classes), and where the difficulty is measured
by it, the bits of the probability of the true class as a fifth: so no exchange rounds it. Pure numpy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cdb_video.difficulty.counts import ClassCounts, Mask, label_ranks
from cdb_video.difficulty.formulas import FloatVector, IntVector
from cdb_video.host_words import sample, samples

Kept = NDArray[np.int64]
"""(N, 4) or (N, 5), see the module."""
NOT_A_NUMBER = -1
"""Stands in the place of a rank where the scores of a sample hold a NaN."""
TOPK = (1, 5)
"""The k of the top-k accuracies, where there are more classes than that."""


def kept_of_scores(scores: NDArray[np.floating[Any]], labels: IntVector, remedy: str | None = None) -> Kept:
    """What is kept of N samples that were scored.

    Args:
        scores: (N, C) float; a row with NaN is kept as one.
        labels: (N,) int64 in 0..C-1.
        remedy: What to do where scores are no probabilities, if the probability is kept; None = it is not.

    Raises:
        ValueError: If the probability is to be kept, and scores are none.
    """
    ranks, predicted = label_ranks(scores, labels), scores.argmax(axis=1)
    diverged = np.isnan(scores).any(axis=1)
    ranks[diverged], predicted[diverged] = NOT_A_NUMBER, 0
    columns = [labels, predicted, ranks, np.full(len(labels), scores.shape[1])]
    if remedy is not None:
        _check_probabilities(scores[~diverged], remedy)
        own = np.take_along_axis(scores, labels[:, None], axis=1)[:, 0].astype(np.float64)
        columns.append(own.view(np.int64))
    return np.stack(columns, axis=1).astype(np.int64, copy=False)


def kept_of_predictions(predicted: IntVector, labels: IntVector, num_classes: int) -> Kept:
    """What is kept of N samples of which no more is known than which class was predicted: a rank is 0 or C.

    Args:
        predicted: (N,) int64 in 0..C-1.
        labels: (N,) int64 in 0..C-1.
        num_classes: C.
    """
    ranks = np.where(predicted == labels, 0, num_classes)
    return np.stack([labels, predicted, ranks, np.full(len(labels), num_classes)], axis=1).astype(np.int64, copy=False)


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What came out for N samples.

    Attributes:
        labels: (N,) int64 in 0..C-1.
        predicted: (N,) int64 in 0..C-1.
        ranks: (N,) int64 >= 0, how many classes stand before the true one; C = only that it is not the first.
        num_classes: C.
        probability: (N,) float64 in [0, 1], of the true class; None = was not kept.
    """

    labels: IntVector
    predicted: IntVector
    ranks: IntVector
    num_classes: int
    probability: FloatVector | None = None

    @classmethod
    def of(cls, kept: ArrayLike, num_classes: int | None = None) -> Outcomes:
        """Read what was kept.

        Args:
            kept: Of at least one sample.
            num_classes: C; None = that of the first sample.

        Raises:
            ValueError: If scores hold NaN, or are not of C classes.
        """
        labels, predicted, ranks, sizes, *bits = np.asarray(kept, dtype=np.int64).T
        number = num_classes or int(sizes[0])
        _check_scores(ranks, sizes, number)
        return cls(labels, predicted, ranks, number, from_bits(bits[0]) if bits else None)

    @property
    def counts(self) -> ClassCounts:
        """What is counted of them by class."""
        return ClassCounts.of(self.labels, self.predicted, self.ranks == 0, self.num_classes, self.probability)

    def top_accuracies(self, topk: Iterable[int]) -> dict[str, float]:
        """The shares of samples whose class is among the first k, by 'top1' and so on."""
        return {f'top{k}': float((self.ranks < k).mean()) for k in topk}

    def metrics(self, groups: Mapping[str, Mask]) -> dict[str, float]:
        """What `ClassAccuracy` returns for them, without prefix: top-k, and `ClassCounts.means` by groups.

        Args:
            groups: (C,) bool masks by name.
        """
        # Where only the predicted class is known, no other one has a rank.
        known = (1,) if (self.ranks == self.num_classes).any() else default_topk(self.num_classes)
        return self.top_accuracies(known) | self.counts.means(groups)


def default_topk(num_classes: int, topk: Iterable[int] = TOPK) -> tuple[int, ...]:
    """Those k of `topk` that say something of so many classes: of k classes or fewer every sample is right."""
    return tuple(k for k in topk if k == 1 or k < num_classes)


def from_bits(column: IntVector) -> FloatVector:
    """(N,) float64, the probabilities that are kept as integers."""
    return np.ascontiguousarray(column).view(np.float64)


def _check_probabilities(scores: NDArray[np.floating[Any]], remedy: str) -> None:
    """Refuse scores, (N, C), that are no probabilities."""
    fitting = (scores >= 0).all(axis=1) & (np.abs(scores.sum(axis=1) - 1) < 0.01)
    if not fitting.all():
        one = scores[~fitting][0]
        raise ValueError(
            f"measure='probability' needs probabilities, and the scores of a {sample()} are {one.min():g} to "
            f'{one.max():g} '
            f'with the sum {one.sum():g}: {remedy}, or measure by '
            "'accuracy'"
        )


def _check_scores(ranks: IntVector, sizes: IntVector, num_classes: int) -> None:
    """Refuse scores that hold NaN, or are not of `num_classes` classes."""
    not_a_number = int((ranks == NOT_A_NUMBER).sum())
    if not_a_number:
        raise ValueError(
            f'the scores of {not_a_number} of {len(ranks)} {samples()} hold NaN: training has diverged; lower the '
            f'learning rate, clip gradients (optim_wrapper.clip_grad) or check the loss'
        )
    if (sizes != num_classes).any():
        raise ValueError(
            f'the model scores {int(sizes[sizes != num_classes][0])} classes, ClassAccuracy expects '
            f'{num_classes}: num_classes of the head and of the metric must agree'
        )
