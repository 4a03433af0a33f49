"""Paths that were noted down in files, and folders that were moved or copied since."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

_PathLike = str | os.PathLike[str]


def lies_in(path: _PathLike, folders: Iterable[_PathLike]) -> bool:
    """Whether a file is or would be in one of the folders itself; relative paths and links lead where they lead.

    Args:
        path: Of the file. A link there is not followed, those on the way to it are.
        folders: Addresses with '://' are compared as they are written.
    """
    parent = _parent(path)
    return any(_same(parent, folder) for folder in folders)


def namesake_in(path: _PathLike, folders: Iterable[_PathLike]) -> str | None:
    """The file or folder of the same name in the first of the folders that has one; None = none has.

    Args:
        path: Of a file that may have been moved or copied with its folder.
        folders: Local ones; others are passed over.
    """
    name = os.fspath(path).rstrip('/').rpartition('/')[2]
    candidates = (os.path.join(folder, name) for folder in folders if name and '://' not in os.fspath(folder))
    return next((one for one in candidates if os.path.exists(one)), None)


def below_shared_folder(paths: Sequence[str]) -> list[str]:
    """The paths without the folder in which all of them lie: the same wherever that was moved to.

    Args:
        paths: At least one, their parts divided by '/'. Where all are the same, its name stays.
    """
    first, last = min(paths), max(paths)  # what these two share, all do
    alike = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    shared = ''.join(letter for letter, _ in alike).rfind('/') + 1
    return [path[shared:] for path in paths]


def _parent(path: _PathLike) -> str:
    written = os.fspath(path)
    return written.rpartition('/')[0] if '://' in written else os.path.dirname(os.path.abspath(written))


def _same(one: str, other: _PathLike) -> bool:
    written = os.fspath(other)
    if '://' in one or '://' in written:
        return one.rstrip('/') == written.rstrip('/')
    return Path(one).resolve() == Path(written).resolve()
