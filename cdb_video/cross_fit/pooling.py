"""Cross-fitted difficulty: the class difficulty of all training clips, without a hold-out. Our form.

The clips are divided into folds (`cdb_video.cross_fit.division.folds`); a model trained on all other folds scores each.
The counts of all folds together give::

    dbar = mean over the measured classes of errors_c / n_c
    d_c  = (errors_c + 5 dbar) / (n_c + 5)

so a class of few clips lies near the mean: of two clips, both wrong, and dbar 0.3 come (2 + 1.5) / 7 = 0.5. A class
that the model which scored it never saw says nothing of its difficulty: such a class is not measured and has dbar.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cdb_video.checks import check_not_negative
from cdb_video.cross_fit.division.folds import Mask, known_to_scorer
from cdb_video.difficulty.counts import ClassCounts, label_ranks
from cdb_video.difficulty.formulas import FloatVector, IntVector, class_accuracy
from cdb_video.host_words import samples

PRIOR_CLIPS = 5.0
"""Clips of mean difficulty that every class is counted with."""


@dataclass(frozen=True)
class CrossFit:
    """What the folds gave together.

    Attributes:
        counts: Of the clips that count.
        is_counted: (N,) bool, whether the model that scored a clip was trained on clips of its class.
        difficulty: (C,) float64 in [0, 1].
        mean_difficulty: dbar, in [0, 1].
        unmeasured: (U,) int64, the classes with clips of which none counts.
    """

    counts: ClassCounts
    is_counted: Mask
    difficulty: FloatVector
    mean_difficulty: float
    unmeasured: IntVector


def cross_fit(
    labels: IntVector, scores: np.ndarray, folds: IntVector, num_folds: int, *, prior_clips: float = PRIOR_CLIPS
) -> CrossFit:
    """Pool the scores of all folds.

    Args:
        labels: (N,) int64 in 0..C-1.
        scores: (N, C) float; those of a clip are of the model that was trained on the other folds.
        folds: (N,) int64 in 0..K-1, the fold of every clip.
        num_folds: K.
        prior_clips: >= 0, the 5 of the formula.

    Raises:
        ValueError: If no class can be measured, or a number is out of its range.
    """
    num_classes = scores.shape[1]
    known = known_to_scorer(labels, folds, num_folds, num_classes)
    ranks = label_ranks(scores[known], labels[known])
    counts = ClassCounts.of(labels[known], scores[known].argmax(axis=1), ranks == 0, num_classes)
    return _pooled(labels, known, counts, prior_clips)


def cross_fit_objects(
    labels: IntVector,
    answers: IntVector,
    folds: IntVector,
    num_folds: int,
    num_classes: int,
    *,
    prior_clips: float = PRIOR_CLIPS,
) -> CrossFit:
    """The same for the M objects of images, each of which a detector calls by a class, or misses: that is wrong too.

    Args:
        labels: (M,) int64 in 0..C-1.
        answers: (M,) int64 in 0..C, C = missed; that of an object is of the model that was trained on the other folds.
        folds: (M,) int64 in 0..K-1, the fold of the image that each object is in.
        num_folds: K.
        num_classes: C.
        prior_clips: >= 0, the 5 of the formula, in objects.

    Raises:
        ValueError: If no class can be measured, or a number is out of its range.
    """
    known = known_to_scorer(labels, folds, num_folds, num_classes)
    return _pooled(labels, known, ClassCounts.of_answers(labels[known], answers[known], num_classes), prior_clips)


def _pooled(labels: IntVector, known: Mask, counts: ClassCounts, prior_clips: float) -> CrossFit:
    difficulty, mean = pooled_difficulty(counts.num_clips, counts.num_correct, prior_clips)
    has_clips = np.bincount(labels, minlength=counts.num_classes) > 0
    return CrossFit(counts, known, difficulty, mean, np.flatnonzero(has_clips & (counts.num_clips == 0)))


def pooled_difficulty(
    num_clips: IntVector, num_correct: IntVector, prior_clips: float = PRIOR_CLIPS
) -> tuple[FloatVector, float]:
    """Difficulty of every class from the counts of all folds together; see the docstring of the module.

    Args:
        num_clips: (C,) int >= 0, clips of each class that count; 0 = not measured.
        num_correct: (C,) int >= 0, those that were predicted correctly.
        prior_clips: >= 0. With 0 a measured class has errors_c / n_c.

    Returns:
        (C,) float64 in [0, 1], and dbar.

    Raises:
        ValueError: If no class is measured, or a count or the prior is out of its range.
    """
    check_not_negative(prior_clips=prior_clips)
    accuracy = class_accuracy(num_correct, num_clips)
    measured = ~np.isnan(accuracy)
    if not measured.any():
        raise ValueError(
            f'no class has {samples()} in two folds, so no model scored a class that it was trained on: use coarser '
            'classes '
            f'or finer groups, or divide by {samples()}'
        )
    mean = float((1 - accuracy[measured]).mean())
    clips = np.asarray(num_clips, np.float64)
    errors = clips - num_correct
    pooled = np.full(len(clips), mean)
    pooled[measured] = (errors[measured] + prior_clips * mean) / (clips[measured] + prior_clips)
    return np.clip(pooled, 0.0, 1.0), mean
