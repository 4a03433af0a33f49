"""Counts per class: samples, correct answers, predictions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cdb_video.difficulty.formulas import FloatVector, IntVector, class_accuracy


@dataclass(frozen=True)
class ClassCounts:
    """What one evaluation counted.

    Attributes:
        num_clips: (C,) int64, clips of each class.
        num_correct: (C,) int64, clips of each class whose class was predicted.
        num_predicted: (C,) int64, clips for which this class was predicted, rightly or not.
    """

    num_clips: IntVector
    num_correct: IntVector
    num_predicted: IntVector

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


def _ratio(numerator: IntVector, denominator: IntVector) -> FloatVector:
    """Numerator over denominator, 0 where both are 0."""
    return np.asarray(numerator / np.maximum(denominator, 1), dtype=np.float64)
