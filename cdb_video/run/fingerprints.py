"""Short hashes of what all processes must have alike, and finding what differs; pure, without mmengine."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

DIGEST_BYTES = 8


@dataclass(frozen=True)
class Print:
    """The hash of one thing in one process.

    Attributes:
        name: What it is of, as a message calls it: 'the weight of CDBLoss'.
        digest: 16 hexadecimal digits.
        remedy: What to do where it differs.
    """

    name: str
    digest: str
    remedy: str


def digest_of(*values: Any) -> str:
    """The hash of some values, 16 hexadecimal digits; the same if and only if types, shapes and bits are.

    Args:
        *values: Arrays, whose bits count, or values of plain Python types, whose `repr` counts.
    """
    made = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for value in values:
        if isinstance(value, np.ndarray):
            made.update(f'{value.dtype.str}{value.shape}'.encode())
            made.update(np.ascontiguousarray(value).tobytes())
        else:
            made.update(repr(value).encode())
        made.update(b'\0')
    return made.hexdigest()


def overall(prints: Iterable[Print]) -> str:
    """One hash of all, 16 hexadecimal digits."""
    return digest_of(*((one.name, one.digest) for one in prints))


def disagreement(by_process: Sequence[Sequence[Print]]) -> str | None:
    """What differs between processes, in which of them, and the remedy for the first that differs.

    Args:
        by_process: The hashes that each process has, in the order of the ranks.

    Returns:
        A text for a message, None if all agree.
    """
    names = {one.name: one.remedy for prints in by_process for one in prints}
    tables = [{one.name: one.digest for one in prints} for prints in by_process]
    found: list[str] = []
    remedies: list[str] = []
    for name, remedy in names.items():
        groups: dict[str | None, list[int]] = {}
        for rank, table in enumerate(tables):
            groups.setdefault(table.get(name), []).append(rank)
        if len(groups) > 1:
            sides = (f'{digest or "nothing"} in process {_listed(ranks)}' for digest, ranks in groups.items())
            found.append(f'{name} ({", ".join(sides)})')
            remedies.append(remedy)
    return f'{"; ".join(found)}. {remedies[0]}' if found else None


def _listed(ranks: Sequence[int]) -> str:
    """The ranks, without filling the screen: at most 8 of them."""
    return ', '.join(map(str, ranks[:8])) + (f' and {len(ranks) - 8} more' if len(ranks) > 8 else '')
