"""A long-tailed set of images as a folder: what may be written where, pictures, lists, manifest."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2

from cdb_video_files.class_lists import write_class_names
from cdb_video_files.commands.folder_lock import lock_folder
from cdb_video_files.lists import VideoEntry, write_video_list
from prep.command import first_few
from prep.folders import digest
from prep.images.division import Chosen, Division, Options
from prep.images.picture_files import check_pictures, kind_notes
from prep.images.source import ImagesError, Source

MANIFEST, CLASSES, LISTS, IMAGES = 'manifest.json', 'classes.txt', 'lists', 'images'
_KIND, _FORMAT = 'long-tailed images', 1
_LOCK = '.make_images.lock'


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
        ImagesError: If `out` holds anything else, or pictures cannot be taken; nothing has been touched then.
        LockedError: If another run works on the same folder.
        OSError: If writing fails.
    """
    out = out.resolve()
    wanted = _described(source, options, division)
    work = out.with_name(f'.{out.name}.partial')
    if work.exists() and not (work / _LOCK).exists():
        raise ImagesError(f'{work} is in the way and not of an earlier run of this command: move it away')
    with lock_folder(work, _LOCK):
        try:
            earlier = _earlier(out)
            if earlier is not None:
                return _compared(out, earlier, wanted), earlier
            root = work / 'data'
            if root.exists():  # what a run that was killed has left
                shutil.rmtree(root)
            notes = _written(root, source, division, check)
            manifest = {**wanted, **notes}
            (root / MANIFEST).write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + '\n', encoding='utf-8')
            if out.exists():  # empty
                out.rmdir()
            root.replace(out)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return f'{out}: written', manifest


def _described(source: Source, options: Options, division: Division) -> dict[str, Any]:
    """What says whether two sets are the same; as JSON gives it back."""
    counts = {}
    for name, chosen in division.lists.items():
        found = Counter(int(source.parts[part].labels[index]) for part, index in chosen)
        counts[name] = [found[label] for label in range(len(source.classes))]
    described = {
        'kind': _KIND,
        'format': _FORMAT,
        'source': {'kind': source.kind, 'sha256': source.sha256()},
        'options': asdict(options),
        'classes_largest_first': division.order,
        'images_per_class': counts,
    }
    plain: dict[str, Any] = json.loads(json.dumps(described))
    return plain


def _earlier(out: Path) -> dict[str, Any] | None:
    """The manifest of an earlier run; None where there is nothing."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return None
    if not out.is_dir():
        raise ImagesError(f'--out {out} is a file: name a new folder')
    path = out / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError):
        manifest = None
    if not isinstance(manifest, dict) or manifest.get('kind') != _KIND:
        raise ImagesError(f'--out {out} is not empty and holds no images of this command: name a new folder')
    return manifest


def _compared(out: Path, earlier: dict[str, Any], wanted: dict[str, Any]) -> str:
    """Leave a set alone that is the one that is asked for, down to its bytes.

    Raises:
        ImagesError: If it is not.
    """
    other = [key for key in wanted if earlier.get(key) != wanted[key]]
    if other:
        key = next((name for name in ('source', 'options') if name in other), other[0])
        raise ImagesError(
            f'--out {out} holds images of another {key}: {earlier.get(key)}, not {wanted[key]}. Name another '
            'folder, or remove that one first'
        )
    if _digests(out) != {name: earlier.get(name) for name in _digests(out)}:
        raise ImagesError(
            f'the files in {out} are not those that {MANIFEST} was written for: remove the folder to make it anew, or '
            'name another one'
        )
    return f'{out} holds these images already: nothing to do'


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
    return {**notes, **_digests(root)}


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
