"""The config of a cross-fit: what it must be, and the config of each fold that is made from it."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.config import Config
from mmengine.registry import DATA_SAMPLERS, init_default_scope

from cdb_video.advice import as_code
from cdb_video.cross_fit.clips import listed_settings
from cdb_video.cross_fit.fold_hooks import custom_hooks, default_hooks
from cdb_video.cross_fit.objects.scoring import object_metric
from cdb_video.cross_fit.scoring import average_views, scoring_loader
from cdb_video.host_words import DETECTION, IMAGES, VIDEO, HostWords, samples
from cdb_video.hosts.host import host_named
from cdb_video.hosts.mmaction.pipelines import kind_of
from cdb_video.samplers.class_sampler import ClassSampler

_BALANCED: dict[str, str | float] = {'type': 'CDBLoss', 'tau': 0, 'logit_adjustment': 1.0}
BALANCED_LOSS = as_code(_BALANCED)
_SHIPPED = {
    VIDEO: 'egtea/slowfast_balsoftmax.py',
    IMAGES: 'images/digits_lt/resnet8_balsoftmax.py',
    DETECTION: 'detection/shapes/mask-rcnn_balsoftmax.py',
}
_SAMPLERS = ('CDBSampler', 'CDBImageSampler')
_SECOND_STAGE = 'SecondStageHook'
_BY_VALIDATION = 'ReduceOnPlateau'


def check_config(config: Config, name: str) -> None:
    """See that a config can be cross-fitted.

    Args:
        config: Of a training.
        name: How the user calls it.

    Raises:
        ValueError: If its loss has no logit adjustment, difficulty acts in it, or it goes on from a first stage, which
            has seen the clips; or if its schedule goes by validation.
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
            f'{words.loss_line(balanced_loss(words))}, or give such a config, as '
            f'cdb_video::{_SHIPPED[words]}'
        )
    sampler = config.train_dataloader.get('sampler')
    acting = [*losses, *([sampler] if isinstance(sampler, Mapping) and kind_of(sampler) in _SAMPLERS else ())]
    for part in acting:
        _refuse_difficulty(part, name)
    if any(kind_of(hook) == _SECOND_STAGE for hook in config.get('custom_hooks') or ()):
        raise ValueError(
            f'{name} is a second stage ({_SECOND_STAGE}): its first stage has seen the {samples()} that a fold is '
            'to score. '
            'Give a config that trains the whole model'
        )
    _refuse_schedules(config, name)


def balanced_loss(words: HostWords) -> dict[str, str | float]:
    """Balanced softmax in the configs of a host: a detector's scores have the background beside the classes."""
    return _BALANCED | ({'background': 1.0} if words.has_objects else {})


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
    if isinstance(sampler, dict) and _draws_classes(sampler, config.get('default_scope') or 'mmengine'):
        sampler['allow_empty'] = True  # a class of one clip is not in all parts
    for part in ('dataloader', 'cfg', 'evaluator'):
        made[f'val_{part}'] = None
    made.test_dataloader = scoring_loader(config, settings, scored_list)
    made.test_cfg = copy.deepcopy(config.get('test_cfg')) or {}
    made.test_evaluator = object_metric(config) if words_of(config).has_objects else {'type': 'ClassAccuracy'}
    unit, length = trained_length(config)
    made.default_hooks = default_hooks(config, unit == 'epoch', length)
    made.custom_hooks = custom_hooks(config, unit == 'epoch')
    made.randomness = {**(config.get('randomness') or {}), 'seed': seed}
    made.resume = False
    for key in ('work_dir', 'experiment_name'):
        made.pop(key, None)
    average_views(made.model, config.get('default_scope') or 'mmengine')
    return made


def remarks_on_schedules(config: Config) -> list[str]:
    """What of a config acts otherwise in the training of a fold, in sentences.

    Args:
        config: As `check_config` allows it.
    """
    if not _by_epoch(config):
        return []
    by_iteration = [one for one in _schedulers(config) if not one.get('by_epoch', True)]
    if not by_iteration:
        return []
    names = ', '.join(dict.fromkeys(map(kind_of, by_iteration)))
    return [
        f'{names} (by_epoch=False) counts iterations, of which the epochs of a fold have fewer, so a fold ends at an '
        f'earlier place of that schedule than a training on all {samples()}: where that matters, count it in epochs '
        '(convert_to_iter_based=True lets it act at every step all the same)'
    ]


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


def _by_epoch(config: Config) -> bool:
    settings = config.train_cfg
    return bool(settings.get('by_epoch', kind_of(settings) != 'IterBasedTrainLoop' if 'type' in settings else True))


def _draws_classes(sampler: Mapping[str, Any], scope: str) -> bool:
    """Whether it is a `ClassSampler`, or of a class derived from it that takes `allow_empty`."""
    kind = sampler.get('type')
    if isinstance(kind, str):
        init_default_scope(scope)
        with DATA_SAMPLERS.switch_scope_and_registry(scope) as registry:
            kind = registry.get(kind)
    if not (isinstance(kind, type) and issubclass(kind, ClassSampler)):
        return False
    taken = inspect.signature(kind).parameters.values()
    return any(one.name == 'allow_empty' or one.kind is one.VAR_KEYWORD for one in taken)


def _schedulers(config: Config) -> Iterator[Mapping[str, Any]]:
    """Every scheduler; where there are several optimizers each may have its own."""
    yield from _typed(config.get('param_scheduler'))


def _refuse_schedules(config: Config, name: str) -> None:
    kind = next((kind for one in _schedulers(config) if (kind := kind_of(one)).startswith(_BY_VALIDATION)), None)
    if kind is not None:
        raise ValueError(
            f'{name}: {kind} acts by what a validation gives, and the folds are trained without one, so it would never '
            'act: give another param_scheduler, such as CosineAnnealingLR'
        )


def _refuse_difficulty(part: Mapping[str, Any], name: str) -> None:
    kind = kind_of(part)
    strength, tau = part.get('strength'), part.get('tau', 1.0)
    law = 'power' if kind in _SAMPLERS else part.get('law', 'power')  # those of CDBImageSampler say what is drawn
    if law == 'power' and kind in ('CDBLoss', *_SAMPLERS) and tau != 0:
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
