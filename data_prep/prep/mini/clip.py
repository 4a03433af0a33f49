"""One clip of EGTEA-mini: drawn, encoded, put in place. Runs in worker processes, so no torch."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np

from prep.mini.motions import VERBS
from prep.mini.scene import NOUNS, UInt8Array, make_kitchen, render_clip

FPS = 24
MIN_FRAMES = 15
"""EGTEA's shortest clip."""
MAX_FRAMES = 64
"""The longest clip, unless the options say otherwise."""
TEMPORARY_SUFFIX = '.part'


@dataclass(frozen=True)
class Options:
    """What decides the content of the data set.

    Attributes:
        seed: >= 0.
        size: Side of the frame in pixels, a multiple of 32.
        scale: Factor on the number of clips, in (0, 1].
        codec: PyAV's name of the encoder.
        max_frames: Length at which longer clips are cut, at least MIN_FRAMES.
        few_sessions: Whether every second verb has its training clips from two sessions; see `make_plan`.
    """

    seed: int
    size: int
    scale: float
    codec: str
    max_frames: int = MAX_FRAMES
    few_sessions: bool = False


@dataclass(frozen=True)
class Job:
    """A clip to make; ids count from 1."""

    index: int
    session: str
    verb: int
    noun: int
    num_frames: int
    path: Path
    options: Options


def pick_codec() -> str:
    """H.264 where this PyAV can write it, else MPEG-4 part 2."""
    return 'libx264' if 'libx264' in av.codecs_available else 'mpeg4'


def _text_seed(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], 'big')


def draw(job: Job) -> UInt8Array:
    """Draw a clip from nothing but its job: (T, S, S, 3) uint8 RGB."""
    seed = job.options.seed
    return render_clip(
        VERBS[job.verb - 1],
        NOUNS[job.noun - 1],
        kitchen=make_kitchen(np.random.default_rng([seed, 1, _text_seed(job.session)])),
        num_frames=job.num_frames,
        size=job.options.size,
        rng=np.random.default_rng([seed, 2, job.index]),
    )


def encode(frames: UInt8Array, path: Path, codec: str) -> None:
    """Write frames (T, H, W, 3) uint8 RGB as an mp4 that shows exactly T frames.

    No B-frames: they would need an edit list, which readers treat differently. One thread: the
    bytes must not depend on the machine's cores. The quality keeps motions of a pixel.
    """
    h264 = codec == 'libx264'
    quality = {'crf': '18', 'preset': 'superfast', 'tune': 'zerolatency'} if h264 else {}
    with av.open(str(path), 'w', format='mp4') as container:
        stream = container.add_stream(codec, rate=FPS, options=quality)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = 'yuv420p'
        stream.gop_size = 12
        stream.max_b_frames = 0
        stream.thread_count = 1
        if not h264:
            stream.bit_rate = 600_000
        for image in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format='rgb24')))
        container.mux(stream.encode())


def count_frames(path: Path) -> int:
    """Decode a clip and count.

    Raises:
        av.error.FFmpegError: If it cannot be decoded to the end.
    """
    with av.open(str(path)) as container:
        container.streams.video[0].codec_context.options = {'err_detect': 'explode'}
        return sum(1 for _ in container.decode(video=0))


def make_clip(job: Job) -> None:
    """Write one clip under a temporary name and rename it: a file that bears its name is whole."""
    cv2.setNumThreads(0)
    job.path.parent.mkdir(parents=True, exist_ok=True)
    temporary = job.path.with_name(job.path.name + TEMPORARY_SUFFIX)
    encode(draw(job), temporary, job.options.codec)
    temporary.replace(job.path)
