"""Counts per class and the numbers made of them; the rank of the true class; groups by training samples.

Pure numpy: what `ClassAccuracy` counts in a run, and what a report counts from a dump, are counted here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cdb_video.difficulty.formulas import FloatVector, IntVector, class_accuracy

Mask = NDArray[np.bool_]
IntMatrix = NDArray[np.int64]
SHOT_GROUPS = ('many_shot', 'medium_shot', 'few_shot')
CLASS_NUMBERS = ('mean1', 'hmean', 'worst', 'mean_precision', 'macro_f1')
"""What `ClassCounts.means` says of all classes, each in one number."""


@dataclass(frozen=True)
class ClassCounts:
    """What one evaluation counted.

    Attributes:
        num_clips: (C,) int64, clips of each class.
        num_correct: (C,) int64, clips of each class whose class was predicted.
        num_predicted: (C,) int64, clips for which this class was predicted, rightly or not.
        mean_probability: (C,) float64 in [0, 1], mean probability of the true class, NaN for a class without clips;
            None = was not asked for.
        num_missed: (C,) int64, clips of each class for which no class was predicted, as objects that a detector does
            not find; None = there is always one.
    """

    num_clips: IntVector
    num_correct: IntVector
    num_predicted: IntVector
    mean_probability: FloatVector | None = None
    num_missed: IntVector | None = None

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

    @classmethod
    def of_answers(cls, labels: IntVector, answers: IntVector, num_classes: int) -> ClassCounts:
        """Count N objects, some of which may be missed.

        Args:
            labels: (N,) int64 in 0..C-1.
            answers: (N,) int64 in 0..C, the classes by which they were called; C = missed.
            num_classes: C.
        """
        named = answers < num_classes
        return cls(
            num_clips=np.bincount(labels, minlength=num_classes),
            num_correct=np.bincount(labels[labels == answers], minlength=num_classes),
            num_predicted=np.bincount(answers[named], minlength=num_classes),
            num_missed=np.bincount(labels[~named], minlength=num_classes),
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
        """`CLASS_NUMBERS`, and the mean accuracy of every group, over the classes that have samples.

        Args:
            groups: (C,) bool masks by name.

        Returns:
            Numbers in [0, 1] by name; a group in which no class has samples is left out.

        Raises:
            ValueError: If no class has samples.
        """
        numbers, present = accuracy_numbers(self.num_clips, self.num_correct), self.num_clips > 0
        numbers |= {
            'mean_precision': float(self.precision[present].mean()),
            'macro_f1': float(self.f1[present].mean()),
        }
        return numbers | group_means(self.accuracy, groups)


def confusion_counts(
    labels: IntVector, answers: IntVector, num_classes: int, num_answers: int | None = None
) -> IntMatrix:
    """How many samples of each class got which answer.

    Args:
        labels: (N,) int64 in 0..C-1.
        answers: (N,) int64 in 0..A-1.
        num_classes: C.
        num_answers: A; None = C. C + 1 where an object can be missed, which is the last answer.

    Returns:
        (C, A) int64; rows are true classes.
    """
    width = num_classes if num_answers is None else num_answers
    return np.bincount(labels * width + answers, minlength=num_classes * width).reshape(num_classes, width)


def accuracy_numbers(num_clips: ArrayLike, num_correct: ArrayLike) -> dict[str, float]:
    """The accuracies k_c / n_c of the classes that have samples, each class alike, in one number of three kinds.

    ``mean1`` is their mean, ``worst`` the lowest of them, ``hmean`` the harmonic mean of (k_c + 1/2) / (n_c + 1). The
    harmonic mean, and the lowest, are the measures of Du and Wu (arXiv 2303.03630): a mean hides a class that was given
    up. The half and the one are our choice: without them one class without a right answer makes ``hmean`` 0, whatever
    the others do. With them it depends on n_c, and is at most (n + 1/2) / (n + 1) with n samples a class: compare it on
    one test set alone. Example: 4 of 4 and 1 of 4 right: mean1 0.625, worst 0.25, hmean 2 / (5 / 4.5 + 5 / 1.5) = 0.45.

    Args:
        num_clips: (C,) int >= 0, n_c.
        num_correct: (C,) int, 0 <= k_c <= n_c.

    Returns:
        ``mean1``, ``hmean`` and ``worst``, in [0, 1].

    Raises:
        ValueError: If a count is out of its range, or no class has samples.
    """
    clips, correct = np.asarray(num_clips), np.asarray(num_correct)
    accuracy = class_accuracy(correct, clips)
    present = ~np.isnan(accuracy)
    if not present.any():
        raise ValueError(f'none of the {len(clips)} classes has samples, so there is no accuracy: is the set empty?')
    inverse = (clips[present] + 1.0) / (correct[present] + 0.5)
    return {
        'mean1': float(accuracy[present].mean()),
        'hmean': float(1.0 / inverse.mean()),
        'worst': float(accuracy[present].min()),
    }


def group_means(accuracy: FloatVector, groups: Mapping[str, Mask]) -> dict[str, float]:
    """The mean accuracy of every group that has classes with samples.

    Args:
        accuracy: (C,) float64 in [0, 1], NaN = no samples.
        groups: (C,) bool masks by name.

    Returns:
        Numbers in [0, 1] by name, in the order of the groups.
    """
    present = ~np.isnan(accuracy)
    return {name: float(accuracy[group & present].mean()) for name, group in groups.items() if (group & present).any()}


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
