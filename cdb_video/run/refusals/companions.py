"""Other parts of a training run that class difficulty does not go together with, refused before the first step."""

from __future__ import annotations

from typing import Any

from mmengine.hooks import SyncBuffersHook
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from cdb_video.advice import VERDICT, remedy
from cdb_video.classifier.heads import check_classifier_of_loss
from cdb_video.difficulty.consumer import acts_by_difficulty, takes_difficulty
from cdb_video.host_words import words_now
from cdb_video.hosts.host import hosts
from cdb_video.processes import get_world_size
from cdb_video.run.parts import RunParts, metric_recipe
from cdb_video.run.refusals.labelling import check_backgrounds
from cdb_video.run.refusals.loop import check_loop
from cdb_video.run.refusals.monitored import warn_of_waiting_in_vain

# Class names, looked for among the ancestors too: most of these packages cannot be imported everywhere.
_SHARDING = {
    'FSDPStrategy': 'FSDP',
    'FullyShardedDataParallel': 'FSDP',
    'FSDPModule': 'FSDP',
    'DeepSpeedStrategy': 'DeepSpeed',
    'MMDeepSpeedEngineWrapper': 'DeepSpeed',
    'DeepSpeedEngine': 'DeepSpeed',
    'ColossalAIStrategy': 'Colossal-AI',
    'ColossalAIModelWrapper': 'Colossal-AI',
}


def check_companions(parts: RunParts, owner: str) -> None:
    """Check what else takes part in a run; called before training by the hook that owns the difficulty.

    Args:
        parts: Of the run.
        owner: The name of the hook, for messages.

    Raises:
        ValueError: If something cannot work; the message says what to use instead.
    """
    _refuse_sharding(parts, owner)
    check_loop(parts)
    for host in hosts():
        host.refuse(parts.model, parts.train_set, parts.val_set)
    check_classifier_of_loss(parts.model)
    check_backgrounds(parts.model, parts.train_set)
    if parts.loop.validates:
        _warn_of_own_statistics(parts)
    if not parts.loop.by_epoch:
        if parts.loop.validates:
            _warn_of_late_difficulty(parts)
    elif getattr(parts.sampler, 'infinite', False):
        raise ValueError(
            f'{type(parts.sampler).__name__}(infinite=True) in {parts.loop.kind}: its epoch would never end. Remove '
            'infinite=True, or train by iteration: train_cfg=dict(by_epoch=False, max_iters=..., val_interval=...)'
        )
    if parts.loop.first_validation is None:
        warn_of_waiting_in_vain(parts)


def _refuse_sharding(parts: RunParts, owner: str) -> None:
    """Nothing here was made or tested for a model or an optimizer that is cut into shards."""
    for part in (parts.strategy, parts.model):
        for ancestor in type(part).__mro__:
            if ancestor.__name__ in _SHARDING:
                raise ValueError(
                    f'{type(part).__name__}: {owner} does not support {_SHARDING[ancestor.__name__]}. Use '
                    'one process, or data parallel ones: remove strategy (or let it be '
                    "dict(type='DDPStrategy')) and model_wrapper_cfg, and train with launcher='pytorch'"
                )


def _warn_of_own_statistics(parts: RunParts) -> None:
    """Say that every process would validate with statistics of its own, of which the checkpoint has one set."""
    if get_world_size() == 1 or any(isinstance(hook, SyncBuffersHook) for hook in parts.hooks):
        return
    for name, module in parts.model.named_modules():
        if isinstance(module, _BatchNorm) and not isinstance(module, nn.SyncBatchNorm) and module.track_running_stats:
            parts.logger.warning(
                f'{name} ({type(module).__name__}) has running statistics, and every process has its own: the '
                'processes validate with different models, and a resumed run, in which all have those of process 0, '
                "measures another difficulty. Add default_hooks=dict(sync_buffers=dict(type='SyncBuffersHook')), as "
                "MMAction2's configs have it, or use norm_cfg=dict(type='SyncBN')"
            )
            return


def _warn_of_late_difficulty(parts: RunParts) -> None:
    """Say that validations come faster than a sampler that draws whole passes can follow."""
    sampler = parts.sampler
    if not takes_difficulty(sampler) or getattr(sampler, 'infinite', False):
        return
    batches, val_interval = len(parts.train_loader), parts.loop.val_interval
    if val_interval % batches:
        parts.logger.warning(
            f'{type(sampler).__name__} draws a pass of {batches} batches at a time, and validations come every '
            f'{val_interval} iterations: a new difficulty acts on sampling from the next pass on only. Set '
            'infinite=True in the sampler, or num_samples = val_interval x batch_size x number of processes'
        )


def check_trained_by_epoch(parts: RunParts) -> None:
    """Check that a difficulty can be measured on the batches of whole epochs.

    Raises:
        ValueError: If training is by iteration.
    """
    if not parts.loop.by_epoch:
        raise ValueError("source='train' measures after every epoch, and this run is trained by iteration")


def check_unmeasured(parts: RunParts, observe_only: bool) -> None:
    """Say that without a validation there is no difficulty.

    Raises:
        ValueError: Unless `observe_only`: then nobody waits for it.
    """
    if not observe_only:
        raise ValueError(
            'ClassDifficultyHook needs a validation before the end of training: set val_dataloader, val_cfg and '
            f'{metric_recipe()}, let val_begin be at most the length of training, and train without '
            '--no-validate; or replay the difficulty of an earlier run with DifficultyReplayHook'
        )
    parts.logger.warning(
        'ClassDifficultyHook: no validation in this run, so nothing is measured; a test will be reported'
    )


def check_metric(parts: RunParts) -> None:
    """Check that there is a metric to measure the difficulty by.

    Raises:
        ValueError: If there is none.
    """
    if parts.metric is None:
        words = words_now()
        place = 'in the place of' if words.unit == words.sample else 'beside'
        raise ValueError(
            f'ClassDifficultyHook found no {words.accuracy} in val_evaluator: set {metric_recipe()} in '
            f'the config, {place} {words.metric}'
        )


def warn_of_inaction(parts: RunParts, observe_only: bool) -> None:
    """Say where a difficulty is measured and will not act, which is likely not meant."""
    loop = parts.loop
    if observe_only:
        passed_over = [name for name, part in parts.consumers.items() if acts_by_difficulty(part)]
        if passed_over:
            parts.logger.warning(f'observe_only=True: {", ".join(passed_over)} will be handed no difficulty')
    elif loop.first_validation == loop.last_step:
        parts.logger.warning(
            f'the only validation is at the end of training (val_begin={loop.val_begin}, val_interval='
            f'{loop.val_interval}, {loop.max_epochs} epochs), so no difficulty will act: validate earlier '
            '(train_cfg.val_interval=1) or train longer'
        )


def warn_of_acting_twice(parts: RunParts) -> None:
    """Say that the difficulty acts both in the loss and in the sampling, and what we advise instead.

    The papers have the two as alternatives; together each makes up for what the other has made up for already.
    """
    acting = {name: part for name, part in parts.consumers.items() if acts_by_difficulty(part)}
    if len(acting) > 1 and any(part is parts.sampler for part in acting.values()):
        named = ' and '.join(f'{name}({_strength_of(part)})' for name, part in acting.items())
        parts.logger.warning(
            f'{named}: the difficulty acts twice, on the loss and on the sampling. We advise {VERDICT}: '
            f'{remedy(words_now().loss)}. For CDB-W or CDB-S as in the papers, keep one of them; '
            'docs/methods/which_method.md has the evidence'
        )


def _strength_of(part: Any) -> str:
    """The argument that says how strongly a part acts, of its law."""
    strength = getattr(part, 'strength', None)
    return f'tau={getattr(part, "tau", None)!r}' if strength is None else f'strength={strength!r}'
