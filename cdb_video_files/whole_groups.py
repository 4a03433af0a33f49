"""Division of groups of clips, such as subjects or sessions, among parts of a list; no group is divided.

Pure: counts in, the part of every group out. Data preparation divides training, validation and test by it,
cross-fitting its folds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_FloatMatrix = NDArray[np.float64]
_Counts = NDArray[np.float64] | NDArray[np.int32]
# A sweep over all groups that moves none is the end; this bound is for the case of rounding errors.
_MOST_SWEEPS = 50


def assign_groups(counts: _Counts, shares: _FloatMatrix, rng: np.random.Generator) -> list[int]:
    """Part of every group, so that the parts' class counts come near the shares.

    What is made small is sum (count - wanted)^2 / wanted over parts and classes: chi squared, which
    punishes a class that a part lacks. The largest groups choose first; then single groups move as
    long as that helps. Not always the best division, but one where no single move is better. Every part gets a group.

    Example: three groups of 2, 2 and 4 clips of one class, shares (1/2, 1/2): the group of 4 is one part.

    Args:
        counts: (G, C) clips of every group and class, every class with at least one; G >= P.
        shares: (P,) share of every part, each > 0, sum 1.
        rng: Decides between groups of one size.
    """
    wanted = shares[:, None] * counts.sum(axis=0)
    have = np.zeros_like(wanted)
    part_of = np.full(len(counts), -1)
    order = rng.permutation(len(counts))
    order = order[np.argsort(-counts[order].sum(axis=1), kind='stable')]
    for group in order:
        _move(group, _best(have, wanted, counts[group]), part_of, have, counts)
    for _ in range(_MOST_SWEEPS):
        before = part_of.copy()
        for group in order:
            have[part_of[group]] -= counts[group]
            best = _best(have, wanted, counts[group])
            have[part_of[group]] += counts[group]
            _move(group, best, part_of, have, counts)
        if (part_of == before).all():
            break
    _fill_empty(part_of, have, wanted, counts)
    return [int(part) for part in part_of]


def _best(have: _FloatMatrix, wanted: _FloatMatrix, clips: _Counts) -> int:
    """The part to which these clips, (C,), are best added: where chi squared grows least."""
    growth = ((2 * (have - wanted) * clips + clips**2) / wanted).sum(axis=1)
    return int(growth.argmin())


def _move(group: int, part: int, part_of: NDArray[np.int64], have: _FloatMatrix, counts: _Counts) -> None:
    if part_of[group] >= 0:
        have[part_of[group]] -= counts[group]
    have[part] += counts[group]
    part_of[group] = part


def _fill_empty(part_of: NDArray[np.int64], have: _FloatMatrix, wanted: _FloatMatrix, counts: _Counts) -> None:
    """Give a part that got nothing the smallest group of a part that has several."""
    for part in range(len(wanted)):
        if (part_of == part).any():
            continue
        several = np.bincount(part_of, minlength=len(wanted)) > 1
        candidates = np.flatnonzero(several[part_of])
        smallest = candidates[counts[candidates].sum(axis=1).argmin()]
        _move(int(smallest), part, part_of, have, counts)
