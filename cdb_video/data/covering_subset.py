"""A fixed part of a set, chosen so that all classes are in it: for validations that many samples would hold up."""

from __future__ import annotations

import heapq

import numpy as np

from cdb_video.data.units import Units
from cdb_video.difficulty.formulas import IntVector


def covering_subset(units: Units, size: int, seed: int) -> IntVector:
    """Choose samples so that the class which the fewest of them show is shown by as many as can be.

    Over and over, the class that the fewest chosen samples show gets one more of its own; of those that tie, the one
    that the fewest samples of the set show, since whatever else these show comes with them. A class has no more than
    all its samples. Once all classes have all of theirs, samples without any are added. Which samples of a class are
    taken, and the order of these last ones, is by chance. So classes are in the part far more evenly than in the set:
    what is measured by class is made for it, and the share of all objects that are right is not that of the set.

    Example: of three samples that show [0], [0, 1] and [0], a part of one has the second, which shows both.

    Args:
        units: Of the set, of N samples.
        size: Samples to choose, >= 1; all are taken where there are no more.
        seed: The same seed chooses the same samples of the same set, in every process and with every number of them.

    Returns:
        (min(size, N),) int64, samples in 0..N-1, ascending.
    """
    if size >= units.num_samples:
        return np.arange(units.num_samples)
    rank = np.random.default_rng(seed).permutation(units.num_samples)  # the chance order, by sample
    labels, places = units.labels, units.places
    order = np.lexsort((rank[places], labels))
    by_class = np.split(places[order], np.cumsum(units.per_class())[:-1]) if len(labels) else []
    ends = np.cumsum(np.bincount(places, minlength=units.num_samples))
    by_sample = np.split(labels, ends[:-1])  # a class that a sample shows several times is there as often
    waiting = [own[np.sort(np.unique(own, return_index=True)[1])].tolist()[::-1] for own in by_class]
    num_shown = np.array([len(own) for own in waiting], np.int64)
    chosen, covered = np.zeros(units.num_samples, bool), np.zeros(len(waiting), np.int64)
    heap = [(0, int(num_shown[label]), label) for label in np.flatnonzero(num_shown).tolist()]
    heapq.heapify(heap)
    left = size
    while heap and left:
        count, number, label = heapq.heappop(heap)
        if count < covered[label]:  # others have brought it along
            heapq.heappush(heap, (int(covered[label]), number, label))
            continue
        sample = _next(waiting[label], chosen)
        if sample is None:
            continue
        chosen[sample] = True
        left -= 1
        covered[np.unique(by_sample[sample])] += 1
        heapq.heappush(heap, (int(covered[label]), number, label))
    rest = np.argsort(rank)
    rest = rest[~chosen[rest]]
    chosen[rest[:left]] = True
    return np.flatnonzero(chosen)


def _next(waiting: list[int], chosen: np.ndarray) -> int | None:
    """The next sample of a class that is not chosen yet, taken from those that wait, the first of which is the last."""
    while waiting:
        sample = waiting.pop()
        if not chosen[sample]:
            return sample
    return None
