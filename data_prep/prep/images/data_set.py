"""A long-tailed set of images as a folder: pictures, lists, what the manifest says of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2

from cdb_video_files.class_lists import write_class_names
from cdb_video_files.lists import VideoEntry, write_video_list
from prep.command import first_few
from prep.folders import digest
from prep.images.division import Chosen, Division, Options
from prep.images.picture_files import check_pictures, kind_notes
from prep.images.source import ImagesError, Source
from prep.long_tail.made_folder import Maker, make_folder

CLASSES, LISTS, IMAGES = 'classes.txt', 'lists', 'images'
_FORMAT = 1


def make(out: Path, source: Source, options: Options, division: Division, check: bool) -> tuple[str, dict[str, Any]]:
    """Write lists, class names, the manifest, and pictures where the source has none; whole or not at all.

    Args:
        out: A new or an empty folder, or one that holds the same already, which is left as it is.
        source: See there.
        options: What `division` was made with.
        division: The lists.
        check: Whether to decode pictures that are there before they are listed.

    Returns:
        What was done, for the user, and what manifest.json holds.

    Raises:
        MadeFolderError: If `out` holds anything else; nothing has been touched then.
        ImagesError: If pictures cannot be taken; nor then.
        LockedError: If another run works on the same folder.
        OSError: If writing fails.
    """
    maker = Maker('make_images', 'long-tailed images', 'images', _digests)
    described = _described(source, options, division)
    return make_folder(out, maker, described, lambda root: _written(root, source, division, check))


def _described(source: Source, options: Options, division: Division) -> dict[str, Any]:
    """What says whether two sets are the same."""
    counts = {}
    for name, chosen in division.lists.items():
        found = Counter(int(source.parts[part].labels[index]) for part, index in chosen)
        counts[name] = [found[label] for label in range(len(source.classes))]
    return {
        'format': _FORMAT,
        'source': {'kind': source.kind, 'sha256': source.sha256()},
        'options': asdict(options),
        'classes_largest_first': division.order,
        'images_per_class': counts,
    }


def _digests(root: Path) -> dict[str, str]:
    return {
        'sha256_images': digest(root, (root / IMAGES).rglob('*.png')),
        'sha256_lists': digest(root, [root / CLASSES, *(root / LISTS).glob('*.txt')]),
    }


def _written(root: Path, source: Source, division: Division, check: bool) -> dict[str, Any]:
    """Write all but the manifest; what else that one holds."""
    (root / LISTS).mkdir(parents=True)
    chosen = sorted({image for images in division.lists.values() for image in images})
    notes: dict[str, Any] = {}
    if source.root is None:
        _write_pictures(root / IMAGES, source, chosen)
    elif check:
        kinds = check_pictures(source.root, [source.parts[part].names[index] for part, index in chosen])
        notes['pictures'] = dict(sorted(kinds.items()))
    write_class_names(root / CLASSES, source.classes)
    for name, images in division.lists.items():
        entries = [VideoEntry(source.parts[p].names[i], int(source.parts[p].labels[i])) for p, i in images]
        write_video_list(root / LISTS / f'{name}.txt', entries)
    return notes


def _write_pictures(folder: Path, source: Source, chosen: Chosen) -> None:
    for part, index in chosen:
        pixels = source.parts[part].pixels
        if pixels is None:
            raise ImagesError(f'source {source.kind} has neither files nor pixels')
        path = folder / source.parts[part].names[index]
        path.parent.mkdir(parents=True, exist_ok=True)
        image = pixels[index]
        fine, content = cv2.imencode('.png', image if image.ndim == 2 else image[..., ::-1])
        if not fine:
            raise OSError(f'OpenCV cannot write {path}')
        path.write_bytes(content.tobytes())


def summary(manifest: dict[str, Any]) -> str:
    """The lists and their classes, one list a line."""
    lines = []
    for name, sizes in manifest['images_per_class'].items():
        shown = ' '.join(map(str, sizes)) if len(sizes) <= 20 else f'{max(sizes)} to {min(sizes)}'
        lines.append(f'{name:14} {sum(sizes):6} images, per class {shown}')
    return '\n'.join(lines)


def picture_notes(manifest: dict[str, Any]) -> list[str]:
    """What to say of the kinds of pictures that are taken, but not as another program shows them."""
    return kind_notes(manifest.get('pictures', {}))


def lacking(source: Source, division: Division) -> list[str]:
    """Notes on classes without a validation or a test image."""
    notes = []
    for name, chosen in division.lists.items():
        present = {int(source.parts[part].labels[index]) for part, index in chosen}
        absent = [repr(text) for label, text in enumerate(source.classes) if label not in present]
        if absent:
            notes.append(f'{len(absent)} classes have no image in {name}: {first_few(absent)}')
    return notes
