"""What the losses share: shapes, reductions, weights per class, and the frequencies that the hook hands on."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike
from torch import Tensor, nn

from cdb_video.class_vector import ClassVector, along_classes
from cdb_video.difficulty import FloatVector
from cdb_video.frequency import check_prior
from cdb_video.labels import check_num_classes

REDUCTIONS = ('none', 'mean', 'weighted_mean', 'sum')
# F.cross_entropy skips labels of this value in silence. None has it: a wrong label must be an error. Not the
# smallest integer of all: torch 2.0 takes those below -2**62 for symbols.
_NO_LABEL = -(2**60)


class ClassLoss(nn.Module):
    """A loss per sample -w_y log p_y, reduced; what w and p are is for those who derive from it.

    Nothing of it enters the state dict: the hook keeps difficulty and counts, and pushes them again.

    Args:
        num_classes: Number of classes C. None = taken from the first vector that arrives.
        reduction: 'mean' = sum of weighted losses / number of samples; 'weighted_mean' = / sum of their class weights,
            as ``F.cross_entropy(weight=...)`` does; 'sum'; 'none'.
        focal_gamma: The loss of a class is multiplied by (1 - p)^gamma (arXiv 1708.02002). 0 = off.
        loss_weight: Factor on the loss.

    Raises:
        ValueError: If an argument is out of its range.
    """

    needs_prior = False
    """Whether the loss cannot be computed before `set_class_prior`."""
    is_softmax = True
    """Whether it is a weighted cross-entropy of `_adjusted`, for which torch has one fused kernel."""

    def __init__(self, num_classes: int | None, reduction: str, focal_gamma: float, loss_weight: float) -> None:
        super().__init__()
        check_num_classes(num_classes)
        check_reduction(reduction)
        check_not_negative(focal_gamma=focal_gamma, loss_weight=loss_weight)
        self.num_classes = num_classes
        self.reduction = reduction
        self.focal_gamma = focal_gamma
        self.loss_weight = loss_weight
        self._class_weight = ClassVector()
        self._from_prior = ClassVector()
        if num_classes is not None:
            self._class_weight.set(np.ones(num_classes))

    @property
    def class_weight(self) -> Tensor | None:
        """(C,) float64 on the CPU, the weights in use; None before the number of classes is known."""
        weight = self._class_weight.value
        return None if weight is None else weight.clone()

    def set_class_prior(self, prior: ArrayLike) -> None:
        """Set the class frequencies that training sees; called by `ClassDifficultyHook`.

        Args:
            prior: (C,) float >= 0, not all 0: clips per class, as many as an epoch shows of it.

        Raises:
            ValueError: If the number of classes is not the one in use, a value is negative or all are 0.
        """
        values = check_prior(prior)
        self._check_num_classes(len(values), 'the prior')
        self._take_prior(values)

    def forward(
        self,
        cls_score: Tensor,
        label: Tensor,
        weight: Tensor | None = None,
        avg_factor: float | Tensor | None = None,
        reduction_override: str | None = None,
    ) -> Tensor:
        """Compute the loss.

        Args:
            cls_score: (N, C) or (N, C, ...) floating, scores before softmax. Half precision is computed
                in float32.
            label: (N) or (N, ...) integers in [0, C), or soft labels of the shape of `cls_score`. There is
                no label to be ignored: give such samples the `weight` 0 and a label in range.
            weight: (N) or (N, ...), a factor per sample, as mmpretrain's and mmdet's heads pass it.
            avg_factor: What 'mean' divides by instead of the number of samples. 'weighted_mean' divides
                by `avg_factor` times the mean class weight of the samples, so that it stays what it is.
                'none' does not read it, as in mmdet.
            reduction_override: Used instead of `reduction` in this call.

        Returns:
            Scalar, or (N) or (N, ...) for the reduction 'none'.

        Raises:
            ValueError: If shapes, numbers of classes, the dtype of the labels or the reduction do not fit.
            RuntimeError: If class frequencies are needed and none were set.
        """
        reduction = reduction_override or self.reduction
        check_reduction(reduction)
        check_shapes(cls_score, label, weight)
        self._check_num_classes(cls_score.shape[1], 'cls_score')
        self._check_ready()
        if cls_score.dtype in (torch.float16, torch.bfloat16):
            cls_score = cls_score.float()
        label = label.to(cls_score.dtype) if label.shape == cls_score.shape else label.long()
        class_weight = self._class_weight.like(cls_score)
        plain = weight is None and avg_factor is None and self.is_softmax and not self.focal_gamma
        if plain and reduction == 'mean':
            scores = self._adjusted(cls_score)
            loss = _weighted_sum(scores, label, class_weight) / (cls_score.numel() // cls_score.shape[1])
        else:
            losses, weights = self._losses_and_weights(cls_score, label, class_weight)
            loss = _reduce(losses, weights, weight, avg_factor, reduction)
        return loss if self.loss_weight == 1 else loss * self.loss_weight

    # For those who derive from it

    def _take_prior(self, prior: FloatVector) -> None:
        """Derive what the loss needs from the frequencies, (C,)."""

    def _adjusted(self, cls_score: Tensor) -> Tensor:
        """The scores whose softmax is taken, where that does not depend on the label."""
        return cls_score

    def _log_p(self, cls_score: Tensor, label: Tensor) -> Tensor:
        """(N, C, ...): log p_c as it counts where c is the label."""
        return F.log_softmax(self._adjusted(cls_score), dim=1)

    def _losses_and_weights(
        self, cls_score: Tensor, label: Tensor, class_weight: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Weighted loss and class weight of every sample, both (N, ...)."""
        return weighted_losses(self._log_p(cls_score, label), label, class_weight, self.focal_gamma)

    def _check_ready(self) -> None:
        if self.needs_prior and self._from_prior.value is None:
            raise RuntimeError(
                f'{type(self).__name__} has no class frequencies: add '
                "custom_hooks=[dict(type='ClassDifficultyHook', observe_only=True)] to the config (without "
                'observe_only if a CDBLoss or CDBSampler takes part), or call set_class_prior(class_counts)'
            )

    def _check_num_classes(self, num_classes: int, source: str) -> None:
        expected = (self.num_classes, self._class_weight.size, self._from_prior.size)
        names = ('num_classes', 'the class weights', 'the class prior')
        for name, value in zip(names, expected, strict=True):
            if value is not None and value != num_classes:
                raise ValueError(
                    f'{source} has {num_classes} classes, {name} of {type(self).__name__} {value}: num_classes of the '
                    'head, of the loss and of the data must agree'
                )


def is_soft(label: Tensor, cls_score: Tensor) -> bool:
    """Whether `label` holds shares of the classes, not class indices."""
    return label.shape == cls_score.shape


def _weighted_sum(cls_score: Tensor, label: Tensor, class_weight: Tensor | None) -> Tensor:
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


def _reduce(
    losses: Tensor, weights: Tensor, sample_weight: Tensor | None, avg_factor: float | Tensor | None, reduction: str
) -> Tensor:
    """Apply the sample weights and reduce; `losses` and `weights` are (N, ...) and hold the class weight."""
    if avg_factor is not None and reduction == 'sum':
        raise ValueError(f"avg_factor={avg_factor!r} with reduction 'sum': a sum is not divided; use 'mean'")
    if sample_weight is None:
        sample_weight = torch.ones_like(losses)
    else:
        sample_weight = sample_weight.to(losses.dtype)
        losses = losses * sample_weight
    if reduction == 'none':
        return losses
    if reduction == 'sum':
        return losses.sum()
    denominator: Any = losses.numel() if avg_factor is None else avg_factor
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


def check_not_negative(**values: Any) -> None:
    """Raise a ValueError unless every value is a finite number >= 0."""
    for name, value in values.items():
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value < float('inf'):
            raise ValueError(f'{name}={value!r}: must be a finite number >= 0')


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
