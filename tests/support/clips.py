"""Small real videos for the tests, whole and damaged."""

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np


def write_clip(path, frames=12, size=(64, 48), codec='libx264', shade=None, bit_rate=400_000, **options):
    """Encode a clip; `size` is (width, height). Every frame is noise, or one grey `shade`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(frames)
    with av.open(str(path), 'w', format='mp4', options={'movflags': 'faststart'}) as container:
        stream = container.add_stream(codec, rate=24, options=options)
        stream.width, stream.height = size
        stream.pix_fmt = 'yuv420p'
        stream.bit_rate = bit_rate
        for number in range(frames):
            image = rng.integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
            if shade is not None:
                image[:] = shade[number]
            frame = av.VideoFrame.from_ndarray(image, format='rgb24')
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_audio(path):
    """A file with sound and no picture."""
    with av.open(str(path), 'w', format='mp4') as container:
        stream = container.add_stream('aac', rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 44100), np.float32), format='fltp', layout='mono')
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_shortened_by_edit_list(source, target, skip_seconds):
    """Copy the stream, but let the container's edit list hide the first seconds."""
    with av.open(str(source)) as whole, av.open(str(target), 'w') as short:
        stream = whole.streams.video[0]
        copy = short.add_stream_from_template(stream)
        for packet in whole.demux(stream):
            if packet.dts is None:
                continue
            packet.stream = copy
            shift = round(skip_seconds / packet.time_base)
            packet.pts -= shift
            packet.dts -= shift
            short.mux(packet)
    return target


def write_from_second_key_packet(source, target):
    """Copy the stream, but for its first group of frames: what builds on it and is shown later cannot be decoded."""
    with av.open(str(source)) as whole, av.open(str(target), 'w') as part:
        stream = whole.streams.video[0]
        copy = part.add_stream_from_template(stream)
        packets = [packet for packet in whole.demux(stream) if packet.size]
        first = [number for number, packet in enumerate(packets) if packet.is_keyframe][1]
        start = min(packet.pts for packet in packets[first:])
        for packet in packets[first:]:
            packet.stream = copy
            packet.pts -= start
            packet.dts -= start
            part.mux(packet)
    return target


def write_held(source, target, seconds, **muxer):
    """Copy the stream, but let its last frame be shown for some seconds."""
    with av.open(str(source)) as whole, av.open(str(target), 'w', options=muxer) as held:
        stream = whole.streams.video[0]
        copy = held.add_stream_from_template(stream)
        packets = [packet for packet in whole.demux(stream) if packet.size]
        # The last to be shown, and to be decoded: MP4 adds up the latter.
        for packet in (max(packets, key=lambda packet: packet.pts), packets[-1]):
            packet.duration = round(seconds / packet.time_base)
        for packet in packets:
            packet.stream = copy
            held.mux(packet)
    return target


def write_packed(source, target):
    """Copy MPEG-4 with single B-frames the way DivX packs it: a packet of two frames, then one that shows nothing."""
    start = b'\0\0\1\xb6'
    with av.open(str(source)) as whole, av.open(str(target), 'w') as packed:
        stream = whole.streams.video[0]
        copy = packed.add_stream_from_template(stream)
        contents = [bytes(packet) for packet in whole.demux(stream) if packet.size]
        # The two bits after the start code: 2 is a B-frame.
        are_b = [content[content.index(start) + 4] >> 6 == 2 for content in contents]
        contents[0] = contents[0].replace(start, b'\0\0\1\xb2DivX503b1393p' + start, 1)
        for number, content in enumerate(contents):
            if are_b[number]:
                content = start + b'\x56\0\x7f'
            elif number + 1 < len(contents) and are_b[number + 1]:
                content += contents[number + 1]
            packet = av.Packet(content)
            packet.stream, packet.time_base, packet.is_keyframe = copy, Fraction(1, 24), number == 0
            packet.pts = packet.dts = number
            packed.mux(packet)
    return target


def cut(source, target, share):
    """Keep the first part of a file, as a broken download does."""
    content = source.read_bytes()
    target.write_bytes(content[: round(len(content) * share)])
    return target


def spoil_middle(source, target, count=1000):
    """Replace bytes in the middle of a file by noise."""
    content = bytearray(source.read_bytes())
    start = len(content) // 2
    content[start : start + count] = np.random.default_rng(0).bytes(count)
    target.write_bytes(content)
    return target


def tree(folder: Path) -> dict[str, bytes]:
    """All files below a folder and what they hold."""
    files = sorted(path for path in folder.rglob('*') if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def write_class_videos(folder, counts):
    """`counts` clips of every class as <folder>/<class>/<number>.mp4; the shade of grey tells the class.

    Returns:
        (path below `folder`, class name) of every clip.
    """
    rows = []
    for label, (name, count) in enumerate(counts.items()):
        for number in range(count):
            path = f'{name}/{number}.mp4'
            write_clip(folder / path, frames=6, shade=[40 + 170 * label // len(counts) + number] * 6)
            rows.append((path, name))
    return rows


def write_paced(path, times, codec='libx264', rate=24):
    """A clip of 64x48 whose frame k is shown at `times[k]` seconds and has grey shade 10 + 8 k."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), 'w', format='mp4') as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = 64, 48, 'yuv420p'
        stream.codec_context.time_base = Fraction(1, 1000)
        for number, time in enumerate(times):
            image = np.full((48, 64, 3), 10 + 8 * number, np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format='rgb24')
            frame.pts, frame.time_base = round(1000 * time), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_picture_clip(path, image, pix_fmt='yuv420p', colorspace=None, color_range=None, frames=3):
    """A nearly lossless clip of one image, (H, W, 3) uint8 RGB, with colour tags as PyAV numbers them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), 'w', format='mp4') as container:
        stream = container.add_stream('libx264', rate=24, options={'crf': '1'})
        stream.height, stream.width = image.shape[:2]
        stream.pix_fmt = pix_fmt
        tags = {'dst_colorspace': colorspace, 'dst_color_range': color_range}
        for _ in range(frames):
            frame = av.VideoFrame.from_ndarray(image, format='rgb24').reformat(format=pix_fmt, **tags)
            if colorspace is not None:
                frame.colorspace = stream.codec_context.colorspace = colorspace
            if color_range is not None:
                frame.color_range = stream.codec_context.color_range = color_range
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def turn_by_header(path, matrix):
    """Let the header ask for a, b, c, d of a display matrix: x' = a x + c y, y' = b x + d y."""
    content = bytearray(path.read_bytes())
    # The matrix lies 44 bytes into the track header: version and flags, times, id, duration, layer, volume.
    at = content.index(b'tkhd') + 4 + 40
    a, b, c, d = (round(number * 65536) for number in matrix)
    content[at : at + 36] = struct.pack('>9i', a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(content)
    return path


def write_with_two_sizes(path):
    """Motion JPEG whose frames change from 64x48 to 96x64 after the fourth."""
    with av.open(str(path), 'w', format='matroska') as container:
        stream = container.add_stream('mjpeg', rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, 'yuvj420p'
        other = av.CodecContext.create('mjpeg', 'w')
        other.width, other.height, other.pix_fmt, other.time_base = 96, 64, 'yuvj420p', Fraction(1, 24)
        for number in range(8):
            small = number < 4
            frame = av.VideoFrame(*((64, 48) if small else (96, 64)), 'yuvj420p')
            for packet in (stream if small else other).encode(frame):
                packet.stream, packet.time_base = stream, Fraction(1, 24)
                packet.pts = packet.dts = number
                container.mux(packet)
    return path


def write_lying_avi(path, announced):
    """An AVI of 12 frames whose header announces another number."""
    with av.open(str(path), 'w', format='avi') as container:
        stream = container.add_stream('mpeg4', rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, 'yuv420p'
        for _ in range(12):
            container.mux(stream.encode(av.VideoFrame(64, 48, 'yuv420p')))
        container.mux(stream.encode())
    content = bytearray(path.read_bytes())
    # The number of frames is the ninth word of the stream header.
    at = content.index(b'strh') + 8 + 32
    content[at : at + 4] = struct.pack('<I', announced)
    path.write_bytes(content)
    return path


def write_avi(path, frames, gap=0, empty_end=0):
    """An AVI of noise, without pictures for the time of `gap` frames in its middle and for the last `empty_end` frames.

    It holds an empty chunk for each of them, which the header counts.
    """
    rng = np.random.default_rng(0)
    with av.open(str(path), 'w', format='avi') as container:
        stream = container.add_stream('mpeg4', rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, 'yuv420p'
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(rng.integers(0, 255, (48, 64, 3), dtype=np.uint8), format='rgb24')
            frame.pts, frame.time_base = number + gap * (number >= frames // 2), Fraction(1, 24)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    content = bytearray(path.read_bytes())
    first, index = content.index(b'movi'), content.index(b'idx1') + 8
    for entry in range(len(content) - 16 * empty_end, len(content), 16):
        assert entry >= index
        place, length = struct.unpack_from('<II', content, entry + 8)
        struct.pack_into('<I', content, entry + 12, 0)
        # An empty chunk, and another one over what was the picture.
        struct.pack_into('<I4sI', content, first + place + 4, 0, b'JUNK', length - 8)
    path.write_bytes(content)
    return path
