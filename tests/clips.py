"""Small real videos for the tests, whole and damaged."""

from pathlib import Path

import av
import numpy as np


def write_clip(path, frames=12, size=(64, 48), codec='libx264', shade=None, **options):
    """Encode a clip; `size` is (width, height). Every frame is noise, or one grey `shade`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(frames)
    with av.open(str(path), 'w', format='mp4', options={'movflags': 'faststart'}) as container:
        stream = container.add_stream(codec, rate=24, options=options)
        stream.width, stream.height = size
        stream.pix_fmt = 'yuv420p'
        stream.bit_rate = 400_000
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
