"""Types for argparse: how strong the imbalance is, and which class is how frequent."""

from __future__ import annotations

import argparse

from prep.command import whole_number

AS_IS = 'as-is'
CLASS_ORDER_HELP = (
    'which class is how frequent: a seed that draws it; all labels, as in 2,0,1, the most frequent first; or '
    f'{AS_IS}: label 0 first (default)'
)


def imbalance(text: str) -> float:
    """Largest class over smallest: a number of 1 or more."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 1 <= value < 1e6:
        raise argparse.ArgumentTypeError(f'{text!r} is not a number of 1 or more, such as 100')
    return value


def order(text: str) -> int | str | tuple[int, ...]:
    """A seed, labels with commas between them, or `AS_IS`."""
    if text == AS_IS:
        return text
    if ',' in text:
        return tuple(whole_number(0)(label) for label in text.split(','))
    return whole_number(0)(text)
