"""Lists of clips made of those of a data set: joined, divided, with another hold-out. Lines are taken as they are."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

NATURAL_SHARE = 0.2
"""Of the training clips of every class, that a natural hold-out takes."""


def read_lines(path: Path) -> list[str]:
    """The lines of a list, one a clip."""
    return path.read_text(encoding='utf-8').splitlines()


def labels_of(lines: Sequence[str]) -> NDArray[np.int64]:
    """(N,) int64: the label, which ends every line."""
    return np.array([int(line.split()[-1]) for line in lines], np.int64)


def write_lines(path: Path, lines: Sequence[str]) -> None:
    """Write a list, whole or not at all: several runs may do so at once."""
    temporary = path.with_suffix(f'.{os.getpid()}')
    temporary.write_text(''.join(f'{line}\n' for line in lines), encoding='utf-8')
    temporary.replace(path)


def join_lists(train: Path, val: Path) -> Path:
    """The list of both, beside them; made if it is not there and they are."""
    joined = train.with_name(f'{train.stem}_and_{val.stem}.txt')
    if not joined.is_file() and train.is_file():
        write_lines(joined, [*read_lines(train), *read_lines(val)])
    return joined


def natural_lists(train: Path, seed: int) -> tuple[Path, Path]:
    """Training and validation list of a natural hold-out, beside the training list; made if they are not there."""
    paths = tuple(train.with_name(f'{train.stem}_natural_{part}.txt') for part in ('train', 'val'))
    if train.is_file() and not all(path.is_file() for path in paths):
        lines = read_lines(train)
        held_out = natural_hold_out(labels_of(lines), seed)
        for path, chosen in zip(paths, (~held_out, held_out), strict=True):
            write_lines(path, [line for line, taken in zip(lines, chosen, strict=True) if taken])
    return paths[0], paths[1]


def natural_hold_out(labels: ArrayLike, seed: int) -> NDArray[np.bool_]:
    """Which clips a hold-out takes that is as long-tailed as the training clips: a fifth of each class, at least one.

    Args:
        labels: (N,) int.
        seed: >= 0; decides which clips.

    Returns:
        (N,) bool; of a class of n clips max(1, round(n / 5)).
    """
    known, rng = np.asarray(labels), np.random.default_rng([seed, 0x4E])
    held_out = np.zeros(known.shape, bool)
    for label in np.unique(known):
        clips = np.flatnonzero(known == label)
        held_out[rng.permutation(clips)[: max(1, round(NATURAL_SHARE * len(clips)))]] = True
    return held_out
