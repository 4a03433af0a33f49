"""The losses that go by class frequency, which class difficulty is compared with.

Focal loss, balanced softmax and logit adjustment are options of `CDBLoss` (with ``tau=0``). Where the frequencies
come from is told in `ClassLoss.set_class_prior`: from the hook, never from a config.
"""

from __future__ import annotations

from cdb_video.checks import check_beta
from cdb_video.difficulty.formulas import FloatVector
from cdb_video.difficulty.frequency import class_balanced_weights
from cdb_video.losses.class_loss import ClassLoss


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
        background: Weight > 0 of the background, where the scores have C + 1 channels, as `CDBLoss` has it. It has no
            effective number of clips, and stays outside the mean of the weights. None = there is no such channel.
        use_sigmoid: Accepted as False only, as base configs of mmdet have it.

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
        background: float | None = None,
        use_sigmoid: bool = False,
    ) -> None:
        super().__init__(num_classes, reduction, focal_gamma, loss_weight, background, use_sigmoid)
        check_beta(beta)
        self.beta = beta

    def extra_repr(self) -> str:
        """The arguments, for ``print(model)``."""
        shown = f'beta={self.beta!r}, reduction={self.reduction!r}, focal_gamma={self.focal_gamma!r}'
        return shown + self._shown_background()

    def _take_prior(self, prior: FloatVector) -> None:
        self._class_weight.set(class_balanced_weights(prior, self.beta))
        self._from_prior.set(prior)
