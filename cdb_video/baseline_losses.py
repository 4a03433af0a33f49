"""The losses that go by class frequency, which class difficulty is compared with.

Focal loss, balanced softmax and logit adjustment are options of `CDBLoss` (with ``tau=0``). Where the frequencies
come from is told in `ClassLoss.set_class_prior`: from the hook, never from a config.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.registry import MODELS
from torch import Tensor

from cdb_video.class_loss import ClassLoss, is_soft
from cdb_video.class_vector import along_classes
from cdb_video.difficulty import FloatVector
from cdb_video.frequency import check_beta, check_positive, class_balanced_weights, class_margins, is_rare
from cdb_video.progress import Progress, check_begin


@MODELS.register_module()
class ClassBalancedLoss(ClassLoss):
    """Cross-entropy weighted by the effective number of clips, w_c ~ (1 - beta) / (1 - beta^n_c) (arXiv 1901.05555).

    The weights have mean 1 over the classes with training clips. The class frequencies come from the hook::

        model = dict(cls_head=dict(loss_cls=dict(type='ClassBalancedLoss', beta=0.999)))
        custom_hooks = [dict(type='ClassDifficultyHook', observe_only=True)]

    Args:
        beta: In [0, 1). 0 is plain cross-entropy; the nearer to 1, the nearer to weights by 1 / n_c. The papers on
            class difficulty used 0.9 on EGTEA, 0.9999 is usual.
        num_classes: Number of classes C. None = taken from the frequencies.
        reduction: 'mean', 'weighted_mean', 'sum' or 'none', as `CDBLoss` has them.
        focal_gamma: Class-balanced focal loss: the loss of a class is multiplied by (1 - p)^gamma. 0 = off.
        loss_weight: Factor on the loss.

    Attributes:
        class_weight: (C,) float64, the weights in use; None before the frequencies are known.

    Raises:
        ValueError: If an argument is out of its range.
    """

    needs_prior = True

    def __init__(
        self,
        beta: float = 0.9999,
        num_classes: int | None = None,
        reduction: str = 'mean',
        focal_gamma: float = 0.0,
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__(num_classes, reduction, focal_gamma, loss_weight)
        check_beta(beta)
        self.beta = beta

    def extra_repr(self) -> str:
        """The arguments, for ``print(model)``."""
        return f'beta={self.beta!r}, reduction={self.reduction!r}, focal_gamma={self.focal_gamma!r}'

    def _take_prior(self, prior: FloatVector) -> None:
        self._class_weight.set(class_balanced_weights(prior, self.beta))
        self._from_prior.set(prior)


@MODELS.register_module()
class LDAMLoss(ClassLoss):
    """Label-distribution-aware margins, LDAM, and its deferred re-weighting, LDAM-DRW (arXiv 1906.07413).

    Cross-entropy of the scores s cos, from which that of the label loses s m_c, with m_c ~ n_c^(-1/4). The scores
    must come from a normalised classifier, which no head of MMAction2 has: `ClassifierHead` gives one to any of them,
    and multiplies by the s of this loss, so that probabilities at test time are those of training::

        model = dict(cls_head=dict(
            type='ClassifierHead', head='SlowFastHead', classifier='normalized',
            loss_cls=dict(type='LDAMLoss', drw_begin=0.8)))
        custom_hooks = [dict(type='ClassDifficultyHook', observe_only=True)]

    Args:
        max_margin: The margin of the rarest class, in cosine, > 0.
        scale: s > 0, what the classifier multiplies the cosines by.
        drw_begin: Class-balanced weights act from this epoch on, and none before: a whole number of epochs, or a
            fraction in [0, 1) of all (the paper: 0.8). None = never: LDAM without re-weighting.
        beta: Of the class-balanced weights, in [0, 1).
        num_classes: Number of classes C. None = taken from the frequencies.
        reduction: 'mean', 'weighted_mean' (as the paper's code has it), 'sum' or 'none', as `CDBLoss` has them.
        loss_weight: Factor on the loss.

    Attributes:
        class_weight: (C,) float64, the weights in use; None before the frequencies are known.

    Raises:
        ValueError: If an argument is out of its range.
    """

    needs_prior = True
    is_softmax = False

    def __init__(
        self,
        max_margin: float = 0.5,
        scale: float = 30.0,
        drw_begin: float | None = None,
        beta: float = 0.9999,
        num_classes: int | None = None,
        reduction: str = 'mean',
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__(num_classes, reduction, 0.0, loss_weight)
        check_positive(max_margin=max_margin, scale=scale)
        check_beta(beta)
        if drw_begin is not None:
            check_begin(drw_begin, 'drw_begin')
        self.max_margin = max_margin
        self.scale = scale
        self.drw_begin = drw_begin
        self.beta = beta
        self._progress = Progress()
        self._deferred_weights: FloatVector | None = None

    @property
    def follows_progress(self) -> bool:
        """Whether the weights change with the epoch."""
        return self.drw_begin is not None and self.drw_begin != 0

    @property
    def score_scale(self) -> float:
        """What the normalised classifier must multiply the cosines by; `ClassifierHead` asks for it."""
        return self.scale

    def set_progress(self, epoch: int, max_epochs: int) -> None:
        """Set the epoch, for `drw_begin`; called by `ClassDifficultyHook` before each.

        Args:
            epoch: Epochs done, 0 in the first.
            max_epochs: Epochs of the run, >= 1.
        """
        self._progress.set(epoch, max_epochs)
        self._weigh()

    def extra_repr(self) -> str:
        """The arguments, for ``print(model)``."""
        names = ('max_margin', 'scale', 'drw_begin', 'beta', 'reduction')
        return ', '.join(f'{name}={getattr(self, name)!r}' for name in names)

    def _take_prior(self, prior: FloatVector) -> None:
        self._from_prior.set(self.scale * class_margins(prior, self.max_margin))
        if self.drw_begin is not None:
            self._deferred_weights = class_balanced_weights(prior, self.beta)
        self._weigh()

    def _weigh(self) -> None:
        if self._deferred_weights is not None and self.drw_begin is not None:
            act = self._progress.reached(self.drw_begin)
            self._class_weight.set(self._deferred_weights if act else np.ones_like(self._deferred_weights))

    def _log_p(self, cls_score: Tensor, label: Tensor) -> Tensor:
        """The label's score loses its margin; for soft labels, each class in its turn is the label."""
        scaled_margin = self._from_prior.like(cls_score)
        assert scaled_margin is not None
        if is_soft(label, cls_score):
            lead = cls_score - along_classes(scaled_margin, cls_score)
            # -log(1 + sum over k != c of exp(z_k - (z_c - s m_c)))
            return -F.softplus(_log_sum_of_others(cls_score) - lead)
        margin = scaled_margin[label].unsqueeze(1)
        return F.log_softmax(cls_score.scatter_add(1, label.unsqueeze(1), -margin), dim=1)


@MODELS.register_module()
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

    Raises:
        ValueError: If an argument is out of its range.
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
    ) -> None:
        super().__init__(num_classes, reduction, 0.0, loss_weight)
        check_positive(1.0, threshold=threshold)
        if form not in ('softmax', 'sigmoid'):
            raise ValueError(f"form={form!r}: must be 'softmax' or 'sigmoid'")
        if not isinstance(gamma, (int, float)) or isinstance(gamma, bool) or not 0 <= gamma <= 1:
            raise ValueError(f'gamma={gamma!r}: must be in [0, 1]')
        self.threshold = threshold
        self.form = form
        self.gamma = gamma

    def extra_repr(self) -> str:
        """The arguments, for ``print(model)``."""
        return f'threshold={self.threshold!r}, form={self.form!r}, gamma={self.gamma!r}, reduction={self.reduction!r}'

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
        """w, (N, C, ...): 1 - spared T(f_c < threshold)(1 - y_c)."""
        rare = self._from_prior.like(cls_score)
        assert rare is not None
        return 1 - spared * along_classes(rare, cls_score) * (1 - _shares(label, cls_score))


def _shares(label: Tensor, cls_score: Tensor) -> Tensor:
    """The label as shares of the classes, (N, C, ...)."""
    if is_soft(label, cls_score):
        return label
    return torch.zeros_like(cls_score).scatter_(1, label.unsqueeze(1), 1.0)


def _log_sum_of_others(cls_score: Tensor) -> Tensor:
    """(N, C, ...): for every class c, log of the sum of exp(z_k) over all k != c."""
    scores = cls_score.movedim(1, -1)
    own = torch.eye(scores.shape[-1], dtype=torch.bool, device=scores.device)
    return scores.unsqueeze(-2).masked_fill(own, float('-inf')).logsumexp(dim=-1).movedim(-1, 1)
