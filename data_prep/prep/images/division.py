"""Which images go into which list: test and validation first, then the long tail of what is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prep.command import first_few
from prep.images.source import ImagesError, Source
from prep.long_tail.profiles import class_order, class_sizes, largest_possible

Chosen = list[tuple[str, int]]
"""Images as (part of the source, place in it), sorted."""


@dataclass(frozen=True)
class Options:
    """What decides the lists.

    Attributes:
        profile: 'exponential', 'pareto' or 'natural', which takes all images.
        imbalances: Largest class over smallest, each >= 1; empty for 'natural'.
        largest: Training images of the largest class; None = as many as all classes allow.
        val_per_class: Validation images of every class, held out before the profile; 0 = none.
        val_share: Share of every class of a training list that becomes its validation list, in (0, 1); 0 = none.
        test_per_class: As `val_per_class`, for a source without test images.
        order: Which class is how frequent: a seed that draws it, or all labels, largest first; None = in the order of
            the labels.
        seed: Draws the images.
    """

    profile: str
    imbalances: tuple[float, ...]
    largest: int | None = None
    val_per_class: int = 0
    val_share: float = 0.0
    test_per_class: int = 0
    order: int | tuple[int, ...] | None = None
    seed: int = 0


@dataclass(frozen=True)
class Division:
    """Lists by their names, and the classes, largest first ('natural': in the order of the labels)."""

    lists: dict[str, Chosen]
    order: list[int]


def divide(source: Source, options: Options) -> Division:
    """Draw the lists `train...`, `val...` and `test`; a stronger imbalance takes a part of what a weaker one takes.

    Raises:
        ImagesError: If a class has too few images; all such classes are named.
        OrderError: If the order of the frequencies lacks a class.
    """
    if len(source.classes) < 2:
        raise ImagesError(f'the source has {len(source.classes)} class: a long tail needs 2 or more')
    pools = _shuffled(source, options.seed)
    lists: dict[str, Chosen] = {}
    # Test and validation images are the same for every profile.
    _check_held_out(source, options, pools)
    for part, number in (('test', options.test_per_class), ('val', options.val_per_class)):
        if part in source.parts:
            lists[part] = [(part, index) for index in range(len(source.parts[part].labels))]
        elif number:
            lists[part] = _chosen([pool[:number] for pool in pools])
            pools = [pool[number:] for pool in pools]
    order = class_order(len(source.classes), options.order)
    for name, sizes in _sizes(source, options, pools, order).items():
        held = _natural_share(source, options.val_share, sizes)
        lists[f'train{name}'] = _chosen(
            [pool[: size - few] for pool, size, few in zip(pools, sizes, held, strict=True)]
        )
        if any(held):
            tails = [pool[size - few : size] for pool, size, few in zip(pools, sizes, held, strict=True)]
            lists[f'val{name}'] = _chosen(tails)
    return Division(lists, order)


def _shuffled(source: Source, seed: int) -> list[NDArray[np.int64]]:
    """The training images of each class in an order of their own, so that classes do not depend on one another."""
    labels = source.parts['train'].labels
    return [
        np.random.default_rng([seed, 1, label]).permutation(np.flatnonzero(labels == label))
        for label in range(len(source.classes))
    ]


def _chosen(drawn: Sequence[NDArray[np.int64]]) -> Chosen:
    return [('train', index) for index in np.sort(np.concatenate(drawn)).tolist()]


def _check_held_out(source: Source, options: Options, pools: Sequence[NDArray[np.int64]]) -> None:
    wanted = {'--val-per-class': options.val_per_class, '--test-per-class': options.test_per_class}
    wanted = {name: number for name, number in wanted.items() if number}
    need = sum(wanted.values()) + 1
    short = [f'{name!r} has {len(pool)}' for name, pool in zip(source.classes, pools, strict=True) if len(pool) < need]
    if short:
        asked = ' and '.join(f'{name} {number}' for name, number in wanted.items())
        # A class without images has no place in a training set, whatever is held out.
        why = f'{asked} and one to train on' if asked else 'a class to train on'
        remedy = f'hold out fewer ({asked.split()[0]} N; 0 for none), or leave' if asked else 'add images, or leave'
        raise ImagesError(
            f'{len(short)} of {len(pools)} classes have fewer than the {need} training images that {why} need: '
            f'{first_few(short)}. Give them more images, {remedy} the classes out'
        )


def _sizes(
    source: Source, options: Options, pools: Sequence[NDArray[np.int64]], order: Sequence[int]
) -> dict[str, list[int]]:
    """Images of each class by the ending of the list's name."""
    if options.profile == 'natural':
        return {'': [len(pool) for pool in pools]}
    available = [len(pools[label]) for label in order]
    largest = options.largest or min(largest_possible(options.profile, available, i) for i in options.imbalances)
    found = {}
    for imbalance in options.imbalances:
        falling = class_sizes(options.profile, len(pools), largest, imbalance)
        short = [
            f'{source.classes[label]!r} is to have {size} and has {have}'
            for label, size, have in zip(order, falling, available, strict=True)
            if size > have
        ]
        if short:
            most = largest_possible(options.profile, available, imbalance)
            raise ImagesError(
                f'--largest {largest} at imbalance {imbalance:g} asks {len(short)} classes for more training images '
                f'than they have beside validation and test: {first_few(short)}. Give --largest {most} or less, '
                'or another --class-order'
            )
        sizes = [0] * len(pools)
        for label, size in zip(order, falling, strict=True):
            sizes[label] = size
        found[f'_imb{imbalance:g}'] = sizes
    return found


def _natural_share(source: Source, share: float, sizes: Sequence[int]) -> list[int]:
    """Validation images of each class, the same share of all, at least 1."""
    if not share:
        return [0] * len(sizes)
    held = [max(1, round(share * size)) for size in sizes]
    short = [
        f'{name!r} has {size}' for name, size, few in zip(source.classes, sizes, held, strict=True) if size - few < 1
    ]
    if short:
        raise ImagesError(
            f'--val-share {share:g} leaves {len(short)} classes without a training image, each part needs one: '
            f'{first_few(short)}. Give a smaller share, a larger --largest or --val-per-class, which is taken before '
            'the tail is cut'
        )
    return held
