"""A file of annotated objects as one part of a set, and the checks of its images and categories."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from cdb_video_files.json_checks import TEXT, WHOLE, Check, first_fault
from cdb_video_files.objects.annotation_file import ObjectAnnotations, read_object_annotations
from prep.objects.findings import Findings

_COCO = 'http://images.cocodataset.org/'
_SIDE = Check(lambda value: type(value) is int and value > 0, 'a whole number > 0')
_IMAGE = {'id': WHOLE, 'width': _SIDE, 'height': _SIDE}
_CATEGORY = {'id': WHOLE, 'name': TEXT}


@dataclass
class Part:
    """One file, its sound entries found by their ids.

    Attributes:
        name: 'train', 'val' or 'test'.
        content: What the file holds.
        sizes: Width and height of an image, in pixels, by its id.
        files: Its file, relative, by its id.
        categories: Class names by category id, in the order of the file.
        objects: How many objects of a category an image has, by the ids of both; those without a class or an image,
            and crowds, are not counted.
        num_objects: Objects of a category in all images, by its id.
        num_images: Images that show a category, by its id.
    """

    name: str
    content: ObjectAnnotations
    sizes: dict[int, tuple[int, int]] = field(default_factory=dict)
    files: dict[int, str] = field(default_factory=dict)
    categories: dict[int, str] = field(default_factory=dict)
    objects: dict[int, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    num_objects: Counter[int] = field(default_factory=Counter)
    num_images: Counter[int] = field(default_factory=Counter)

    @property
    def is_federated(self) -> bool:
        """Whether any image says which classes are not in it, as in LVIS."""
        return any('neg_category_ids' in image or 'not_exhaustive_category_ids' in image for image in self.images)

    @property
    def images(self) -> list[dict[str, Any]]:
        """Entries as they stand in the file."""
        return self.content.images

    def count_object(self, image: int, category: int) -> None:
        """Count an object of this category in this image."""
        found = self.objects[image]
        found[category] += 1
        self.num_objects[category] += 1
        self.num_images[category] += found[category] == 1


def read_part(name: str, path: Path, findings: Findings) -> Part:
    """Read a file and check its images and categories.

    Raises:
        FileNotFoundError: If there is no such file.
        AnnotationError: If it is not of that form at all.
    """
    part = Part(name, read_object_annotations(path))
    _read_images(part, findings)
    _read_categories(part, findings)
    return part


def file_of(image: Mapping[str, Any]) -> str | None:
    """The file of an image, relative: file_name as in COCO, or the end of coco_url as mmdet reads LVIS."""
    for name in (image.get('file_name'), image.get('coco_url')):
        if isinstance(name, str) and name.removeprefix(_COCO):
            return name.removeprefix(_COCO)
    return None


def _read_images(part: Part, findings: Findings) -> None:
    first: dict[str, int] = {}
    for place, image in enumerate(part.images):
        fault, name = first_fault(image, _IMAGE), file_of(image)
        if fault is None and name is None:
            fault = 'it has neither file_name nor coco_url'
        if fault is not None or name is None:
            findings.add(part.name, 'image entry', f'entry {place} of images: {fault}')
            continue
        number = image['id']
        if number in part.sizes:
            findings.add(part.name, 'duplicate image id', f'{number} is {part.files[number]} and {name}')
            continue
        part.sizes[number], part.files[number] = (image['width'], image['height']), name
        if first.setdefault(name, number) != number:
            findings.add(part.name, 'duplicate file', f'{name} is image {first[name]} and {number}')


def _read_categories(part: Part, findings: Findings) -> None:
    first: dict[str, int] = {}
    for place, category in enumerate(part.content.categories):
        fault = first_fault(category, _CATEGORY)
        if fault is not None:
            findings.add(part.name, 'category entry', f'entry {place} of categories: {fault}')
            continue
        number, name = category['id'], category['name']
        if number in part.categories:
            findings.add(part.name, 'duplicate category', f'id {number} is {part.categories[number]!r} and {name!r}')
            continue
        part.categories[number] = name
        if first.setdefault(name, number) != number:
            findings.add(part.name, 'duplicate category', f'{name!r} is {first[name]} and {number}')
    numbers = sorted(part.categories)
    gaps = [(low, high) for low, high in pairwise(numbers) if high - low > 1]
    if gaps:
        low, high = gaps[0]
        case = f'{len(numbers)} ids from {numbers[0]} to {numbers[-1]}, the first gap between {low} and {high}'
        findings.add(part.name, 'gaps in category ids', case)
