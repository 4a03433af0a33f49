"""Objects in the images of a dataset: the class and the image of every one, where images have several."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeAlias

import numpy as np

from cdb_video.data.clip_table import ClipTable
from cdb_video.data.labels import describe, kept_entries, name_sample, readers
from cdb_video.difficulty.formulas import IntVector

Objects: TypeAlias = tuple[IntVector, IntVector]
"""Classes and images of objects, both (M,) int64; the images ascend."""


def dataset_objects(dataset: Any) -> Objects:
    """The class and the image of every object that training sees, image after image.

    Taken from the 'instances' in the entries of a dataset as mmdet has them, each with a 'bbox_label'. Those whose
    'ignore_flag' is set are left out: crowds and difficult ones are no examples of their class. Where entries have no
    instances, ``dataset.get_cat_ids(index)`` is asked. Either comes after the filtering of the dataset itself. Works
    through ConcatDataset, RepeatDataset, ClassBalancedDataset and other wrappers that forward `get_data_info` or
    `get_cat_ids`.

    Args:
        dataset: A dataset of mmengine's kind.

    Returns:
        Classes in [0, C) and images in [0, N), both (M,) int64; M may be 0, and an image may have no object.

    Raises:
        TypeError: If the dataset has neither `get_data_info` nor `get_cat_ids`.
        ValueError: If it is empty, or an object has no class, or one that is no whole number >= 0.
    """
    if not hasattr(dataset, 'get_data_info') and not hasattr(dataset, 'get_cat_ids'):
        raise TypeError(
            f'{type(dataset).__name__} has neither get_data_info(index), whose instances are read, nor '
            "get_cat_ids(index): use a dataset derived from mmengine's BaseDataset, as those of mmdet are, or give "
            'yours one of these methods'
        )
    if len(dataset) == 0:
        raise ValueError(f'{describe(dataset)} is empty: check its ann_file, and what its filter_cfg leaves')
    classes, images = read_objects(dataset)
    if len(classes) and classes.min() < 0:
        wrong = int(classes.argmin())
        raise ValueError(_no_class(dataset, int(images[wrong]), int(classes[wrong])))
    return classes, images


def read_objects(dataset: Any) -> Objects:
    """The objects by the fastest way that is sure to give what `get_data_info` gives; not yet checked."""
    for reader in readers():
        if (found := reader.objects(dataset)) is not None:
            return found
    return _listed(dataset, (_classes_in(dataset, index) for index in range(len(dataset))))


def kept_objects(dataset: Any) -> Objects | None:
    """The objects in the entries that a dataset keeps as mmengine's BaseDataset does; None = those have no instances.

    Its `get_data_info` copies every entry, with the outlines of all objects.

    Args:
        dataset: As `cdb_video.data.labels.kept_labels` takes it.
    """
    len(dataset)  # initialises a lazy dataset
    if isinstance(getattr(dataset, 'data_list', None), ClipTable):
        return None
    entries = enumerate(kept_entries(dataset))
    try:
        return _listed(dataset, (_classes_of(dataset, index, entry['instances']) for index, entry in entries))
    except KeyError:  # that of an entry: an instance is answered for by _classes_of
        return None


def taken(objects: Objects, num_images: int, places: IntVector) -> Objects:
    """The objects of a dataset that takes images of another one, in any order and any number of times.

    Args:
        objects: Of the other dataset.
        num_images: Of the other dataset.
        places: (N,) int, which of its images each image is.
    """
    classes, images = objects
    counts = np.bincount(images, minlength=num_images)
    begins = (np.cumsum(counts) - counts)[places]
    own = counts[places]
    within = np.arange(own.sum()) - np.repeat(np.cumsum(own) - own, own)
    return classes[np.repeat(begins, own) + within], np.repeat(np.arange(len(places)), own)


def joined(parts: Sequence[tuple[Objects, int]]) -> Objects:
    """The objects of datasets one after another, each with its number of images."""
    begins = np.cumsum([0, *(number for _, number in parts)])
    classes = [part[0] for part, _ in parts]
    images = [part[1] + begin for (part, _), begin in zip(parts, begins, strict=False)]
    return np.concatenate(classes), np.concatenate(images)


def _classes_in(dataset: Any, index: int) -> Sequence[int]:
    """The classes of the objects of an image, asked for one by one."""
    info = dataset.get_data_info(index) if hasattr(dataset, 'get_data_info') else {}
    if 'instances' in info:
        return _classes_of(dataset, index, info['instances'])
    with suppress(NotImplementedError):  # which that of mmengine's BaseDataset raises
        if hasattr(dataset, 'get_cat_ids'):
            found: Sequence[int] = dataset.get_cat_ids(index)
            return found
    raise ValueError(
        f'{name_sample(dataset, index)} of {describe(dataset)} has no instances, and the dataset no get_cat_ids, so '
        f'its objects are not known; keys: {", ".join(sorted(map(str, info)))}. Use a dataset for detection, or '
        'CDBSampler where a sample has one label'
    )


def _classes_of(dataset: Any, index: int, instances: Iterable[Mapping[str, Any]]) -> Sequence[int]:
    """The classes of the instances of an image that count."""
    try:
        return [one['bbox_label'] for one in instances if not one.get('ignore_flag')]
    except (KeyError, AttributeError, TypeError) as error:
        raise ValueError(
            f'{name_sample(dataset, index)} of {describe(dataset)} has an instance without a bbox_label: each must be '
            'a dict with the number of its class, as the datasets of mmdet have it; check its annotations'
        ) from error


def _listed(dataset: Any, by_image: Iterable[Sequence[int]]) -> Objects:
    """The classes of all images in one array, with their images."""
    classes, counts = array('q'), np.zeros(len(dataset), np.int64)
    for index, own in enumerate(by_image):
        try:
            classes.extend(own)
        except TypeError as error:
            wrong = next((one for one in np.ravel(np.asarray(own, object)) if not isinstance(one, int)), own)
            raise ValueError(_no_class(dataset, index, wrong)) from error
        counts[index] = len(own)
    found = np.frombuffer(classes, np.int64) if classes else np.zeros(0, np.int64)
    return found, np.repeat(np.arange(len(counts)), counts)


def _no_class(dataset: Any, index: int, wrong: Any) -> str:
    return (
        f'{name_sample(dataset, index)} of {describe(dataset)} has an object of class {wrong!r}: must be a whole '
        'number 0..C-1; check its annotations, and the class list of the dataset'
    )
