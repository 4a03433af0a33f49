"""The drawn shapes as a folder: pictures, annotations, class names, what the manifest says of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from cdb_video_files.class_lists import write_class_names
from prep.folders import digest
from prep.long_tail.made_folder import Maker, make_folder
from prep.shapes.annotations import (
    annotation_file,
    category_entries,
    first_id,
    frequency,
    image_entry,
    images_with,
    object_entry,
    objects_of,
)
from prep.shapes.kinds import KINDS
from prep.shapes.plan import PARTS, Options, Picture, Plan
from prep.shapes.scene import draw_scene

CLASSES, ANNOTATIONS, IMAGES = 'classes.txt', 'annotations', 'images'
_FORMAT = 1
"""Counts up when the same options begin to give other pictures."""
_FREQUENCIES = {'f': 'frequent', 'c': 'common', 'r': 'rare'}


def make(out: Path, options: Options, plan: Plan) -> tuple[str, dict[str, Any]]:
    """Write pictures, annotations, class names and the manifest; whole or not at all.

    Args:
        out: A new or an empty folder, or one that holds the same already, which is left as it is.
        options: What `plan` was made with.
        plan: What to draw.

    Returns:
        What was done, for the user, and what manifest.json holds.

    Raises:
        MadeFolderError: If `out` holds anything else; nothing has been touched then.
        LockedError: If another run works on the same folder.
        OSError: If writing fails.
    """
    maker = Maker('make_shapes', 'drawn shapes', 'shapes', _digests)
    return make_folder(out, maker, _described(options, plan), lambda root: _written(root, options, plan))


def _described(options: Options, plan: Plan) -> dict[str, Any]:
    """What says whether two sets are the same."""
    return {
        'format': _FORMAT,
        'options': asdict(options),
        'classes': [kind.name for kind in KINDS],
        'classes_largest_first': plan.order,
        'images': {part: len(pictures) for part, pictures in plan.parts.items()},
        'objects_per_class': {part: objects_of(pictures) for part, pictures in plan.parts.items()},
        'images_per_class': {part: images_with(pictures) for part, pictures in plan.parts.items()},
        'unlabelled_objects': {
            part: sum(len(picture.unlabelled) for picture in pictures) for part, pictures in plan.parts.items()
        },
        'frequency': [frequency(images) for images in images_with(plan.parts['train'])],
    }


def _digests(root: Path) -> dict[str, str]:
    return {
        'sha256_images': digest(root, (root / IMAGES).rglob('*.png')),
        'sha256_annotations': digest(root, [root / CLASSES, *(root / ANNOTATIONS).glob('*.json')]),
    }


def _written(root: Path, options: Options, plan: Plan) -> dict[str, Any]:
    """Write all but the manifest, which needs no more than it has."""
    cv2.setNumThreads(0)
    (root / ANNOTATIONS).mkdir(parents=True)
    categories = category_entries(plan.parts['train'], options.id_step)
    for part, pictures in plan.parts.items():
        (root / IMAGES / part).mkdir(parents=True)
        images, objects = _write_part(root / IMAGES, part, pictures, options)
        text = json.dumps(annotation_file(images, objects, categories), separators=(',', ':')) + '\n'
        (root / ANNOTATIONS / f'{part}.json').write_text(text, encoding='utf-8')
    write_class_names(root / CLASSES, [kind.name for kind in KINDS])
    return {}


def _write_part(
    folder: Path, part: str, pictures: Sequence[Picture], options: Options
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Draw and write pictures; what the annotations say of these and of the shapes in them."""
    images: list[dict[str, Any]] = []
    objects: list[dict[str, Any]] = []
    first = first_id(part)
    for number, picture in enumerate(pictures):
        name = f'{part}/{number + 1:06d}.png'
        rng = np.random.default_rng([options.seed, PARTS.index(part), 1, number])
        labels = np.array([*picture.labels, *picture.unlabelled], int)
        # Shapes without a label lie over the others as often as under them.
        drawn = rng.permutation(len(labels))
        scene = draw_scene(labels[drawn].tolist(), options.side, rng)
        fine, content = cv2.imencode('.png', scene.image[..., ::-1])
        if not fine:
            raise OSError(f'OpenCV cannot write {folder / name}')
        (folder / name).write_bytes(content.tobytes())
        images.append(image_entry(first + number, name, picture, options))
        for place, seen in zip(drawn, scene.seen, strict=True):
            if place < len(picture.labels):
                entry = object_entry(first + len(objects), first + number, int(labels[place]), seen, options)
                objects.append(entry)
    return images, objects


def summary(manifest: dict[str, Any]) -> str:
    """The parts and their shapes, one part a line, and how LVIS would call the classes."""
    lines = []
    for part, sizes in manifest['objects_per_class'].items():
        lines.append(
            f'{part:6} {manifest["images"][part]:5} images {sum(sizes):6} objects, per class '
            f'{" ".join(map(str, sizes))}'
        )
    called = Counter(manifest['frequency'])
    counts = ', '.join(f'{called[letter]} {word}' for letter, word in _FREQUENCIES.items())
    return '\n'.join([*lines, f'classes by training images: {counts}'])
