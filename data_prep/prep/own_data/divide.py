"""Which of your own clips train, which validate, which test. Pure functions of clips, shares and a seed.

Every class gives its share to each part. Where clips have groups (subjects, sessions), no group is
divided: then the shares are met as well as whole groups allow.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from cdb_video_files.whole_groups import assign_groups
from prep.own_data.clips import OwnClipsError, OwnLine

_FloatMatrix = NDArray[np.float64]


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
    part_of = assign_groups(counts, shares, rng)
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


def _check_filled(parts: Sequence[str], wanted: Sequence[str]) -> None:
    empty = [part for part in wanted if not Counter(parts)[part]]
    if empty:
        raise OwnClipsError(f'no clip is left for {", ".join(empty)}: too few clips. Add some, or set its share to 0')
