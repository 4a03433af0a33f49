"""Other parts of a training run that class difficulty does not go together with, refused before the first step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mmengine.dist import get_world_size
from mmengine.hooks import CheckpointHook, EarlyStoppingHook, SyncBuffersHook
from mmengine.runner import IterBasedTrainLoop
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from cdb_video.classifier.heads import check_classifier_of_loss
from cdb_video.difficulty.consumer import takes_difficulty
from cdb_video.hosts.host import hosts
from cdb_video.metrics.class_accuracy import ClassAccuracy
from cdb_video.run.parts import find_sampler

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


def check_companions(runner: Any, owner: Any) -> None:
    """Check what else takes part in a run; called before training by the hook that owns the difficulty.

    Args:
        runner: mmengine's Runner or FlexibleRunner, with a train loop.
        owner: The hook.

    Raises:
        ValueError: If something cannot work; the message says what to use instead.
    """
    _refuse_sharding(runner, type(owner).__name__)
    for host in hosts():
        host.refuse(runner)
    check_classifier_of_loss(runner.model)
    if runner._val_loop is not None:
        _warn_of_own_statistics(runner)
    loop, sampler = runner.train_loop, find_sampler(runner.train_dataloader)
    if isinstance(loop, IterBasedTrainLoop):
        if runner._val_loop is not None:
            _warn_of_late_difficulty(runner, loop, sampler)
    elif getattr(sampler, 'infinite', False):
        raise ValueError(
            f'{type(sampler).__name__}(infinite=True) in {type(loop).__name__}: its epoch would never end. Remove '
            'infinite=True, or train by iteration: train_cfg=dict(by_epoch=False, max_iters=..., val_interval=...)'
        )


def _refuse_sharding(runner: Any, owner: str) -> None:
    """Nothing here was made or tested for a model or an optimizer that is cut into shards."""
    for part in (getattr(runner, 'strategy', None), runner.model):
        for ancestor in type(part).__mro__:
            if ancestor.__name__ in _SHARDING:
                raise ValueError(
                    f'{type(part).__name__}: {owner} does not support {_SHARDING[ancestor.__name__]}. Use '
                    'one process, or data parallel ones: remove strategy (or let it be '
                    "dict(type='DDPStrategy')) and model_wrapper_cfg, and train with launcher='pytorch'"
                )


def _warn_of_own_statistics(runner: Any) -> None:
    """Say that every process would validate with statistics of its own, of which the checkpoint has one set."""
    if get_world_size() == 1 or any(isinstance(hook, SyncBuffersHook) for hook in runner.hooks):
        return
    for name, module in runner.model.named_modules():
        if isinstance(module, _BatchNorm) and not isinstance(module, nn.SyncBatchNorm) and module.track_running_stats:
            runner.logger.warning(
                f'{name} ({type(module).__name__}) has running statistics, and every process has its own: the '
                'processes validate with different models, and a resumed run, in which all have those of process 0, '
                "measures another difficulty. Add default_hooks=dict(sync_buffers=dict(type='SyncBuffersHook')), as "
                "MMAction2's configs have it, or use norm_cfg=dict(type='SyncBN')"
            )
            return


def _warn_of_late_difficulty(runner: Any, loop: Any, sampler: Any) -> None:
    """Say that validations come faster than a sampler that draws whole passes can follow."""
    if not takes_difficulty(sampler) or getattr(sampler, 'infinite', False):
        return
    batches = len(loop.dataloader)
    if loop.val_interval % batches:
        runner.logger.warning(
            f'{type(sampler).__name__} draws a pass of {batches} batches at a time, and validations come every '
            f'{loop.val_interval} iterations: a new difficulty acts on sampling from the next pass on only. Set '
            'infinite=True in the sampler, or num_samples = val_interval x batch_size x number of processes'
        )


def check_monitored(runner: Any, metric: ClassAccuracy, keys: list[str]) -> None:
    """Check that what waits for a result of the validation waits for one that there will be.

    Looks at save_best of CheckpointHook, monitor of EarlyStoppingHook and monitor of schedulers such as
    ReduceOnPlateauLR; mmengine itself finds a misspelt key only after the first validation.

    Args:
        runner: With hooks, schedulers and validation loop built.
        metric: The ClassAccuracy of the validation.
        keys: What `metric` will return.

    Raises:
        ValueError: If neither `metric` nor another metric of the validation can return a key that is waited for.
    """
    others = [one for one in runner.val_loop.evaluator.metrics if one is not metric]
    for source, key in _monitored(runner):
        if key in keys or any(not one.prefix or key.startswith(f'{one.prefix}/') for one in others):
            continue
        raise ValueError(f'{source}={key!r}: the validation will not return that; it returns {", ".join(keys)}')


def _monitored(runner: Any) -> Iterator[tuple[str, str]]:
    """Who waits for which key of the validation's results."""
    for hook in runner.hooks:
        if isinstance(hook, CheckpointHook):
            yield from (('save_best of CheckpointHook', key) for key in hook.save_best or () if key != 'auto')
        elif isinstance(hook, EarlyStoppingHook):
            yield 'monitor of EarlyStoppingHook', hook.monitor
    schedulers = runner.param_schedulers or []
    if isinstance(schedulers, dict):
        schedulers = [one for group in schedulers.values() for one in group]
    for scheduler in schedulers:
        if getattr(scheduler, 'need_val_args', False) and scheduler.by_epoch:
            yield f'monitor of {type(scheduler).__name__}', scheduler.monitor
