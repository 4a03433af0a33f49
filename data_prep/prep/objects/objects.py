"""The checks of single objects: class, image, box, area, mask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cdb_video_files.json_checks import is_number
from prep.objects.findings import Findings
from prep.objects.masks import MaskError, bounds_of_mask
from prep.objects.part import Part

_LET_PASS = 1.0
"""Pixels that a box may stand out of its image: annotations are rounded in many ways."""
_OFF, _OFF_SHARE = 2.0, 0.05
"""By how much a mask may end elsewhere than its box: pixels, or a share of the longer side."""


def check_objects(part: Part, findings: Findings) -> None:
    """Check all objects of a part, and count in it those that have a class and an image and are no crowd."""
    has_masks = any(entry.get('segmentation') is not None for entry in part.content.annotations)
    numbers: set[int] = set()
    for place, entry in enumerate(part.content.annotations):
        number = entry.get('id')
        if type(number) is not int:
            findings.add(part.name, 'duplicate object id', f'entry {place} of annotations has the id {number!r:.40}')
        elif number in numbers:
            findings.add(part.name, 'duplicate object id', f'{number}, again in entry {place} of annotations')
        else:
            numbers.add(number)
        called = f'object {number!r:.40}' if number is not None else f'entry {place} of annotations'
        _check_object(part, entry, called, has_masks, findings)
    _note_empty_images(part, findings)


def _check_object(part: Part, entry: Mapping[str, Any], called: str, has_masks: bool, findings: Findings) -> None:
    image, category, area = (entry.get(name) for name in ('image_id', 'category_id', 'area'))
    if type(category) is not int or category not in part.categories:
        findings.add(part.name, 'no class', f'{called} has category_id {category!r:.40}')
        category = None
    if type(image) is not int or image not in part.sizes:
        findings.add(part.name, 'no image', f'{called} has image_id {image!r:.40}')
        return
    if category is not None and not entry.get('iscrowd'):
        part.count_object(image, category)
    called = f'{called} of image {image}'
    if area is None or not is_number(area) or area <= 0:
        findings.add(part.name, 'no area', f'{called} has area {area!r:.40}')
    box = _box_of(entry)
    if box is None:
        findings.add(part.name, 'no box', f'{called} has bbox {entry.get("bbox")!r:.60}')
    else:
        _check_box(part, box, image, called, findings)
    if has_masks:
        _check_mask(part, entry, box, called, findings)


def _box_of(entry: Mapping[str, Any]) -> list[float] | None:
    """Left, top, width and height; None if they are none."""
    box = entry.get('bbox')
    if not isinstance(box, list) or len(box) != 4 or not all(map(is_number, box)) or min(box[2:]) <= 0:
        return None
    return box


def _check_box(part: Part, box: list[float], image: int, called: str, findings: Findings) -> None:
    (left, top, wide, high), (width, height) = box, part.sizes[image]
    is_apart = left >= width or top >= height or left + wide <= 0 or top + high <= 0
    if is_apart or min(left, top, width - left - wide, height - top - high) < -_LET_PASS:
        findings.add(part.name, 'box outside', f'{called} has {box} in {width}x{height}')
    if min(wide, high) < 1:
        findings.add(part.name, 'small box', f'{called} has {box}')


def _check_mask(part: Part, entry: Mapping[str, Any], box: list[float] | None, called: str, findings: Findings) -> None:
    """Check a mask; `box` is that of the object, None where there is none."""
    try:
        bounds = bounds_of_mask(entry.get('segmentation'), *part.sizes[entry['image_id']])
    except MaskError as error:
        findings.add(part.name, 'no mask', f'{called}: {error}')
        return
    if box is None or entry.get('iscrowd'):  # a crowd's box is drawn by hand
        return
    left, top, wide, high = box
    slack = max(_OFF, _OFF_SHARE * max(wide, high))
    if max(abs(a - b) for a, b in zip(bounds, (left, top, left + wide, top + high), strict=True)) > slack:
        ends = [round(end, 2) for end in bounds]
        findings.add(part.name, 'mask off its box', f'{called} has {box}, its mask ends at {ends}')


def _note_empty_images(part: Part, findings: Findings) -> None:
    for image, name in part.files.items():
        if image not in part.objects:
            findings.add(part.name, 'image without objects', f'{image} ({name})')
