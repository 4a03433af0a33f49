"""Which mistakes a page lists, and which of those it has pictures of, so that it stays below 5 MB with 106 classes."""

from __future__ import annotations

import numpy as np

from cdb_video.difficulty.formulas import FloatVector, IntVector

LISTED = 1500
"""Mistakes of a page, at most: some 0.7 MB."""
PICTURED = 150
"""Of those whose pictures are looked for, at most, which bounds the time too."""
MAX_BYTES = 1_800_000
"""Of all pictures of a page together."""
_OF_EACH_PAIR = 3
_SUREST = 60


def to_list(labels: IntVector, answers: IntVector, scores: FloatVector, number: int) -> IntVector:
    """The mistakes to list: the surest three of every pair of classes before others, so that each pair has some.

    Args:
        labels: (N,) int64, the true classes.
        answers: (N,) int64, what they were taken for.
        scores: (N,) float64, of the answers.
        number: At most.

    Returns:
        (n,) int64, their places, the surest first; the earlier of a tie.
    """
    surest_first = np.argsort(-scores, kind='stable').astype(np.int64)
    turns = _turns(labels[surest_first], answers[surest_first])
    chosen = np.argsort(turns >= _OF_EACH_PAIR, kind='stable')[:number]
    return surest_first[np.sort(chosen)]


def to_picture(labels: IntVector, answers: IntVector, number: int) -> IntVector:
    """The mistakes to picture: the first 60, and then by turns one of every pair, the most frequent pairs first.

    Args:
        labels: (N,) int64, the true classes of the mistakes that are listed.
        answers: (N,) int64, what they were taken for.
        number: At most.

    Returns:
        (n,) int64, their places, in the order in which pictures are to be made.
    """
    _, pair, counts = np.unique(np.stack([labels, answers]), axis=1, return_inverse=True, return_counts=True)
    order = np.lexsort((-counts[pair.ravel()], _turns(labels, answers)))
    others = order[order >= _SUREST]
    return np.concatenate([np.arange(min(_SUREST, len(labels))), others])[:number].astype(np.int64)


def _turns(labels: IntVector, answers: IntVector) -> IntVector:
    """(N,) int64, how many of the same pair stand before each: 0, 0, 1 of the pairs a, b, a."""
    _, pair = np.unique(np.stack([labels, answers]), axis=1, return_inverse=True)
    by_pair = np.argsort(pair.ravel(), kind='stable')
    ordered = pair.ravel()[by_pair]
    begins = np.searchsorted(ordered, ordered)
    turns = np.empty(len(labels), np.int64)
    turns[by_pair] = np.arange(len(labels)) - begins
    return turns
