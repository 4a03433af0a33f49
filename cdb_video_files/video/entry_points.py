"""At which packets decoding can start with the result of a full decode.

Containers call more packets key ones: an H.264 stream with intra refresh marks where a decoder recovers some frames
later, and one with open groups where pictures shown earlier build on what came before. Of H.264 and HEVC only
pictures that make the decoder forget all others (IDR) are taken; of other codecs the container is believed.

Nor does a picture decode by itself where the parameter sets have changed since the start, as in a file that was joined
of two: then decoding starts at the packet that brings what is in force, or before it.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from itertools import pairwise

_START_CODE = re.compile(b'\0\0\1')


@dataclass(frozen=True)
class _Codec:
    """How the units of a codec are told apart, by the type in their first byte."""

    lengths_at: int | None  # where its configuration has the bytes of a length, less one; None = start codes alone
    shift: int
    mask: int
    pictures: range | None  # types of IDR pictures; None = the container knows best
    parameters: range  # types of what holds until it is replaced


_CODECS = {
    'h264': _Codec(4, 0, 0x1F, range(5, 6), range(7, 9)),
    'hevc': _Codec(21, 1, 0x3F, range(19, 21), range(32, 35)),
    'mpeg4': _Codec(None, 0, 0xFF, None, range(0x20, 0x30)),
}
# Of MPEG-4 this starts the picture, and headers stand before it.
_MPEG4_PICTURE = b'\0\0\1\xb6'


class EntryPoints:
    """Tells of each packet, given in their order from the first, whether decoding can start there.

    Args:
        codec: Its name; of others than H.264, HEVC and MPEG-4 the container is believed.
        extradata: The codec's configuration, which a decoder starts with.
    """

    def __init__(self, codec: str, extradata: bytes | None) -> None:
        self._codec = _CODECS.get(codec)
        self._replaced = False
        # Parameter sets that came with packets and that no decoder starts with: in force, for all one knows.
        self._brought: set[bytes] = set()
        self._configure(extradata or b'')

    def add(self, packet: bytes, is_key: bool, new_extradata: bytes = b'') -> bool:
        """Whether decoding can start at the next packet.

        Args:
            packet: Its bytes.
            is_key: Whether its container calls it a key packet.
            new_extradata: The configuration that comes with it and replaces the one before, if any.
        """
        if self._codec is None:
            return is_key
        if new_extradata:
            self._replaced = True
            self._brought.clear()
            self._configure(new_extradata)
        own, anew = set(), self._codec.pictures is None
        for unit in self._units(packet):
            kind = self._type(unit[0])
            anew |= self._codec.pictures is not None and kind in self._codec.pictures
            if kind in self._codec.parameters:
                own.add(_stripped(unit))
        self._brought |= own - self._known
        return is_key and anew and self._brought <= own and (bool(new_extradata) or not self._replaced)

    def _configure(self, extradata: bytes) -> None:
        """Learn how units are told apart, and which parameter sets a decoder has from the configuration."""
        self._width = 0
        self._known: set[bytes] = set()
        # A configuration of version 1 goes with lengths before the units, no or another one with start codes.
        place = self._codec.lengths_at if self._codec else None
        if place is not None and len(extradata) > place and extradata[0] == 1:
            self._width = (extradata[place] & 3) + 1
            self._known = set(map(_stripped, _configured(extradata, place)))
        elif self._codec is not None:
            units = map(bytes, _by_start_code(extradata))
            self._known = {_stripped(unit) for unit in units if self._type(unit[0]) in self._codec.parameters}

    def _type(self, first: int) -> int:
        assert self._codec is not None
        return (first >> self._codec.shift) & self._codec.mask

    def _units(self, packet: bytes) -> Iterator[memoryview]:
        if self._width:
            return _by_length(packet, self._width)
        if self._codec is _CODECS['mpeg4']:
            packet = packet[: packet.find(_MPEG4_PICTURE) + 1]
        return _by_start_code(packet)


def _stripped(unit: bytes | memoryview) -> bytes:
    """A unit without the zeros that may follow it."""
    return bytes(unit).rstrip(b'\0')


def _configured(extradata: bytes, place: int) -> Iterator[bytes]:
    """The parameter sets in a configuration of H.264 or HEVC."""
    if place == _CODECS['h264'].lengths_at:
        at = 5
        for mask in (0x1F, 0xFF):  # sequences, pictures
            at = yield from _counted(extradata, at + 1, _number(extradata, at, 1) & mask)
        return
    at = 23
    for _ in range(_number(extradata, 22, 1)):
        at = yield from _counted(extradata, at + 3, _number(extradata, at + 1, 2))


def _counted(extradata: bytes, at: int, count: int) -> Generator[bytes, None, int]:
    """`count` units with their lengths from `at` on; returns where they end."""
    for _ in range(count):
        start, at = at + 2, at + 2 + _number(extradata, at, 2)
        yield extradata[start:at]
    return at


def _number(data: bytes, at: int, width: int) -> int:
    return int.from_bytes(data[at : at + width], 'big')


def _by_length(packet: bytes, width: int) -> Iterator[memoryview]:
    """The units, each of at least a byte."""
    place, view = 0, memoryview(packet)
    while place + width < len(packet):
        length = _number(packet, place, width)
        place += width
        if length:
            yield view[place : place + length]
        place += length


def _by_start_code(packet: bytes) -> Iterator[memoryview]:
    """The units, each of at least a byte; what stands before the first start code is none."""
    view = memoryview(packet)
    starts = [match.end() for match in _START_CODE.finditer(packet)]
    for start, following in pairwise([*starts, len(packet) + 3]):
        if start < following - 3:
            yield view[start : following - 3]
