"""Texts that are the same to a reader and not to a computer: other case, other blanks, another Unicode form."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

# A spreadsheet makes 1.0 or 01 of 1.
_NUMBER = re.compile(r'(-?)0*([0-9]+?)(?:\.0*)?', re.ASCII)


def spelling_key(text: str) -> str:
    r"""What all spellings of a text have in common.

    Blanks of any kind, marks without width and case are left out, and compatible forms are made one (NFKC): 'Pick up',
    'pick\xa0up' and 'pickup' are one text, as are the two ways to write an accented letter, and 1, 01 and 1.0.
    """
    folded = unicodedata.normalize('NFKC', unicodedata.normalize('NFKC', text).casefold())
    key = ''.join(mark for mark in folded if not mark.isspace() and unicodedata.category(mark) != 'Cf')
    number = _NUMBER.fullmatch(key)
    return key if number is None else f'{number[1]}{number[2]}'


def alike(texts: Iterable[str]) -> list[list[str]]:
    """Groups of two or more different texts that are spellings of one, sorted."""
    groups: dict[str, list[str]] = {}
    for text in sorted(set(texts)):
        groups.setdefault(spelling_key(text), []).append(text)
    return [group for group in groups.values() if len(group) > 1]


def shown(text: str) -> str:
    r"""A text in quotes, and what it is made of where the eye may not tell: `'é' ('e\u0301')`."""
    return repr(text) if text.isascii() else f'{text!r} ({text!a})'
