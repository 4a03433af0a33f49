"""Labels of a dataset, one for every sample, and the names of its classes."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Protocol

import numpy as np

from cdb_video.data.clip_table import ClipTable
from cdb_video.data.pickled_labels import labels_in_pickles
from cdb_video.difficulty.formulas import IntVector

LABEL_KEYS = ('label', 'gt_label')
_NUM_COMPARED = 16


class DatasetReader(Protocol):
    """What a host knows of its datasets."""

    def labels(self, dataset: Any) -> IntVector | None:
        """The label of every sample, (N,) int64, faster than entry by entry; None = no dataset of this host."""

    def objects(self, dataset: Any) -> tuple[IntVector, IntVector] | None:
        """Classes and images of all objects, as `data.objects` has them, in the same way; None = as above."""

    def sample_path(self, info: Mapping[str, Any]) -> str | None:
        """The file or folder of a sample in the entry of a dataset; None = no entry of this host."""


_READERS: list[DatasetReader] = []


def add_reader(reader: DatasetReader) -> None:
    """Ask a host first, from now on; several are asked in the order in which they were added."""
    if reader not in _READERS:
        _READERS.append(reader)


def readers() -> Sequence[DatasetReader]:
    """The hosts that are asked, in order."""
    return tuple(_READERS)


def dataset_labels(dataset: Any) -> IntVector:
    """The label of every sample, in order.

    Taken, at the first that applies, from the dataset's ``get_labels()``, from the entries that an mmengine
    BaseDataset keeps (see `add_reader`), or from ``dataset.get_data_info`` in one pass. Works through ConcatDataset,
    RepeatDataset and other wrappers that forward `get_data_info`, and for the label keys of mmaction2
    ('label') and mmpretrain ('gt_label').

    ``get_labels()`` is an optional method for large data sets: it returns (N,) integers, the labels in the
    order of the samples. A few of them are compared with `get_data_info`, where the dataset has both.

    Args:
        dataset: A dataset of mmengine's kind.

    Returns:
        (N,) int64.

    Raises:
        TypeError: If the dataset has neither `get_labels` nor `get_data_info`.
        ValueError: If it is empty, a sample has no label, a negative one, or several (multi-label), or if
            `get_labels` returns something else than labels or contradicts `get_data_info`.
    """
    if not hasattr(dataset, 'get_data_info') and not hasattr(dataset, 'get_labels'):
        raise TypeError(
            f'{type(dataset).__name__} has no get_data_info(index), from which the labels are read: use a '
            "dataset derived from mmengine's BaseDataset, or give your dataset that method or get_labels()"
        )
    if len(dataset) == 0:
        raise ValueError(f'{describe(dataset)} is empty: check its ann_file')
    labels = read_labels(dataset)
    if labels.min() < 0:
        index = int(labels.argmin())
        raise ValueError(
            f'sample {index} of {describe(dataset)} has label {labels[index]}: labels are 0..C-1; does its line in the '
            'list have one? (EGTEA '
            'ids are 1-based; data_prep/build_lists.py converts them)'
        )
    return labels


def given_labels(labels: Any, dataset: Any) -> IntVector:
    """Labels that were given for a dataset, seen to be labels, and as many as it has samples.

    Args:
        labels: (N,) whole numbers >= 0: a list, an array or a tensor.
        dataset: With N samples; it is asked for nothing else.

    Returns:
        (N,) int64.

    Raises:
        ValueError: If they are not, or there are none.
        TypeError: If the dataset has no length.
    """
    given = np.asarray(labels)
    if given.ndim != 1 or given.dtype.kind not in 'iu' or given.size == 0:
        raise ValueError(
            f'labels: {given.dtype} of shape {given.shape}: must be (N,) whole numbers, the label of every sample of '
            'the dataset in its order'
        )
    if not hasattr(dataset, '__len__'):
        raise TypeError(
            f'{type(dataset).__name__} has no len(): a sampler draws from datasets with a length; give one whose '
            'samples are in the order of labels'
        )
    if len(given) != len(dataset):
        raise ValueError(
            f'labels has {len(given)} numbers, {type(dataset).__name__} {len(dataset)} samples: must be one label a '
            'sample, in the order of the dataset (those of a Subset are labels[subset.indices])'
        )
    if given.min() < 0:
        index = int(given.argmin())
        raise ValueError(f'labels: sample {index} has {given[index]}: labels are 0..C-1; leave such samples out')
    return given.astype(np.int64)


def dataset_class_names(dataset: Any) -> tuple[str, ...] | None:
    """The class names in ``metainfo['classes']``, in the order of the labels; None if there are none."""
    classes = (getattr(dataset, 'metainfo', None) or {}).get('classes')
    return None if classes is None else tuple(str(name) for name in classes)


def describe(dataset: Any) -> str:
    """The dataset by type and list file, for messages."""
    ann_file = getattr(dataset, 'ann_file', '')
    return type(dataset).__name__ + (f' ({ann_file})' if ann_file else '')


def sample_path(info: Mapping[str, Any]) -> str | None:
    """The file or folder of a sample, from its entry in a dataset; None = the entry names none."""
    return next((path for reader in _READERS if (path := reader.sample_path(info))), None)


def name_sample(dataset: Any, index: int) -> str:
    """A sample by number, and by the name of its clip where its entry has one, for messages."""
    info = dataset.get_data_info(index) if hasattr(dataset, 'get_data_info') else {}
    name = sample_path(info)
    return f'sample {index}' + (f' ({name})' if name else '')


def check_labels(labels: IntVector, num_classes: int, dataset: Any, who: str | None = None) -> None:
    """Raise a ValueError that names the first label outside 0..num_classes-1, and `who` states that number."""
    outside = np.flatnonzero((labels < 0) | (labels >= num_classes))
    if outside.size:
        index = int(outside[0])
        raise ValueError(
            f'{name_sample(dataset, index)} of {describe(dataset)} has label {labels[index]}, but '
            f'{f"{who} states" if who else "there are"} {num_classes} classes, so labels must be 0..{num_classes - 1} '
            f'({outside.size} such): check the list (labels count from 0), the class names and num_classes of the head'
        )


def read_labels(dataset: Any) -> IntVector:
    """The labels by the fastest way that is sure to give what `get_data_info` gives; not yet checked."""
    # A multi-label dataset is refused by its first entry.
    if not getattr(dataset, 'multi_class', False):
        if hasattr(dataset, 'get_labels'):
            return _given_labels(dataset)
        for reader in _READERS:
            if (labels := reader.labels(dataset)) is not None:
                return labels
    entries = map(dataset.get_data_info, range(len(dataset)))
    return np.fromiter(_labels_in(dataset, enumerate(entries)), np.int64, len(dataset))


def gives_what_it_keeps(dataset: Any, *kinds: type) -> bool:
    """Whether the `get_data_info` of a dataset is that of one of `kinds`, which give the labels that they keep.

    Of a subclass with a `get_data_info` of its own, or of an object that was given one, that is not known.
    """
    own = getattr(dataset.get_data_info, '__func__', None)
    return own is not None and any(own is getattr(kind, 'get_data_info', None) for kind in kinds)


def kept_labels(dataset: Any) -> IntVector:
    """The labels in the entries that a dataset keeps as mmengine's BaseDataset does.

    Its `get_data_info` spends most of its time around them.

    Args:
        dataset: With `data_list`, and where `serialize_data` is true with `data_bytes` and `data_address`.

    Returns:
        (N,) int64.
    """
    number = len(dataset)  # initialises a lazy dataset
    kept = getattr(dataset, 'data_list', ())  # what get_subset() makes of a serialised one has none
    if isinstance(kept, ClipTable):
        return kept.all_labels()
    if dataset.serialize_data:
        return _pickled_labels(dataset)
    return np.fromiter(_labels_in(dataset, enumerate(kept)), np.int64, number)


def kept_entries(dataset: Any) -> Iterator[dict[str, Any]]:
    """The entries that an initialised dataset keeps as mmengine's BaseDataset does; to be read, not changed."""
    if not dataset.serialize_data:
        return iter(dataset.data_list)
    data, ends = memoryview(dataset.data_bytes), memoryview(dataset.data_address)
    return (pickle.loads(data[start:end]) for start, end in zip(chain([0], ends), ends, strict=False))


def _pickled_labels(dataset: Any) -> IntVector:
    """The labels of a dataset that keeps its entries as pickles; those that cannot be read in batches are unpickled."""
    data, ends = memoryview(dataset.data_bytes), np.asarray(dataset.data_address, np.int64)
    labels, others = labels_in_pickles(dataset.data_bytes, ends, LABEL_KEYS)
    starts = np.where(others > 0, ends[others - 1], 0)
    # Views, for lists of millions of numbers take more memory than the labels.
    places = zip(starts.data, ends[others].data, strict=True)
    entries = (pickle.loads(data[start:end]) for start, end in places)
    numbered = zip(others.data, entries, strict=True)
    labels[others] = np.fromiter(_labels_in(dataset, numbered), np.int64, len(others))
    return labels


def _given_labels(dataset: Any) -> IntVector:
    """What `get_labels` returns, checked."""
    labels = np.asarray(dataset.get_labels())
    if labels.shape != (len(dataset),) or labels.dtype.kind not in 'iu':
        raise ValueError(
            f'get_labels() of {describe(dataset)} returned {labels.dtype} of shape {labels.shape}: must be '
            f'({len(dataset)},) integers, one label a sample'
        )
    if hasattr(dataset, 'get_data_info'):
        for index in np.linspace(0, len(labels) - 1, _NUM_COMPARED, dtype=np.int64).tolist():
            label = _single_label(dataset, index, dataset.get_data_info(index))
            if label != labels[index]:
                raise ValueError(
                    f'sample {index} of {describe(dataset)} has label {labels[index]} in get_labels() and {label} '
                    'in get_data_info: both must give the same labels in the same order'
                )
    return labels.astype(np.int64, copy=False)


def _labels_in(dataset: Any, entries: Iterable[tuple[int, Mapping[str, Any]]]) -> Iterator[int]:
    """The labels in numbered entries; the usual entry is told at once, for there may be millions."""
    multi_label = getattr(dataset, 'multi_class', False)
    for index, info in entries:
        label = info['label'] if 'label' in info else info.get('gt_label')
        yield label if type(label) is int and not multi_label else _single_label(dataset, index, info)


def _single_label(dataset: Any, index: int, info: Mapping[str, Any]) -> int:
    """The single label in the entry of a sample."""
    key = next((key for key in LABEL_KEYS if key in info), None)
    if key is None:
        shows = '. It shows instances: images with objects are drawn by CDBImageSampler' if 'instances' in info else ''
        raise ValueError(
            f'sample {index} of {describe(dataset)} has no label; keys: {", ".join(sorted(map(str, info)))}{shows}'
        )
    label = np.asarray(info[key])
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
