"""From the dumps of all folds to what every object of the training images is called, by a model without its image."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cdb_video.class_names import counted
from cdb_video.cross_fit.objects.images import ListedImages
from cdb_video.cross_fit.pooling import CrossFit, cross_fit_objects
from cdb_video.difficulty.counts import accuracy_numbers
from cdb_video.difficulty.formulas import IntVector
from cdb_video.host_words import words_now
from cdb_video.report.sources.dump import clip_name, read_any_dump
from cdb_video.report.sources.object_dump import ObjectPredictions


@dataclass(frozen=True, eq=False)
class ScoredObjects:
    """What the objects of all training images are called, each by the model that was trained without its image.

    Attributes:
        clips: The images.
        folds: (N,) int64 in 0..K-1.
        objects: M objects, image after image; their `images` are places among the N.
    """

    clips: ListedImages
    folds: IntVector
    objects: ObjectPredictions

    @classmethod
    def joined(cls, clips: ListedImages, folds: IntVector, dumps: Sequence[ObjectPredictions]) -> ScoredObjects:
        """Bring the objects of all folds into the order of the images.

        Args:
            clips: The images.
            folds: (N,) int64 in 0..K-1.
            dumps: Of every fold, its images in the same order.
        """
        images = np.concatenate([np.flatnonzero(folds == fold)[dump.images] for fold, dump in enumerate(dumps)])
        order = np.argsort(images, kind='stable')

        def whole(name: str) -> NDArray[np.generic]:
            return np.concatenate([getattr(dump, name) for dump in dumps])[order]

        columns = {name: whole(name) for name in ('labels', 'predicted', 'confidence', 'boxes', 'found_boxes')}
        return cls(
            clips,
            folds,
            ObjectPredictions(
                **columns,  # type: ignore[arg-type]
                images=images[order],
                image_paths=clips.paths,
                num_classes=dumps[0].num_classes,
            ),
        )

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """C names; None = they are not known."""
        return self.clips.class_names

    @property
    def train_counts(self) -> IntVector:
        """(C,) int64, objects of each class in the training images."""
        return self.clips.units.per_class(self.objects.num_classes)

    @property
    def train_images(self) -> IntVector:
        """(C,) int64, training images that show each class."""
        return self.clips.units.samples_per_class(self.objects.num_classes)

    @property
    def remarks(self) -> list[str]:
        """What whoever reads the difficulties must know of the scoring, in sentences."""
        lost = len(self.clips.units.labels) - len(self.objects.labels)
        if not lost:
            return []
        return [
            f'{counted(lost, "object was", "objects were")} not scored, since the test pipeline ignores them, as '
            'LoadAnnotations does where a mask has fewer than three corners: cdb-video check-objects names them'
        ]

    def pooled(self, num_folds: int) -> CrossFit:
        """The difficulty of all training objects; see `cdb_video.cross_fit.pooling`.

        Raises:
            ValueError: If no class can be measured.
        """
        found = self.objects
        folds = self.folds[found.images]
        return cross_fit_objects(found.labels, found.predicted, folds, num_folds, found.num_classes)

    def metrics(self, found: CrossFit) -> dict[str, float]:
        """The shares of all objects that are right, missed and confused, as the first; as of `ObjectAccuracy`."""
        labels, answers = (column[found.is_counted] for column in (self.objects.labels, self.objects.predicted))
        is_right, is_missed = answers == labels, answers == self.objects.num_classes
        shares = {'top1': is_right, 'missed': is_missed, 'confused': ~(is_right | is_missed)}
        numbers = {name: float(share.mean()) for name, share in shares.items()}
        numbers |= accuracy_numbers(found.counts.num_clips, found.counts.num_correct)
        return {f'{words_now().prefix}/{name}': number for name, number in numbers.items()}

    def dump(self, found: CrossFit) -> bytes:
        """All images with the objects that count, in the form of `DumpObjects`."""
        objects, counts = self.objects, found.is_counted
        ends = np.cumsum(np.bincount(objects.images[counts], minlength=len(self.clips)))[:-1]
        columns: dict[str, NDArray[Any]] = {
            'gt_labels': objects.labels,
            'answers': objects.predicted,
            'scores': objects.confidence.astype(np.float32),
            'gt_bboxes': objects.boxes.astype(np.float32),
            'bboxes': objects.found_boxes.astype(np.float32),
        }
        parts = {key: np.split(column[counts], ends) for key, column in columns.items()}
        entries = [
            {'img_path': path, 'num_classes': objects.num_classes} | {key: part[place] for key, part in parts.items()}
            for place, path in enumerate(self.clips.paths)
        ]
        return pickle.dumps(entries, protocol=2)  # as mmengine dumps


def check_object_dump(path: Path, clips: ListedImages, places: Sequence[int], list_path: Path) -> ObjectPredictions:
    """Read the dump of a fold, and see that it is of the images of the fold, in the order of its file.

    An object that the annotations have may be missing, which the loading has ignored.

    Args:
        path: The dump.
        clips: The images.
        places: Which of them are of the fold.
        list_path: The file of the fold, for the message.

    Raises:
        ValueError: If the dump cannot be read, or has other images or objects.
    """
    found = read_any_dump(path)
    if not isinstance(found, ObjectPredictions):
        fault: str | None = 'other content, samples with one label each,'
    elif (fault := _fault(found, clips, np.asarray(places))) is None:
        return found
    raise ValueError(f'{path} has {fault} than {list_path}: remove it, and give the same command again')


def _fault(found: ObjectPredictions, clips: ListedImages, places: IntVector) -> str | None:
    """What a dump has that the images at these places have not; None = nothing."""
    expected = [clip_name(clips.paths[place]) for place in places]
    if found.image_paths is not None and list(map(clip_name, found.image_paths)) != expected:
        return f'other images ({len(found.image_paths)})'
    if clips.class_names is not None and found.num_classes != len(clips.class_names):
        return f'another number of classes ({found.num_classes})'
    if found.images[-1] >= len(places):
        return f'more images ({found.images[-1] + 1})'
    is_of_fold = np.zeros(len(clips), np.bool_)
    is_of_fold[places] = True
    own = is_of_fold[clips.units.places]
    # No object may be there more often than the annotations have one of its class in its image.
    keys, numbers = np.unique(places[found.images] * found.num_classes + found.labels, return_counts=True)
    listed, most = np.unique(clips.units.places[own] * found.num_classes + clips.units.labels[own], return_counts=True)
    at = np.minimum(np.searchsorted(listed, keys), max(len(listed) - 1, 0))
    if not len(listed) or (listed[at] != keys).any() or (numbers > most[at]).any():
        return f'other objects ({len(found.labels)})'
    return None
