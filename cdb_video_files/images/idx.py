"""IDX files, in which the MNIST family comes: images or labels as unsigned bytes, packed with gzip or not.

0 0 8 n         the magic number: unsigned bytes in n dimensions
4 bytes each    the n lengths, big end first
the numbers     row by row
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

_GZIP = b'\x1f\x8b'
_UNSIGNED_BYTES = 8
_STEP = 1 << 20


class IdxError(ValueError):
    """A file is not an IDX file of unsigned bytes, or is cut off."""


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def read_idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """Read a whole IDX file; what it holds, not its name, says whether it is packed.

    Args:
        path: The file.
        dimensions: How many it must have: 3 for images, 1 for labels.

    Returns:
        (n,) labels or (n, height, width) images, 0..255; n >= 1.

    Raises:
        IdxError: If it is anything else, or its length is not the one that it states.
        OSError: If it cannot be opened.
    """
    with path.open('rb') as raw:
        packed = raw.read(2) == _GZIP
        raw.seek(0)
        try:
            if not packed:
                return _read(raw, path, dimensions)
            with gzip.open(raw) as file:
                return _read(file, path, dimensions)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise IdxError(f'{path} is cut off or damaged ({error}): download it again') from error


def _read(file: _Readable, path: Path, dimensions: int) -> NDArray[np.uint8]:
    wanted = bytes((0, 0, _UNSIGNED_BYTES, dimensions))
    header = file.read(4 + 4 * dimensions)
    if header[:4] != wanted:
        what = 'images' if dimensions == 3 else 'labels'
        raise IdxError(
            f'{path} begins with the magic number 0x{header[:4].hex() or "(nothing)"}, an IDX file of {what} with '
            f'0x{wanted.hex()}: name the right file, or download it again'
        )
    shape = [int.from_bytes(header[at : at + 4], 'big') for at in range(4, 4 + 4 * dimensions, 4)]
    size = math.prod(shape)
    # In steps: the header may state any number, and memory is taken only for what is there.
    content = bytearray()
    while len(content) <= size and (more := file.read(min(_STEP, size + 1 - len(content)))):
        content += more
    if len(header) < 4 + 4 * dimensions or not size or len(content) != size:
        how = 'more' if len(content) > size else str(len(content))
        raise IdxError(
            f'{path} states {" x ".join(map(str, shape))} numbers, {size} bytes, and holds {how}: download it again'
        )
    return np.frombuffer(bytes(content), np.uint8).reshape(shape)
