"""CIFAR-10 and CIFAR-100 in their "python version": pickles in a tar archive, packed or unpacked.

    cifar-10-batches-py/   batches.meta  data_batch_1 ... data_batch_5  test_batch
    cifar-100-python/      meta  train  test

Nothing is unpacked to the disk, and nothing that a pickle asks for is executed: see `cdb_video_files.pickles.unpickle`.
"""

from __future__ import annotations

import pickle
import reprlib
import tarfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cdb_video_files.class_lists import check_class_names
from cdb_video_files.pickles.unpickle import load

SIDE = 32
_LARGEST = 1 << 28
"""Bytes; the largest real one, CIFAR-100's `train`, has 155,249,918."""


class CifarError(ValueError):
    """What was named is not CIFAR's archive, or is damaged."""


@dataclass(frozen=True)
class CifarPart:
    """The images of training or testing.

    Attributes:
        images: (n, 32, 32, 3) uint8, RGB.
        labels: (n,) int64, from 0; of CIFAR-100 the 100 fine ones.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class _Form:
    """Where one of the two sets has what."""

    folder: str
    meta: str
    names: str
    labels: str
    parts: dict[str, tuple[str, ...]]

    @property
    def files(self) -> tuple[str, ...]:
        return (self.meta, *(file for files in self.parts.values() for file in files))


_BATCHES = tuple(f'data_batch_{number}' for number in range(1, 6))
_FORMS = (
    _Form('cifar-10-batches-py', 'batches.meta', 'label_names', 'labels', {'train': _BATCHES, 'test': ('test_batch',)}),
    _Form('cifar-100-python', 'meta', 'fine_label_names', 'fine_labels', {'train': ('train',), 'test': ('test',)}),
)


def read_cifar(path: Path) -> tuple[list[str], dict[str, CifarPart]]:
    """Class names, and the images of 'train' and 'test'.

    Args:
        path: The archive, its unpacked folder, or a folder with one of both.

    Raises:
        CifarError: If it is none, a file is missing or damaged, or a pickle asks for anything but numbers and text.
        OSError: If it cannot be read.
    """
    place, form, files = _find(path)
    missing = [name for name in form.files if name not in files]
    if missing:
        raise CifarError(f'{place} has {form.folder} without {", ".join(missing)}: download it again')
    names = _names(place, form, files[form.meta])
    parts = {}
    for part, batches in form.parts.items():
        read = [_batch(f'{place}, {name}', files[name], form.labels, len(names)) for name in batches]
        images, labels = (np.concatenate([batch[side] for batch in read]) for side in (0, 1))
        parts[part] = CifarPart(images, labels)
    return names, parts


def _find(path: Path) -> tuple[Path, _Form, dict[str, bytes]]:
    if not path.exists():
        raise CifarError(f'there is no {path}: name the archive of CIFAR-10 or CIFAR-100, or its unpacked folder')
    if not path.is_dir():
        return path, *_read_archive(path)
    for form in _FORMS:
        for folder in (path, path / form.folder):
            if (folder / form.meta).is_file():
                return (
                    folder,
                    form,
                    {name: _read_file(folder / name) for name in form.files if (folder / name).exists()},
                )
    archives = [found for kind in ('cifar-10-python', 'cifar-100-python') for found in path.glob(f'{kind}.tar*')]
    if len(archives) != 1:
        raise CifarError(
            f'{path} holds {len(archives)} archives cifar-10-python.tar.gz or cifar-100-python.tar.gz, and no unpacked '
            f'{" or ".join(form.folder for form in _FORMS)} (python version): name one of them'
        )
    return archives[0], *_read_archive(archives[0])


def _read_file(path: Path) -> bytes:
    if path.stat().st_size > _LARGEST:
        raise CifarError(f'{path} has {path.stat().st_size} bytes, more than any file of CIFAR: download it again')
    return path.read_bytes()


def _read_archive(path: Path) -> tuple[_Form, dict[str, bytes]]:
    found: dict[str, dict[str, bytes]] = {}
    known = {f'{form.folder}/{name}': (form.folder, name) for form in _FORMS for name in form.files}
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                place = known.get(member.name.removeprefix('./'))
                if place is None or not member.isfile():
                    continue
                if member.size > _LARGEST:
                    raise CifarError(f'{path}: {member.name} has {member.size} bytes, more than any file of CIFAR')
                file = archive.extractfile(member)
                found.setdefault(place[0], {})[place[1]] = b'' if file is None else file.read()
    except (tarfile.TarError, EOFError, zlib.error) as error:
        what = str(error).partition(':')[0]  # after it tarfile lists every packing that it tried
        raise CifarError(f'{path} is no tar archive, or is cut off ({what}): download it again') from error
    forms = [form for form in _FORMS if form.folder in found]
    if len(forms) != 1:
        raise CifarError(f'{path} is not the python version of CIFAR-10 or CIFAR-100: name its archive')
    return forms[0], found[forms[0].folder]


def _load(place: str, content: bytes) -> dict[str, Any]:
    try:
        value = load(content, python2=True)
    except pickle.UnpicklingError as error:
        raise CifarError(f'{place}: {error}. Download the archive again') from error
    if not isinstance(value, dict):
        raise CifarError(f'{place} holds {reprlib.repr(value)}, CIFAR has a dict: download the archive again')
    return value


def _names(place: Path, form: _Form, content: bytes) -> list[str]:
    names = _load(f'{place}, {form.meta}', content).get(form.names)
    if not isinstance(names, list) or len(names) < 2 or not all(isinstance(name, str) for name in names):
        raise CifarError(f'{place}, {form.meta}: {form.names} is {reprlib.repr(names)}, it must be a list of names')
    check_class_names(names)
    return names


def _batch(place: str, content: bytes, key: str, num_classes: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    batch = _load(place, content)
    data, labels = batch.get('data'), batch.get(key)
    row = 3 * SIDE * SIDE
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.ndim != 2 or data.shape[1] != row:
        what = f'{data.shape} {data.dtype}' if isinstance(data, np.ndarray) else reprlib.repr(data)
        raise CifarError(f'{place}: data is {what}, it must be (n, {row}) uint8: download the archive again')
    fault = _label_fault(labels, len(data), num_classes)
    if fault:
        raise CifarError(f'{place}: {key} {fault}: download the archive again')
    # A row has all reds, then all greens, then all blues.
    images = np.asarray(data).reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), np.asarray(labels, np.int64)


def _label_fault(labels: object, count: int, num_classes: int) -> str | None:
    if not isinstance(labels, Sequence) or len(labels) != count:
        return f'must be a list of {count} labels, one an image'
    wrong = [label for label in labels if type(label) is not int or not 0 <= label < num_classes]
    return f'has {reprlib.repr(wrong[0])}, which is not in 0..{num_classes - 1}' if wrong else None
