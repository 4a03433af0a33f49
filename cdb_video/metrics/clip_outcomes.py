"""What `ClassAccuracy` keeps of a batch: label, predicted class, rank and probability of the label of every clip."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cdb_video.difficulty.counts import label_ranks
from cdb_video.difficulty.formulas import FloatVector, IntVector
from cdb_video.host_words import sample as sample_word
from cdb_video.host_words import samples as samples_word

NOT_A_NUMBER = -1
"""Stands in the place of a rank where the scores of a clip hold a NaN."""


def reduced(data_samples: Sequence[dict[str, Any]], *, with_probability: bool = False) -> Iterator[tuple[int, ...]]:
    """What `ClassAccuracy.process` keeps of the clips of a batch: four integers a clip.

    Args:
        data_samples: Of the batch.
        with_probability: Whether a fifth is kept, the bits of the probability of the true class; see `from_bits`.
    """
    scores, labels = _on_cpu(data_samples)
    num_clips, num_classes = scores.shape
    outside = (labels < 0) | (labels >= num_classes)
    if outside.any():
        raise ValueError(
            f'a {sample_word()} has label {labels[outside][0]}, but the model scores {num_classes} classes, so labels '
            'must be '
            f'0..{num_classes - 1}: check the list and num_classes of the head'
        )
    ranks, predictions = label_ranks(scores, labels), scores.argmax(axis=1)
    diverged = np.isnan(scores).any(axis=1)
    ranks[diverged], predictions[diverged] = NOT_A_NUMBER, 0
    kept = [labels.tolist(), predictions.tolist(), ranks.tolist(), [num_classes] * num_clips]
    if with_probability:
        _check_probabilities(scores[~diverged])
        own = np.take_along_axis(scores, labels[:, None], axis=1)[:, 0].astype(np.float64)
        kept.append(own.view(np.int64).tolist())
    return zip(*kept, strict=True)


def from_bits(column: IntVector) -> FloatVector:
    """(N,) float64, the probabilities that `reduced` kept as integers, so that no exchange rounds them."""
    return np.ascontiguousarray(column).view(np.float64)


def _check_probabilities(scores: np.ndarray) -> None:
    """Refuse scores, (N, C), that are no probabilities."""
    fitting = (scores >= 0).all(axis=1) & (np.abs(scores.sum(axis=1) - 1) < 0.01)
    if not fitting.all():
        one = scores[~fitting][0]
        raise ValueError(
            f"measure='probability' needs probabilities, and the scores of a {sample_word()} are {one.min():g} to "
            f'{one.max():g} '
            f"with the sum {one.sum():g}: let the head return probabilities (average_clips='prob'), or measure by "
            "'accuracy'"
        )


def check_scores(ranks: IntVector, sizes: IntVector, num_classes: int) -> None:
    """Refuse scores that hold NaN, or are not of `num_classes` classes."""
    not_a_number = int((ranks == NOT_A_NUMBER).sum())
    if not_a_number:
        raise ValueError(
            f'the scores of {not_a_number} of {len(ranks)} {samples_word()} hold NaN: training has diverged; lower the '
            f'learning rate, clip gradients (optim_wrapper.clip_grad) or check the loss'
        )
    if (sizes != num_classes).any():
        raise ValueError(
            f'the model scores {int(sizes[sizes != num_classes][0])} classes, ClassAccuracy expects '
            f'{num_classes}: num_classes of the head and of the metric must agree'
        )


def _on_cpu(data_samples: Sequence[dict[str, Any]]) -> tuple[np.ndarray, IntVector]:
    """Scores (N, C) and labels (N,) of a batch; one transfer for each, since each waits for the device."""
    scores = _stacked_scores(data_samples).detach()
    if scores.dtype != torch.float64:  # rounded, double scores would tie
        scores = scores.float()
    labels = torch.cat([_one_label(sample) for sample in data_samples]).long()
    return scores.cpu().numpy(), labels.cpu().numpy()


def _stacked_scores(data_samples: Sequence[dict[str, Any]]) -> Tensor:
    """The scores of a batch, (N, C)."""
    scores = [sample['pred_score'] for sample in data_samples]
    for score in scores:
        if isinstance(score, dict):
            raise TypeError(
                f'pred_score has the parts {", ".join(score)}: ClassAccuracy takes one score vector a {sample_word()}'
            )
        if score.ndim != 1:
            raise ValueError(
                f'pred_score has shape {tuple(score.shape)}, ClassAccuracy needs (C,): set average_clips of the '
                "head to 'prob' or 'score'"
            )
        if score.shape != scores[0].shape:
            raise ValueError(
                f'the model scores {len(scores[0])} and {len(score)} classes in one batch: ClassAccuracy needs the '
                f'same number of scores for every {sample_word()}'
            )
    return torch.stack(scores)


def _one_label(sample: dict[str, Any]) -> Tensor:
    """The one label of a clip, (1,)."""
    label: Tensor = sample['gt_label']
    if label.numel() != 1:
        raise ValueError(
            f'gt_label has {label.numel()} values: ClassAccuracy needs one label a {sample_word()}; multi-label data '
            'is not supported'
        )
    return label.reshape(1)
