"""What measures and weighs classes must fit what bears their labels: samples, or the objects in them."""

from __future__ import annotations

from typing import Any

from torch import nn

from cdb_video.data.labels import describe
from cdb_video.data.units import dataset_units, has_objects
from cdb_video.difficulty.formulas import IntVector
from cdb_video.host_words import DETECTION, sample, words_now
from cdb_video.losses.class_loss import ClassLoss
from cdb_video.metrics.class_accuracy import ClassAccuracy


def check_counted(metric: ClassAccuracy, are_objects: bool, dataset: Any, role: str) -> None:
    """Check that a metric counts what bears the labels of the set that it evaluates.

    Args:
        metric: Of an evaluation.
        are_objects: Whether objects bear them.
        dataset: That is evaluated.
        role: 'val' or 'test'.

    Raises:
        ValueError: If it counts the other thing.
    """
    if metric.counts_objects == are_objects:
        return
    said = f'{role}_evaluator: {type(metric).__name__} counts'
    if are_objects:
        raise ValueError(
            f'{said} samples with one label each, and those of {describe(dataset)} show objects with a class each: set '
            f'dict(type={DETECTION.accuracy!r}), beside {DETECTION.metric} or LVISMetric'
        )
    raise ValueError(
        f'{said} objects, and every {sample()} of {describe(dataset)} has one label: set '
        f"dict(type='ClassAccuracy'), in the place of {words_now().metric}"
    )


def count_evaluated(metric: ClassAccuracy, dataset: Any, num_classes: int, role: str) -> IntVector:
    """Samples, or objects in them, per class of a validation or test set, (C,) int64.

    Args:
        metric: That counts them.
        dataset: The set.
        num_classes: C.
        role: 'val' or 'test'.

    Raises:
        ValueError: If the set is empty or has a label outside 0..C-1, or the metric does not count what bears them.
    """
    units = dataset_units(dataset)
    check_counted(metric, units.are_objects, dataset, role)
    units.check(num_classes, dataset)
    return units.per_class(num_classes)


def check_backgrounds(model: nn.Module, dataset: Any) -> None:
    """Check that no loss of a classifier has a background, of which no sample would ever be.

    Args:
        model: That is trained.
        dataset: That it is trained on.

    Raises:
        ValueError: If one has.
    """
    for name, part in model.named_modules():
        has_background = isinstance(part, ClassLoss) and part.background is not None
        if has_background and hasattr(dataset, '__len__') and len(dataset) and not has_objects(dataset):
            raise ValueError(
                f'{name} ({type(part).__name__}) has background={part.background!r}, and every {sample()} of '
                f'{describe(dataset)} has the label of a class: leave it out, for it is the weight of the background '
                'among the proposals of a detector'
            )
