"""Labels of mmengine's datasets, without asking for every entry in turn."""

from __future__ import annotations

from typing import Any

import numpy as np
from mmengine.dataset import BaseDataset, ClassBalancedDataset, ConcatDataset, RepeatDataset

from cdb_video.data import labels
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
