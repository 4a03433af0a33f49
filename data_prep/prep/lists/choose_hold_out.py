"""Settle an open hold-out: which N subjects (`subjects:N`), which clips (`stratified:0.1`). Pure functions.

**subjects:N.** Class difficulty is measured on validation clips, so the subjects are chosen to cover the
classes. Of two sets of N subjects the better one is the first that wins in this order (our choice):

1. fewer classes that lose all their training clips;
2. a share of held-out clips nearer to N / number of subjects; whatever lies within a fifth of that counts as equal;
3. more classes with at least 5 validation clips;
4. more clips towards 5 per class: the sum over the classes of min(validation clips, 5);
5. a share nearer to N / number of subjects;
6. the names, in alphabetical order.

The search is deterministic: from every subject it adds the best one until there are N, then exchanges one
subject for another as long as that is better, and keeps the best end. It need not be the best of all sets.

**stratified:F.** Of a class's n clips round(F n) are held out, at least 1 and at most n - 1; a class with
one clip keeps it for training. Which ones: those with the smallest SHA-256 of seed and clip name, so
neither the order of the file nor a clip more or less elsewhere changes the draw.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cdb_video_files.clip_names import ClipName
from prep.lists.split_clips import FEW_CLIPS, HoldOut, LabelledClip, SplitError

# Within this part of the wanted share, classes covered count for more than the share.
_TOLERANCE = 0.2

# Smaller is better, compared entry by entry.
_Score = tuple[float, ...]


def settle(hold_out: HoldOut, train: Sequence[LabelledClip]) -> HoldOut:
    """Choose the subjects or draw the clips that an open hold-out leaves open; others come back unchanged.

    Args:
        hold_out: As `parse_hold_out` gives it.
        train: Clips of the training split.

    Raises:
        SplitError: If there are not more subjects than are to be chosen, or no class has two clips.
    """
    if not hold_out.is_open:
        return hold_out
    if hold_out.share is not None:
        return replace(hold_out, clips=draw_clips(train, hold_out.share, hold_out.seed))
    if hold_out.num_subjects is None:
        raise ValueError(f'hold-out {hold_out.text!r} is open, but has neither a share nor a number of subjects')
    return replace(hold_out, subjects=choose_subjects(train, hold_out.num_subjects))


def draw_clips(train: Sequence[LabelledClip], share: float, seed: int) -> frozenset[ClipName]:
    """Draw `share` of every class; see the module docstring."""
    classes = defaultdict(list)
    for entry in train:
        classes[entry.label].append(entry.clip)
    drawn: list[ClipName] = []
    for clips in classes.values():
        number = min(max(round(share * len(clips)), 1), len(clips) - 1)
        drawn += sorted(clips, key=lambda clip: hashlib.sha256(f'{seed}/{clip}'.encode()).digest())[:number]
    if not drawn:
        raise SplitError('no class has two training clips, so none can be held out by stratified. Use --hold-out none')
    return frozenset(drawn)


def choose_subjects(train: Sequence[LabelledClip], number: int) -> tuple[str, ...]:
    """Choose `number` subjects, sorted by name; see the module docstring for the criterion.

    Raises:
        SplitError: If no subject would be left to train on.
    """
    names = sorted({entry.clip.subject for entry in train})
    if number >= len(names):
        raise SplitError(
            f'hold-out subjects:{number} leaves nobody to train on: there are {len(names)} subjects, '
            f'{", ".join(names)}. Choose fewer'
        )
    row = {name: index for index, name in enumerate(names)}
    counts = np.zeros((len(names), max(entry.label for entry in train) + 1), np.int64)
    for entry in train:
        counts[row[entry.clip.subject], entry.label] += 1
    ends = [_improve(counts, _grow(counts, start, number)) for start in range(len(names))]
    best = min(ends, key=lambda chosen: (_scores(counts, [chosen], number)[0], chosen))
    return tuple(names[index] for index in best)


def _grow(counts: np.ndarray, start: int, number: int) -> list[int]:
    """Add the best subject to `start` until there are `number`."""
    chosen = [start]
    while len(chosen) < number:
        options = [sorted([*chosen, other]) for other in range(len(counts)) if other not in chosen]
        chosen = _best(counts, options)[1]
    return chosen


def _improve(counts: np.ndarray, chosen: list[int]) -> list[int]:
    """Exchange one subject for another as long as the score becomes smaller."""
    score = _scores(counts, [chosen], len(chosen))[0]
    while True:
        others = [other for other in range(len(counts)) if other not in chosen]
        options = [sorted([*(c for c in chosen if c != gone), other]) for gone in chosen for other in others]
        better, option = _best(counts, options)
        if better >= score:
            return chosen
        score, chosen = better, option


def _best(counts: np.ndarray, options: list[list[int]]) -> tuple[_Score, list[int]]:
    return min(zip(_scores(counts, options, len(options[0])), options, strict=True))


def _scores(counts: np.ndarray, options: list[list[int]], number: int) -> list[_Score]:
    """Score sets of subjects.

    Args:
        counts: (S, C) int64, training clips per subject and class.
        options: Each of them `number` rows of `counts`.
        number: How many subjects a set has.
    """
    val = counts[np.array(options)].sum(axis=1)
    everything = counts.sum(axis=0)
    lost = ((val == everything) & (everything > 0)).sum(axis=1)
    wanted = number / len(counts)
    distance = np.abs(val.sum(axis=1) / everything.sum() - wanted)
    too_far = np.maximum(distance - _TOLERANCE * wanted, 0)
    covered = (val >= FEW_CLIPS).sum(axis=1)
    filled = np.minimum(val, FEW_CLIPS).sum(axis=1)
    columns = (lost, too_far.round(6), -covered, -filled, distance.round(6))
    return [tuple(float(value) for value in row) for row in zip(*columns, strict=True)]
