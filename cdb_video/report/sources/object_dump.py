"""A dump of objects: what a detector called each object of the images that it was tested on, and where that was.

`DumpObjects` writes one, for ``cdb-video test ... --dump predictions.pkl`` on a detector: a pickle with one dict an
image. It is read by :mod:`cdb_video.report.sources.dump`, with nothing executed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cdb_video.difficulty.formulas import FloatVector, IntVector
from cdb_video_files.noted_paths import below_shared_folder

Boxes = NDArray[np.float64]
_SIZE = 'num_classes'
_WHOLE = ('gt_labels', 'answers')
"""Whole numbers. By these keys the dict of an image is known from that of a sample with one label: no host has them."""
_REMEDY = 'write it anew with cdb-video test --dump'


@dataclass(frozen=True, eq=False)
class ObjectPredictions:
    """What a dump says of N objects in images, and C classes.

    Attributes:
        labels: (N,) int64 in 0..C-1, the true classes.
        predicted: (N,) int64 in 0..C, the classes by which they were called; C = missed.
        confidence: (N,) float64, the score of the detection that called it so; NaN where it was missed.
        boxes: (N, 4) float64, of the objects: x1, y1, x2, y2 in the pixels of the image as it lies on disk.
        found_boxes: (N, 4) float64, of these detections; NaN where it was missed.
        images: (N,) int64, which image each is in, counted from 0.
        image_paths: A path for every image; None where one has none.
        num_classes: C.
    """

    labels: IntVector
    predicted: IntVector
    confidence: FloatVector
    boxes: Boxes
    found_boxes: Boxes
    images: IntVector
    image_paths: tuple[str, ...] | None
    num_classes: int

    @property
    def is_missed(self) -> NDArray[np.bool_]:
        """(N,) bool."""
        return self.predicted == self.num_classes

    @cached_property
    def places(self) -> IntVector:
        """(N,) int64, which object of its image each is, counted from 0."""
        starts = np.flatnonzero(np.diff(self.images, prepend=-1))
        return np.arange(len(self.images)) - np.repeat(starts, np.diff(np.append(starts, len(self.images))))

    @cached_property
    def clip_names(self) -> tuple[str, ...] | None:
        """A name for every object: its image, and its number in it; None where there are no paths.

        An image has the name of its path below the folder of all images, which is the same wherever the set lies.
        """
        if self.image_paths is None:
            return None
        names = below_shared_folder([path.replace('\\', '/') for path in self.image_paths])
        pairs = zip(self.images.tolist(), self.places.tolist(), strict=True)
        return tuple(f'{names[image]}, object {place + 1}' for image, place in pairs)

    @property
    def distinct_names(self) -> tuple[str, ...] | None:
        """The same, if no two objects share one, as those of an image that was tested twice do."""
        paths = self.image_paths
        return self.clip_names if paths is not None and len(set(paths)) == len(paths) else None

    @property
    def repeated_images(self) -> list[str]:
        """The path of every image, but the first, of those that share it."""
        numbers = Counter(self.image_paths or ())
        return [path for path, number in numbers.items() for _ in range(number - 1)]


def is_of_objects(samples: Sequence[Mapping[str, Any]]) -> bool:
    """Whether these dicts, of a dump that was read, are of images with objects."""
    return all(any(key in sample for key in _WHOLE) for sample in samples)


def objects_in(samples: Sequence[Mapping[str, Any]]) -> ObjectPredictions:
    """The objects of all images.

    Args:
        samples: A dict an image, at least one, as `DumpObjects` writes it: ``num_classes``; of M objects ``gt_labels``
            and ``answers`` (M,) int, ``scores`` (M,) float, ``gt_bboxes`` and ``bboxes`` (M, 4) float; and ``img_path``
            where it has one.

    Raises:
        ValueError: If something is missing, of another shape or out of its range, or there is no object; the message
            says in which image.
    """
    sizes = {sample[_SIZE] for sample in samples if type(sample.get(_SIZE)) is int}
    if len(sizes) != 1 or min(sizes) < 1:
        raise ValueError(f'the images have the numbers of classes {sorted(sizes)[:5]}, which must be one: {_REMEDY}')
    num_classes = sizes.pop()
    columns = [_columns(sample, index, num_classes) for index, sample in enumerate(samples)]
    numbers = [len(column['gt_labels']) for column in columns]
    if not sum(numbers):
        raise ValueError(f'none of the {len(samples)} images has an object: test on a set with objects')
    joined = {key: np.concatenate([column[key] for column in columns]) for key in columns[0]}
    return ObjectPredictions(
        labels=joined['gt_labels'],
        predicted=joined['answers'],
        confidence=joined['scores'],
        boxes=joined['gt_bboxes'],
        found_boxes=joined['bboxes'],
        images=np.repeat(np.arange(len(samples)), numbers),
        image_paths=_paths(samples),
        num_classes=num_classes,
    )


def _columns(sample: Mapping[str, Any], index: int, num_classes: int) -> dict[str, NDArray[Any]]:
    """The arrays of an image, checked."""
    where = f'image {index} ({sample.get("img_path", "without a path")})'
    found: dict[str, NDArray[Any]] = {}
    for key in ('gt_labels', 'answers', 'scores', 'gt_bboxes', 'bboxes'):
        value = sample.get(key)
        is_box = key.endswith('bboxes')
        if not isinstance(value, np.ndarray) or value.dtype.kind not in ('iu' if key in _WHOLE else 'f'):
            raise ValueError(f'{where} has no array of numbers {key}: {_REMEDY}')
        shape = (len(found['gt_labels']) if found else value.size, *((4,) if is_box else ()))
        if value.shape != shape:
            raise ValueError(f'{where}: {key} has the shape {value.shape}, and must have {shape}: {_REMEDY}')
        found[key] = value.astype(np.int64 if key in _WHOLE else np.float64)
    for key, highest in (('gt_labels', num_classes - 1), ('answers', num_classes)):
        outside = found[key][(found[key] < 0) | (found[key] > highest)]
        if outside.size:
            raise ValueError(f'{where}: {key} has {outside[0]}, and must be 0..{highest}: {_REMEDY}')
    if not np.isfinite(found['gt_bboxes']).all():
        raise ValueError(f'{where}: gt_bboxes has a number that is not finite: {_REMEDY}')
    named = found['answers'] < num_classes
    if not (np.isfinite(found['scores'][named]).all() and np.isfinite(found['bboxes'][named]).all()):
        raise ValueError(f'{where}: a detection has a score or a box that is not finite: {_REMEDY}')
    return found


def _paths(samples: Sequence[Mapping[str, Any]]) -> tuple[str, ...] | None:
    paths = [path for sample in samples if isinstance(path := sample.get('img_path'), str)]
    # Halves of a surrogate pair, which a pickle can hold, cannot be written into a file.
    return tuple(path.encode('utf-8', 'replace').decode() for path in paths) if len(paths) == len(samples) else None
