"""Clips of noise in containers of all kinds, written in a process of their own.

Where decord was loaded first, PyAV's libvpx does not open: decord brings one of its own.
"""

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

FRAMES = 72


def write(path, codec, sound_seconds=0, **muxer):
    """72 frames of noise at 24 a second, in the container that the name stands for."""
    path.parent.mkdir(parents=True, exist_ok=True)
    arguments = [str(path), codec, str(sound_seconds), *(f'{key}={value}' for key, value in muxer.items())]
    subprocess.run([sys.executable, str(Path(__file__).resolve()), *arguments], check=True)
    return path


def _write(path, codec, sound_seconds, *muxer):
    rng = np.random.default_rng(0)
    with av.open(path, 'w', options=dict(option.split('=') for option in muxer)) as container:
        stream = container.add_stream(codec, rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, 'yuv420p'
        if int(sound_seconds):
            _write_silence(container, container.add_stream('flac', rate=8000), int(sound_seconds))
        for _ in range(FRAMES):
            image = rng.integers(0, 255, (48, 64, 3), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format='rgb24')))
        container.mux(stream.encode())


def _write_silence(container, stream, seconds):
    frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000 * seconds), np.int16), format='s16', layout='mono')
    frame.sample_rate, frame.pts, frame.time_base = 8000, 0, Fraction(1, 8000)
    container.mux(stream.encode(frame))
    container.mux(stream.encode())


if __name__ == '__main__':
    _write(*sys.argv[1:])
