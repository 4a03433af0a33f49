"""The difficulty-weighted loss, CDB-W, and with weights that accumulate, CDB-A."""

from __future__ import annotations

from numpy.typing import ArrayLike
from torch import Tensor

from cdb_video.checks import check_law, check_not_negative
from cdb_video.difficulty.accumulated import accumulated_weights, default_strength
from cdb_video.difficulty.consumer import DifficultyInput
from cdb_video.difficulty.formulas import FloatVector, class_weights
from cdb_video.difficulty.frequency import log_prior, log_relative_frequency
from cdb_video.difficulty.tau import TauOrRamp
from cdb_video.losses.class_loss import ClassLoss
from cdb_video.losses.per_class import along_classes
from cdb_video.torch_compat import leave_uncompiled


class CDBLoss(ClassLoss):
    """Class-wise difficulty-balanced cross-entropy, CDB-W (ACCV 2020, arXiv 2010.01824).

    The loss of one sample is -w_y log p_y, (7), with w_c = C d_c^tau / sum_k d_k^tau. The difficulties
    come from `ClassDifficultyHook` after every validation; until the first one all weights are 1 and
    the loss is plain cross-entropy. It goes in the place of any head's ``loss_cls``::

        model = dict(cls_head=dict(loss_cls=dict(type='CDBLoss', tau=1.0)))

    ``law='accumulated'`` is CDB-A, ours: w_c = C exp(s d_c) / sum_k exp(s d_k), where s grows from 0 to kappa with the
    validations of the run, and d is the mean over them; see `cdb_video.difficulty.accumulated`. Single validations move
    it less than CDB-W. It goes with ``momentum='mean'`` of the hook::

        model = dict(cls_head=dict(loss_cls=dict(type='CDBLoss', law='accumulated', logit_adjustment=1.0)))
        custom_hooks = [dict(type='ClassDifficultyHook', momentum='mean')]

    Nothing of it enters the state dict: the hook keeps the difficulty and pushes it again.

    Args:
        num_classes: Number of classes C. None = taken from the first difficulty that arrives.
        tau: Of the law 'power': exponent >= 0, or 'dynamic' (the papers) or 'dynamic-egtea' (the reference's EGTEA
            code). 0 = difficulty does not act, and none is waited for. Ours: ``(0, 2)`` lets it grow over the epochs,
            from 0 in the first to 2 in the last. None = 1.
        reduction: 'mean' = sum of weighted losses / number of samples, as in the papers;
            'weighted_mean' = / sum of their weights, as ``F.cross_entropy(weight=...)`` does; 'sum'; 'none'.
        focal_gamma: Our combination with focal loss (arXiv 1708.02002): the loss of a class is
            multiplied by (1 - p)^gamma. 0 = off.
        logit_adjustment: t >= 0: cross-entropy of ``score + t log prior`` (arXiv 2007.07314), which is
            balanced softmax (arXiv 2007.10740) at 1.0. The prior is what training really sees; the hook
            sets it. A class that training never sees gets the smallest prior of the others (our choice).
            Predictions are made from the unadjusted scores. 0 = off. With a background the classes get
            t log(C prior) and the background 0 (our choice): equal counts are then plain cross-entropy, and
            the background keeps its place among classes of average frequency.
        loss_weight: Factor on the loss.
        begin: Our option: difficulty acts from this epoch on, and all weights are 1 before. A whole number of epochs,
            or a fraction in [0, 1) of all. 0 = from the first validation on.
        law: 'power' = w ~ d^tau, of the papers; 'accumulated' = CDB-A, ours.
        strength: Of the law 'accumulated': kappa >= 0, what s is after the last validation. None = 9 alone, 3 with
            `logit_adjustment`. 0 = difficulty does not act.
        background: Weight > 0 of the background, where the scores have C + 1 channels, the last of which is the
            background, with the label C: 1.0 as in the box heads of mmdet. The difficulties and the focal factor act
            as without it, the focal factor on the background too; its weight stays outside the mean 1 of the others.
            None = there is no such channel.
        use_sigmoid: Accepted as False only, so that the loss can be merged over the CrossEntropyLoss of a base config
            of mmdet.

    Attributes:
        class_weight: (C,) float64, the weights in use, without that of a background; None before the number of classes
            is known.

    Raises:
        ValueError: If an argument is out of its range, or is of the other law.
    """

    def __init__(
        self,
        num_classes: int | None = None,
        tau: TauOrRamp | None = None,
        reduction: str = 'mean',
        focal_gamma: float = 0.0,
        logit_adjustment: float = 0.0,
        loss_weight: float = 1.0,
        begin: float = 0,
        law: str = 'power',
        strength: float | None = None,
        background: float | None = None,
        use_sigmoid: bool = False,
    ) -> None:
        super().__init__(num_classes, reduction, focal_gamma, loss_weight, background, use_sigmoid)
        check_not_negative(logit_adjustment=logit_adjustment)
        _check_options(law, tau, strength)
        self.law = law
        self.logit_adjustment = logit_adjustment
        if self.needs_mean_difficulty and strength is None:
            strength = default_strength(logit_adjustment)
        self._difficulty = DifficultyInput(1.0 if tau is None else tau, begin, strength)

    @property
    def tau(self) -> TauOrRamp | None:
        """The argument; None with the law 'accumulated', which has none."""
        return None if self.needs_mean_difficulty else self._difficulty.tau

    @property
    def strength(self) -> float | None:
        """kappa; None with the law 'power', which has none."""
        return self._difficulty.strength

    @property
    def begin(self) -> float:
        """The argument."""
        return self._difficulty.begin

    @property
    def tau_(self) -> float | None:
        """The exponent tau in use; None before the first difficulty, and with the law 'accumulated'."""
        return None if self.needs_mean_difficulty else self._difficulty.exponent

    @property
    def strength_(self) -> float | None:
        """The exponent s in use; None before the first difficulty, and with the law 'power'."""
        return self._difficulty.exponent if self.needs_mean_difficulty else None

    @property
    def needs_mean_difficulty(self) -> bool:
        """Whether the law is made for the mean over all validations, and for no other difficulty."""
        return self.law == 'accumulated'

    @property
    def acts_by_difficulty(self) -> bool:
        """Whether the weights follow the difficulty: unless tau or strength is 0."""
        return self._difficulty.acts

    @property
    def needs_prior(self) -> bool:  # type: ignore[override]
        """Whether the loss cannot be computed before `set_class_prior`."""
        return bool(self.logit_adjustment)

    @property
    def follows_progress(self) -> bool:
        """Whether the weights change with the epoch, beside the difficulty."""
        return self._difficulty.follows_progress

    def set_class_difficulty(self, difficulty: ArrayLike, accuracy: ArrayLike | None = None) -> None:
        """Derive the class weights from a new difficulty; called by `ClassDifficultyHook`.

        Args:
            difficulty: (C,) float in [0, 1].
            accuracy: (C,) float in [0, 1], NaN = not measured. The raw accuracies, for a dynamic tau; None = 1 -
                difficulty.

        Raises:
            ValueError: If the number of classes is not the one in use, a value is out of range, or the law
                'accumulated' was not told the validations before, by `set_validations`.
        """
        self._difficulty.take(difficulty, accuracy, self._weigh)

    def set_progress(self, epoch: int, max_epochs: int) -> None:
        """Set the epoch, for `begin` and a tau that grows; called by `ClassDifficultyHook` before each.

        Args:
            epoch: Epochs done, 0 in the first.
            max_epochs: Epochs of the run, >= 1.
        """
        self._difficulty.set_progress(epoch, max_epochs, self._weigh)

    def set_validations(self, done: int, planned: int) -> None:
        """Set the share of the validations, for the law 'accumulated'; called by the hook before a new difficulty.

        Args:
            done: Validations behind the difficulty, >= 0.
            planned: Validations of the whole run, >= 1.
        """
        self._difficulty.set_validations(done, planned)

    def extra_repr(self) -> str:
        """The arguments, for ``print(model)``."""
        of_law = ('law', 'strength') if self.needs_mean_difficulty else ('tau',)
        names = ('num_classes', *of_law, 'reduction', 'focal_gamma', 'logit_adjustment', 'loss_weight', 'begin')
        return ', '.join(f'{name}={getattr(self, name)!r}' for name in names) + self._shown_background()

    def _weigh(self, difficulty: ArrayLike, exponent: float) -> None:
        derive = accumulated_weights if self.needs_mean_difficulty else class_weights
        weights = derive(difficulty, exponent)
        self._check_num_classes(len(weights), 'the difficulty')
        self._class_weight.set(weights)

    def _take_prior(self, prior: FloatVector) -> None:
        self._from_prior.set(log_prior(prior) if self.background is None else log_relative_frequency(prior))

    def _adjusted(self, cls_score: Tensor) -> Tensor:
        """The scores plus t log prior; that of a background stays."""
        prior = self._from_prior.like(cls_score)
        if not self.logit_adjustment or prior is None:
            return cls_score
        return cls_score + self.logit_adjustment * along_classes(prior, cls_score)

    def _check_ready(self) -> None:
        super()._check_ready()
        if self.training and self._difficulty.is_awaited:
            self._warn_undriven()

    @leave_uncompiled
    def _warn_undriven(self) -> None:
        self._difficulty.warn_undriven(self, 'plain cross-entropy')


def _check_options(law: str, tau: TauOrRamp | None, strength: float | None) -> None:
    """Raise a ValueError unless there is such a law, and no option of the other one."""
    check_law(law)
    if law == 'accumulated' and tau is not None:
        raise ValueError(
            f"tau={tau!r}: law='accumulated' has no tau; give strength (and tau=None where a base config sets tau), or "
            'leave law out for w ~ d^tau'
        )
    if law == 'power' and strength is not None:
        raise ValueError(
            f"strength={strength!r}: law='power' has no strength; give tau (and strength=None where a base config sets "
            "strength), or law='accumulated' for w ~ exp(s d)"
        )
