"""Videos joined of two that were encoded with other settings, or of pieces of one, without encoding them anew."""

import struct

import av

from cdb_video_files.video.entry_points import _CODECS, _configured


def join_in_band(first, second, target, codec='h264', repeat=False):
    """The second one's parameter sets stand before its first picture, or with `repeat` before each of its key ones."""
    _join(first, second, target, codec=codec, every=repeat)
    return target


def join_with_two_descriptions(first, second, target):
    """MP4 with a sample description for each, as editors that join clips write it."""
    sizes, start = _join(first, second, target)
    content = target.read_bytes()
    entry = _box(second.read_bytes(), b'stsd')[16:]
    both = struct.pack('>4xI', 2) + _box(content, b'stsd')[16:] + entry
    # A chunk for each packet.
    offsets = [content.index(b'mdat') + 4 + sum(sizes[:number]) for number in range(len(sizes))]
    content = _replaced(content, b'stsd', both)
    content = _replaced(content, b'stsc', struct.pack('>4xI6I', 2, 1, 1, 1, start + 1, 1, 2))
    content = _replaced(content, b'stco', struct.pack(f'>4xI{len(offsets)}I', len(offsets), *offsets))
    target.write_bytes(content)
    return target


def show_pieces(source, target, *pieces, rate=24):
    """MP4 whose edit list shows pieces of the frames, each from a first one to before another."""
    with av.open(str(source)) as whole, av.open(str(target), 'w') as shown:
        stream = whole.streams.video[0]
        copy = shown.add_stream_from_template(stream)
        packets = [packet for packet in whole.demux(stream) if packet.size]
        times = sorted(packet.pts for packet in packets)
        for packet in packets:
            packet.stream = copy
            shown.mux(packet)
    content = target.read_bytes()
    # Times in the list are in thousandths; those of frames are counted from the first one that is decoded.
    first = struct.unpack_from('>i', _box(content, b'elst'), 20)[0]
    entries = [struct.pack('>IiHH', round(1000 * (b - a) / rate), first + times[a] - times[0], 1, 0) for a, b in pieces]
    body = struct.pack('>4xI', len(entries)) + b''.join(entries)
    target.write_bytes(_replaced(content, b'elst', body, (b'moov', b'trak', b'edts')))
    return target


def _join(first, second, target, codec=None, every=False):
    """Write the packets of both; gives the sizes of all and the number of those of the first."""
    (before, _), (after, extradata) = _packets(first), _packets(second)
    header = b''
    if codec is not None:
        units = _configured(extradata, _CODECS[codec].lengths_at)
        header = b''.join(struct.pack('>I', len(unit)) + unit for unit in units)
    shift = max(packet.pts for packet in before) + before[0].duration - min(packet.pts for packet in after)
    sizes = []
    with av.open(str(first)) as source, av.open(str(target), 'w') as joined:
        stream = joined.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate([*before, *after]):
            is_later = number >= len(before)
            begins = is_later and (number == len(before) or (every and packet.is_keyframe))
            copy = av.Packet(header * begins + bytes(packet))
            copy.pts, copy.dts = packet.pts + shift * is_later, packet.dts + shift * is_later
            copy.stream, copy.time_base, copy.is_keyframe = stream, packet.time_base, packet.is_keyframe
            copy.duration = packet.duration
            joined.mux(copy)
            sizes.append(copy.size)
    return sizes, len(before)


def _packets(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return [packet for packet in container.demux(stream) if packet.size], stream.codec_context.extradata


def _box(content, kind):
    at = content.index(kind) - 4
    return content[at : at + int.from_bytes(content[at : at + 4], 'big')]


_TABLE = (b'moov', b'trak', b'mdia', b'minf', b'stbl')


def _replaced(content, kind, body, outside=_TABLE):
    """Another box in place of one in `outside`, behind all pictures."""
    old, new = _box(content, kind), struct.pack('>I', 8 + len(body)) + kind + body
    at = content.index(kind) - 4
    content = bytearray(content[:at] + new + content[at + len(old) :])
    for outer in outside:
        at = content.index(outer) - 4
        (size,) = struct.unpack_from('>I', content, at)
        struct.pack_into('>I', content, at, size + len(new) - len(old))
    return bytes(content)
