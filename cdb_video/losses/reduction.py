"""Per-sample losses: checked shapes, focal factor, weighted reduction; pure functions of tensors."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from cdb_video.losses.per_class import along_classes

REDUCTIONS = ('none', 'mean', 'weighted_mean', 'sum')


# F.cross_entropy skips labels of this value in silence. None has it: a wrong label must be an error. Not the
# smallest integer of all: torch 2.0 takes those below -2**62 for symbols.
_NO_LABEL = -(2**60)


def is_soft(label: Tensor, cls_score: Tensor) -> bool:
    """Whether `label` holds shares of the classes, not class indices."""
    return label.shape == cls_score.shape


def weighted_sum(cls_score: Tensor, label: Tensor, class_weight: Tensor | None) -> Tensor:
    """Sum of w_y l over all samples, by the fused kernel: with w = 1 it is cross-entropy to the last bit."""
    return F.cross_entropy(cls_score, label, class_weight, reduction='sum', ignore_index=_NO_LABEL)


def weighted_losses(
    log_p: Tensor, label: Tensor, class_weight: Tensor | None, focal_gamma: float
) -> tuple[Tensor, Tensor]:
    """Weighted loss and class weight of every sample, both (N, ...), from log p (N, C, ...).

    A soft label y has the loss -sum_c w_c y_c (1 - p_c)^gamma log p_c and the weight sum_c w_c y_c.
    """
    if class_weight is None:
        class_weight = log_p.new_ones(log_p.shape[1])
    if is_soft(label, log_p):
        share = label * along_classes(class_weight, log_p)
        return -(share * _focal(log_p, focal_gamma)).sum(dim=1), share.sum(dim=1)
    weights = class_weight[label]
    return -weights * _focal(log_p.gather(1, label.unsqueeze(1)).squeeze(1), focal_gamma), weights


def _focal(log_p: Tensor, gamma: float) -> Tensor:
    """(1 - p)^gamma log p. 1 - p is kept above 0, where the power with gamma < 1 has no derivative."""
    if not gamma:
        return log_p
    one_minus_p = (-torch.expm1(log_p)).clamp_min(torch.finfo(log_p.dtype).tiny)
    return one_minus_p**gamma * log_p


def reduce_losses(
    losses: Tensor,
    weights: Tensor,
    sample_weight: Tensor | None,
    avg_factor: float | Tensor | None,
    reduction: str,
    eps: float = 0.0,
) -> Tensor:
    """Apply the sample weights and reduce; `losses` and `weights` are (N, ...) and hold the class weight.

    An empty batch has the mean 0. `eps` is added to `avg_factor`, as mmdet does.
    """
    if avg_factor is not None and reduction == 'sum':
        raise ValueError(f"avg_factor={avg_factor!r} with reduction 'sum': a sum is not divided; use 'mean'")
    if avg_factor is not None and eps:
        avg_factor = avg_factor + eps
    if sample_weight is None:
        sample_weight = torch.ones_like(losses)
    else:
        sample_weight = sample_weight.to(losses.dtype)
        losses = losses * sample_weight
    if reduction == 'none':
        return losses
    if reduction == 'sum':
        return losses.sum()
    denominator: Any = max(losses.numel(), 1) if avg_factor is None else avg_factor
    if reduction == 'weighted_mean':
        weight_sum = (weights * sample_weight).sum()
        denominator = weight_sum
        if avg_factor is not None:
            denominator = avg_factor * weight_sum / _no_zero(sample_weight.sum())
        # A batch of perfect classes, or of samples that do not count, weighs nothing: its loss is 0, not 0/0.
        denominator = _no_zero(denominator)
    mean: Tensor = losses.sum() / denominator
    return mean


def _no_zero(number: Tensor) -> Tensor:
    """1 in the place of 0."""
    return number + (number == 0)


def check_reduction(reduction: str) -> None:
    """Raise a ValueError unless `reduction` is one of `REDUCTIONS`."""
    if reduction not in REDUCTIONS:
        raise ValueError(f'reduction={reduction!r}: must be one of {", ".join(map(repr, REDUCTIONS))}')


def check_shapes(cls_score: Tensor, label: Tensor, weight: Tensor | None) -> None:
    """Raise a ValueError unless scores, labels and sample weights fit each other; see `ClassLoss.forward`."""
    if cls_score.dim() < 2:
        raise ValueError(f'cls_score: must be (N, C) or (N, C, ...), got {tuple(cls_score.shape)}')
    samples = cls_score.shape[:1] + cls_score.shape[2:]
    if label.shape not in (samples, cls_score.shape):
        raise ValueError(
            f'label: must be {tuple(samples)} class indices or {tuple(cls_score.shape)} soft labels for '
            f'cls_score {tuple(cls_score.shape)}, got {tuple(label.shape)}'
        )
    if label.shape == samples and label.is_floating_point():
        # Cut off to whole numbers, they would be other labels in silence.
        raise ValueError(
            f'label: class indices must be of an integer dtype, got {label.dtype}; soft labels have the shape of '
            f'cls_score, {tuple(cls_score.shape)}'
        )
    if weight is not None and weight.shape != samples:
        raise ValueError(f'weight: must have one factor per sample, {tuple(samples)}, got {tuple(weight.shape)}')
