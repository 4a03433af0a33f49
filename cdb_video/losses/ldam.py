"""LDAM loss with deferred re-weighting (Cao et al., NeurIPS 2019)."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from cdb_video.checks import check_begin, check_beta, check_positive
from cdb_video.difficulty.formulas import FloatVector
from cdb_video.difficulty.frequency import class_balanced_weights, class_margins
from cdb_video.difficulty.tau import Progress
from cdb_video.losses.class_loss import ClassLoss
from cdb_video.losses.per_class import along_classes
from cdb_video.losses.reduction import is_soft


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
        background: Weight > 0 of the background, where the scores have C + 1 channels, as `CDBLoss` has it. It has no
            margin, neither as the label nor beside one, and keeps its weight when re-weighting begins (our choice).
            None = there is no such channel.
        use_sigmoid: Accepted as False only, as base configs of mmdet have it.

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
        background: float | None = None,
        use_sigmoid: bool = False,
    ) -> None:
        super().__init__(num_classes, reduction, 0.0, loss_weight, background, use_sigmoid)
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
        return ', '.join(f'{name}={getattr(self, name)!r}' for name in names) + self._shown_background()

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


def _log_sum_of_others(cls_score: Tensor) -> Tensor:
    """(N, C, ...): for every class c, log of the sum of exp(z_k) over all k != c."""
    scores = cls_score.movedim(1, -1)
    own = torch.eye(scores.shape[-1], dtype=torch.bool, device=scores.device)
    return scores.unsqueeze(-2).masked_fill(own, float('-inf')).logsumexp(dim=-1).movedim(-1, 1)
