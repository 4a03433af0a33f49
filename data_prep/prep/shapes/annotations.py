"""The annotations of a part as LVIS (v1) writes them. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cdb_video_files.objects.outlines import outlines
from cdb_video_files.objects.run_lengths import encode_runs
from prep.shapes.kinds import KINDS
from prep.shapes.plan import PARTS, Options, Picture

Mask = NDArray[np.bool_]

RARE, COMMON = 10, 100
"""At most so many training images show a class that is rare, or common; more show a frequent one: LVIS's rule."""
_IDS_A_PART = 1_000_000
_DESCRIPTION = 'Drawn shapes, long-tailed, in the format of LVIS v1'


def category_id(label: int, step: int) -> int:
    """Of the classes in their order: 1, 1 + step, ..."""
    return 1 + step * label


def first_id(part: str) -> int:
    """Of the images of a part, and of its objects: each part has a million of its own, so that no two share one."""
    return 1 + _IDS_A_PART * PARTS.index(part)


def images_with(pictures: Sequence[Picture]) -> list[int]:
    """(C,) pictures in which a class is annotated."""
    return [sum(label in picture.labels for picture in pictures) for label in range(len(KINDS))]


def objects_of(pictures: Sequence[Picture]) -> list[int]:
    """(C,) annotated shapes of each class."""
    return [sum(picture.labels.count(label) for picture in pictures) for label in range(len(KINDS))]


def frequency(images: int) -> str:
    """LVIS's letter for a class that so many training images show: r(are), c(ommon) or f(requent)."""
    return 'r' if images <= RARE else 'c' if images <= COMMON else 'f'


def category_entries(training: Sequence[Picture], step: int) -> list[dict[str, Any]]:
    """The classes, with what the training pictures hold of them, as in every part of LVIS."""
    return [
        {
            'id': category_id(label, step),
            'name': kind.name,
            'synset': kind.name,
            'synonyms': [kind.name],
            'def': kind.definition,
            'frequency': frequency(images),
            'image_count': images,
            'instance_count': objects,
        }
        for label, (kind, images, objects) in enumerate(
            zip(KINDS, images_with(training), objects_of(training), strict=True)
        )
    ]


def image_entry(number: int, name: str, picture: Picture, options: Options) -> dict[str, Any]:
    """A picture and what is said of its classes.

    Args:
        number: Its id.
        name: Its file, relative to the folder of the pictures; LVIS's `coco_url` too, which mmdet reads.
        picture: As planned.
        options: See there.
    """
    return {
        'id': number,
        'file_name': name,
        'coco_url': name,
        'width': options.side,
        'height': options.side,
        'neg_category_ids': [category_id(label, options.id_step) for label in picture.negatives],
        'not_exhaustive_category_ids': [category_id(label, options.id_step) for label in picture.not_exhaustive],
    }


def object_entry(number: int, image: int, label: int, seen: Mask, options: Options) -> dict[str, Any]:
    """A shape: its box, its area and its mask, all of the pixels that are seen of it.

    Args:
        number: Its id.
        image: That of its picture.
        label: Its class.
        seen: (height, width), at least one pixel.
        options: See there.
    """
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    left, top = int(columns[0]), int(rows[0])
    polygons = [[side for corner in corners for side in corner] for corners in outlines(seen)]
    return {
        'id': number,
        'image_id': image,
        'category_id': category_id(label, options.id_step),
        'bbox': [left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top],
        'area': int(seen.sum()),
        'segmentation': polygons if options.masks == 'polygon' else encode_runs(seen),
        'iscrowd': 0,
    }


def annotation_file(
    images: list[dict[str, Any]], objects: list[dict[str, Any]], categories: list[dict[str, Any]]
) -> dict[str, Any]:
    """What the JSON file of a part holds."""
    return {
        'info': {'description': _DESCRIPTION},
        'licenses': [],
        'images': images,
        'annotations': objects,
        'categories': categories,
    }
