"""CIFAR's archives -> a source."""

from __future__ import annotations

from pathlib import Path

from cdb_video_files.images.cifar_archives import read_cifar
from prep.images.source import Source, part_of_pixels


def read_cifar_source(path: Path) -> Source:
    """CIFAR-10 or CIFAR-100, whichever it is; see `read_cifar`.

    Raises:
        CifarError: If it is neither, or damaged.
    """
    names, parts = read_cifar(path)
    return Source(
        'cifar', names, {part: part_of_pixels(part, got.images, got.labels, names) for part, got in parts.items()}
    )
