"""The hooks of a fold's training: those of its config, but one saver, no difficulty, and samples that are seeded."""

from __future__ import annotations

import copy
from typing import Any

from mmengine.config import Config

from cdb_video.hosts.mmaction.pipelines import kind_of

_OWNERS = ('ClassDifficultyHook', 'DifficultyReplayHook')
_SEEDED = 'SampleSeedHook'
_STOCK_SAVER, _OUR_SAVER = _SAVERS = ('CheckpointHook', 'EnduringCheckpointHook')
_PARTS = 10
"""How often a training by iteration is saved where its config counts epochs."""
# There is no validation to choose by, and whoever goes on with a fold looks for its checkpoints by folder and name.
_OF_OTHERS = ('save_best', 'rule', 'greater_keys', 'less_keys', 'out_dir', 'published_keys', 'filename_tmpl')


def default_hooks(config: Config, by_epoch: bool, length: int) -> dict[str, Any]:
    """The default hooks of the config, of which one saves what a killed training goes on with, and its end.

    Args:
        config: Of the training.
        by_epoch: Whether the training is counted in epochs, not iterations. The saver counts as the training does: a
            checkpoint that is saved by iteration does not say that the last epoch is over.
        length: Of the training, in the same unit.
    """
    hooks: dict[str, Any] = copy.deepcopy(dict(config.get('default_hooks') or {}))
    saver = dict(hooks.get('checkpoint') or {'type': _STOCK_SAVER, 'interval': 1})
    for key in _OF_OTHERS:
        saver.pop(key, None)
    if bool(saver.get('by_epoch', True)) != by_epoch:
        saver.pop('save_begin', None)
        saver |= {'by_epoch': by_epoch, 'interval': 1 if by_epoch else max(length // _PARTS, 1)}
    if kind_of(saver) in _SAVERS:
        saver |= {'type': _OUR_SAVER, 'max_keep_ckpts': 1}
    kept = {name: hook for name, hook in hooks.items() if not _is_of(hook, _SAVERS)}
    return kept | {'checkpoint': saver | {'save_optimizer': True, 'save_param_scheduler': True, 'save_last': True}}


def custom_hooks(config: Config, by_epoch: bool) -> list[Any]:
    """The other hooks of the config, without savers and those that own a difficulty.

    One that measures nothing takes their place and hands on frequencies; and samples are seeded, where the training is
    by epoch, so that one that was killed goes on as it would have.
    """
    given = config.get('custom_hooks') or ()
    kept = [copy.deepcopy(hook) for hook in given if not _is_of(hook, (*_OWNERS, *_SAVERS))]
    kept.append({'type': _OWNERS[0], 'observe_only': True, 'report': False, 'live_report': False})
    every = [*kept, *(config.get('default_hooks') or {}).values()]
    if by_epoch and not any(_is_of(hook, (_SEEDED,)) for hook in every):
        kept.append({'type': _SEEDED})
    return kept


def _is_of(hook: Any, kinds: tuple[str, ...]) -> bool:
    """Whether a hook of a config, which may be None, is of one of these classes."""
    return bool(hook) and kind_of(hook) in kinds
