"""A batch of scores or predicted classes and its labels, as tensors or arrays: checked, and what is kept of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cdb_video.checks import MEASURES
from cdb_video.difficulty.formulas import IntVector
from cdb_video.difficulty.tracking.outcomes import Kept, kept_of_predictions, kept_of_scores

_PROBABILITIES = 'give scores.softmax(1)'


def kept_of(scores_or_predictions: Any, labels: Any, num_classes: int, measure: str) -> Kept:
    """What is kept of a batch.

    Args:
        scores_or_predictions: (N, C) numbers, or (N,) whole numbers, the predicted classes.
        labels: (N,) whole numbers.
        num_classes: C.
        measure: 'accuracy' or 'probability', which needs scores, and these probabilities.

    Raises:
        ValueError: If shapes or numbers of classes do not fit, a class is outside 0..C-1, a score is NaN, or there are
            no probabilities where they are needed.
        TypeError: If classes are not whole numbers, or scores no numbers.
    """
    true = _classes(labels, 'labels', num_classes)
    given = _array(scores_or_predictions)
    if given.shape[:1] != true.shape:
        raise ValueError(
            f'{given.shape[0] if given.ndim else "no"} scores or predictions and {len(true)} labels: a batch has as '
            'many of both; give those of the same samples'
        )
    if given.ndim == 1:
        if measure == MEASURES[1]:
            raise ValueError(
                f'measure={measure!r} needs the probability of every class, and predicted classes {given.shape} were '
                f"given: {_PROBABILITIES}, of shape (N, {num_classes}), or measure by 'accuracy'"
            )
        return kept_of_predictions(_classes(given, 'predictions', num_classes), true, num_classes)
    scores = _scores(given, num_classes)
    diverged = int(np.isnan(scores).any(axis=1).sum())
    if diverged:
        raise ValueError(
            f'the scores of {diverged} of {len(scores)} samples of this batch hold NaN: scores must be numbers, so '
            'training has diverged; lower the learning rate, clip gradients or check the loss'
        )
    return kept_of_scores(scores, true, _PROBABILITIES if measure == MEASURES[1] else None)


def _array(values: Any) -> NDArray[Any]:
    """A tensor of any device, or something like an array, as an array."""
    if not isinstance(values, Tensor):
        return np.asarray(values)
    values = values.detach()
    if values.dtype in (torch.float16, torch.bfloat16):  # numpy has no bfloat16
        values = values.float()
    array: NDArray[Any] = values.cpu().numpy()
    return array


def _scores(scores: NDArray[Any], num_classes: int) -> NDArray[np.floating[Any]]:
    """(N, C) float32 or float64: rounded, double scores would tie."""
    if scores.ndim != 2 or scores.shape[1] != num_classes:
        raise ValueError(
            f'scores of shape {scores.shape}, num_classes is {num_classes}: must be (N, {num_classes}), a score for '
            'every class, or (N,), the predicted classes; set num_classes to the number of outputs of the model'
        )
    if scores.dtype.kind not in 'fiu':
        raise TypeError(f'scores of type {scores.dtype}: must be numbers')
    return scores if scores.dtype == np.float64 else scores.astype(np.float32)


def _classes(values: Any, what: str, num_classes: int) -> IntVector:
    """(N,) int64 in 0..C-1."""
    classes = _array(values)
    if classes.ndim != 1:
        raise ValueError(f'{what} of shape {classes.shape}: must be (N,), one class a sample')
    if classes.dtype.kind not in 'iu' and classes.size:
        raise TypeError(f'{what} of type {classes.dtype}: must be whole numbers in 0..{num_classes - 1}, classes')
    classes = classes.astype(np.int64)
    outside = np.flatnonzero((classes < 0) | (classes >= num_classes))
    if outside.size:
        first = int(outside[0])
        raise ValueError(
            f'{what}: sample {first} of the batch has {classes[first]}, num_classes is {num_classes}: must be in '
            f'0..{num_classes - 1} ({outside.size} such); do they count from 0, and are samples to be ignored left out?'
        )
    return classes
