"""What is wrong with a picture file, as far as its bytes tell: one rule for preparation, training and predictions.

Decoders differ in what they make of a file that ends early: one refuses it, one fills the rest with grey.
"""

from __future__ import annotations

import zlib

import cv2
import numpy as np
from numpy.typing import NDArray

JPEG, PNG = b'\xff\xd8', b'\x89PNG\r\n\x1a\n'
_OF_8_BITS = (b'BM', b'GIF8', b'RIFF')
"""How BMP, GIF and WebP begin, which have no more than 8 bits a channel."""
_JPEG_END = b'\xff\xd9'
_SCAN, _END, _RESTARTS = 0xDA, 0xD9, (0x01, *range(0xD0, 0xD8))
_PNG_HEAD = len(PNG) + 25
"""Bytes up to the end of the first chunk, which states the size, the bits a channel and the colours."""


def picture_fault(content: bytes, *, any_depth: bool = False, checksums: bool = False) -> str:
    """Look at a whole file without decoding it; of formats that seldom occur it is decoded to know its depth.

    Args:
        content: Of the file.
        any_depth: Whether it may have more than 8 bits a channel.
        checksums: Whether to count the checksums of a PNG, which takes about as long as to read it.

    Returns:
        What is wrong, as the end of a sentence that begins with the file; '' = nothing is seen, which is not to say
        that it can be decoded.
    """
    if not content:
        return 'is empty'
    if content.startswith(JPEG):
        return '' if content.rfind(_JPEG_END, _first_scan(content)) >= 0 else 'is cut off'
    if content.startswith(PNG):
        return _png_fault(content, checksums) or _depth_fault(content[24], any_depth)
    if any_depth or content.startswith(_OF_8_BITS):
        return ''
    image = stored_picture(content)
    return UNDECODABLE if image is None else _depth_fault(8 * image.dtype.itemsize, any_depth)


UNDECODABLE = 'is no picture that OpenCV can read, or is cut off'


def stored_picture(content: bytes) -> NDArray[np.generic] | None:
    """A picture as it is stored, (H, W) or (H, W, channels), blue first; None = OpenCV cannot decode it."""
    try:
        image: NDArray[np.generic] | None = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    return image


def _depth_fault(bits: int, any_depth: bool) -> str:
    return '' if any_depth or bits <= 8 else f'has {bits} bits a channel'


def _first_scan(content: bytes) -> int:
    """Where the pixels of a JPEG begin: a small picture before them, of a camera, has an end mark of its own."""
    at = len(JPEG)
    while at + 1 < len(content):
        kind = content[at + 1]
        if content[at] != 0xFF or kind in (_SCAN, _END):
            return at  # or what the decoder has to judge
        if kind == 0xFF:
            at += 1
        elif kind in _RESTARTS:
            at += 2
        else:
            at += 2 + int.from_bytes(content[at + 2 : at + 4], 'big')
    return len(content)


def _png_fault(content: bytes, checksums: bool) -> str:
    """Walk the chunks to the one that marks the end."""
    if len(content) < _PNG_HEAD:
        return 'is cut off'
    if content[12:16] != b'IHDR':
        return 'is damaged (its first part is not IHDR)'
    at, kind = len(PNG), b''
    while kind != b'IEND':
        size, kind = int.from_bytes(content[at : at + 4], 'big'), content[at + 4 : at + 8]
        end = at + 12 + size
        if end > len(content):
            return 'is cut off'
        if checksums and zlib.crc32(content[at + 4 : end - 4]) != int.from_bytes(content[end - 4 : end], 'big'):
            return f'is damaged (checksum of the part {kind.decode("latin1")})'
        at = end
    return ''
