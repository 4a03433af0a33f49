"""The config of a cross-fit: what it must be, and the config of each fold that is made from it."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

from cdb_video.cross_fit.clips import listed_settings
from cdb_video.host_words import IMAGES, VIDEO, HostWords, samples
from cdb_video.hosts.host import host_named
from cdb_video.hosts.mmaction.pipelines import kind_of, single_view

BALANCED_LOSS = "dict(type='CDBLoss', tau=0, logit_adjustment=1.0)"
_SHIPPED = {VIDEO: 'egtea/slowfast_balsoftmax.py', IMAGES: 'images/digits_lt/resnet8_balsoftmax.py'}
_OWNERS = ('ClassDifficultyHook', 'DifficultyReplayHook')
_SECOND_STAGE = 'SecondStageHook'
_SEEDED = 'SampleSeedHook'
_SAMPLERS = ('ClassSampler', 'CDBSampler')
_STOCK_SAVER, _OUR_SAVER = 'CheckpointHook', 'EnduringCheckpointHook'
# Where the part that is scored differs from the part that is trained on: a clip that cannot be read is an error there.
_OF_TRAINING = ('pipeline', 'on_error', 'max_damaged')
_OF_SCORING = ('sampler', 'batch_sampler', 'drop_last', 'dataset')


def check_config(config: Config, name: str) -> None:
    """See that a config can be cross-fitted.

    Args:
        config: Of a training.
        name: How the user calls it.

    Raises:
        ValueError: If its loss has no logit adjustment, difficulty acts in it, or it goes on from a first stage, which
            has seen the clips.
    """
    missing = [key for key in ('model', 'train_dataloader', 'train_cfg', 'optim_wrapper') if not config.get(key)]
    if missing:
        raise ValueError(f'{name} has no {", ".join(missing)}: give the config of a training')
    listed_settings(config)
    trained_length(config)
    parts = list(_typed(config.model))
    losses = [part for part in parts if 'logit_adjustment' in part or kind_of(part) == 'CDBLoss']
    if not any(_number(loss.get('logit_adjustment')) for loss in losses):
        words = words_of(config)
        named = ', '.join(sorted({kind_of(part) for part in parts if kind_of(part).endswith('Loss')}))
        raise ValueError(
            f'{name} has no balanced softmax (its loss: {named or "that of its head"}): without it the folds would be '
            'scored by models that leave rare classes out, and difficulty would say little more than frequency. Set '
            f'model=dict({words.head}=dict({words.loss}={BALANCED_LOSS})), or give such a config, as '
            f'cdb_video::{_SHIPPED[words]}'
        )
    sampler = config.train_dataloader.get('sampler')
    acting = [*losses, *([sampler] if isinstance(sampler, Mapping) and kind_of(sampler) == 'CDBSampler' else ())]
    for part in acting:
        _refuse_difficulty(part, name)
    if any(kind_of(hook) == _SECOND_STAGE for hook in config.get('custom_hooks') or ()):
        raise ValueError(
            f'{name} is a second stage ({_SECOND_STAGE}): its first stage has seen the {samples()} that a fold is '
            'to score. '
            'Give a config that trains the whole model'
        )


def words_of(config: Config) -> HostWords:
    """The words of the host that a config is of."""
    host = host_named(config.get('default_scope'))
    return VIDEO if host is None else host.words


def fold_config(config: Config, train_list: str, scored_list: str, seed: int) -> Config:
    """The config that trains one fold's model without validation, and scores the fold.

    Args:
        config: As `check_config` allows it; unchanged.
        train_list: The list of the clips to train on, an absolute path.
        scored_list: The list of the fold.
        seed: Of the training.

    Raises:
        ValueError: If the config has no test or validation pipeline by which clips could be scored.
    """
    made = copy.deepcopy(config)
    settings = listed_settings(made)
    made.train_dataloader.dataset.ann_file = train_list
    sampler = made.train_dataloader.get('sampler')
    if isinstance(sampler, dict) and kind_of(sampler) in _SAMPLERS:
        sampler['allow_empty'] = True  # a class of one clip is not in all parts
    for part in ('dataloader', 'cfg', 'evaluator'):
        made[f'val_{part}'] = None
    made.test_dataloader = _scoring_loader(config, settings, scored_list)
    made.test_cfg = copy.deepcopy(config.get('test_cfg')) or {}
    made.test_evaluator = {'type': 'ClassAccuracy'}
    made.default_hooks = _default_hooks(config)
    made.custom_hooks = _custom_hooks(config)
    made.randomness = {**(config.get('randomness') or {}), 'seed': seed}
    made.resume = False
    for key in ('work_dir', 'experiment_name'):
        made.pop(key, None)
    _average_views(made.model, config.get('default_scope') or 'mmengine')
    return made


def trained_length(config: Config) -> tuple[str, int]:
    """('epoch', epochs) or ('iteration', iterations) of the training.

    Raises:
        ValueError: If the config does not say.
    """
    key, unit = ('max_epochs', 'epoch') if _by_epoch(config) else ('max_iters', 'iteration')
    length = config.train_cfg.get(key)
    if not isinstance(length, int) or length < 1:
        raise ValueError(f'train_cfg.{key}={length!r}: must be a whole number >= 1, the length of the training')
    return unit, length


def _scoring_loader(config: Config, settings: Mapping[str, Any], scored_list: str) -> dict[str, Any]:
    """The loader of a fold's clips: the dataset of the training, read by the test pipeline, one view of each clip."""
    loaders = (config.get(f'{role}_dataloader') for role in ('test', 'val'))
    found: Any = next((loader for loader in loaders if loader), {})
    evaluated = found.get('dataset') if isinstance(found, Mapping) else None
    evaluated = evaluated if isinstance(evaluated, Mapping) else {}
    dataset = {key: copy.deepcopy(value) for key, value in settings.items() if key not in _OF_TRAINING}
    pipeline = evaluated.get('pipeline')
    if pipeline is not None:
        dataset['pipeline'] = single_view(pipeline, config.model)
    elif 'pipeline' in settings:
        raise ValueError(
            f'the config has neither test_dataloader nor val_dataloader with a pipeline, by which the {samples()} '
            'of a fold '
            'could be scored: add a test_dataloader'
        )
    if 'pipeline' in settings or 'test_mode' in evaluated:
        dataset['test_mode'] = True
    loader = {key: copy.deepcopy(value) for key, value in found.items() if key not in _OF_SCORING}
    batch_size = config.train_dataloader.get('batch_size', 1)
    return {
        'batch_size': batch_size,
        **loader,
        'sampler': {'type': 'DefaultSampler', 'shuffle': False},
        'dataset': {**dataset, 'ann_file': scored_list},
    }


def _default_hooks(config: Config) -> dict[str, Any]:
    """The hooks of the config, of which one saves what a killed training goes on with."""
    hooks: dict[str, Any] = copy.deepcopy(dict(config.get('default_hooks') or {}))
    saver = dict(hooks.get('checkpoint') or {'type': _STOCK_SAVER, 'interval': 1})
    for key in ('save_best', 'rule', 'greater_keys', 'less_keys', 'out_dir', 'published_keys'):
        saver.pop(key, None)
    if kind_of(saver) in (_STOCK_SAVER, _OUR_SAVER):
        saver |= {'type': _OUR_SAVER, 'max_keep_ckpts': 1}
    hooks['checkpoint'] = saver | {'save_optimizer': True, 'save_param_scheduler': True, 'save_last': True}
    return hooks


def _custom_hooks(config: Config) -> list[Any]:
    """The hooks of the config without those that own a difficulty; one that measures nothing hands on frequencies."""
    kept = [copy.deepcopy(hook) for hook in config.get('custom_hooks') or () if kind_of(hook) not in _OWNERS]
    kept.append({'type': _OWNERS[0], 'observe_only': True, 'report': False, 'live_report': False})
    every = [*kept, *(hook for hook in (config.get('default_hooks') or {}).values() if hook)]
    if _by_epoch(config) and not any(kind_of(hook) == _SEEDED for hook in every):
        kept.append({'type': _SEEDED})  # so that a training that was killed goes on as it would have
    return kept


def _by_epoch(config: Config) -> bool:
    settings = config.train_cfg
    return bool(settings.get('by_epoch', kind_of(settings) != 'IterBasedTrainLoop' if 'type' in settings else True))


def _average_views(model: Any, scope: str) -> None:
    """Let the head give one probability a class for a clip; without that a head of MMAction2 gives one a view."""
    head = model.get('cls_head')
    if isinstance(head, dict) and ('average_clips' in head or _is_of_host(head.get('type'), scope)):
        head['average_clips'] = 'prob'


def _is_of_host(kind: Any, scope: str) -> bool:
    if isinstance(kind, str):
        init_default_scope(scope)
        with MODELS.switch_scope_and_registry(scope) as registry:
            kind = registry.get(kind)
    return any(ancestor.__name__ == 'BaseHead' for ancestor in getattr(kind, '__mro__', ()))


def _refuse_difficulty(part: Mapping[str, Any], name: str) -> None:
    kind = kind_of(part)
    law, strength, tau = part.get('law', 'power'), part.get('strength'), part.get('tau', 1.0)
    if law == 'power' and kind in ('CDBLoss', 'CDBSampler') and tau != 0:
        raise ValueError(
            f'{name}: {kind}(tau={tau!r}) acts by class difficulty, which cross-fit is to measure: set tau=0'
            + (' and logit_adjustment=1.0' if kind == 'CDBLoss' else ', or take another sampler')
        )
    if law != 'power' and strength != 0:
        raise ValueError(
            f'{name}: {kind}(law={law!r}) acts by class difficulty, which cross-fit is to measure: set {BALANCED_LOSS} '
            'for it, and the law in the config of the run that takes the result'
        )


def _typed(settings: Any) -> Iterator[Mapping[str, Any]]:
    """Every dict with a type in settings, however deep."""
    if isinstance(settings, Mapping):
        if settings.get('type') is not None:
            yield settings
        for value in settings.values():
            yield from _typed(value)
    elif isinstance(settings, list | tuple):
        for value in settings:
            yield from _typed(value)


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0
