"""Pictures in a folder: which files are some by their names, and the order of those that are numbered."""

from __future__ import annotations

import re

PICTURE_ENDINGS = ('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff')


def is_picture(name: str) -> bool:
    """Whether a file is a picture by its name."""
    return name.lower().endswith(PICTURE_ENDINGS)


def by_number(name: str) -> list[tuple[int, str]]:
    """A key to sort names by, numbers by what they count: 2.jpg before 10.jpg."""
    return [(int(part), '') if part.isascii() and part.isdecimal() else (-1, part) for part in _parts(name)]


def _parts(name: str) -> list[str]:
    return [part for part in re.split(r'([0-9]+)', name) if part]
