"""Which shapes stand in which picture, and what the annotations say of them. Pure functions of the options."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prep.long_tail.profiles import class_order, class_sizes, largest_within
from prep.shapes.kinds import KINDS

PARTS = ('train', 'val', 'test')
NUM_CLASSES = len(KINDS)
EMPTY = 0.05
"""Part of the pictures that show no shape."""


class ShapesError(ValueError):
    """An option does not fit; the message says which, the rule and what to do."""


@dataclass(frozen=True)
class Options:
    """What decides the set.

    Attributes:
        images: Pictures of training, validation and test, >= 0; 0 = the part is left out.
        objects: Annotated shapes a picture, on average, >= 2.
        imbalance: Shapes of the most frequent class over those of the rarest, in training, >= 1.
        natural_val: Whether validation is as unbalanced as training.
        order: Which class is how frequent: a seed that draws it, or all labels, largest first; None = as in `KINDS`.
        negatives: Of the pictures that do not show a class, the share that says so, in [0, 1].
        unlabelled: Share of the pictures with a shape more, which no annotation names, in [0, 1].
        side: Width and height of the pictures, in pixels.
        masks: 'polygon' or 'rle'.
        id_step: From one category id to the next; more than 1 leaves gaps.
        seed: Decides all else.
    """

    images: tuple[int, int, int] = (240, 60, 600)
    objects: int = 3
    imbalance: float = 50.0
    natural_val: bool = False
    order: int | tuple[int, ...] | None = None
    negatives: float = 0.5
    unlabelled: float = 0.1
    side: int = 128
    masks: str = 'polygon'
    id_step: int = 1
    seed: int = 0


@dataclass(frozen=True)
class Picture:
    """A picture to draw; classes as labels, from 0.

    Attributes:
        labels: Annotated shapes.
        unlabelled: Shapes that no annotation names.
        negatives: Classes that the annotations say are not in it.
        not_exhaustive: Classes of which more than the annotated ones are in it.
    """

    labels: tuple[int, ...] = ()
    unlabelled: tuple[int, ...] = ()
    negatives: tuple[int, ...] = ()
    not_exhaustive: tuple[int, ...] = ()


@dataclass(frozen=True)
class Plan:
    """The pictures of each part, and the classes, most frequent first."""

    parts: dict[str, list[Picture]]
    order: list[int]


def make_plan(options: Options) -> Plan:
    """Plan all parts; those that are balanced are the same whatever the imbalance and the order.

    Raises:
        ShapesError: If a part has fewer shapes than there are classes.
        OrderError: If the order lacks a class.
    """
    order = class_order(NUM_CLASSES, options.order)
    parts = {}
    for place, (part, images) in enumerate(zip(PARTS, options.images, strict=True)):
        if images:
            is_long_tailed = part == 'train' or (part == 'val' and options.natural_val)
            sizes = _sizes(part, images, options, order if is_long_tailed else None)
            parts[part] = plan_part(images, sizes, options, np.random.default_rng([options.seed, place, 0]))
    return Plan(parts, order)


def _sizes(part: str, images: int, options: Options, order: Sequence[int] | None) -> list[int]:
    """Annotated shapes of each class; as many of each where there is no order."""
    total = images * options.objects
    imbalance = options.imbalance if order else 1.0
    largest = largest_within(total, NUM_CLASSES, imbalance)
    if not largest:
        raise ShapesError(
            f'--{part} {images} with --objects {options.objects} gives {total} shapes: each of the {NUM_CLASSES} '
            f'classes needs one. Give --{part} {-(-NUM_CLASSES // options.objects)} or more'
        )
    falling = class_sizes('exponential', NUM_CLASSES, largest, imbalance)
    sizes = [0] * NUM_CLASSES
    for label, size in zip(order or range(NUM_CLASSES), falling, strict=True):
        sizes[label] = size
    return sizes


def plan_part(images: int, sizes: Sequence[int], options: Options, rng: np.random.Generator) -> list[Picture]:
    """Deal shapes out to pictures, add those without a label, and choose the negative sets.

    Args:
        images: Pictures, >= 1.
        sizes: (C,) annotated shapes of each class.
        options: Of these, the shares of negatives and of pictures with a shape that is not annotated.
        rng: Decides the rest.
    """
    dealt = deal(sizes, images, rng)
    extra = _unlabelled(dealt, sizes, options.unlabelled, rng)
    shown = [{*labels, *extra.get(number, ())} for number, labels in enumerate(dealt)]
    negatives: list[list[int]] = [[] for _ in range(images)]
    for label in range(len(sizes)):
        without = np.flatnonzero([label not in labels for labels in shown])
        for number in rng.permutation(without)[: round(options.negatives * len(without))]:
            negatives[number].append(label)
    return [
        Picture(
            tuple(labels),
            extra.get(number, ()),
            tuple(negatives[number]),
            tuple(label for label in extra.get(number, ()) if label in labels),
        )
        for number, labels in enumerate(dealt)
    ]


def deal(sizes: Sequence[int], images: int, rng: np.random.Generator) -> list[list[int]]:
    """The labels of each picture's shapes, in the order in which they are drawn.

    All shapes are dealt. `EMPTY` of the pictures get none, each other one at least one, at most about twice the mean.

    Args:
        sizes: (C,) shapes of each class; at least as many in all as pictures.
        images: >= 1.
        rng: Decides the rest.
    """
    labels = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    filled = rng.permutation(images)[: images - round(EMPTY * images)]
    most = 2 * -(-len(labels) // len(filled)) - 1
    further = rng.permutation(np.repeat(filled, most - 1))[: len(labels) - len(filled)]
    dealt: list[list[int]] = [[] for _ in range(images)]
    for label, number in zip(labels.tolist(), [*filled, *further], strict=True):
        dealt[number].append(label)
    return dealt


def _unlabelled(
    dealt: Sequence[Sequence[int]], sizes: Sequence[int], share: float, rng: np.random.Generator
) -> dict[int, tuple[int]]:
    """A further shape for a share of the pictures, by number.

    By turns it is of a class that the picture has annotated, which is then not exhaustive, and of one that it has not;
    of these, frequent classes are drawn as much more often.
    """
    filled = [number for number, labels in enumerate(dealt) if labels]
    extra = {}
    for turn, number in enumerate(rng.permutation(filled)[: round(share * len(filled))].tolist()):
        present = sorted(set(dealt[number]))
        weights = np.array(sizes, float)
        weights[present] = 0
        if turn % 2 == 0 or not weights.any():
            extra[number] = (int(rng.choice(present)),)
        else:
            extra[number] = (int(rng.choice(len(sizes), p=weights / weights.sum())),)
    return extra
