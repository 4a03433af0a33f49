"""What a dataset knows of its classes: the label of every clip, the class names, the number of classes."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.logging import print_log

from cdb_video.difficulty import IntVector

LABEL_KEYS = ('label', 'gt_label')


def dataset_labels(dataset: Any) -> IntVector:
    """The label of every sample, in order, in one pass over ``dataset.get_data_info``.

    Works through ConcatDataset, RepeatDataset and other wrappers that forward `get_data_info`, and
    for the label keys of mmaction2 ('label') and mmpretrain ('gt_label').

    Args:
        dataset: A dataset of mmengine's kind.

    Returns:
        (N,) int64.

    Raises:
        TypeError: If the dataset has no `get_data_info`.
        ValueError: If it is empty, a sample has no label, a negative one, or several (multi-label).
    """
    if not hasattr(dataset, 'get_data_info'):
        raise TypeError(
            f'{type(dataset).__name__} has no get_data_info(index), from which the labels are read: use a '
            "dataset derived from mmengine's BaseDataset, or give your dataset that method"
        )
    if len(dataset) == 0:
        raise ValueError(f'{describe(dataset)} is empty: check its ann_file')
    labels = np.fromiter((_label_of(dataset, index) for index in range(len(dataset))), np.int64, len(dataset))
    if labels.min() < 0:
        index = int(labels.argmin())
        raise ValueError(
            f'sample {index} of {describe(dataset)} has label {labels[index]}: labels are 0..C-1; does its line in the '
            'list have one? (EGTEA '
            'ids are 1-based; data_prep/build_lists.py converts them)'
        )
    return labels


def dataset_class_names(dataset: Any) -> tuple[str, ...] | None:
    """The class names in ``metainfo['classes']``, in the order of the labels; None if there are none."""
    classes = (getattr(dataset, 'metainfo', None) or {}).get('classes')
    return None if classes is None else tuple(str(name) for name in classes)


def class_label(class_names: Sequence[str] | None, index: int) -> str:
    """How to call class `index` in messages and tables."""
    return class_names[index] if class_names is not None else f'class {index}'


def check_num_classes(num_classes: Any) -> None:
    """Raise a ValueError unless `num_classes` is a whole number >= 1 or None."""
    if num_classes is not None and (not isinstance(num_classes, int) or num_classes < 1):
        raise ValueError(f'num_classes={num_classes!r}: must be a whole number >= 1, or None to infer it')


def check_same_names(names: Sequence[str] | None, others: Sequence[str] | None, who: str, whose: str) -> None:
    """Raise a ValueError that names the first class in which two class lists differ; None agrees with all."""
    if names is None or others is None or tuple(names) == tuple(others):
        return
    if len(names) != len(others):
        raise ValueError(f'{who} has {len(names)} classes, {whose} {len(others)}: both need the same class list')
    index = next(i for i, (name, other) in enumerate(zip(names, others, strict=True)) if name != other)
    raise ValueError(
        f'class {index} is {names[index]!r} in {who} and {others[index]!r} in {whose}: both need the same class '
        'list in the same order'
    )


def warn_undriven(part: Any, acts_as: str) -> None:
    """Log that nobody hands difficulty to a loss or sampler."""
    print_log(
        f'{type(part).__name__} has been handed no class difficulty, so it acts as {acts_as}: put '
        "dict(type='ClassDifficultyHook') into custom_hooks (a list in a child config replaces that of its base), "
        'without observe_only; or call set_class_difficulty',
        logger='current',
        level=logging.WARNING,
    )


def describe(dataset: Any) -> str:
    """The dataset by type and list file, for messages."""
    ann_file = getattr(dataset, 'ann_file', '')
    return type(dataset).__name__ + (f' ({ann_file})' if ann_file else '')


def check_labels(labels: IntVector, num_classes: int, dataset: Any) -> None:
    """Raise a ValueError that names the first label outside 0..num_classes-1."""
    outside = np.flatnonzero((labels < 0) | (labels >= num_classes))
    if outside.size:
        index = int(outside[0])
        raise ValueError(
            f'sample {index} of {describe(dataset)} has label {labels[index]}, but there are {num_classes} '
            f'classes, so labels must be 0..{num_classes - 1} ({outside.size} such samples): check the list, '
            'the class names and num_classes of the head'
        )


def _label_of(dataset: Any, index: int) -> int:
    """The single label of one sample."""
    info = dataset.get_data_info(index)
    for key in LABEL_KEYS:
        if key in info:
            label = np.asarray(info[key])
            break
    else:
        raise ValueError(
            f'sample {index} of {describe(dataset)} has no label; keys: {", ".join(sorted(map(str, info)))}'
        )
    if label.size != 1 or getattr(dataset, 'multi_class', False):
        raise ValueError(
            f'sample {index} of {describe(dataset)} has the labels {label.tolist()}: class difficulty '
            'needs one label a sample; multi-label data is not supported'
        )
    if label.dtype.kind not in 'iu':
        raise ValueError(
            f'sample {index} of {describe(dataset)} has label {label.item()!r}: must be a whole number 0..C-1'
        )
    return int(label.item())
