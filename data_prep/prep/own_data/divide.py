"""Which of your own clips train, which validate, which test. Pure functions of clips, shares and a seed.

Every class gives its share to each part. Where clips have groups (subjects, sessions), no group is
divided: then the shares are met as well as whole groups allow.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from prep.own_data.clips import OwnClipsError, OwnLine

_FloatMatrix = NDArray[np.float64]
# A sweep over all groups that moves none is the end; this bound is for the case of rounding errors.
_MOST_SWEEPS = 50


def divide(lines: Sequence[OwnLine], shares: Mapping[str, float], seed: int) -> list[str]:
    """Give every clip a part.

    Args:
        lines: Clips of which all have a group or none has.
        shares: Share of 'val' and 'test', each in [0, 1), together below 1; 0 = no such part.
        seed: Decides which clips, or between groups that fit equally well.

    Returns:
        The part of every line, in their order.

    Raises:
        OwnClipsError: If there are fewer groups than parts, or too few clips.
    """
    held = {part: share for part, share in shares.items() if share > 0}
    if not held:
        return ['train'] * len(lines)
    rng = np.random.default_rng(seed)
    # Sorted, so that the order of the lines does not decide.
    order = sorted(range(len(lines)), key=lambda index: lines[index].clip.path)
    ordered = [lines[index] for index in order]
    by_group = ordered[0].clip.group is not None
    drawn = _divide_groups(ordered, held, rng) if by_group else _divide_classes(ordered, held, rng)
    parts = [''] * len(lines)
    for index, part in zip(order, drawn, strict=True):
        parts[index] = part
    _check_filled(parts, ('train', *held))
    return parts


def class_quota(clips: int, held: Mapping[str, float]) -> dict[str, int]:
    """How many clips of a class go to each held-out part.

    At least one each where the class has enough; one stays for training in any case. With two clips
    and two parts, the first part gets one: a class that is not validated has no difficulty.

    Args:
        clips: Clips of the class, >= 1.
        held: Share by part, in the order in which scarce clips are given out.
    """
    quota = {}
    left = clips - 1
    for position, (part, share) in enumerate(held.items()):
        others = min(len(held) - position - 1, max(0, left - 1))
        quota[part] = min(max(1, round(share * clips)), left - others) if left > 0 else 0
        left -= quota[part]
    return quota


def _divide_classes(lines: Sequence[OwnLine], held: Mapping[str, float], rng: np.random.Generator) -> list[str]:
    parts = ['train'] * len(lines)
    of_class: dict[str, list[int]] = {}
    for index, line in enumerate(lines):
        of_class.setdefault(line.label, []).append(index)
    for label in sorted(of_class):
        members = rng.permutation(of_class[label]).tolist()
        for part, count in class_quota(len(members), held).items():
            for index in members[:count]:
                parts[index] = part
            members = members[count:]
    return parts


def _divide_groups(lines: Sequence[OwnLine], held: Mapping[str, float], rng: np.random.Generator) -> list[str]:
    names = sorted({line.clip.subject for line in lines})
    parts = ('train', *held)
    if len(names) < len(parts):
        raise OwnClipsError(
            f'{len(names)} groups cannot fill {len(parts)} parts ({", ".join(parts)}): no group may be in two. '
            'Set the --val-share or --test-share that you can do without to 0, or name finer groups'
        )
    counts = _count(lines, names)
    shares = np.array([1 - sum(held.values()), *held.values()])
    part_of = _assign(counts, shares, rng)
    by_name = {name: parts[part] for name, part in zip(names, part_of, strict=True)}
    return [by_name[line.clip.subject] for line in lines]


def _count(lines: Sequence[OwnLine], names: Sequence[str]) -> _FloatMatrix:
    """Clips per group and class, (G, C)."""
    row = {name: index for index, name in enumerate(names)}
    column = {label: index for index, label in enumerate(sorted({line.label for line in lines}))}
    counts = np.zeros((len(row), len(column)))
    for line in lines:
        counts[row[line.clip.subject], column[line.label]] += 1
    return counts


def _assign(counts: _FloatMatrix, shares: _FloatMatrix, rng: np.random.Generator) -> list[int]:
    """Part of every group, so that the parts' class counts come near the shares.

    What is made small is sum (count - wanted)^2 / wanted over parts and classes: chi squared, which
    punishes a class that a part lacks. The largest groups choose first; then single groups move as
    long as that helps. Not always the best division, but one where no single move is better.

    Args:
        counts: (G, C) clips of every group and class.
        shares: (P,) share of every part, sum 1.
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


def _best(have: _FloatMatrix, wanted: _FloatMatrix, clips: _FloatMatrix) -> int:
    """The part to which these clips, (C,), are best added: where chi squared grows least."""
    growth = ((2 * (have - wanted) * clips + clips**2) / wanted).sum(axis=1)
    return int(growth.argmin())


def _move(group: int, part: int, part_of: NDArray[np.int64], have: _FloatMatrix, counts: _FloatMatrix) -> None:
    if part_of[group] >= 0:
        have[part_of[group]] -= counts[group]
    have[part] += counts[group]
    part_of[group] = part


def _fill_empty(part_of: NDArray[np.int64], have: _FloatMatrix, wanted: _FloatMatrix, counts: _FloatMatrix) -> None:
    """Give a part that got nothing the smallest group of a part that has several."""
    for part in range(len(wanted)):
        if (part_of == part).any():
            continue
        several = np.bincount(part_of, minlength=len(wanted)) > 1
        candidates = np.flatnonzero(several[part_of])
        smallest = candidates[counts[candidates].sum(axis=1).argmin()]
        _move(int(smallest), part, part_of, have, counts)


def _check_filled(parts: Sequence[str], wanted: Sequence[str]) -> None:
    empty = [part for part in wanted if not Counter(parts)[part]]
    if empty:
        raise OwnClipsError(f'no clip is left for {", ".join(empty)}: too few clips. Add some, or set its share to 0')
