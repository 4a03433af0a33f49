"""What the commands share: workers that end with their parent, SIGTERM, cores, shortened lists.

Imported by every worker process, so by the standard library's means alone.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

_SHOWN = 5


def first_few(texts: Sequence[str]) -> str:
    """The first five, and how many more there are."""
    more = f'; and {len(texts) - _SHOWN} more' if len(texts) > _SHOWN else ''
    return '; '.join(texts[:_SHOWN]) + more


def whole_number(minimum: int, maximum: int | None = None) -> Callable[[str], int]:
    """A type for argparse: a whole number from `minimum` to `maximum`, both included."""

    def parse(text: str) -> int:
        number = int(text) if text.isascii() and text.isdecimal() else None
        if number is None or number < minimum or (maximum is not None and number > maximum):
            limit = f'{minimum}..{maximum}' if maximum is not None else f'>= {minimum}'
            raise argparse.ArgumentTypeError(f'{text!r} is not a whole number {limit}')
        return number

    return parse
