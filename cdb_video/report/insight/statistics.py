"""The numbers of the report: accuracies, confusions, rank correlation. Pure, over numpy.

Means over the classes run over the classes that have clips, as `ClassAccuracy` has them. A precision of 0 / 0 is 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cdb_video.difficulty.counts import ClassCounts, accuracy_numbers, confusion_counts, group_means, shot_groups
from cdb_video.difficulty.formulas import FloatVector, IntVector, class_accuracy

IntMatrix = NDArray[np.int64]


@dataclass(frozen=True)
class Outcomes:
    """What came out for N clips, or for N objects of images.

    Attributes:
        labels: (N,) int64 in 0..C-1, the true classes.
        predicted: (N,) int64 in 0..C-1; of objects C too, which is missed.
        num_classes: C.
        ranks: (N,) int64 >= 0, how many classes stood before the true one; None = not known.
        groups: (N,) int64, the session of every clip, or the image of every object, counted from 0; None = every one
            stands for itself.
        of_objects: Whether these are objects, which can be missed.
    """

    labels: IntVector
    predicted: IntVector
    num_classes: int
    ranks: IntVector | None = None
    groups: IntVector | None = None
    of_objects: bool = False

    @property
    def answers(self) -> IntMatrix:
        """(C, C) int64: clips of the class of the row that were predicted as the class of the column.

        Of objects (C, C + 1), and the last column has those that were missed.
        """
        number = self.num_classes + self.of_objects
        return confusion_counts(self.labels, self.predicted, self.num_classes, number)

    @property
    def confusion(self) -> IntMatrix:
        """(C, C) int64, the same without those that were missed."""
        return self.answers[:, : self.num_classes]

    @property
    def num_missed(self) -> IntVector | None:
        """(C,) int64, objects of each class that were missed; None = no object can be."""
        return self.answers[:, self.num_classes] if self.of_objects else None

    @property
    def drawn(self) -> str:
        """What the bootstrap draws: 'sessions', 'images' or 'clips', which stands for whatever is classified."""
        if self.groups is None:
            return 'clips'
        return 'images' if self.of_objects else 'sessions'

    @property
    def num_clips(self) -> IntVector:
        """(C,) int64."""
        return np.bincount(self.labels, minlength=self.num_classes)

    @property
    def num_correct(self) -> IntVector:
        """(C,) int64."""
        return np.bincount(self.labels[self.labels == self.predicted], minlength=self.num_classes)

    @property
    def num_units(self) -> int:
        """How many sessions there are; how many clips, where sessions are not known. The bootstrap draws them."""
        return len(self.labels) if self.groups is None else int(self.groups.max()) + 1

    @property
    def num_predicted(self) -> IntVector:
        """(C,) int64, clips for which the class was predicted, rightly or not."""
        return np.bincount(self.predicted, minlength=self.num_classes)[: self.num_classes]


def class_groups(
    train_counts: ArrayLike | None, shot_thresholds: Sequence[int] = (20, 100), head_threshold: int | None = 600
) -> dict[str, NDArray[np.bool_]]:
    """Masks, (C,) bool, of the classes by their training clips; none if these are not known.

    Args:
        train_counts: (C,) int >= 0.
        shot_thresholds: (few, many): fewer than `few` is few-shot, more than `many` is many-shot.
        head_threshold: More clips than this is the head, the papers' 'majority' (600 on EGTEA); the rest is the tail.
            None = without these two.
    """
    if train_counts is None:
        return {}
    counts = np.asarray(train_counts)
    groups = shot_groups(counts, shot_thresholds)
    if head_threshold is None:
        return groups
    return groups | {'head': counts > head_threshold, 'tail': counts <= head_threshold}


def mute_groups(groups: Mapping[str, NDArray[np.bool_]], num_clips: ArrayLike) -> frozenset[str]:
    """The groups whose mean says nothing: they hold no class, or all, as the mean class accuracy does.

    Args:
        groups: Masks, (C,) bool, see `class_groups`.
        num_clips: (C,) int >= 0, evaluated clips. Classes without any are in no mean and do not count, unless all
            are without.
    """
    clips = np.asarray(num_clips)
    counted = clips > 0 if clips.any() else np.ones(clips.shape, np.bool_)
    return frozenset(name for name, mask in groups.items() if len(np.unique(mask[counted])) == 1)


def summarise(
    outcomes: Outcomes, groups: Mapping[str, NDArray[np.bool_]], topk: Sequence[int] = (1, 5)
) -> dict[str, float]:
    """The metrics of the head of the report; those that cannot be had are absent.

    Returns:
        top<k> of k below the number of classes, mean1 (mean class accuracy), hmean, worst, mean_precision, macro_f1,
        and per group the mean class accuracy, in [0, 1]. Of objects missed and confused, the shares of what was not
        found and what was called by another name, and neither mean_precision nor macro_f1: these would need the
        detections on no object.
    """
    return _metrics(outcomes, groups, topk, np.ones(len(outcomes.labels)))


def count_metrics(
    num_clips: ArrayLike, num_correct: ArrayLike, groups: Mapping[str, NDArray[np.bool_]]
) -> dict[str, float]:
    """The metrics that need only the counts of every class, (C,) int >= 0; none where there is no clip.

    Returns:
        top1, mean1, hmean, worst and per group with clips the mean class accuracy, in [0, 1].
    """
    clips, correct = np.asarray(num_clips), np.asarray(num_correct)
    if not clips.any():
        return {}
    metrics = {'top1': float(correct.sum() / clips.sum())} | accuracy_numbers(clips, correct)
    return metrics | group_means(class_accuracy(correct, clips), groups)


def ratio(numerator: ArrayLike, denominator: ArrayLike) -> FloatVector:
    """Numerator over denominator, 0 where both are 0."""
    below = np.asarray(denominator, np.float64)
    return np.asarray(numerator, np.float64) / np.where(below > 0, below, 1.0)


def top_confusions(confusion: IntMatrix, number: int) -> list[tuple[int, int, int]]:
    """The pairs that are confused most often: (true, predicted, clips), the most clips first, then by class."""
    wrong = confusion - np.diag(np.diag(confusion))
    rows, columns = np.nonzero(wrong)
    order = np.lexsort((columns, rows, -wrong[rows, columns]))[:number]
    return [(int(rows[i]), int(columns[i]), int(wrong[rows[i], columns[i]])) for i in order]


def rank_correlation(first: ArrayLike, second: ArrayLike) -> float | None:
    """Spearman's rank correlation, ties averaged; NaN pairs are left out. None where one side does not vary."""
    pair = np.asarray([first, second], np.float64)
    pair = pair[:, ~np.isnan(pair).any(axis=0)]
    ranks = np.array([_average_ranks(values) for values in pair])
    if ranks.shape[1] < 2 or (np.ptp(ranks, axis=1) == 0).any():
        return None
    return float(np.corrcoef(ranks)[0, 1])


def _average_ranks(values: FloatVector) -> FloatVector:
    """Ranks from 1; equal values share the mean of their ranks."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return np.asarray((last - (count - 1) / 2)[place], np.float64)


def _metrics(
    outcomes: Outcomes, groups: Mapping[str, NDArray[np.bool_]], topk: Sequence[int], times: FloatVector
) -> dict[str, float]:
    """`summarise` for clips that count `times` (N,) each."""
    size = outcomes.num_classes
    hit = times * (outcomes.labels == outcomes.predicted)
    clips = np.bincount(outcomes.labels, times, size).astype(np.int64)
    correct = np.bincount(outcomes.labels, hit, size).astype(np.int64)
    metrics = {'top1': float(hit.sum() / times.sum())}
    if outcomes.of_objects:
        metrics['missed'] = float(times[outcomes.predicted == size].sum() / times.sum())
        metrics['confused'] = max(0.0, 1.0 - metrics['top1'] - metrics['missed'])
        numbers = accuracy_numbers(clips, correct)
        return metrics | numbers | group_means(class_accuracy(correct, clips), groups)
    predicted = np.bincount(outcomes.predicted, times, size).astype(np.int64)
    if outcomes.ranks is not None:
        metrics |= {f'top{k}': float(times[outcomes.ranks < k].sum() / times.sum()) for k in topk if 1 < k < size}
    return metrics | ClassCounts(clips, correct, predicted).means(groups)
