"""The methods that are compared: config, family, and the settings that tuning chooses among."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Setting = dict[str, Any]
"""Dotted keys of the config and their values."""
LOSS, SAMPLER, HOOK = 'model.cls_head.loss_cls', 'train_dataloader.sampler', 'custom_hooks.0'


@dataclass(frozen=True)
class Method:
    """A method.

    Attributes:
        leaf: Config in configs/egtea/mini.
        family: 'plain', 'difficulty', 'frequency weighting', 'frequency margin', 'frequency sampling', 'combination',
            'two stages', 'no training' or 'all clips'.
        fixed: What differs from the leaf whatever the setting; `_delete_` in a dict takes the place of the whole one.
        choices: The settings to choose among by tuning; at most `BUDGET`, and one where there is nothing to tune.
        edit: What `tools/edit_classifier.py` does to the first stage, for 'no training'; its strength is chosen on the
            validation set of the run itself.
        first: The method and setting of the first stage, for 'two stages' and 'no training'.
        joins: Whether it trains on the validation clips too.
        replays: The method whose recorded difficulty it replays, with the setting of that, or ''.
        cross_fits: Whether it replays cross-fitted difficulty.
        is_steady: Whether it came with the plan of steady difficulty: neither tuned nor among all methods of the
            earlier studies.
    """

    leaf: str
    family: str
    choices: tuple[Setting, ...] = field(default=({},))
    fixed: Setting = field(default_factory=dict)
    edit: str = ''
    first: tuple[str, Setting] = ('ce', {})
    joins: bool = False
    replays: str = ''
    cross_fits: bool = False
    is_steady: bool = False

    @property
    def needs_first_stage(self) -> bool:
        """Whether it starts from a run of `first` with the same seed."""
        return self.family in ('two stages', 'no training')

    @property
    def is_tuned(self) -> bool:
        """Whether tuning runs it: what stands on another run takes a setting from elsewhere."""
        return not (self.needs_first_stage or self.joins or self.is_steady)


BUDGET = 3
"""Settings that each method may try."""


def _of(key: str, values: Iterable[Any], fixed: Mapping[str, Any] | None = None) -> tuple[Setting, ...]:
    return tuple({key: value, **(fixed or {})} for value in values)


_SMOOTH = {f'{HOOK}.momentum': 0.8}
_TAUS: Sequence[float] = (0.5, 1, 2)
FACTOR_1: Setting = {f'{LOSS}.logit_adjustment': 1.0}
"""Balanced softmax as the plan of steady difficulty has it."""
_MEAN: Setting = {f'{HOOK}.momentum': 'mean'}
_CDBA: Setting = {'_delete_': True, 'type': 'CDBLoss', 'law': 'accumulated'}
METHODS = {
    'ce': Method('slowfast_ce', 'plain'),
    'focal': Method('slowfast_focal', 'plain', _of(f'{LOSS}.focal_gamma', (0.5, 1, 2))),
    'mixup': Method('slowfast_mixup', 'plain', _of('model.data_preprocessor.blending.alpha', (0.1, 0.2, 0.4))),
    'cdbw': Method('slowfast_cdbw', 'difficulty', _of(f'{LOSS}.tau', _TAUS)),
    'cdbs': Method('slowfast_cdbs', 'difficulty', _of(f'{SAMPLER}.tau', _TAUS)),
    'cb': Method('slowfast_cb', 'frequency weighting', _of(f'{LOSS}.beta', (0.9, 0.99, 0.999))),
    'cb_focal': Method('slowfast_cb_focal', 'frequency weighting', _of(f'{LOSS}.beta', (0.9, 0.99, 0.999))),
    'ldam': Method('slowfast_ldam', 'frequency margin', _of(f'{LOSS}.scale', (10.0, 20.0, 30.0))),
    'ldam_drw': Method('slowfast_ldam_drw', 'frequency weighting', _of(f'{LOSS}.scale', (10.0, 20.0, 30.0))),
    'balsoftmax': Method('slowfast_balsoftmax', 'frequency margin', _of(f'{LOSS}.logit_adjustment', (0.5, 1.0, 1.5))),
    'eql': Method('slowfast_eql', 'frequency weighting', _of(f'{LOSS}.threshold', (0.03, 0.06, 0.12))),
    'eql_sigmoid': Method('slowfast_eql_sigmoid', 'frequency weighting', _of(f'{LOSS}.threshold', (0.03, 0.06, 0.12))),
    'sqrt': Method('slowfast_sqrt', 'frequency sampling'),
    'balanced': Method('slowfast_balanced', 'frequency sampling'),
    'progressive': Method('slowfast_progressive', 'frequency sampling'),
    'repeat': Method('slowfast_repeat', 'frequency sampling', _of(f'{SAMPLER}.threshold', (0.05, 0.1, 0.2))),
    'cdbws': Method('slowfast_cdbws', 'combination', _of(f'{SAMPLER}.tau', _TAUS)),
    'cdbw_smooth': Method('slowfast_cdbw', 'combination', _of(f'{LOSS}.tau', _TAUS, _SMOOTH)),
    'cdbs_smooth': Method('slowfast_cdbs', 'combination', _of(f'{SAMPLER}.tau', _TAUS, _SMOOTH)),
    'cdbw_deferred': Method('slowfast_cdbw_deferred', 'combination', _of(f'{LOSS}.begin', (0.25, 0.5, 0.75))),
    'cdbs_deferred': Method('slowfast_cdbs_deferred', 'combination', _of(f'{SAMPLER}.begin', (0.25, 0.5, 0.75))),
    'cdbw_growing': Method('slowfast_cdbw_growing', 'combination', _of(f'{LOSS}.tau', ((0, 1), (0, 2), (0, 4)))),
    'cdbw_focal': Method('slowfast_cdbw_focal', 'combination', _of(f'{LOSS}.tau', _TAUS)),
    'cdbw_balsoftmax': Method('slowfast_cdbw_balsoftmax', 'combination', _of(f'{LOSS}.tau', _TAUS, _SMOOTH)),
    'cdbs_balsoftmax': Method(
        'slowfast_balsoftmax',
        'combination',
        tuple(
            {f'{SAMPLER}.type': 'CDBSampler', f'{SAMPLER}.tau': tau, f'{HOOK}.observe_only': False, **_SMOOTH}
            for tau in _TAUS
        ),
    ),
    'cdbw_online': Method('slowfast_cdbw_online', 'combination', _of(f'{LOSS}.tau', _TAUS)),
    'crt': Method('slowfast_crt', 'two stages'),
    'crt_cdbs': Method('slowfast_crt_cdbs', 'two stages', _of(f'{SAMPLER}.tau', _TAUS)),
    'crt_cdbw': Method('slowfast_crt_cdbw', 'two stages', _of(f'{LOSS}.tau', _TAUS)),
    'lws': Method('slowfast_lws', 'two stages'),
    'tau_norm': Method('slowfast_ce', 'no training', edit='tau-norm'),
    'adjusted': Method('slowfast_ce', 'no training', edit='adjust-logits'),
    'ce_all': Method('slowfast_ce', 'all clips', joins=True),
    'balsoftmax_all': Method('slowfast_balsoftmax', 'all clips', joins=True),
    'cdbw_replayed': Method('slowfast_cdbw', 'all clips', _of(f'{LOSS}.tau', _TAUS), joins=True, replays='cdbw'),
    'cdbs_replayed': Method('slowfast_cdbs', 'all clips', _of(f'{SAMPLER}.tau', _TAUS), joins=True, replays='cdbs'),
    'cdbw_balsoftmax_replayed': Method(
        'slowfast_cdbw_balsoftmax',
        'all clips',
        _of(f'{LOSS}.tau', _TAUS, _SMOOTH),
        joins=True,
        replays='cdbw_balsoftmax',
    ),
    'cdba': Method(
        'slowfast_cdbw', 'difficulty', _of(f'{LOSS}.strength', (9,)), fixed={LOSS: _CDBA, **_MEAN}, is_steady=True
    ),
    'cdba_full': Method(
        'slowfast_cdbw',
        'difficulty',
        _of(f'{LOSS}.strength', (9,)),
        fixed={LOSS: {**_CDBA, 'type': 'FullStrengthLoss'}, **_MEAN},
        is_steady=True,
    ),
    'cdbs_accumulated': Method(
        'slowfast_cdbs',
        'difficulty',
        _of(f'{SAMPLER}.strength', (9,)),
        fixed={SAMPLER: {'_delete_': True, 'type': 'AccumulatedSampler'}, **_MEAN},
        is_steady=True,
    ),
    'bs_cdba': Method(
        'slowfast_cdbw',
        'combination',
        _of(f'{LOSS}.strength', (3,)),
        fixed={LOSS: {**_CDBA, 'logit_adjustment': 1.0}, **_MEAN},
        is_steady=True,
    ),
    'bs_bias': Method(
        'slowfast_balsoftmax', 'no training', edit='balance-classes', first=('balsoftmax', FACTOR_1), is_steady=True
    ),
    'bs_all_cross_fit': Method(
        'slowfast_cdbw',
        'all clips',
        _of(f'{LOSS}.strength', (3,)),
        fixed={LOSS: {**_CDBA, 'logit_adjustment': 1.0}},
        joins=True,
        cross_fits=True,
        is_steady=True,
    ),
}
