"""Clips to extract and to read: 640x480, 72 frames, H.264 at two bit rates and MPEG-4.

EGTEA's own clips cannot be passed on and their codec is not known to us, so these bracket them. The
pictures are real footage where a folder of videos is given, enlarged, with the motion of a hand-held
camera and sensor noise added; without one they are a made-up texture with the same motion and noise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np

SIZE = (640, 480)
FRAMES = 72
FPS = 24
# The margin that the camera may move in, in pixels.
_MARGIN = (80, 60)
_NOISE = 3.0


@dataclass(frozen=True)
class Kind:
    """How clips are encoded: PyAV's name of the encoder, and bits per second."""

    name: str
    codec: str
    bit_rate: int


KINDS = (
    Kind('H.264 5.8 Mb/s', 'libx264', 5_800_000),
    Kind('H.264 1.6 Mb/s', 'libx264', 1_600_000),
    Kind('MPEG-4 2.8 Mb/s', 'mpeg4', 2_800_000),
)


def make_clips(folder: Path, footage: Path | None, count: int, seed: int) -> dict[str, list[Path]]:
    """Encode `count` clips of every kind below `folder`; return their paths by kind.

    Args:
        folder: Empty or new.
        footage: A folder of videos to take the pictures from; None = a made-up texture.
        count: Clips of each kind.
        seed: Of camera motion, noise and texture.
    """
    paths: dict[str, list[Path]] = {kind.name: [] for kind in KINDS}
    for index in range(count):
        rng = np.random.default_rng((seed, index))
        images = list(shake(pictures(footage, index, rng), rng))
        for number, kind in enumerate(KINDS):
            path = folder / f'kind{number}' / 'clips' / f'{index:03}.mp4'
            path.parent.mkdir(parents=True, exist_ok=True)
            encode(path, images, kind)
            paths[kind.name].append(path)
    return paths


def encode(path: Path, images: Sequence[np.ndarray], kind: Kind) -> None:
    """Encode (H, W, 3) uint8 images, blue first."""
    with av.open(str(path), 'w') as container:
        stream = container.add_stream(kind.codec, rate=FPS)
        stream.width, stream.height = SIZE
        stream.pix_fmt = 'yuv420p'
        stream.bit_rate = kind.bit_rate
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format='bgr24')))
        container.mux(stream.encode())


def pictures(footage: Path | None, index: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """FRAMES images of at least SIZE plus twice the margin."""
    width, height = (side + 2 * margin for side, margin in zip(SIZE, _MARGIN, strict=True))
    if footage is None:
        texture = cv2.resize(
            rng.integers(0, 255, (40, 60, 3), dtype=np.uint8), (width, height), interpolation=cv2.INTER_CUBIC
        )
        yield from (texture for _ in range(FRAMES))
        return
    for image in _footage(footage, index):
        yield cv2.resize(image, (width, height), interpolation=cv2.INTER_CUBIC)


def _footage(folder: Path, index: int) -> list[np.ndarray]:
    """FRAMES frames that follow each other; another place for every index."""
    places = []
    for path in sorted([*folder.glob('*.mp4'), *folder.glob('*.avi')]):
        with av.open(str(path)) as container:
            places += [(path, start) for start in range(0, container.streams.video[0].frames - FRAMES, FRAMES)]
    if not places:
        raise ValueError(f'{folder} holds no video of {FRAMES} frames or more. Name another folder, or none')
    # A stride that shares no factor with small counts takes the clips from all the videos.
    path, start = places[index * 5 % len(places)]
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format='bgr24') for frame in container.decode(video=0)]
    return frames[start : start + FRAMES]


def shake(images: Iterator[np.ndarray], rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Cut SIZE out of larger images along a smooth path, and add noise."""
    limit = np.array(_MARGIN) - 2
    path = np.array(_MARGIN) + np.clip(np.cumsum(rng.normal(0, 1.5, (FRAMES, 2)), 0), -limit, limit)
    for image, (x, y) in zip(images, path, strict=True):
        centre = (float(x) + SIZE[0] / 2 - 0.5, float(y) + SIZE[1] / 2 - 0.5)
        part = cv2.getRectSubPix(image, SIZE, centre).astype(np.float32)
        part += rng.normal(0, _NOISE, part.shape).astype(np.float32)
        yield np.clip(part, 0, 255).astype(np.uint8)
