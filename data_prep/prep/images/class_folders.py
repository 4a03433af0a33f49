"""Folders that are named after the classes -> a source. Looks at names alone.

<folder>/[<train|val|test>/]<class>/.../<picture>
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from cdb_video_files.class_lists import is_class_name
from cdb_video_files.images.pictures import by_number, is_picture
from cdb_video_files.lists import is_listed_name
from prep.command import first_few
from prep.frames.data_root import SYSTEM_FILES
from prep.images.source import ImagesError, Part, Source
from prep.own_data.clips import part_called


@dataclass
class _Tree:
    """What lies below the folder: names of pictures by part and class, and what is wrong or left out."""

    pictures: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)


def read_class_folders(folder: Path) -> Source:
    """Take every picture, by its ending, from the folder of its class; classes are sorted by name.

    The folders at the top are parts if all of them are called train, val or test (or the like), and one is train.

    Raises:
        ImagesError: If a class has no picture, a picture lies in no class, a folder is linked twice or a name cannot
            stand in a list; all such places are named.
    """
    if not folder.is_dir():
        raise ImagesError(f'{folder} is not a folder: name the one that holds a folder for every class')
    tree, tops = _Tree(), _folders(folder)
    parts = {part_called(top): top for top in tops}
    is_split = bool(tops) and None not in parts and 'train' in parts
    if is_split and len(parts) < len(tops):
        raise ImagesError(f'{folder} has {first_few(tops)}, two of which are the same part: leave one of them out')
    tree.faults += [f'{folder / name} lies in no class' for name in _loose_pictures(folder)]
    for part, top in parts.items() if is_split else [('train', '')]:
        tree.faults += [f'{folder / top / name} lies in no class' for name in _loose_pictures(folder / top) if top]
        for name in _folders(folder / top):
            _read_class(folder, part or '', PurePosixPath(top, name), tree)
    classes = sorted({name for part, name in tree.pictures if part == 'train'}, key=_by_name)
    tree.faults += [
        f'class {name!r} is in {part} and not in train'
        for part, name in sorted(tree.pictures)
        if part != 'train' and name not in classes
    ]
    if tree.faults or len(classes) < 2:
        faults = tree.faults or [f'{folder} has {len(classes)} folders with pictures, classes are 2 or more']
        raise ImagesError(
            f'{first_few(faults)}. Expected {folder}/<class>/<picture>, or the same in train/, val/ and test/'
        )
    left = (f'left out, since they are no pictures by their endings: {first_few(tree.others)}',) if tree.others else ()
    found = sorted({part for part, _ in tree.pictures})
    return Source('folder', classes, {part: _part(tree, part, classes) for part in found}, folder, left)


def _by_name(name: str) -> tuple[bool, list[tuple[int, str]], str]:
    """Numbers by what they count, all other names as mmpretrain and torchvision sort them."""
    return (False, by_number(name), name) if name.isascii() and name.isdecimal() else (True, [], name)


def _folders(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith('.'))


def _loose_pictures(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file() and is_picture(path.name))


def _read_class(folder: Path, part: str, place: PurePosixPath, tree: _Tree) -> None:
    """Add the pictures of a class, those in folders within it too."""
    if not is_class_name(place.name):
        tree.faults.append(
            f'{str(folder / place)!a} is no name for a class: it has blanks or bytes that no list can hold'
        )
        return
    names: list[str] = []
    visited: set[str] = set()
    for parent, folders, files in os.walk(folder / place, followlinks=True):
        real = os.path.realpath(parent)
        if real in visited:
            tree.faults.append(f'{parent} is a link to a folder of the same class')
            folders.clear()
            continue
        visited.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith('.'))
        for name in sorted(files):
            if name.startswith('.') or name in SYSTEM_FILES:
                continue
            path = (Path(parent) / name).relative_to(folder).as_posix()
            _add(tree, names, path)
    if names:
        tree.pictures[part, place.name] = sorted(names)
    else:
        tree.faults.append(f'{folder / place} holds no picture')


def _add(tree: _Tree, names: list[str], path: str) -> None:
    if not is_picture(path):
        tree.others.append(path)
    elif not is_listed_name(path):
        tree.faults.append(f'{path!a} is a name that no list can hold: rename it')
    else:
        names.append(path)


def _part(tree: _Tree, part: str, classes: Sequence[str]) -> Part:
    of_class = [tree.pictures.get((part, name), []) for name in classes]
    labels = np.repeat(np.arange(len(classes)), [len(names) for names in of_class])
    return Part(labels.astype(np.int64), [name for names in of_class for name in names])
