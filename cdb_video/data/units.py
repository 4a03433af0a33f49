"""What bears one label in a dataset, its samples or the objects in them: the one place that tells the two apart.

`host_words.unit` is the word for it. Everything that counts by class asks here: priors, shot groups, evaluated sets,
what processes and resumed runs compare.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cdb_video.data.labels import LABEL_KEYS, check_labels, dataset_labels, describe, name_sample
from cdb_video.data.objects import dataset_objects
from cdb_video.difficulty.formulas import IntVector


@dataclass(frozen=True, eq=False)
class Units:
    """What bears one label each in a dataset.

    Attributes:
        labels: (M,) int64 >= 0.
        samples: (M,) int64 in 0..N-1, ascending: in which sample each is; None = each sample is one.
        num_samples: N.
    """

    labels: IntVector
    samples: IntVector | None
    num_samples: int

    @property
    def are_objects(self) -> bool:
        """Whether a sample shows several of them, or none."""
        return self.samples is not None

    @property
    def places(self) -> IntVector:
        """(M,) int64 in 0..N-1: in which sample each is."""
        return np.arange(self.num_samples) if self.samples is None else self.samples

    @property
    def content(self) -> tuple[Any, ...]:
        """All of it, for a hash: arrays and plain values."""
        return (self.labels,) if self.samples is None else (self.labels, self.samples, self.num_samples)

    def per_class(self, num_classes: int = 0) -> IntVector:
        """How many of each class there are, (C,) int64; C is `num_classes`, or more where a label is beyond it."""
        return np.bincount(self.labels, minlength=num_classes)

    def samples_per_class(self, num_classes: int = 0) -> IntVector:
        """How many samples show each class, (C,) int64; C as above."""
        if self.samples is None:
            return self.per_class(num_classes)
        size = max(num_classes, len(self.per_class()))
        shown = np.unique(self.samples * max(size, 1) + self.labels)
        return np.bincount(shown % max(size, 1), minlength=size)

    def by_sample(self) -> list[Any]:
        """The label of each sample, or the classes of its objects, a tuple in ascending order."""
        if self.samples is None:
            return list(self.labels.tolist())
        ends = np.cumsum(np.bincount(self.samples, minlength=self.num_samples))
        return [tuple(sorted(own.tolist())) for own in np.split(self.labels, ends[:-1])]

    def check(self, num_classes: int, dataset: Any, who: str | None = None) -> None:
        """Raise a ValueError that names the first label outside 0..num_classes-1, and `who` states that number."""
        if self.samples is None:
            check_labels(self.labels, num_classes, dataset, who)
            return
        outside = np.flatnonzero((self.labels < 0) | (self.labels >= num_classes))
        if outside.size:
            index = int(outside[0])
            raise ValueError(
                f'{name_sample(dataset, int(self.samples[index]))} of {describe(dataset)} has an object of class '
                f'{self.labels[index]}, but {f"{who} states" if who else "there are"} {num_classes} classes, so they '
                f'must be 0..{num_classes - 1} ({outside.size} such): check its annotations, its class list '
                '(metainfo=dict(classes=...)) and num_classes of the heads'
            )


def dataset_units(dataset: Any) -> Units:
    """What bears a label in a dataset.

    Args:
        dataset: A dataset of mmengine's kind.

    Raises:
        TypeError: If it has nothing from which labels or objects are read.
        ValueError: If it is empty, or a label is missing, or is no whole number >= 0.
    """
    if has_objects(dataset):
        classes, images = dataset_objects(dataset)
        return Units(classes, images, len(dataset))
    labels = dataset_labels(dataset)
    return Units(labels, None, len(labels))


def has_objects(dataset: Any) -> bool:
    """Whether samples of a dataset show objects with a class each, as those of mmdet do, in place of having one label.

    The entry of the first sample tells: it has 'instances', and no label. A dataset without entries is asked for its
    `get_cat_ids`, unless it has `get_labels`.
    """
    if hasattr(dataset, 'get_labels') or not hasattr(dataset, '__len__') or not len(dataset):
        return False
    if not hasattr(dataset, 'get_data_info'):
        return hasattr(dataset, 'get_cat_ids')
    entry = dataset.get_data_info(0)
    return 'instances' in entry and not any(key in entry for key in LABEL_KEYS)


def shown_once(dataset: Any) -> Any:
    """The dataset inside one that repeats samples, as ClassBalancedDataset and RepeatDataset do; else itself.

    LVIS calls a class rare by the images that there are, however often these are repeated.
    """
    inner = getattr(dataset, 'dataset', None)
    is_repeating = hasattr(dataset, 'repeat_indices') or hasattr(dataset, 'times')
    return shown_once(inner) if is_repeating and inner is not None else dataset


def count_training(dataset: Any, sampler: Any) -> tuple[IntVector, IntVector | None]:
    """Training samples, or objects in them, per class; and where they are objects, the images that show each class.

    Images that a wrapper repeats count once, the objects in them as often as training sees them.

    Args:
        dataset: That is trained on.
        sampler: Of the training; its own count is taken, if it has one.

    Returns:
        (C,) int64 for the classes that the data shows, or the sampler knows of; the second is None where a sample has
        one label.
    """
    known = [getattr(sampler, name, None) for name in ('class_counts', 'image_counts')]
    counts, images = (None if one is None else np.asarray(one, np.int64) for one in known)
    if counts is None or (images is None and has_objects(dataset)):
        units = dataset_units(dataset)
        counts, images = units.per_class(), units.samples_per_class() if units.are_objects else None
    source = shown_once(dataset)
    if images is not None and source is not dataset:
        images = dataset_units(source).samples_per_class()
    return counts, images
