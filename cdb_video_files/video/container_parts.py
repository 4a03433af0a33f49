"""What parts of AVI, Matroska and GIF files say of their length and libavformat does not. Standard library alone."""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

_SEGMENT = 0x18538067
# Before a Matroska file's Segment comes its EBML header, and perhaps a few elements that mean nothing.
_MOST_ELEMENTS = 8


def avi_chunks(path: str | os.PathLike[str], stream: int) -> int:
    """How many chunks of a video stream an AVI file holds from their first byte to the last, empty ones too.

    A recorder writes an empty chunk where it has no picture for a frame's time. The header counts them, and
    libavformat leaves them out.

    Args:
        path: An AVI file.
        stream: Its video stream, counted from 0 among all streams.

    Raises:
        OSError: If the file cannot be read.
    """
    size, place, count = os.path.getsize(path), 0, 0
    with open(path, 'rb') as file:
        while place + 8 <= size:
            file.seek(place)
            kind, length, form = struct.unpack('<4sI4s', file.read(12).ljust(12, b'\0'))
            if kind == b'RIFF' or (kind == b'LIST' and form in (b'movi', b'rec ')):
                place += 12  # what they hold comes next
                continue
            place += 8 + length
            # '00dc' and '00db' hold a picture; '00pc' a palette, and '00wb' sound.
            count += kind[:3] == b'%02dd' % stream and place <= size
            place += length % 2
    return count


def matroska_end(path: str | os.PathLike[str]) -> int | None:
    """How many bytes a Matroska or WebM file ought to have by its header; None = it does not say, as live streams.

    More bytes than these do no harm; with fewer it was cut off.

    Raises:
        OSError: If the file cannot be read.
    """
    with open(path, 'rb') as file:
        for _ in range(_MOST_ELEMENTS):
            kind, length = _number(file, with_marker=True), _number(file)
            if kind is None or length is None:
                return None
            end = file.tell() + length
            if kind == _SEGMENT:
                return end
            file.seek(end)
    return None


def gif_ends(path: str | os.PathLike[str]) -> bool:
    """Whether the blocks of a GIF are followed by its end; a file that was cut off lacks it.

    Raises:
        OSError: If the file cannot be read.
    """
    with open(path, 'rb') as file:
        screen = file.read(13)
        _skip_colours(file, screen[10:11])
        while (kind := file.read(1)) in (b',', b'!', b'\0'):
            if kind == b',':
                _skip_colours(file, file.read(9)[8:9])
            if kind != b'\0':  # some programs write stray zeros between blocks
                file.seek(1, os.SEEK_CUR)
                _skip_blocks(file)
        return kind == b';'


def _skip_colours(file: BinaryIO, flags: bytes) -> None:
    """Pass over a table of 2 to 256 colours, if the flags say that there is one."""
    if flags and flags[0] & 0x80:
        file.seek(6 << (flags[0] & 7), os.SEEK_CUR)


def _skip_blocks(file: BinaryIO) -> None:
    """Pass over blocks that begin with their length, up to the one of length 0."""
    while length := int.from_bytes(file.read(1), 'big'):
        file.seek(length, os.SEEK_CUR)


def _number(file: BinaryIO, with_marker: bool = False) -> int | None:
    """EBML's number of 1 to 8 bytes, whose first bit that is set says how many; None = no number, or not known."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    width = 9 - first[0].bit_length()
    content = first + file.read(width - 1)
    number = int.from_bytes(content, 'big')
    if len(content) < width:
        return None
    if with_marker:
        return number
    mask = (1 << 7 * width) - 1
    # All ones stand for a length that was not known when the header was written.
    return None if number & mask == mask else number & mask
