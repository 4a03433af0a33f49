"""Images for check_dataset: lists of them, or all below a folder; every picture is decoded by the rule of training."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cdb_video_files.class_lists import read_class_names
from cdb_video_files.images.pictures import is_picture
from cdb_video_files.lists import read_video_list
from cdb_video_files.records import AnnotationError
from prep.check.lists import CLASSES
from prep.check.report import Finding, print_findings
from prep.images.picture_files import kind_notes, look_at

ALL = 'all'
"""In the place of a list's name where there is none."""


@dataclass
class ImageLists:
    """Images by the lists that name them.

    Attributes:
        names: Of the images of each list, relative to the folder.
        findings: What is wrong with the lists.
    """

    names: dict[str, list[str]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def read_image_lists(folder: Path, lists: Path | None, allow_absolute: bool = False) -> ImageLists:
    """Read a list, or all lists of a folder; without one the images are all pictures below `folder`, by their endings.

    Labels are checked against the class names of `classes.txt` beside the lists or above them, if it is there.

    Args:
        folder: That the names are relative to.
        lists: A list of lines `path label`, or a folder of such (`*.txt`); None = none.
        allow_absolute: Whether images may stand in a list by absolute paths.

    Raises:
        ValueError: If a folder is none or holds nothing to check.
        OSError: If a file is there but cannot be read.
    """
    if not folder.is_dir():
        raise ValueError(f'--images {folder} is no folder: name the one that the images are in')
    if lists is None:
        found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob('*') if is_picture(path.name))
        if not found:
            raise ValueError(f'--images {folder} holds no picture, by the endings of its files: name another folder')
        return ImageLists({ALL: found}, _empty_folders(folder, found))
    paths = [lists] if lists.is_file() else sorted(path for path in lists.glob('*.txt') if path.name != CLASSES)
    if not paths:
        raise ValueError(f'--lists {lists} is no list and holds none (*.txt): name a file of lines `path label`')
    read = ImageLists()
    num_classes = _num_classes(paths[0].parent, read.findings)
    for path in paths:
        try:
            entries = read_video_list(path, num_classes, allow_absolute)
            read.names[path.name] = [entry.filename for entry in entries]
        except AnnotationError as error:
            read.findings.append(Finding('list', path.name, '', str(error)))
    return read


def _empty_folders(folder: Path, names: Sequence[str]) -> list[Finding]:
    """Folders that may be those of classes, and hold no picture: warnings."""
    filled = {name.partition('/')[0] for name in names}
    empty = sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name not in filled)
    return [Finding('empty', ALL, name, 'a folder without a picture', is_warning=True) for name in empty]


def _num_classes(folder: Path, findings: list[Finding]) -> int | None:
    path = next((path for path in (folder / CLASSES, folder.parent / CLASSES) if path.is_file()), None)
    try:
        return None if path is None else len(read_class_names(path))
    except AnnotationError as error:
        findings.append(Finding('classes', CLASSES, '', str(error)))
        return None


def check_images(folder: Path, lists: ImageLists) -> dict[str, Any]:
    """Decode every image once, and say what is wrong.

    Args:
        folder: That the names are relative to.
        lists: See there.

    Returns:
        Ready for JSON, as `prep.check.report.summarise_check` has it; `findings` are of Finding's fields.
    """
    started = time.monotonic()
    names = list(dict.fromkeys(name for some in lists.names.values() for name in some))
    seen = dict(zip(names, look_at(folder, names), strict=True))
    faults = {name: fault for name, (_, fault) in seen.items() if fault}
    kinds = Counter(kind for kind, fault in seen.values() if not fault)
    findings = [*lists.findings, *_findings(folder, lists.names, faults)]
    findings += [Finding('kind', 'images', '', note, is_warning=True) for note in kind_notes(kinds)]
    seconds = time.monotonic() - started
    return {
        'images_in': str(folder),
        'lists': [
            {'list': title, 'images': len(some), 'images_with_problems': sum(name in faults for name in some)}
            for title, some in lists.names.items()
        ],
        'pictures': dict(sorted(kinds.items())),
        'problems': sum(not finding.is_warning for finding in findings),
        'warnings': sum(finding.is_warning for finding in findings),
        'kinds': dict(Counter(finding.kind for finding in findings if not finding.is_warning)),
        'findings': [vars(finding) for finding in findings],
        'seconds': round(seconds, 2),
    }


def _findings(folder: Path, lists: Mapping[str, Sequence[str]], faults: Mapping[str, str]) -> list[Finding]:
    """One for each image at fault, with the lists that name it."""
    named = {title: faults.keys() & set(some) for title, some in lists.items()}
    return [
        Finding(
            'picture' if (folder / name).is_file() else 'missing',
            ' and '.join(title for title, some in named.items() if name in some),
            name,
            fault,
        )
        for name, fault in faults.items()
    ]


def print_images(summary: Mapping[str, Any]) -> None:
    """Print the table and the counts, and the first findings on stderr."""
    width = max(len('list'), *(len(row['list']) for row in summary['lists']), 0)
    print(f'{"list":<{width}} {"images":>8} {"with problems":>14}')
    for row in summary['lists']:
        print(f'{row["list"]:<{width}} {row["images"]:>8} {row["images_with_problems"]:>14}')
    kinds = ', '.join(f'{number} {kind}' for kind, number in summary['pictures'].items())
    print(f'every picture decoded in {summary["seconds"]:.1f} s: {kinds or "none is whole"}')
    sys.stdout.flush()
    print_findings([Finding(**finding) for finding in summary['findings']], {})
