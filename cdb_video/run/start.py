"""The state that training starts from, checked against the data, the model and the checkpoint."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from torch import nn

from cdb_video.class_names import check_same_names, class_label, counted, other_names
from cdb_video.data.labels import dataset_class_names, describe
from cdb_video.data.units import count_training, dataset_units
from cdb_video.difficulty.consumer import takes_difficulty
from cdb_video.difficulty.formulas import IntVector
from cdb_video.difficulty.state import DifficultyState
from cdb_video.head_loss import LOSS_NAMES, PROPOSALS
from cdb_video.host_words import units
from cdb_video.metrics.class_accuracy import ClassAccuracy
from cdb_video.processes import is_main_process
from cdb_video.run.parts import RunParts, find_metric
from cdb_video.run.refusals.evaluation import check_evaluation, check_first_sample
from cdb_video.run.refusals.labelling import count_evaluated
from cdb_video.run.refusals.monitored import check_monitored

_SHOWN = 5


def starting_state(parts: RunParts) -> DifficultyState:
    """The state before any validation, with labels, class lists and monitored results checked.

    Args:
        parts: Of the run; the metric of the validation, if there is one, is given the training counts.

    Raises:
        ValueError: If labels, class lists, numbers of classes or monitored results do not fit.
    """
    train_set, val_set, metric = parts.train_set, parts.val_set, parts.metric
    counts, images = count_training(train_set, parts.sampler)
    num_classes = agreed_num_classes(parts.model, metric, train_set, counts)
    counts = np.pad(counts, (0, num_classes - len(counts)))
    if images is not None:
        images = np.pad(images, (0, num_classes - len(images)))
    if metric is None:
        if parts.loop.first_validation is not None:
            _check_validation(parts, None, ())
        return DifficultyState.start(counts, dataset_class_names(train_set), images)
    check_same_names(
        dataset_class_names(train_set), dataset_class_names(val_set), 'the training set', 'the validation set'
    )
    val_counts = count_evaluated(metric, val_set, num_classes, 'val')
    tell_counts(parts.val_evaluator, val_counts, counts, images)
    names = names_of(metric, train_set, val_set)
    _check_validation(parts, val_counts, metric.sure_keys(num_classes))
    _warn_of_sure_hits(parts.logger, metric, num_classes)
    _warn_of_unseen(parts.logger, counts, val_counts)
    _warn_of_one_sided(parts.logger, counts, val_counts, names)
    return DifficultyState.start(counts, names, images)


def resumed_state(parts: RunParts, entry: Mapping[str, Any] | None, start: DifficultyState) -> DifficultyState:
    """The state of the checkpoint that the run resumes from; `start` where it has none.

    Args:
        parts: Of a run that was asked to resume.
        entry: What the checkpoint holds of the state; None = nothing.
        start: The state before any validation.

    Raises:
        ValueError: If the checkpoint was made with other classes.
    """
    if not parts.loop.has_loaded:
        parts.logger.warning(
            f'resume was asked for, but there is no checkpoint in {parts.work_dir}: training starts '
            'anew, and mmengine then ignores load_from (pretrained weights) as well'
        )
        return start
    if entry is None:
        parts.logger.warning(
            'the checkpoint has no class difficulty (it was saved without ClassDifficultyHook): every '
            'class starts with difficulty 1'
        )
        return start
    state = DifficultyState.from_checkpoint(entry)
    if len(state.difficulty) != len(start.difficulty):
        raise ValueError(
            f'the checkpoint has the difficulty of {len(state.difficulty)} classes, this run has '
            f'{len(start.difficulty)}: resume with the class list of the checkpoint, or start anew with '
            'load_from'
        )
    check_same_names(state.class_names, start.class_names, 'the checkpoint', 'this run, which resumes it,')
    return replace(
        state, train_counts=start.train_counts, class_names=start.class_names, train_images=start.train_images
    )


def check_loaded_classes(parts: RunParts, trained: tuple[str, ...] | None) -> None:
    """Check the classes that the loaded weights were trained for, whether or not the checkpoint has a difficulty.

    Args:
        parts: Of the run.
        trained: Class names of the training set of the checkpoint; None = not known, or nothing was loaded.

    Raises:
        ValueError: If a run is resumed that had others. Weights to start from are warned of, where they have as many:
            the layers that score the classes are taken over then, and of another number they are not.
    """
    names = dataset_class_names(parts.train_set)
    if parts.loop.is_resumed:
        check_same_names(trained, names, 'the checkpoint', 'this run, which resumes it,')
    elif parts.loop.has_loaded:
        other = other_names(trained, names, 'the checkpoint of load_from', 'this run')
        if other is not None:
            parts.logger.warning(
                f'{other}, if its scores are to stay those of the classes. Where the classes are meant to be others, '
                'take no notice: they are learnt anew'
            )


def _warn_of_sure_hits(logger: logging.Logger, metric: ClassAccuracy, num_classes: int) -> None:
    sure = metric.sure_keys(num_classes)
    if sure:
        logger.warning(
            f'topk={metric.topk!r} of ClassAccuracy: with {counted(num_classes, "class", "classes")} '
            f'{" and ".join(sure)} {"is" if len(sure) == 1 else "are"} 1 whatever the model does: set topk below the '
            'number of classes, as topk=(1,)'
        )


def _check_validation(parts: RunParts, num_clips: IntVector | None, sure_keys: Sequence[str]) -> None:
    """Check what would fail in the first validation, after the first epoch, or when its results are at hand."""
    check_monitored(parts, check_evaluation('val_evaluator', parts.val_evaluator, num_clips), sure_keys)
    if is_main_process():  # it speaks for all: they are here together
        check_first_sample(parts.val_loader)


def _warn_of_unseen(logger: logging.Logger, train_counts: IntVector, val_counts: IntVector) -> None:
    unseen = np.flatnonzero((train_counts == 0) & (val_counts == 0))
    if unseen.size:
        logger.warning(
            f'{unseen.size} of {len(train_counts)} classes have neither training nor validation {units()}, the '
            'first is '
            f'{unseen[0]}: {_why_unseen(unseen)}'
        )


def _why_unseen(unseen: IntVector) -> str:
    if unseen.tolist() == [0]:
        return 'do the labels in the lists count from 1? They must count from 0'
    return 'is num_classes of the head right?'


def _warn_of_one_sided(
    logger: logging.Logger, train_counts: IntVector, val_counts: IntVector, names: tuple[str, ...] | None
) -> None:
    """Say which classes have clips for training or for validation alone."""
    unmeasured = np.flatnonzero((train_counts > 0) & (val_counts == 0))
    if unmeasured.size:
        logger.warning(
            f'{_classes(unmeasured, len(train_counts), names)} no validation {units()}: their accuracy is not '
            'known, and '
            'a difficulty measured there takes the mean of the other classes for theirs. Move some of their training '
            f'{units()} to the validation list'
        )
    untrained = np.flatnonzero((train_counts == 0) & (val_counts > 0))
    if untrained.size:
        logger.warning(
            f'{_classes(untrained, len(train_counts), names)} no training {units()}, and validation {units()}: '
            'nothing can be '
            'learnt about them. Move some of these to the training list, or take the classes out'
        )


def _classes(some: IntVector, total: int, names: tuple[str, ...] | None) -> str:
    shown = ', '.join(class_label(names, index) for index in some[:_SHOWN].tolist())
    more = f' and {len(some) - _SHOWN} more' if len(some) > _SHOWN else ''
    return f'{len(some)} of {counted(total, "class", "classes")} ({shown}{more}) {"has" if len(some) == 1 else "have"}'


def _blending_num_classes(model: nn.Module) -> dict[str, int]:
    """What Mixup and CutMix in a data preprocessor state: they make soft labels of that many classes."""
    stated = {}
    for name, module in model.named_modules():
        blending = getattr(module, 'blending', None)
        for part in (blending, *getattr(blending, 'augments', ())):
            number = getattr(part, 'num_classes', None)
            if isinstance(number, int):
                stated[f'blending of {name} ({type(part).__name__})'] = number
        number = getattr(module, 'num_classes', None)
        if getattr(module, 'batch_augments', None) is not None and isinstance(number, int):
            stated[f'batch_augments of {name} ({type(module).__name__})'] = number
    return stated


def stated_num_classes(model: nn.Module, metric: ClassAccuracy | None, dataset: Any, role: str) -> dict[str, int]:
    """The number of classes that the head, the loss, the metric and the data state, by who states it.

    Args:
        model: Heads are modules with a loss in them; their losses may state a number too. One that only proposes places
            is not asked.
        metric: Of the same evaluation, if there is one.
        dataset: States the length of its class list.
        role: 'val' or 'test'. With 'val', that of training, Mixup and CutMix are asked too.

    Raises:
        ValueError: If they differ; the message lists them all.
    """
    stated = _blending_num_classes(model) if role == 'val' else {}
    for name, module in model.named_modules():
        if PROPOSALS in name.split('.'):
            continue
        has_loss = any(child in LOSS_NAMES or takes_difficulty(part) for child, part in module.named_children())
        number = getattr(module, 'num_classes', None)
        if (has_loss or takes_difficulty(module)) and isinstance(number, int):
            stated[f'{name or "model"} ({type(module).__name__})'] = number
    if metric is not None and metric.num_classes is not None:
        stated[f'{role}_evaluator ({type(metric).__name__})'] = metric.num_classes
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
        dataset_units(dataset).check(num_classes, dataset, who)
        raise ValueError(
            f'the sampler counts {len(counts)} classes, {who} states {num_classes}: set num_classes of the head, '
            'and the class list of the training data, to the same number'
        )
    return num_classes


def tell_counts(
    evaluator: Any, evaluated: IntVector | None, trained: IntVector | None, images: IntVector | None
) -> None:
    """Give the metric of an evaluation what it needs to check itself, and to make its shot groups.

    Several that count objects, by boxes and by masks, count the same ones.

    Args:
        evaluator: That of mmengine.
        evaluated: (C,) int64, units of the set that is evaluated; None = not known, as are the others.
        trained: (C,) int64, those of training.
        images: (C,) int64, training images that show each class.
    """
    metric = find_metric(evaluator)
    for one in evaluator.metrics:
        if one is not metric and not getattr(one, 'counts_objects', False):
            continue
        if evaluated is not None:
            one.set_clip_counts(evaluated)
        if trained is not None:
            one.set_train_counts(trained)
        if images is not None:
            one.set_train_images(images)


def names_of(metric: ClassAccuracy, *datasets: Any) -> tuple[str, ...] | None:
    """The class names that the metric was given, else those of the first dataset that has some."""
    if metric.class_names is not None:
        return metric.class_names
    return next((names for names in map(dataset_class_names, datasets) if names is not None), None)
