"""Whether decoding can start at a packet with the result of a full decode.

Containers call more packets key ones: an H.264 stream with intra refresh marks where a decoder recovers some frames
later, and one with open groups where pictures shown earlier build on what came before. Of H.264 and HEVC only
pictures that make the decoder forget all others (IDR) are taken; of other codecs the container is believed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_START_CODE = re.compile(b'\0\0\1')
# Where a codec's configuration has the bytes of a length, less one; the types of IDR pictures; and where a type stands
# in the first byte of a unit.
_CODECS = {'h264': (4, (5,), 0, 0x1F), 'hevc': (21, (19, 20), 1, 0x3F)}


def starts_anew(packet: bytes, codec: str, extradata: bytes | None) -> bool:
    """Whether a packet that its container calls a key one is such a packet.

    Args:
        packet: Its bytes.
        codec: 'h264' or 'hevc', or another one, of which all key packets are.
        extradata: The codec's configuration, which says how units are told apart.
    """
    if codec not in _CODECS:
        return True
    place, wanted, shift, mask = _CODECS[codec]
    # A configuration of version 1 goes with lengths before the units, no or another one with start codes.
    has_lengths = extradata is not None and len(extradata) > place and extradata[0] == 1
    units = _by_length(packet, (extradata[place] & 3) + 1) if has_lengths and extradata else _by_start_code(packet)
    return any((first >> shift) & mask in wanted for first in units)


def _by_length(packet: bytes, width: int) -> Iterator[int]:
    """The first byte of each unit."""
    place = 0
    while place + width < len(packet):
        yield packet[place + width]
        place += width + int.from_bytes(packet[place : place + width], 'big')


def _by_start_code(packet: bytes) -> Iterator[int]:
    """The first byte of each unit."""
    return (packet[match.end()] for match in _START_CODE.finditer(packet) if match.end() < len(packet))
