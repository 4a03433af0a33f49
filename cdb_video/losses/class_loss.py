"""What the losses share: shapes, reductions, weights per class, and the frequencies that the hook hands on."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike
from torch import Tensor, nn

from cdb_video.checks import check_background, check_not_negative, check_num_classes
from cdb_video.difficulty.formulas import FloatVector
from cdb_video.difficulty.frequency import check_prior
from cdb_video.losses.per_class import ClassVector
from cdb_video.losses.reduction import check_reduction, check_shapes, reduce_losses, weighted_losses, weighted_sum

_EPS_OF_MMDET = torch.finfo(torch.float32).eps
"""What mmdet adds to `avg_factor`; it is the last digit of an `avg_factor` of 1."""


class ClassLoss(nn.Module):
    """A loss per sample -w_y log p_y, reduced; what w and p are is for those who derive from it.

    Nothing of it enters the state dict: the hook keeps difficulty and counts, and pushes them again.

    With a background, as the box heads of mmdet have it, the scores have C + 1 channels, of which the last is the
    background, and its label is C. It is no class: nothing of it is measured or counted, so that it has neither
    difficulty nor frequency, and its weight is a number that is given, outside the mean 1 of the weights of the classes
    (our choice). Difficulty, frequencies and `class_weight` stay (C,).

    Args:
        num_classes: Number of classes C. None = taken from the first vector that arrives.
        reduction: 'mean' = sum of weighted losses / number of samples; 'weighted_mean' = / sum of their class weights,
            as ``F.cross_entropy(weight=...)`` does; 'sum'; 'none'.
        focal_gamma: The loss of a class is multiplied by (1 - p)^gamma (arXiv 1708.02002). 0 = off.
        loss_weight: Factor on the loss.
        background: Weight of the background, > 0: 1.0 as in mmdet. None = the scores have no such channel.
        use_sigmoid: Accepted as False only, so that the loss can be merged over mmdet's CrossEntropyLoss in a config.

    Raises:
        ValueError: If an argument is out of its range.
    """

    needs_prior = False
    """Whether the loss cannot be computed before `set_class_prior`."""
    is_softmax = True
    """Whether it is a weighted cross-entropy of `_adjusted`, for which torch has one fused kernel."""

    def __init__(
        self,
        num_classes: int | None,
        reduction: str,
        focal_gamma: float,
        loss_weight: float,
        background: float | None = None,
        use_sigmoid: bool = False,
    ) -> None:
        super().__init__()
        check_num_classes(num_classes)
        check_background(background)
        if use_sigmoid is not False:
            raise ValueError(
                f'use_sigmoid={use_sigmoid!r}: must be False, for {type(self).__name__} is made for heads that take '
                'the softmax of their scores; leave it out, and keep the loss of a head that takes sigmoids'
            )
        check_reduction(reduction)
        check_not_negative(focal_gamma=focal_gamma, loss_weight=loss_weight)
        self.num_classes = num_classes
        self.reduction = reduction
        self.focal_gamma = focal_gamma
        self.loss_weight = loss_weight
        self.background = background
        self.use_sigmoid = use_sigmoid
        self._class_weight = ClassVector(background)
        # No margin, no adjustment, not rare.
        self._from_prior = ClassVector(None if background is None else 0.0)
        if num_classes is not None:
            self._class_weight.set(np.ones(num_classes))

    @property
    def class_weight(self) -> Tensor | None:
        """(C,) float64 on the CPU, the weights in use; None before the number of classes is known."""
        weight = self._class_weight.value
        return None if weight is None else weight.clone()

    @property
    def prior_term(self) -> Tensor | None:
        """(C,) float64 on the CPU, what was derived from the class frequencies; None before `set_class_prior`."""
        return self._from_prior.value

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
            cls_score: (N, C) or (N, C, ...) floating, scores before softmax; with a background C + 1 in the place of
                C. Half precision is computed in float32. N may be 0: the loss is then 0, with a gradient.
            label: (N) or (N, ...) integers in [0, C), C where it is background, or soft labels of the shape of
                `cls_score`. There is no label to be ignored: give such samples the `weight` 0 and a label in range.
            weight: (N) or (N, ...), a factor per sample, as mmpretrain's and mmdet's heads pass it.
            avg_factor: What 'mean' divides by instead of the number of samples. 'weighted_mean' divides
                by `avg_factor` times the mean class weight of the samples, so that it stays what it is.
                'none' does not read it, as in mmdet. With a background mmdet's 1.2e-7 is added to it.
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
        self._check_num_classes(cls_score.shape[1] - (self.background is not None), 'cls_score')
        self._check_ready()
        if cls_score.dtype in (torch.float16, torch.bfloat16):
            cls_score = cls_score.float()
        label = label.to(cls_score.dtype) if label.shape == cls_score.shape else label.long()
        class_weight = self._weight_like(cls_score)
        plain = weight is None and avg_factor is None and self.is_softmax and not self.focal_gamma
        if plain and reduction == 'mean':
            scores = self._adjusted(cls_score)
            loss = weighted_sum(scores, label, class_weight) / max(cls_score.numel() // cls_score.shape[1], 1)
        else:
            losses, weights = self._losses_and_weights(cls_score, label, class_weight)
            eps = 0.0 if self.background is None else _EPS_OF_MMDET
            loss = reduce_losses(losses, weights, weight, avg_factor, reduction, eps)
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

    def _weight_like(self, cls_score: Tensor) -> Tensor | None:
        """The weights of the classes, and of the background; None = all are 1."""
        weight = self._class_weight.like(cls_score)
        if weight is None and self.background not in (None, 1):
            weight = cls_score.new_ones(cls_score.shape[1])
            weight[-1] = self.background
        return weight

    def _shown_background(self) -> str:
        """The argument, for ``print(model)``; nothing where there is none."""
        return '' if self.background is None else f', background={self.background!r}'

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
                of_scores = source == 'cls_score'
                beside = ' beside the background' if of_scores and self.background is not None else ''
                raise ValueError(
                    f'{source} has {num_classes} classes{beside}, {name} of {type(self).__name__} {value}: num_classes '
                    'of the head, of the loss and of the data must agree'
                    + (self._remedy_for_background(num_classes - value) if of_scores else '')
                )

    def _remedy_for_background(self, surplus: int) -> str:
        """What to do where the scores have one channel more or less than there are classes."""
        if self.background is None and surplus == 1:
            return '; if the last score is that of the background, as in box heads of mmdet, set background=1.0'
        if self.background is not None and surplus == -1:
            return f'; if there is no score for the background, leave out background={self.background!r}'
        return ''
