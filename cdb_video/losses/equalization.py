"""The equalization loss (Tan et al., CVPR 2020): rare classes are spared the suppression by frequent ones."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from cdb_video.checks import check_positive
from cdb_video.difficulty.formulas import FloatVector
from cdb_video.difficulty.frequency import is_rare
from cdb_video.losses.class_loss import ClassLoss
from cdb_video.losses.per_class import along_classes
from cdb_video.losses.reduction import is_soft


class EqualizationLoss(ClassLoss):
    """Equalization loss (arXiv 2003.05176): clips of other classes do not push a rare class down.

    The sigmoid form, the paper's for detection: binary cross-entropy of every class, with the weight
    w_c = 1 - T(f_c < threshold)(1 - y_c), summed over the classes; a clip is never background here, so its E is 1.
    So nothing pushes a rare class down: a form to compare with, not to use (docs/methods/formulas.md).
    The softmax form, the paper's for classification: -log(exp(z_y) / sum_c w_c exp(z_c)) with
    w_c = 1 - b T(f_c < threshold)(1 - y_c), b = 1 with probability gamma, drawn for each class and clip at every step.
    The papers on class difficulty give threshold 0.03 and gamma 0.95 for EGTEA, so the softmax form. Frequencies f_c
    are shares of the training clips, and come from the hook::

        model = dict(cls_head=dict(loss_cls=dict(type='EqualizationLoss', form='softmax', threshold=0.03)))
        custom_hooks = [dict(type='ClassDifficultyHook', observe_only=True)]

    Args:
        threshold: lambda in (0, 1]: classes with a smaller share of the clips are rare.
        form: 'softmax' or 'sigmoid'. MMAction2's heads take the softmax of the scores at test time: with the
            sigmoid form that leaves the predicted class of a view as it is, but the probabilities mean little.
        gamma: Of the softmax form, in [0, 1]: how often a rare class is spared.
        num_classes: Number of classes C. None = taken from the frequencies.
        reduction: 'mean', 'weighted_mean' (the same here), 'sum' or 'none', as `CDBLoss` has them.
        loss_weight: Factor on the loss.
        background: Of the softmax form: weight > 0 of the background, where the scores have C + 1 channels, as
            `CDBLoss` has it. It is never rare, and what is background spares no class: the paper's E, 0 there, which
            its softmax form does not need (our choice). None = there is no such channel.
        use_sigmoid: Accepted as False only, as base configs of mmdet have it.

    Raises:
        ValueError: If an argument is out of its range, or the sigmoid form, where background is the absence of all
            classes, is given a channel for it.
    """

    needs_prior = True
    is_softmax = False

    def __init__(
        self,
        threshold: float = 0.03,
        form: str = 'softmax',
        gamma: float = 0.95,
        num_classes: int | None = None,
        reduction: str = 'mean',
        loss_weight: float = 1.0,
        background: float | None = None,
        use_sigmoid: bool = False,
    ) -> None:
        super().__init__(num_classes, reduction, 0.0, loss_weight, background, use_sigmoid)
        check_positive(1.0, threshold=threshold)
        if form not in ('softmax', 'sigmoid'):
            raise ValueError(f"form={form!r}: must be 'softmax' or 'sigmoid'")
        if form == 'sigmoid' and background is not None:
            raise ValueError(
                f"background={background!r} with form='sigmoid': sigmoids have no channel for the background, which is "
                "where no class is present; take form='softmax', or leave background out"
            )
        if not isinstance(gamma, (int, float)) or isinstance(gamma, bool) or not 0 <= gamma <= 1:
            raise ValueError(f'gamma={gamma!r}: must be in [0, 1]')
        self.threshold = threshold
        self.form = form
        self.gamma = gamma

    def extra_repr(self) -> str:
        """The arguments, for ``print(model)``."""
        names = ('threshold', 'form', 'gamma', 'reduction')
        return ', '.join(f'{name}={getattr(self, name)!r}' for name in names) + self._shown_background()

    def _take_prior(self, prior: FloatVector) -> None:
        self._from_prior.set(is_rare(prior, self.threshold))

    def _log_p(self, cls_score: Tensor, label: Tensor) -> Tensor:
        """Softmax form: the rare classes that are spared are left out of the denominator, but never the label."""
        pushed = self._pushed(cls_score, label, spared=torch.rand_like(cls_score) < self.gamma)
        # log 0 has no gradient to lose, but log(tiny) has: keep it out by its mask.
        left_out = pushed == 0
        denominators = (cls_score + pushed.clamp_min(torch.finfo(pushed.dtype).tiny).log()).masked_fill(
            left_out, float('-inf')
        )
        return cls_score - denominators.logsumexp(dim=1, keepdim=True)

    def _losses_and_weights(
        self, cls_score: Tensor, label: Tensor, class_weight: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        if self.form == 'softmax':
            return super()._losses_and_weights(cls_score, label, class_weight)
        pushed = self._pushed(cls_score, label, spared=True)
        each = F.binary_cross_entropy_with_logits(cls_score, _shares(label, cls_score), reduction='none')
        losses = (pushed * each).sum(dim=1)
        return losses, torch.ones_like(losses)

    def _pushed(self, cls_score: Tensor, label: Tensor, spared: Any) -> Tensor:
        """w, (N, C, ...): 1 - E spared T(f_c < threshold)(1 - y_c), with E = 0 for background and 1 without one."""
        rare = self._from_prior.like(cls_score)
        assert rare is not None
        shares = _shares(label, cls_score)
        left_alone = spared * along_classes(rare, cls_score) * (1 - shares)
        return 1 - (left_alone if self.background is None else left_alone * (1 - shares[:, -1:]))


def _shares(label: Tensor, cls_score: Tensor) -> Tensor:
    """The label as shares of the classes, (N, C, ...)."""
    if is_soft(label, cls_score):
        return label
    return torch.zeros_like(cls_score).scatter_(1, label.unsqueeze(1), 1.0)
