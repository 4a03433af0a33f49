"""What check_objects found: rules by their names, cases by part and rule."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Rule:
    """What must hold, and what to do where it does not.

    Attributes:
        text: Both, in a sentence or two without the last full stop.
        is_warning: Whether a break of it leaves the exit code alone.
    """

    text: str
    is_warning: bool = False


RULES = {
    'image entry': Rule(
        'An image needs an id (a whole number), width and height in pixels, and file_name or coco_url: complete it'
    ),
    'duplicate image id': Rule(
        'Each image has an id of its own, or the objects of two pictures fall on one: number one of them, and its '
        'objects, anew'
    ),
    'duplicate file': Rule('A picture stands in a part once: join its entries, and their objects, under one id'),
    'category entry': Rule('A category needs an id (a whole number) and a name: complete it'),
    'duplicate category': Rule('Each category has an id and a name of its own: join the two, or rename one'),
    'gaps in category ids': Rule(
        'That is fine for mmdet, which numbers the classes anew from 0: let num_classes be their number, not the '
        'largest id, and list the class names in the order of the categories',
        is_warning=True,
    ),
    'no class': Rule(
        'category_id must be that of a category of the same file; mmdet passes over such an object without a word: '
        'correct it, or add the category'
    ),
    'no image': Rule('image_id must be that of an image of the same file: correct it, or remove the object'),
    'duplicate object id': Rule('Each object has an id (a whole number) of its own; mmdet refuses others: number anew'),
    'no box': Rule('bbox must be [left, top, width, height] in pixels, width and height above 0: correct it'),
    'box outside': Rule(
        'A box is [left, top, width, height] in pixels and lies in its image, but for a pixel: correct it. Many such '
        'boxes mean corners in the place of width and height, or another size of the pictures'
    ),
    'small box': Rule('mmdet passes over boxes below a pixel in width or height', is_warning=True),
    'no area': Rule(
        'area must be a number above 0, in pixels; mmdet passes over others: write that of the mask or box'
    ),
    'no mask': Rule(
        'segmentation must be polygons of three corners or more, or run lengths as long as the image with pixels of '
        'the object, for all objects or for none: draw it anew, or remove the object'
    ),
    'mask off its box': Rule(
        'The ends of a mask are those of its box, but for 2 pixels or a twentieth: perhaps one of them belongs to '
        'another size of the picture',
        is_warning=True,
    ),
    'image without objects': Rule(
        'mmdet leaves such images out of training (filter_empty_gt), and tests on them', is_warning=True
    ),
    'class without objects': Rule(
        'What is not in train cannot be learnt; of what is not in val no difficulty is measured, so it stays where it '
        'began: move images, or leave the class out',
        is_warning=True,
    ),
    'federated': Rule(
        'In a file as of LVIS every image has coco_url, its file; neg_category_ids, classes that are not in it; and '
        'not_exhaustive_category_ids, some of whose objects are not annotated; every category has a frequency (r, c '
        'or f): complete or correct them'
    ),
    'counts': Rule('image_count and instance_count are what train holds of a class: count anew', is_warning=True),
    'categories differ': Rule(
        'All parts have the same categories, or a label has two meanings: take those of one part'
    ),
    'picture in two parts': Rule('What is trained on cannot be validated or tested on: leave it in one part'),
    'missing picture': Rule('Name with --images the folders that the files are relative to, or complete the download'),
    'damaged picture': Rule('Training would stop at it, or see grey: load it anew, or convert it to 8 bits a channel'),
    'picture size': Rule(
        'width and height are those of the picture as training sees it, turned by its EXIF mark: correct them, or '
        'store the picture upright; the boxes must fit'
    ),
}


@dataclass
class Findings:
    """Cases by part and rule.

    Attributes:
        cases: (part, name of the rule) -> sentences without a full stop, in the order of the file.
    """

    cases: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, part: str, rule: str, case: str) -> None:
        """Note a case."""
        self.cases[part, rule].append(case)

    def of_kind(self, is_warning: bool) -> Iterator[tuple[str, str, list[str]]]:
        """Part, rule and cases of all warnings, or of all else."""
        for (part, rule), cases in self.cases.items():
            if RULES[rule].is_warning == is_warning:
                yield part, rule, cases

    def count(self, is_warning: bool) -> Counter[str]:
        """Cases by rule."""
        counts: Counter[str] = Counter()
        for _, rule, cases in self.of_kind(is_warning):
            counts[rule] += len(cases)
        return counts

    def plain(self) -> list[dict[str, Any]]:
        """All of it, ready for JSON."""
        return [
            {'part': part, 'rule': rule, 'is_warning': RULES[rule].is_warning, 'text': RULES[rule].text, 'cases': cases}
            for (part, rule), cases in self.cases.items()
        ]
