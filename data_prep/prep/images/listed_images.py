"""Lists of pictures and labels, as ImageNet-LT and mmpretrain's CustomDataset have them -> a source.

<picture, relative to the root> <label>
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from cdb_video_files.images.roots import find_other_root
from cdb_video_files.lists import VideoEntry, read_video_list
from prep.command import first_few
from prep.images.source import ImagesError, Part, Source


def read_listed_images(root: Path, lists: Mapping[str, Path], classes: Sequence[str] | None) -> Source:
    """Read the lists, and see that every picture is there.

    Args:
        root: The folder that the names are relative to.
        lists: Of 'train', and perhaps 'val' and 'test'.
        classes: Names in the order of the labels; None = those of the folders, where each label has one of its own.

    Raises:
        ImagesError: If pictures are missing, a label has no training picture, or a picture stands in two lists.
        AnnotationError: If a line breaks a rule.
    """
    if not root.is_dir():
        raise ImagesError(f'{root} is not a folder: name with --data the one that the lists are relative to')
    absent = [str(path) for path in lists.values() if not path.is_file()]
    if absent:
        raise ImagesError(f'there is no list {first_few(absent)}: name files with one `path label` a line')
    entries = {part: read_video_list(path, len(classes) if classes else None) for part, path in lists.items()}
    _check_labels(lists['train'], entries, classes)
    _check_apart(entries)
    for part, path in lists.items():
        _check_there(root, path, [entry.filename for entry in entries[part]])
    names = list(classes or _folder_names(entries['train']))
    parts = {
        part: Part(np.array([entry.label for entry in found], np.int64), [entry.filename for entry in found])
        for part, found in entries.items()
    }
    return Source('lists', names, parts, root)


def _check_labels(train_list: Path, entries: Mapping[str, Sequence[VideoEntry]], classes: Sequence[str] | None) -> None:
    trained = {entry.label for entry in entries['train']}
    num_classes = len(classes) if classes else 1 + max(entry.label for found in entries.values() for entry in found)
    # A label like 10**17 would make a list of so many names.
    gaps = num_classes - len(trained)
    if gaps:
        first = next(label for label in range(num_classes) if label not in trained)
        raise ImagesError(
            f'{train_list} has no picture of {gaps} of the {num_classes} labels, the first of which is {first}: labels '
            'count from 0 without a gap. Number the classes anew in all lists'
        )


def _check_apart(entries: Mapping[str, Sequence[VideoEntry]]) -> None:
    first: dict[str, str] = {}
    twice = [
        f'{entry.filename} is in {other} and {part}'
        for part, found in entries.items()
        for entry in found
        if (other := first.setdefault(entry.filename, part)) != part
    ]
    if twice:
        raise ImagesError(f'{len(twice)} pictures stand in two lists: {first_few(twice)}. Leave each in one of them')


def _check_there(root: Path, path: Path, names: Sequence[str]) -> None:
    missing = [name for name in names if not (root / name).is_file()]
    if missing:
        raise ImagesError(
            f'{len(missing)} of the {len(names)} pictures of {path} are not below {root}: {first_few(missing)}. '
            f'{_other_root(root, PurePosixPath(missing[0]))}'
        )


def _other_root(root: Path, name: PurePosixPath) -> str:
    """What to do, where the list was written for another root; looks for the first picture that is missing."""
    other = find_other_root(root, str(name))
    if other is None:
        return 'Name with --data the folder that the list is relative to, or complete the download'
    if other.folder is not None:
        return f'The list is written for {other.folder}: name that folder with --data'
    return f'Without {other.lead!r} they are there: take that off the lines, or put a link of that name there'


def _folder_names(train: Sequence[VideoEntry]) -> list[str]:
    """The folder of each label's pictures, such as n01440764; 'class 3' where labels and folders are not one to one."""
    folders: dict[int, set[str]] = {}
    for entry in train:
        folders.setdefault(entry.label, set()).add(PurePosixPath(entry.filename).parent.name)
    names = [next(iter(folders[label])) for label in range(len(folders))]
    if len(set(names)) < len(names) or any(len(found) > 1 for found in folders.values()) or '' in names:
        return [f'class {label}' for label in range(len(folders))]
    return names
