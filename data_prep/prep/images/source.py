"""What every source of images is read into: class names, and the labels, names and perhaps pixels of its parts."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


class ImagesError(ValueError):
    """A source or an option does not fit; the message says what, the rule and what to do."""


@dataclass(frozen=True)
class Part:
    """The training, validation or test images of a source.

    Attributes:
        labels: (n,) int64, from 0.
        names: The n files, relative, as lists name them.
        pixels: (n, height, width) grey or (n, height, width, 3) RGB, uint8; None where the files are there already.
    """

    labels: NDArray[np.int64]
    names: Sequence[str]
    pixels: NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class Source:
    """Images and their classes.

    Attributes:
        kind: As on the command line.
        classes: Names in the order of the labels.
        parts: 'train', and what else the source has of 'val' and 'test'.
        root: The folder that the names are relative to; None where the files are to be written.
        notes: What the user should know.
    """

    kind: str
    classes: Sequence[str]
    parts: dict[str, Part]
    root: Path | None = None
    notes: tuple[str, ...] = ()

    def sha256(self) -> str:
        """Over class names, labels, names of files and pixels, as far as there are some."""
        total = hashlib.sha256('\n'.join(self.classes).encode())
        for name, part in sorted(self.parts.items()):
            total.update(f'\0{name}\0'.encode() + part.labels.astype('<i8').tobytes())
            total.update('\n'.join(part.names).encode())
            if part.pixels is not None:
                total.update(np.ascontiguousarray(part.pixels).data)
        return total.hexdigest()


def part_of_pixels(part: str, pixels: NDArray[np.uint8], labels: NDArray[np.integer], classes: Sequence[str]) -> Part:
    """A part of images without files: they get the name `<part>/<class>/<place in the source>.png`."""
    width = len(str(len(classes) - 1))
    folders = [f'{label:0{width}d}_{_plain(name)}' for label, name in enumerate(classes)]
    names = [f'{part}/{folders[label]}/{index:05d}.png' for index, label in enumerate(labels.tolist())]
    return Part(labels.astype(np.int64), names, pixels)


def _plain(name: str) -> str:
    """A class name as part of a folder's name on any system."""
    return re.sub(r'[^a-z0-9]+', '_', name.lower()).strip('_') or 'class'
