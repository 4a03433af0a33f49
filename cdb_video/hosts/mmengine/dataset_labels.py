"""Labels and objects of mmengine's datasets, without asking for every entry in turn."""

from __future__ import annotations

from typing import Any

import numpy as np
from mmengine.dataset import BaseDataset, ClassBalancedDataset, ConcatDataset, RepeatDataset

from cdb_video.data import labels, objects
from cdb_video.difficulty.formulas import IntVector


def labels_of(dataset: Any) -> IntVector | None:
    """The label of every sample of mmengine's wrappers, or of a BaseDataset that gives what it keeps.

    Returns:
        (N,) int64; None for others, such as a subclass with a `get_data_info` of its own, which may change labels.
    """
    if type(dataset) is ConcatDataset and all(len(part) for part in dataset.datasets):
        return np.concatenate([labels.read_labels(part) for part in dataset.datasets])
    if type(dataset) is RepeatDataset:
        return np.tile(labels.read_labels(dataset.dataset), dataset.times)
    if type(dataset) is ClassBalancedDataset:
        return labels.read_labels(dataset.dataset)[np.asarray(dataset.repeat_indices, np.int64)]
    if labels.gives_what_it_keeps(dataset, BaseDataset):
        return labels.kept_labels(dataset)
    return None


def objects_of(dataset: Any) -> objects.Objects | None:
    """Classes and images of all objects in mmengine's wrappers, or in a BaseDataset that gives what it keeps.

    Returns:
        As `cdb_video.data.objects.dataset_objects`; None for others. What derives from a wrapper, as mmdet's
        ConcatDataset does, is taken for it unless it has a `get_data_info` of its own.
    """
    if not hasattr(dataset, 'get_data_info'):
        return None
    number = len(dataset)  # initialises a lazy dataset
    if labels.gives_what_it_keeps(dataset, ConcatDataset):
        return objects.joined([(objects.read_objects(part), len(part)) for part in dataset.datasets])
    if labels.gives_what_it_keeps(dataset, RepeatDataset):
        places = np.arange(number) % max(len(dataset.dataset), 1)
        return objects.taken(objects.read_objects(dataset.dataset), len(dataset.dataset), places)
    if labels.gives_what_it_keeps(dataset, ClassBalancedDataset):
        places = np.asarray(dataset.repeat_indices, np.int64)
        return objects.taken(objects.read_objects(dataset.dataset), len(dataset.dataset), places)
    if labels.gives_what_it_keeps(dataset, BaseDataset):
        return objects.kept_objects(dataset)
    return None
