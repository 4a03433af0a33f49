"""Which clips an epoch takes, and in which order, once the number of draws of every class is settled.

Pure numpy. The order is uniformly random over all orders in which every class is walked through in
shuffled passes: no clip repeats before its class was walked through, and every pass is shuffled anew.

Each class gets its positions in the epoch from one shuffle of all positions. A class that is drawn no
more often than it has clips needs no more than a random choice of them, since its positions are shuffled
already. Only where a class is walked through several times must its positions be sorted, so that one pass
ends before the next begins. Classes with the same number of clips and passes are handled together, in
blocks that fit a processor's cache: there are at most about sqrt(2 N) different sizes, however many
classes there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cdb_video.difficulty.formulas import FloatVector, IntVector, allocate_draws

BLOCK_ENTRIES = 1 << 18
"""Clips that are shuffled together, repeats included; it changes speed and memory, not the draw."""
BUCKET_ENTRIES = 1 << 15
"""Positions that are shuffled together, unless that makes more than 256 buckets."""
_CHUNK = 1 << 20
_FAST = np.intp
"""The type that numpy shuffles the fastest; the order is the same in any."""

Indices = NDArray[Any]
"""Indices of clips or positions: int32, or int64 where that is too small."""


def clips_by_class(labels: IntVector, num_classes: int) -> Indices:
    """The clips in the order of their class, and of their index within a class.

    Args:
        labels: (N,) integers in [0, C).
        num_classes: C.

    Returns:
        (N,) int32, or int64 from 2^31 clips on.
    """
    # numpy sorts 16-bit keys by radix, 8 times faster than int64.
    keys = labels.astype(np.uint16) if num_classes <= 1 << 16 else labels
    return np.argsort(keys, kind='stable').astype(_index_type(len(labels)))


def draw_clips(clips: Indices, counts: IntVector, draws: IntVector, rng: np.random.Generator) -> Indices:
    """Draw `draws[c]` clips of every class c and mix them.

    Args:
        clips: (N,) from `clips_by_class`.
        counts: (C,) clips of each class.
        draws: (C,) draws of each class; 0 where a class has no clips.
        rng: Source of all randomness.

    Returns:
        (draws.sum(),) of the dtype of `clips`, the clips of an epoch in order.
    """
    total = int(draws.sum())
    positions = _shuffled_range(total, rng)
    order = np.empty(total, clips.dtype)
    # Where every clip of a class is taken once, there is nothing to choose.
    whole = draws == counts
    taken = 0
    if whole.any():
        drawn = clips[np.repeat(whole, counts)]
        order[positions[: len(drawn)]] = drawn
        taken = len(drawn)
    starts = np.cumsum(counts) - counts
    passes = -(-draws // np.maximum(counts, 1))
    for block in _blocks(counts, passes, np.flatnonzero(~whole & (draws > 0))):
        walks = _walks(clips, starts[block], counts[block[0]], passes[block[0]], rng)
        drawn, theirs = _first_of_each(walks, positions[taken:], draws[block], ascending=passes[block[0]] > 1)
        order[theirs] = drawn
        taken += len(drawn)
    return order


def draw_images(mass: FloatVector, num_draws: int, rng: np.random.Generator) -> Indices:
    """Draw images by a mass of their own, systematically, and mix them.

    The images are shuffled before they share the draws, so that none goes with its neighbours in the list: with
    expectations of 1/2 a list of films in turns would otherwise give all frames of one of them.

    Args:
        mass: (N,) float >= 0, not all 0.
        num_draws: Draws in all.
        rng: Source of all randomness.

    Returns:
        (num_draws,) int32 or int64; every image less than one draw from its expectation, and all once where the mass is
        one for all and there are as many draws as images.
    """
    order = _shuffled_range(len(mass), rng)
    drawn = np.repeat(order, allocate_draws(mass[order], num_draws, rng.random()))
    rng.shuffle(drawn)
    return drawn


def _shuffled_range(total: int, rng: np.random.Generator) -> Indices:
    """The numbers below `total`, shuffled: each goes to a random bucket, and each bucket is shuffled.

    As uniform as one shuffle of all (Rao 1961, Sandelius 1962), but a bucket fits the processor's cache,
    which makes it twice as fast. Chunk by chunk, so that nothing but the keys and the result is large.
    """
    num_buckets = min(256, 1 + total // BUCKET_ENTRIES)
    keys = rng.integers(0, num_buckets, total, dtype=np.uint8)
    firsts = range(0, max(total, 1), _CHUNK)
    counts = np.stack([np.bincount(keys[first : first + _CHUNK], minlength=num_buckets) for first in firsts])
    ends = np.cumsum(counts.sum(axis=0))
    # Where the numbers of each chunk begin in each bucket: (chunks, buckets).
    begins = ends - counts.sum(axis=0) + np.cumsum(counts, axis=0) - counts
    shuffled = np.empty(total, _index_type(total))
    for first, count, begin in zip(firsts, counts, begins, strict=True):
        order = np.argsort(keys[first : first + _CHUNK], kind='stable') + first
        for part, start in zip(np.split(order, np.cumsum(count)[:-1]), begin, strict=True):
            shuffled[start : start + len(part)] = part
    for bucket in np.split(shuffled, ends[:-1]):
        fast = bucket.astype(_FAST)
        rng.shuffle(fast)
        bucket[:] = fast
    return shuffled


def _blocks(counts: IntVector, passes: IntVector, classes: IntVector) -> Iterator[IntVector]:
    """Split `classes` into blocks that share their number of clips and of passes."""
    if not len(classes):
        return
    classes = classes[np.lexsort((passes[classes], counts[classes]))]
    changes = (np.diff(counts[classes]) != 0) | (np.diff(passes[classes]) != 0)
    for alike in np.split(classes, np.flatnonzero(changes) + 1):
        size = max(1, BLOCK_ENTRIES // int(counts[alike[0]] * passes[alike[0]]))
        for first in range(0, len(alike), size):
            yield alike[first : first + size]


def _walks(clips: Indices, starts: IntVector, count: int, passes: int, rng: np.random.Generator) -> Indices:
    """The clips of classes with `count` clips each, in `passes` shuffled passes: (classes, passes * count)."""
    one_class = len(starts) == 1
    of_class = clips[starts[0] : starts[0] + count][None] if one_class else clips[starts[:, None] + np.arange(count)]
    walks = np.empty((len(starts), passes, count), _FAST)
    walks[:] = of_class[:, None]
    rng.permuted(walks, axis=2, out=walks)
    return walks.reshape(len(starts), passes * count)


def _first_of_each(walks: Indices, positions: Indices, draws: IntVector, *, ascending: bool) -> tuple[Indices, Indices]:
    """The first `draws[i]` clips of each row of `walks`, and the next positions for them, sorted row by row or not."""
    if len(walks) == 1:  # without masks, and there may be thousands of such classes
        theirs = positions[: draws[0]]
        return walks[0, : draws[0]], np.sort(theirs) if ascending else theirs
    used = np.arange(walks.shape[1]) < draws[:, None]
    drawn = walks[used]
    theirs = positions[: len(drawn)]
    return drawn, _ascending(theirs, used) if ascending else theirs


def _ascending(positions: Indices, used: NDArray[np.bool_]) -> Indices:
    """Sort the positions of each class; row by row they fill the `used` entries, the first of each row."""
    rows = np.full(used.shape, np.iinfo(positions.dtype).max, positions.dtype)
    rows[used] = positions
    rows.sort(axis=1)
    return rows[used]


def _index_type(number: int) -> type[np.signedinteger[Any]]:
    """The smaller of int32 and int64 that holds the indices below `number`, and one more as a mark."""
    return np.int32 if number <= np.iinfo(np.int32).max else np.int64
