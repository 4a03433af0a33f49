"""The difficulty-weighted loss, CDB-W."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.registry import MODELS
from numpy.typing import ArrayLike
from torch import Tensor, nn

from cdb_video.compat import leave_uncompiled
from cdb_video.difficulty import Tau, check_tau, class_weights, resolve_tau
from cdb_video.labels import check_num_classes, warn_undriven

REDUCTIONS = ('none', 'mean', 'weighted_mean', 'sum')
# F.cross_entropy skips labels of this value in silence. None has it: a wrong label must be an error. Not the
# smallest integer of all: torch 2.0 takes those below -2**62 for symbols.
_NO_LABEL = -(2**60)


@MODELS.register_module()
class CDBLoss(nn.Module):
    """Class-wise difficulty-balanced cross-entropy, CDB-W (ACCV 2020, arXiv 2010.01824).

    The loss of one sample is -w_y log p_y, (7), with w_c = C d_c^tau / sum_k d_k^tau. The difficulties
    come from `ClassDifficultyHook` after every validation; until the first one all weights are 1 and
    the loss is plain cross-entropy. It goes in the place of any head's ``loss_cls``::

        model = dict(cls_head=dict(loss_cls=dict(type='CDBLoss', tau=1.0)))

    Nothing of it enters the state dict: the hook keeps the difficulty and pushes it again.

    Args:
        num_classes: Number of classes C. None = taken from the first difficulty that arrives.
        tau: Exponent >= 0, or 'dynamic' (the papers) or 'dynamic-egtea' (the reference's EGTEA code).
        reduction: 'mean' = sum of weighted losses / number of samples, as in the papers;
            'weighted_mean' = / sum of their weights, as ``F.cross_entropy(weight=...)`` does; 'sum'; 'none'.
        focal_gamma: Our combination with focal loss (arXiv 1708.02002): the loss of a class is
            multiplied by (1 - p)^gamma. 0 = off.
        logit_adjustment: t >= 0: cross-entropy of ``score + t log prior`` (arXiv 2007.07314), which is
            balanced softmax (arXiv 2007.10740) at 1.0. The prior is what training really sees; the hook
            sets it. A class that training never sees gets the smallest prior of the others (our choice).
            Predictions are made from the unadjusted scores. 0 = off.
        loss_weight: Factor on the loss.

    Attributes:
        class_weight: (C,) float64, the weights in use; None before the number of classes is known.

    Raises:
        ValueError: If an argument is out of its range.
    """

    def __init__(
        self,
        num_classes: int | None = None,
        tau: Tau = 1.0,
        reduction: str = 'mean',
        focal_gamma: float = 0.0,
        logit_adjustment: float = 0.0,
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__()
        check_num_classes(num_classes)
        check_tau(tau)
        _check_reduction(reduction)
        _check_not_negative(focal_gamma=focal_gamma, logit_adjustment=logit_adjustment, loss_weight=loss_weight)
        self.num_classes = num_classes
        self.tau = tau
        self.reduction = reduction
        self.focal_gamma = focal_gamma
        self.logit_adjustment = logit_adjustment
        self.loss_weight = loss_weight
        self.tau_: float | None = None
        self._warned = False
        self._class_weight = _ClassVector()
        self._log_prior = _ClassVector()
        if num_classes is not None:
            self._class_weight.set(np.ones(num_classes))

    @property
    def class_weight(self) -> Tensor | None:
        """(C,) float64 on the CPU, the weights in use; None before the number of classes is known."""
        weight = self._class_weight.value
        return None if weight is None else weight.clone()

    def set_class_difficulty(self, difficulty: ArrayLike, accuracy: ArrayLike | None = None) -> None:
        """Derive the class weights from a new difficulty; called by `ClassDifficultyHook`.

        Args:
            difficulty: (C,) float in [0, 1].
            accuracy: (C,) float in [0, 1], NaN = not measured. The raw accuracies, for a dynamic tau.

        Raises:
            ValueError: If the number of classes is not the one in use, or a value is out of range.
        """
        tau = resolve_tau(self.tau, accuracy)
        weights = class_weights(difficulty, tau)
        self._check_num_classes(len(weights), 'the difficulty')
        self.tau_ = tau
        self._class_weight.set(weights)

    def set_class_prior(self, prior: ArrayLike) -> None:
        """Set the class frequencies that training sees, for `logit_adjustment`; called by the hook.

        Args:
            prior: (C,) float >= 0: counts or probabilities, any scale.

        Raises:
            ValueError: If the number of classes is not the one in use, a value is negative or all are 0.
        """
        values = np.asarray(prior, dtype=np.float64)
        if values.ndim != 1 or not np.isfinite(values).all() or (values < 0).any() or not values.any():
            raise ValueError(f'prior: must be (C,) finite numbers >= 0, not all 0, got {prior!r}')
        self._check_num_classes(len(values), 'the prior')
        seen = np.maximum(values, values[values > 0].min())
        self._log_prior.set(np.log(seen / seen.sum()))

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
            ValueError: If shapes, numbers of classes or the reduction do not fit.
            RuntimeError: If `logit_adjustment` is on and no prior was set.
        """
        reduction = reduction_override or self.reduction
        _check_reduction(reduction)
        _check_shapes(cls_score, label, weight)
        self._check_num_classes(cls_score.shape[1], 'cls_score')
        if self.tau_ is None and self.tau != 0 and self.training and not self._warned:
            self._warn_undriven()
        if cls_score.dtype in (torch.float16, torch.bfloat16):
            cls_score = cls_score.float()
        label = label.to(cls_score.dtype) if label.shape == cls_score.shape else label.long()
        if self.logit_adjustment:
            cls_score = cls_score + self.logit_adjustment * self._prior_term(cls_score)
        class_weight = self._class_weight.like(cls_score)
        plain = weight is None and avg_factor is None and not self.focal_gamma
        if plain and reduction == 'mean':
            loss = _weighted_sum(cls_score, label, class_weight) / (cls_score.numel() // cls_score.shape[1])
        else:
            losses, weights = _losses_and_weights(cls_score, label, class_weight, self.focal_gamma)
            loss = _reduce(losses, weights, weight, avg_factor, reduction)
        return loss if self.loss_weight == 1 else loss * self.loss_weight

    @leave_uncompiled
    def _warn_undriven(self) -> None:
        self._warned = True
        warn_undriven(self, 'plain cross-entropy')

    def extra_repr(self) -> str:
        """The arguments, for ``print(model)``."""
        names = ('num_classes', 'tau', 'reduction', 'focal_gamma', 'logit_adjustment', 'loss_weight')
        return ', '.join(f'{name}={getattr(self, name)!r}' for name in names)

    def _prior_term(self, cls_score: Tensor) -> Tensor:
        """Log prior, shaped to be added to the scores."""
        log_prior = self._log_prior.like(cls_score)
        if log_prior is None:
            raise RuntimeError(
                f'CDBLoss(logit_adjustment={self.logit_adjustment}) has no class prior: add '
                "custom_hooks=[dict(type='ClassDifficultyHook')] to the config, or call "
                'set_class_prior(class_counts)'
            )
        return log_prior.reshape(-1, *(1,) * (cls_score.dim() - 2))

    def _check_num_classes(self, num_classes: int, source: str) -> None:
        expected = (self.num_classes, self._class_weight.size, self._log_prior.size)
        names = ('num_classes', 'the class weights', 'the class prior')
        for name, value in zip(names, expected, strict=True):
            if value is not None and value != num_classes:
                raise ValueError(
                    f'{source} has {num_classes} classes, {name} of CDBLoss {value}: num_classes of the head, of '
                    'the loss and of the data must agree'
                )


class _ClassVector:
    """One number per class, not a buffer: it must stay out of state dicts and of SyncBuffersHook."""

    def __init__(self) -> None:
        self.value: Tensor | None = None
        self.size: int | None = None
        self._copy: Tensor | None = None

    def set(self, values: ArrayLike) -> None:
        """Take new values, in place where there are old ones, so that compiled graphs stay valid."""
        with torch.inference_mode(False):
            new = torch.from_numpy(np.array(values, dtype=np.float64))
            if self.value is None:
                self.value, self.size = new, len(new)
            else:
                self.value.copy_(new)
            if self._copy is not None:
                self._copy.copy_(new)

    def like(self, tensor: Tensor) -> Tensor | None:
        """The values with the device and dtype of `tensor`, copied there once."""
        if self.value is None:
            return None
        if self._copy is None or self._copy.device != tensor.device or self._copy.dtype != tensor.dtype:
            with torch.inference_mode(False):
                self._copy = self.value.to(device=tensor.device, dtype=tensor.dtype, copy=True)
        return self._copy


def _weighted_sum(cls_score: Tensor, label: Tensor, class_weight: Tensor | None) -> Tensor:
    """Sum of w_y l over all samples, by the fused kernel: with w = 1 it is cross-entropy to the last bit."""
    return F.cross_entropy(cls_score, label, class_weight, reduction='sum', ignore_index=_NO_LABEL)


def _losses_and_weights(
    cls_score: Tensor, label: Tensor, class_weight: Tensor | None, focal_gamma: float
) -> tuple[Tensor, Tensor]:
    """Weighted loss and class weight of every sample, both (N, ...).

    A soft label y has the loss -sum_c w_c y_c (1 - p_c)^gamma log p_c and the weight sum_c w_c y_c.
    """
    log_p = F.log_softmax(cls_score, dim=1)
    if class_weight is None:
        class_weight = cls_score.new_ones(cls_score.shape[1])
    if label.shape == cls_score.shape:
        share = label * class_weight.reshape(-1, *(1,) * (cls_score.dim() - 2))
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
    return losses.sum() / denominator


def _no_zero(number: Tensor) -> Tensor:
    """1 in the place of 0."""
    return number + (number == 0)


def _check_reduction(reduction: str) -> None:
    if reduction not in REDUCTIONS:
        raise ValueError(f'reduction={reduction!r}: must be one of {", ".join(map(repr, REDUCTIONS))}')


def _check_not_negative(**values: Any) -> None:
    for name, value in values.items():
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value < float('inf'):
            raise ValueError(f'{name}={value!r}: must be a finite number >= 0')


def _check_shapes(cls_score: Tensor, label: Tensor, weight: Tensor | None) -> None:
    if cls_score.dim() < 2:
        raise ValueError(f'cls_score: must be (N, C) or (N, C, ...), got {tuple(cls_score.shape)}')
    samples = cls_score.shape[:1] + cls_score.shape[2:]
    if label.shape not in (samples, cls_score.shape):
        raise ValueError(
            f'label: must be {tuple(samples)} class indices or {tuple(cls_score.shape)} soft labels for '
            f'cls_score {tuple(cls_score.shape)}, got {tuple(label.shape)}'
        )
    if weight is not None and weight.shape != samples:
        raise ValueError(f'weight: must have one factor per sample, {tuple(samples)}, got {tuple(weight.shape)}')
