"""A folder of IDX files, as MNIST, Fashion-MNIST, KMNIST and EMNIST come -> a source."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cdb_video_files.images.idx import read_idx
from prep.images.source import ImagesError, Part, Source, part_of_pixels

FASHION = (
    'T-shirt/top', 'Trouser', 'Pullover', 'Dress', 'Coat', 'Sandal', 'Shirt', 'Sneaker', 'Bag', 'Ankle boot',
)  # fmt: skip
_FASHION_LABELS = '657fbd221bfc9f4198cc14b5619cc33ec57c58dd0e47af4d99d6650759e869a7'
"""SHA-256 of the 60,000 training labels, one byte each."""
_PARTS = {'train': ('train',), 'test': ('t10k', 'test')}


def read_idx_folder(folder: Path, classes: Sequence[str] | None, kind: str) -> Source:
    """Read `train-images-idx3-ubyte` and its like, with or without `.gz`; what is unpacked is taken first.

    Args:
        folder: With four files; EMNIST's names begin with more, `emnist-letters-train-...`.
        classes: Names in the order of the labels; None = the labels as they are.
        kind: 'fashion-mnist', which brings its names, or 'idx'.

    Raises:
        ImagesError: If files are missing or do not belong together.
        IdxError: If one is damaged.
    """
    read = {part: _read_part(folder, starts) for part, starts in _PARTS.items()}
    present = sorted({int(label) for _, labels in read.values() for label in np.unique(labels)})
    names = list(FASHION if kind == 'fashion-mnist' else classes or [str(label) for label in range(present[-1] + 1)])
    if present[-1] >= len(names):
        raise ImagesError(
            f'{folder} has labels up to {present[-1]}, and there are {len(names)} class names, for 0 to '
            f'{len(names) - 1}: name the right folder, or all classes with --classes'
        )
    notes = _fashion_notes(read['train'][1]) if kind == 'fashion-mnist' else ()
    parts: dict[str, Part] = {part: part_of_pixels(part, *pair, names) for part, pair in read.items()}
    return Source(kind, names, parts, notes=notes)


def _fashion_notes(labels: NDArray[np.uint8]) -> tuple[str, ...]:
    if hashlib.sha256(labels.tobytes()).hexdigest() == _FASHION_LABELS:
        return ()
    return ('the training labels are not those of Fashion-MNIST as published, and get its class names all the same',)


def _read_part(folder: Path, starts: Sequence[str]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    images_file, labels_file = (_find(folder, starts, kind) for kind in ('images-idx3', 'labels-idx1'))
    images, labels = read_idx(images_file, 3), read_idx(labels_file, 1)
    if len(images) != len(labels):
        raise ImagesError(
            f'{images_file} has {len(images)} images, {labels_file} {len(labels)} labels: take both from one release'
        )
    return images, labels


def _find(folder: Path, starts: Sequence[str], kind: str) -> Path:
    for ending in ('', '.gz'):
        names = [f'{start}-{kind}-ubyte{ending}' for start in starts]
        found = sorted({path for name in names for path in folder.glob(f'*{name}') if path.is_file()})
        if len(found) > 1:
            raise ImagesError(f'{folder} has {found[0].name} and {found[1].name}: keep one data set in a folder')
        if found:
            return found[0]
    raise ImagesError(
        f'{folder} has no {starts[0]}-{kind}-ubyte, packed (.gz) or not: name the folder of the four IDX files'
    )
