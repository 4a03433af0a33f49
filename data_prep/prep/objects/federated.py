"""What LVIS says beside boxes and masks: classes that are not in an image, or not wholly; how frequent a class is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prep.objects.findings import Findings
from prep.objects.part import Part

_NEGATIVE, _OPEN = 'neg_category_ids', 'not_exhaustive_category_ids'
_FREQUENCIES = ('r', 'c', 'f')


def check_federated(part: Part, findings: Findings) -> None:
    """See that a part has what LVIS's readers want, without contradictions; nothing where no image has any of it."""
    if not part.is_federated:
        return
    for image in part.images:
        number = image.get('id')
        if type(number) is int and number in part.sizes:
            _check_image(part, number, image, findings)
    for category in part.content.categories:
        if category.get('frequency') not in _FREQUENCIES:
            case = f'category {category.get("name")!r:.60} has frequency {category.get("frequency")!r:.40}'
            findings.add(part.name, 'federated', case)
    if part.name == 'train':
        _check_counts(part, findings)


def _check_image(part: Part, number: int, image: Mapping[str, Any], findings: Findings) -> None:
    listed: dict[str, list[int]] = {}
    for name in (_NEGATIVE, _OPEN):
        values = image.get(name)
        if not isinstance(values, list) or not all(type(value) is int for value in values):
            findings.add(part.name, 'federated', f'image {number} has {name} {values!r:.40}')
            values = []
        unknown = [value for value in values if value not in part.categories]
        if unknown:
            findings.add(part.name, 'federated', f'image {number} has {unknown[0]} in {name}, which is no category')
        listed[name] = [value for value in values if value in part.categories]
    if not isinstance(image.get('coco_url'), str):
        findings.add(part.name, 'federated', f'image {number} has coco_url {image.get("coco_url")!r:.40}')
    objects: Mapping[int, int] = part.objects.get(number, {})
    for category in listed[_NEGATIVE]:
        called = f'image {number} has {part.categories[category]!r} in {_NEGATIVE}'
        if objects.get(category):
            findings.add(part.name, 'federated', f'{called} and {objects[category]} such objects')
        if category in listed[_OPEN]:
            findings.add(part.name, 'federated', f'{called} and in {_OPEN}')


def _check_counts(part: Part, findings: Findings) -> None:
    for category in part.content.categories:
        number = category.get('id')
        if type(number) is not int or number not in part.categories:
            continue
        found = {'image_count': part.num_images[number], 'instance_count': part.num_objects[number]}
        for name, count in found.items():
            if name in category and category[name] != count:
                case = f'category {part.categories[number]!r} has {name} {category[name]!r:.40}, there are {count}'
                findings.add(part.name, 'counts', case)
