"""Counts per class: samples, correct answers, predictions; the rank of the true class; groups by training samples.

Pure numpy: what `ClassAccuracy` counts in a run, and what a report counts from a dump, are counted here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cdb_video.difficulty.formulas import FloatVector, IntVector, class_accuracy

Mask = NDArray[np.bool_]
SHOT_GROUPS = ('many_shot', 'medium_shot', 'few_shot')
CLASS_MEANS = {'mean1': 'accuracy', 'mean_precision': 'precision', 'macro_f1': 'f1'}
"""Means over the classes: name -> vector of `ClassCounts`."""


@dataclass(frozen=True)
class ClassCounts:
    """What one evaluation counted.

    Attributes:
        num_clips: (C,) int64, clips of each class.
        num_correct: (C,) int64, clips of each class whose class was predicted.
        num_predicted: (C,) int64, clips for which this class was predicted, rightly or not.
        mean_probability: (C,) float64 in [0, 1], mean probability of the true class, NaN for a class without clips;
            None = was not asked for.
    """

    num_clips: IntVector
    num_correct: IntVector
    num_predicted: IntVector
    mean_probability: FloatVector | None = None

    @classmethod
    def of(
        cls,
        labels: IntVector,
        predicted: IntVector,
        is_correct: Mask,
        num_classes: int,
        probability: FloatVector | None = None,
    ) -> ClassCounts:
        """Count N samples.

        Args:
            labels: (N,) int64 in 0..C-1.
            predicted: (N,) int64 in 0..C-1.
            is_correct: (N,) bool; where scores tie, a rank of 0 says it, see `label_ranks`.
            num_classes: C.
            probability: (N,) float64 in [0, 1], of the true class; None = not known.
        """
        num_clips = np.bincount(labels, minlength=num_classes)
        return cls(
            num_clips=num_clips,
            num_correct=np.bincount(labels[is_correct], minlength=num_classes),
            num_predicted=np.bincount(predicted, minlength=num_classes),
            mean_probability=None if probability is None else _means(labels, probability, num_clips),
        )

    @property
    def num_classes(self) -> int:
        """Number of classes C."""
        return len(self.num_clips)

    @property
    def accuracy(self) -> FloatVector:
        """(C,) float64 in [0, 1], NaN for a class without clips: recall."""
        return class_accuracy(self.num_correct, self.num_clips)

    @property
    def precision(self) -> FloatVector:
        """(C,) float64 in [0, 1]; 0 for a class that was never predicted."""
        return _ratio(self.num_correct, self.num_predicted)

    @property
    def f1(self) -> FloatVector:
        """(C,) float64 in [0, 1], 2 correct / (clips + predicted); 0 for a class without either."""
        return _ratio(2 * self.num_correct, self.num_clips + self.num_predicted)

    def means(self, groups: Mapping[str, Mask]) -> dict[str, float]:
        """Means over the classes that have samples: `CLASS_MEANS`, and the accuracy of every group that has some.

        Args:
            groups: (C,) bool masks by name.
        """
        present = self.num_clips > 0
        means = {name: float(getattr(self, vector)[present].mean()) for name, vector in CLASS_MEANS.items()}
        return means | {
            name: float(self.accuracy[group & present].mean())
            for name, group in groups.items()
            if (group & present).any()
        }


def label_ranks(scores: NDArray[np.floating], labels: IntVector) -> IntVector:
    """How many classes stand before the true one. Ties go to the lower class, as argmax has it.

    So a rank of 0 and a right prediction are the same. Example: scores (0.3, 0.5, 0.3), true class 2: rank 2.

    Args:
        scores: (N, C) float; a row with NaN has no meaning here.
        labels: (N,) int64 in 0..C-1.

    Returns:
        (N,) int64 in 0..C-1.
    """
    column = labels[:, None]
    own = np.take_along_axis(scores, column, axis=1)
    earlier = np.arange(scores.shape[1]) < column
    ranks: IntVector = ((scores > own) | ((scores == own) & earlier)).sum(axis=1).astype(np.int64, copy=False)
    return ranks


def shot_groups(train_counts: ArrayLike, shot_thresholds: Sequence[int]) -> dict[str, Mask]:
    """Many-, medium- and few-shot classes, by their training samples (Liu et al., CVPR 2019, arXiv 1904.05160).

    Args:
        train_counts: (C,) int >= 0.
        shot_thresholds: (few, many): fewer than `few` is few-shot, more than `many` is many-shot, the rest medium-shot.

    Returns:
        (C,) bool masks by the names in `SHOT_GROUPS`; every class is in one of them.
    """
    counts = np.asarray(train_counts)
    few, many = shot_thresholds
    masks = (counts > many, (counts >= few) & (counts <= many), counts < few)
    return dict(zip(SHOT_GROUPS, masks, strict=True))


def shot_group(train_count: int, shot_thresholds: Sequence[int]) -> str:
    """The name in `SHOT_GROUPS` of a class with `train_count` training samples."""
    groups = shot_groups([train_count], shot_thresholds)
    return next(name for name, mask in groups.items() if mask[0])


def _means(labels: IntVector, values: FloatVector, num_clips: IntVector) -> FloatVector:
    """(C,) float64, mean of the values of each class, NaN where there are none."""
    sums = np.bincount(labels, weights=values, minlength=len(num_clips))
    means = np.full(len(num_clips), np.nan)
    np.divide(sums, num_clips, out=means, where=num_clips > 0)
    return np.asarray(np.clip(means, 0.0, 1.0), np.float64)  # NaN stays


def _ratio(numerator: IntVector, denominator: IntVector) -> FloatVector:
    """Numerator over denominator, 0 where both are 0."""
    return np.asarray(numerator / np.maximum(denominator, 1), dtype=np.float64)
