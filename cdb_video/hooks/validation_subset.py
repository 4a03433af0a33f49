"""A training that validates on a fixed part of its validation set, which covers the classes."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from cdb_video.class_names import class_label, counted
from cdb_video.data.covering_subset import covering_subset
from cdb_video.data.labels import dataset_class_names, describe
from cdb_video.data.units import Units, dataset_units
from cdb_video.host_words import sample, samples, units
from cdb_video.hosts.host import hosts
from cdb_video.run.loop import Loop
from cdb_video.run.parts import RunParts

_SHOWN = 5


def check_val_subset(size: Any, seed: Any) -> None:
    """Raise a ValueError unless `size` is a number of samples or None, and `seed` one of a generator."""
    if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 1):
        raise ValueError(f'val_subset={size!r}: must be a whole number of samples >= 1, or None for all of them')
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ValueError(f'val_subset_seed={seed!r}: must be a whole number >= 0')


def validate_on_subset(runner: Any, size: int, seed: int) -> None:
    """Let the validations of a training be of a part of their set; nothing happens where the set is no larger.

    Every process chooses the same part, and so does a run that is resumed. Metrics that read a file of annotations, as
    CocoMetric does, are told which images count.

    Args:
        runner: mmengine's Runner or FlexibleRunner, with its loops built, before the first validation.
        size: Samples of the part, see `covering_subset`.
        seed: Of the choice.

    Raises:
        ValueError: If the run has a validation whose set has no parts.
    """
    loop, parts = Loop(runner), RunParts.of(runner)
    if not loop.validates:
        return
    dataset = parts.val_set
    whole = dataset_units(dataset)
    if size >= whole.num_samples:
        number = counted(whole.num_samples, sample())
        parts.logger.info(f'val_subset={size}: the validation set has {number}, and all are taken')
        return
    part = _part_of(dataset, covering_subset(whole, size, seed).tolist(), size)
    before = whole.per_class()
    now = _units_of_part(part, size).per_class(len(before))
    loop.validate_on(part)
    for metric in parts.val_evaluator.metrics:
        for host in hosts():
            host.evaluate_on(metric, RunParts.of(runner).val_set)
    parts.logger.info(
        f'validations are of {size} of the {whole.num_samples} {samples()} of {describe(dataset)}, with {now.sum()} of '
        f'its {before.sum()} {units()}, chosen to cover the classes (val_subset_seed={seed})'
    )
    left_out = np.flatnonzero((before > 0) & (now == 0))
    if left_out.size:
        names = dataset_class_names(dataset)
        listed = ', '.join(class_label(names, index) for index in left_out[:_SHOWN].tolist())
        more = f' and {left_out.size - _SHOWN} more' if left_out.size > _SHOWN else ''
        parts.logger.warning(
            f'val_subset={size} is too few to cover the classes: {listed}{more} have no {sample()} in it, so their '
            'accuracy is not measured. Set it higher'
        )


def _units_of_part(part: Any, size: int) -> Units:
    """The labels of the samples that are left."""
    try:
        return dataset_units(part)
    except ValueError as error:
        raise ValueError(
            f'val_subset={size}: the labels of {describe(part)} are still those of all its samples: {error}. Let its '
            'get_labels() or get_cat_ids() read what is left, or leave val_subset out'
        ) from error


def _part_of(dataset: Any, chosen: list[int], size: int) -> Any:
    """The samples of a dataset that are chosen, as a dataset of the same kind."""
    # mmengine's get_subset copies with one memory for the whole process, of what may be gone; this needs no copies.
    part = copy.copy(dataset)
    try:
        part.get_subset_(chosen)
    except (AttributeError, NotImplementedError) as error:
        raise ValueError(
            f'val_subset={size}: {describe(dataset)} cannot be divided, as wrappers around several datasets cannot: '
            "validate on one that derives from mmengine's BaseDataset, or leave val_subset out"
        ) from error
    return part
