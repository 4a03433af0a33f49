"""Finding the parts that class difficulty joins, and checking that they fit, before training starts."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from mmengine.hooks import CheckpointHook, EarlyStoppingHook
from torch import Tensor, nn

from cdb_video.difficulty import IntVector
from cdb_video.labels import check_labels, dataset_class_names, dataset_labels, describe
from cdb_video.metrics import ClassAccuracy

CONSUMER_RECIPE = (
    "model=dict(cls_head=dict(loss_cls=dict(type='CDBLoss'))) for CDB-W, or "
    "train_dataloader=dict(sampler=dict(type='CDBSampler')) for CDB-S"
)
METRIC_RECIPE = "val_evaluator=dict(type='ClassAccuracy')"


def find_metric(evaluator: Any) -> ClassAccuracy | None:
    """The first ClassAccuracy of an mmengine Evaluator, None if there is none."""
    return next((metric for metric in evaluator.metrics if isinstance(metric, ClassAccuracy)), None)


def find_sampler(dataloader: Any) -> Any:
    """The sampler that picks the clips: the dataloader's, or its batch sampler's."""
    inner = getattr(dataloader.batch_sampler, 'sampler', None)
    return dataloader.sampler if inner is None else inner


def find_difficulty_consumers(model: nn.Module, sampler: Any) -> dict[str, Any]:
    """Everything with `set_class_difficulty` in the model and the sampler, by a unique name.

    The name is that of the class; a second one of the same class is called 'CDBLoss.1', and so on.
    """
    return _by_name(part for part in (*model.modules(), sampler) if hasattr(part, 'set_class_difficulty'))


def find_class_parts(model: nn.Module, sampler: Any) -> dict[str, Any]:
    """Everything in the model and the sampler that derives something from difficulty, frequency or epoch, by name."""
    ways = ('set_class_difficulty', 'set_class_prior', 'set_progress', 'class_probability')
    return _by_name(part for part in (*model.modules(), sampler) if any(hasattr(part, way) for way in ways))


def _by_name(found: Iterable[Any]) -> dict[str, Any]:
    """By the name of the class; a second one of the same class is called 'CDBLoss.1', and so on."""
    consumers: dict[str, Any] = {}
    for consumer in found:
        name = type(consumer).__name__
        same = sum(type(other).__name__ == name for other in consumers.values())
        consumers[f'{name}.{same}' if same else name] = consumer
    return consumers


def find_prior_consumers(model: nn.Module) -> list[Any]:
    """Every module of the model with `set_class_prior`."""
    return [module for module in model.modules() if hasattr(module, 'set_class_prior')]


def find_progress_consumers(model: nn.Module, sampler: Any) -> list[Any]:
    """Everything with `set_progress` in the model and the sampler: what a deferred start or a growing tau needs."""
    return [part for part in (*model.modules(), sampler) if hasattr(part, 'set_progress')]


def _blending_num_classes(model: nn.Module) -> dict[str, int]:
    """What Mixup and CutMix in a data preprocessor state: they make soft labels of that many classes."""
    stated = {}
    for name, module in model.named_modules():
        blending = getattr(module, 'blending', None)
        for part in (blending, *getattr(blending, 'augments', ())):
            number = getattr(part, 'num_classes', None)
            if isinstance(number, int):
                stated[f'blending of {name} ({type(part).__name__})'] = number
    return stated


def consumer_tau(consumer: Any) -> float | None:
    """The exponent that a consumer uses now, None if it does not say."""
    return getattr(consumer, 'tau_', None)


def consumer_vector(consumer: Any) -> tuple[str, list[float]] | None:
    """What a consumer derived: ('weight' or 'probability', C numbers); None if it does not say."""
    found = consumer_array(consumer)
    return None if found is None else (found[0], found[1].astype(np.float64).tolist())


def consumer_array(consumer: Any) -> tuple[str, np.ndarray] | None:
    """The same, (C,) in the dtype that the consumer uses."""
    for attribute, name in (('class_weight', 'weight'), ('class_probability', 'probability')):
        vector = getattr(consumer, attribute, None)
        if vector is not None:
            return name, vector.detach().cpu().numpy() if isinstance(vector, Tensor) else np.asarray(vector)
    return None


def prior_array(consumer: Any) -> np.ndarray | None:
    """What a loss of ours derived from the class frequencies, (C,); None if it is no such loss, or has none."""
    value = getattr(getattr(consumer, '_from_prior', None), 'value', None)
    return value.numpy() if isinstance(value, Tensor) else None


def count_train_clips(dataset: Any, sampler: Any) -> IntVector:
    """Training clips per class, (C,) int64 for the classes that the data shows; the sampler's count if it has one."""
    counts = getattr(sampler, 'class_counts', None)
    return np.asarray(counts, np.int64) if counts is not None else np.bincount(dataset_labels(dataset))


def stated_num_classes(model: nn.Module, metric: ClassAccuracy | None, dataset: Any, role: str) -> dict[str, int]:
    """The number of classes that the head, the loss, the metric and the data state, by who states it.

    Args:
        model: Heads are modules with a loss in them; their losses may state a number too.
        metric: Of the same evaluation, if there is one.
        dataset: States the length of its class list.
        role: 'val' or 'test'. With 'val', that of training, Mixup and CutMix are asked too.

    Raises:
        ValueError: If they differ; the message lists them all.
    """
    stated = _blending_num_classes(model) if role == 'val' else {}
    for name, module in model.named_modules():
        has_loss = any(
            child == 'loss_cls' or hasattr(part, 'set_class_difficulty') for child, part in module.named_children()
        )
        number = getattr(module, 'num_classes', None)
        if (has_loss or hasattr(module, 'set_class_difficulty')) and isinstance(number, int):
            stated[f'{name or "model"} ({type(module).__name__})'] = number
    if metric is not None and metric.num_classes is not None:
        stated[f'{role}_evaluator (ClassAccuracy)'] = metric.num_classes
    if metric is not None and metric.class_names is not None:
        stated[f'class_names of {role}_evaluator'] = len(metric.class_names)
    names = dataset_class_names(dataset)
    if names is not None:
        stated[f'class list of {describe(dataset)}'] = len(names)
    if len(set(stated.values())) > 1:
        listed = '; '.join(f'{source}: {number}' for source, number in stated.items())
        raise ValueError(
            f'the numbers of classes differ: {listed}. Set num_classes of the head and of any blending (and of loss '
            'and metric, or leave these None) to the length of the class list'
        )
    return stated


def agreed_num_classes(model: nn.Module, metric: ClassAccuracy | None, dataset: Any, counts: IntVector) -> int:
    """The number of classes C in training, at least the largest training label plus 1.

    Raises:
        ValueError: If those who state a number differ, or a training label is beyond it.
    """
    stated = stated_num_classes(model, metric, dataset, 'val')
    num_classes = next(iter(stated.values()), len(counts))
    if len(counts) > num_classes:
        who = next(iter(stated))
        check_labels(dataset_labels(dataset), num_classes, dataset, who)
        raise ValueError(
            f'the sampler counts {len(counts)} classes, {who} states {num_classes}: set num_classes of the head, '
            'and the class list of the training data, to the same number'
        )
    return num_classes


def count_evaluated_clips(dataset: Any, num_classes: int) -> IntVector:
    """Clips per class of a validation or test set, (C,) int64.

    Raises:
        ValueError: If the set is empty or has a label outside 0..C-1.
    """
    labels = dataset_labels(dataset)
    check_labels(labels, num_classes, dataset)
    return np.bincount(labels, minlength=num_classes)


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


def names_of(metric: ClassAccuracy, *datasets: Any) -> tuple[str, ...] | None:
    """The class names that the metric was given, else those of the first dataset that has some."""
    if metric.class_names is not None:
        return metric.class_names
    return next((names for names in map(dataset_class_names, datasets) if names is not None), None)


def first_validation(loop: Any, by_epoch: bool) -> int | None:
    """The epoch or iteration of the first validation; None if the run ends before `val_begin`."""
    last = loop.max_epochs if by_epoch else loop.max_iters
    for step in range(max(1, loop.val_begin), last + 1):
        interval = loop.dynamic_intervals[bisect.bisect(loop.dynamic_milestones, step + 1) - 1]
        if step % interval == 0 or step == last:
            return step
    return None


def validation_due(loop: Any, by_epoch: bool) -> bool:
    """Whether the training loop validates at the point where it stands now, as the loops of mmengine decide it."""
    loop._decide_current_val_interval()
    step, last = (loop.epoch, loop.max_epochs) if by_epoch else (loop.iter, loop.max_iters)
    return bool(step > 0 and step >= loop.val_begin and (step % loop.val_interval == 0 or step == last))


def remember_checkpoint(runner: Any, by_epoch: bool) -> None:
    """Let CheckpointHook take the checkpoint that the run was resumed from for one that it wrote itself.

    After a new best one it saves the newest checkpoint again, so that this knows of the validation; but not in a
    resumed run that has saved none yet.

    Args:
        runner: That stands where it was resumed, with a validation to make up for.
        by_epoch: Whether its loop is by epoch.
    """
    for hook in runner.hooks:
        if not isinstance(hook, CheckpointHook) or hook.last_ckpt is not None or hook.by_epoch != by_epoch:
            continue
        name = hook.filename_tmpl.format(runner.epoch if by_epoch else runner.iter)
        path = hook.file_backend.join_path(hook.out_dir, name)
        if runner.message_hub.runtime_info.get('last_ckpt') == path and hook.file_backend.exists(path):
            hook.last_ckpt = path
