"""What the plan of steady difficulty explores after its tests: the questions, their runs and what is compared."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.methods.catalogue import HOOK, LOSS, SAMPLER, Setting
from benchmarks.methods.data import FEW_SESSIONS, NATURAL
from benchmarks.methods.plans import Arm, Item, all_pairs
from benchmarks.methods.steady.plan import ARMS, CDBA, CDBW


def _of_variant(variant: str, names: Sequence[str], **more: Setting) -> dict[str, Arm]:
    """Arms of the plan on other data, with more of a setting where that is given."""
    return {
        f'{name}, {variant}': Arm(ARMS[name].method, {**ARMS[name].setting_on('mini'), **more.get(name, {})}, variant)
        for name in names
    }


def _few_sessions() -> Item:
    arms = _of_variant(FEW_SESSIONS, ('bs', 'bs_cdba', 'bs_bias'))
    base, *others = arms
    return Item('Counts that mislead: half of the verbs from two sessions each', arms, all_pairs(others, base))


def _natural() -> Item:
    prior: Setting = {f'{HOOK}.prior_count': 5}
    arms = _of_variant(NATURAL, ('bs', 'bs_cdba', 'cdbw', 'cdba', 'bs_bias'), cdba=prior, bs_cdba=prior)
    base, combined, cdbw, cdba, bias = arms
    return Item('A natural hold-out', arms, ((cdba, cdbw), (combined, base), (bias, base)), ((cdba, cdbw),))


def _kappas() -> Item:
    alone = {f'cdba, kappa {kappa}': Arm('cdba', {f'{LOSS}.strength': kappa}) for kappa in (1, 3, 30)}
    on_bs = {f'bs_cdba, kappa {kappa}': Arm('bs_cdba', {f'{LOSS}.strength': kappa}) for kappa in (1, 9, 30)}
    pairs = all_pairs([*alone], 'cdba') + all_pairs([*on_bs], 'bs_cdba')
    return Item('kappa', {**alone, **on_bs}, pairs)


def _sgd() -> Item:
    optimizer = {'_delete_': True, 'type': 'SGD', 'lr': 0.05, 'momentum': 0.9, 'weight_decay': 0.0005}
    sgd: Setting = {'optim_wrapper.optimizer': optimizer}
    arms, alike = {'ce, SGD': Arm('ce', sgd)}, []
    for reduction in ('mean', 'weighted_mean'):
        for name, setting in (('cdbw', CDBW), ('cdba', CDBA)):
            arms[f'{name}, SGD, {reduction}'] = Arm(name, {**setting, **sgd, f'{LOSS}.reduction': reduction})
        alike.append((f'cdba, SGD, {reduction}', f'cdbw, SGD, {reduction}'))
    others = [name for name in arms if name != 'ce, SGD']
    return Item('SGD, with both reductions', arms, (*alike, *all_pairs(others, 'ce, SGD')), tuple(alike))


def _longer() -> Item:
    arms, pairs, alike = {}, [], []
    for epochs in (36, 72):
        names = {name: f'{name}, {epochs} epochs' for name in ('ce', 'cdbw', 'cdba')}
        for name, setting in (('ce', {}), ('cdbw', CDBW), ('cdba', CDBA)):
            arms[names[name]] = Arm(name, {**setting, 'train_cfg.max_epochs': epochs})
        alike.append((names['cdba'], names['cdbw']))
        pairs += [alike[-1], (names['cdbw'], names['ce']), (names['cdba'], names['ce'])]
    return Item('Longer training, 2 and 4 times', arms, tuple(pairs), tuple(alike))


_CURES = {
    'cdbw, begin 1/3': Arm('cdbw', {**CDBW, f'{LOSS}.begin': 1 / 3}),
    'cdbw, tau 0 to 1': Arm('cdbw', {f'{LOSS}.tau': [0, 1]}),
    'cdbw, mean': Arm('cdbw', {**CDBW, f'{HOOK}.momentum': 'mean'}),
    'cdba, full strength': Arm('cdba_full', CDBA),
}
_RESTLESS = {
    'cdbw, momentum 0.8': Arm('cdbw', {**CDBW, f'{HOOK}.momentum': 0.8}),
    'cdbw, probability': Arm('cdbw', {**CDBW, f'{HOOK}.measure': 'probability'}),
}
_SAMPLERS = {
    'cdbs, mean': Arm('cdbs', {**ARMS['cdbs'].setting_on('mini'), f'{HOOK}.momentum': 'mean'}),
    'cdbs, accumulated': Arm('cdbs_accumulated', {f'{SAMPLER}.strength': 9}),
}
ITEMS = (
    Item('What cures CDB-W, memory or growth?', _CURES, all_pairs([*_CURES], 'cdbw', 'cdba')),
    _few_sessions(),
    _natural(),
    Item('Restlessness', _RESTLESS, all_pairs([*_RESTLESS], 'cdbw', 'cdba')),
    _kappas(),
    Item('CDB-S', _SAMPLERS, all_pairs([*_SAMPLERS], 'cdbs', 'balanced')),
    _sgd(),
    _longer(),
)
"""In the order of the plan."""
