"""What `ClassAccuracy` keeps of a batch: label, predicted class, rank and probability of the label of every clip."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cdb_video.difficulty.formulas import IntVector
from cdb_video.difficulty.tracking.outcomes import kept_of_scores
from cdb_video.host_words import sample as sample_word


def reduced(data_samples: Sequence[dict[str, Any]], *, with_probability: bool = False) -> Iterator[tuple[int, ...]]:
    """What `ClassAccuracy.process` keeps of the clips of a batch: four integers a clip.

    Args:
        data_samples: Of the batch.
        with_probability: Whether a fifth is kept, the bits of the probability of the true class.
    """
    scores, labels = _on_cpu(data_samples)
    num_classes = scores.shape[1]
    outside = (labels < 0) | (labels >= num_classes)
    if outside.any():
        raise ValueError(
            f'a {sample_word()} has label {labels[outside][0]}, but the model scores {num_classes} classes, so labels '
            'must be '
            f'0..{num_classes - 1}: check the list and num_classes of the head'
        )
    remedy = "let the head return probabilities (average_clips='prob')"
    return zip(*kept_of_scores(scores, labels, remedy if with_probability else None).T.tolist(), strict=True)


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
