"""Whether files are whole pictures that training reads as they are meant: 8 bits, one picture, nothing cut off.

Training reads with OpenCV (mmcv's default) in three colours. That is taken as it is for grey and palette pictures, for
those that an EXIF mark turns, which come upright, and for CMYK JPEGs, which come as RGB. 16-bit pictures are refused:
OpenCV keeps their upper eight bits, and a camera that uses twelve of them leaves a black picture.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray
from tqdm import tqdm

from prep.command import first_few
from prep.images.source import ImagesError
from prep.workers.signals import count_cores

_JPEG, _PNG = b'\xff\xd8', b'\x89PNG\r\n\x1a\n'
_PNG_KINDS = {0: 'grey', 2: 'colour', 3: 'palette', 4: 'transparent', 6: 'transparent'}
_JPEG_END, _TRAILER = b'\xff\xd9', 1 << 16
"""The end mark, and in how many last bytes it must be: some cameras write more after it."""
_SMALLEST = {'min_height': 1, 'min_width': 1, 'min_factor': 8}
"""Of a JPEG all is decoded, and drawn at an eighth of its size."""


class PictureError(ValueError):
    """A file is no picture that training could read; the message says why, without the file's name."""


def check_pictures(root: Path, names: Sequence[str]) -> Counter[str]:
    """Decode all pictures, on all cores.

    Returns:
        How many there are of each kind: 'colour', 'grey', 'palette', 'transparent', 'CMYK', and 'flawed', JPEGs with
        bytes that libjpeg complains of and passes over.

    Raises:
        ImagesError: If some cannot be taken; all are counted, the first ones named with the reason.
    """
    cv2.setNumThreads(0)
    if hasattr(cv2, 'setLogLevel'):
        cv2.setLogLevel(0)  # what is wrong is said here
    kinds: Counter[str] = Counter()
    faults = []
    with ThreadPoolExecutor(count_cores()) as pool:
        looks = pool.map(lambda name: _look(root / name), names)
        for name, (kind, fault) in zip(names, tqdm(looks, 'pictures', len(names), disable=None), strict=True):
            kinds[kind] += 1
            if fault:
                faults.append(f'{name} {fault}')
    if faults:
        raise ImagesError(
            f'{len(faults)} of {len(names)} pictures below {root} cannot be taken: {first_few(faults)}. Replace or '
            'convert them (8 bits a channel), or leave them out'
        )
    return kinds


def _look(path: Path) -> tuple[str, str]:
    try:
        return picture_kind(path.read_bytes()), ''
    except PictureError as error:
        return '', str(error)
    except OSError as error:
        return '', f'cannot be read ({error.strerror})'


def picture_kind(content: bytes) -> str:
    """What kind of picture a file is; see `check_pictures`.

    Raises:
        PictureError: If it is none, cut off, or has 16 bits.
    """
    if not content:
        raise PictureError('is empty')
    if content.startswith(_JPEG):
        return _jpeg_kind(content)
    if content.startswith(_PNG):
        kind = _png_kind(content)
        _decoded(content)
        return kind
    image = _decoded(content)
    return {1: 'grey', 4: 'transparent'}.get(1 if image.ndim == 2 else image.shape[2], 'colour')


def _jpeg_kind(content: bytes) -> str:
    try:
        space = simplejpeg.decode_jpeg_header(content)[2]
        simplejpeg.decode_jpeg(content, 'GRAY', fastdct=True, strict=True, **_SMALLEST)
    except ValueError as error:
        if 'remature end' in str(error) or _JPEG_END not in content[-_TRAILER:]:
            raise PictureError('is cut off') from None
        # Some JPEGs of ImageNet have bytes too many and are whole.
        if 'extraneous' not in str(error):
            raise PictureError(f'is damaged ({error})') from None
        _decoded(content)
        return 'flawed'
    return {'Gray': 'grey', 'CMYK': 'CMYK', 'YCCK': 'CMYK'}.get(space, 'colour')


def _png_kind(content: bytes) -> str:
    """Walk the chunks: decoders differ in what they make of a file that ends early."""
    at, last = len(_PNG), b''
    while last != b'IEND':
        size, last = int.from_bytes(content[at : at + 4], 'big'), content[at + 4 : at + 8]
        end = at + 12 + size
        if end > len(content):
            raise PictureError('is cut off')
        if zlib.crc32(content[at + 4 : end - 4]) != int.from_bytes(content[end - 4 : end], 'big'):
            raise PictureError(f'is damaged (checksum of the part {last.decode("latin1")})')
        at = end
    bits, colour = content[24], content[25]
    if bits == 16:
        raise PictureError('has 16 bits a channel')
    return _PNG_KINDS.get(colour, 'colour')


def _decoded(content: bytes) -> NDArray[np.uint8]:
    try:
        image: NDArray[np.uint8] | None = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        image = None
    if image is None:
        raise PictureError('is no picture that OpenCV can read, or is cut off')
    if image.dtype != np.uint8:
        raise PictureError(f'has {8 * image.dtype.itemsize} bits a channel')
    return image
