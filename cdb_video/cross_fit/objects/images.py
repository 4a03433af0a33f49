"""The training images of a detector's config: their objects, and files of annotations of some of them.

The images are those that the dataset has after its own filtering, so that no fold is trained on, or scores, an image
that a training on all of them leaves out. A part is a file of annotations in the same form, not a choice of the
dataset's indices: these are counted behind the filter, which is not at work where a fold is scored.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cdb_video.class_names import counted
from cdb_video.cross_fit.clips import build_dataset, image_names, listed_settings
from cdb_video.cross_fit.division.folds import divide_images
from cdb_video.data.labels import dataset_class_names, sample_path
from cdb_video.data.units import Units, dataset_units, has_objects
from cdb_video.difficulty.formulas import IntVector
from cdb_video.run.fingerprints import digest_of
from cdb_video_files.atomic import write_atomically

_FORM = "annotations in COCO's or LVIS's format: a JSON file with images, annotations and categories"


@dataclass(frozen=True, eq=False)
class ListedImages:
    """The images that a detector is trained on, sorted by name, so that the order of the file does not matter.

    Attributes:
        path: The file of annotations.
        names: N names: paths below the folder of all images, each once.
        ids: N ids, as the file has them.
        units: The M objects in them that training sees.
        class_names: C names; None = the dataset has none.
        paths: N files, as the dataset has them.
        content: A hash of all that the dataset reads of these images, boxes and masks too.
        num_listed: Images in the file, those that the dataset leaves out among them.
    """

    path: Path
    names: tuple[str, ...]
    ids: tuple[Any, ...]
    units: Units
    class_names: tuple[str, ...] | None
    paths: tuple[str, ...]
    content: str
    num_listed: int

    def __len__(self) -> int:
        """Number of images."""
        return len(self.names)

    @property
    def ending(self) -> str:
        """Of the names of files of annotations."""
        return '.json'

    @property
    def listed(self) -> tuple[str, ...]:
        """The names as the file has them, for groups."""
        return self.names

    @property
    def remarks(self) -> list[str]:
        """What the user must know of the file, in sentences."""
        left_out = self.num_listed - len(self)
        if not left_out:
            return []
        return [
            f'{left_out} of the {counted(self.num_listed, "image")} of {self.path} are left out by the filter of the '
            'training set (filter_cfg), as in a training: they are neither trained on nor scored'
        ]

    def divided(self, num_folds: int, groups: Sequence[str] | None, seed: int) -> IntVector:
        """(N,) int64, the fold of every image, so that the objects of the classes are spread evenly.

        Raises:
            ValueError: If there are fewer images, or groups, than folds.
        """
        return divide_images(self.units.labels, self.units.places, num_folds, seed, groups or self.names)

    def write_parts(self, parts: Mapping[Path, Sequence[int]]) -> None:
        """Write files of annotations in the same form, each of the images at its places."""
        document = read_document(self.path)
        images = {image['id']: image for image in document['images']}
        objects = defaultdict(list)
        for annotation in document['annotations']:
            objects[annotation['image_id']].append(annotation)
        for path, places in parts.items():
            ids = [self.ids[place] for place in places]
            part = {
                **document,
                'images': [images[number] for number in ids],
                'annotations': [annotation for number in ids for annotation in objects[number]],
            }
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, json.dumps(part).encode())

    def check_part(self, places: Sequence[int], dataset: Any) -> None:
        """See that a dataset reads the images at these places, with their objects, from a file of them.

        Raises:
            ValueError: If it reads others, or other objects.
        """
        units = dataset_units(dataset) if len(dataset) else Units(np.zeros(0, np.int64), np.zeros(0, np.int64), 0)
        shown = self.units.by_sample()
        names = tuple(self.names[place] for place in places)
        if image_names(dataset) != names or units.by_sample() != [shown[place] for place in places]:
            raise ValueError(
                f'{dataset.ann_file}: {type(dataset).__name__} reads other images or objects from a file of some '
                f'images of {self.path} than from the whole, or in another order: use a dataset that reads an image '
                'by its own entry alone, as CocoDataset and LVISV1Dataset do'
            )


def read_training_images(config: Any) -> ListedImages:
    """The images that a detector's config trains on.

    Args:
        config: mmengine's Config.

    Raises:
        ValueError: If its training set wraps other sets, takes a part of them by indices, or reads no annotations in
            COCO's or LVIS's format; if an image is twice in it, or none shows an object.
    """
    settings = listed_settings(config)
    if settings.get('indices') is not None:
        raise ValueError(
            f'the training set has indices={settings["indices"]!r}, a part of its images, which the file of a fold '
            'would be cut by again: leave indices out, and write a file of that part'
        )
    dataset = build_dataset(config, settings)
    path = Path(str(dataset.ann_file))
    if not len(dataset) or not has_objects(dataset):
        raise ValueError(
            f'{settings["type"]} reads {counted(len(dataset), "image")} with objects from {path}: cross-fit of a '
            f'detector divides {_FORM}'
        )
    infos = [dataset.get_data_info(place) for place in range(len(dataset))]
    num_listed = _check_ids(path, infos, str(settings['type']))
    names = image_names(dataset)
    _check_distinct(names, path)
    order = sorted(range(len(names)), key=names.__getitem__)
    units = _ordered(dataset_units(dataset), order)
    if not len(units.labels):
        raise ValueError(f'none of the {len(dataset)} images of {path} shows an object: check metainfo of the dataset')
    return ListedImages(
        path,
        tuple(names[place] for place in order),
        tuple(infos[place]['img_id'] for place in order),
        units,
        dataset_class_names(dataset),
        tuple(str(sample_path(infos[place])) for place in order),
        digest_of(*(_said(names[place], infos[place]) for place in order)),
        num_listed,
    )


def read_document(path: Path) -> dict[str, Any]:
    """A file of annotations.

    Raises:
        ValueError: If it is no JSON, or has no images, annotations and categories.
    """
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f'{path} is no JSON ({error}): cross-fit of a detector divides {_FORM}') from error
    lists = [document.get(key) for key in ('images', 'annotations', 'categories')] if isinstance(document, dict) else []
    if not lists or not all(isinstance(one, list) for one in lists):
        raise ValueError(f'{path} is of another form: cross-fit of a detector divides {_FORM}')
    return dict(document)


def _check_ids(path: Path, infos: Sequence[Mapping[str, Any]], kind: str) -> int:
    """See that the images of a dataset stand in its file; how many do."""
    listed = {image.get('id') for image in read_document(path)['images']}
    strange = next((info for info in infos if info.get('img_id') not in listed), None)
    if strange is not None:
        raise ValueError(
            f'{kind} reads the image {sample_path(strange)} from {path}, and has no img_id for it that stands there: '
            f'cross-fit of a detector divides {_FORM}'
        )
    return len(listed)


def _check_distinct(names: Sequence[str], path: Path) -> None:
    seen: set[str] = set()
    for name in map(os.path.normpath, names):
        if name in seen:
            raise ValueError(
                f'{path} has the image {name!r} more than once, so one fold could be trained on it and another one '
                'score it: keep one entry an image, with all its objects'
            )
        seen.add(name)


def _ordered(units: Units, order: Sequence[int]) -> Units:
    """The objects of the same images in another order."""
    place_of = np.empty(units.num_samples, np.int64)
    place_of[order] = np.arange(units.num_samples)
    images = place_of[units.places]
    sorted_by_image = np.argsort(images, kind='stable')
    return Units(units.labels[sorted_by_image], images[sorted_by_image], units.num_samples)


def _said(name: str, info: Mapping[str, Any]) -> str:
    """What the annotations say of an image, wherever it lies."""
    return json.dumps([name, info.get('height'), info.get('width'), info['instances']], sort_keys=True, default=str)
