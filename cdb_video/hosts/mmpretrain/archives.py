"""The archives that mmpretrain's MNIST and CIFAR families keep: which of their files is damaged, or is another one.

mmpretrain reads CIFAR's pickles only if their MD5 is that of the release, so a poisoned one is never executed; it says
then that the set cannot be found, or downloads it. IDX files it takes as they are: it fails in a bare assertion, or
leaves out silently the images that have no label.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from cdb_video_files.images.idx import IdxError, read_idx

Infos = list[dict[str, Any]]


def load_mnist(dataset: Any, load: Callable[[Any], Infos]) -> Infos:
    """The entries of a set of the MNIST family, whose files are whole and belong together.

    Args:
        dataset: Of mmpretrain, with its options.
        load: Its own `load_data_list`, which downloads what is missing.

    Raises:
        IdxError: If a file is none, is cut off, or has not a label for each image.
    """
    try:
        infos = load(dataset)
    except Exception as error:
        try:
            _check_idx(dataset)
        except IdxError as found:
            raise found from error
        raise
    _check_idx(dataset)
    return infos


def _check_idx(dataset: Any) -> None:
    names = dataset.test_list if dataset.test_mode else dataset.train_list
    paths = [Path(dataset.data_prefix['root'], name.removesuffix('.gz')) for name, _ in names[:2]]
    if not all(path.is_file() for path in paths):
        return
    images, labels = read_idx(paths[0], 3), read_idx(paths[1], 1)
    if len(images) != len(labels):
        raise IdxError(
            f'{paths[0]} has {len(images)} images, {paths[1]} {len(labels)} labels: take both from one release'
        )


def load_cifar(dataset: Any, load: Callable[[Any], Infos]) -> Infos:
    """The entries of CIFAR-10 or CIFAR-100.

    Args:
        dataset: Of mmpretrain, with its options.
        load: Its own `load_data_list`, which downloads what is missing or has another MD5.

    Raises:
        ValueError: If it could not be loaded, and files are there that are not those of the release.
    """
    try:
        return load(dataset)
    except Exception as error:
        others = list(_other_files(dataset))
        if not others:
            raise
        raise ValueError(
            f'{", ".join(others)}: not as released, by the MD5, so nothing of it was read; the download failed or is '
            f'switched off ({type(error).__name__}: {error}). Remove the folder and download the archive again, or let '
            'data_prep/make_images.py --source cifar make files of an archive that you trust'
        ) from error


def _other_files(dataset: Any) -> Iterator[str]:
    for name, digest in (*dataset.train_list, *dataset.test_list):
        path = Path(dataset.data_prefix['root'], dataset.base_folder, name)
        if path.is_file() and hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() != digest:
            yield str(path)
