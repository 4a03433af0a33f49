"""Read a video as training would, with PyAV and on demand with decord, and keep the books.

Readers are silent about much: a stream that was cut just ends, and decord repeats the last frame as often as
the header wants. What gives it away: fewer packets than the header announces, packets or frames marked as
corrupt, two readers that disagree. By default all packets are read, but only a few frames decoded; noise
inside a packet is found by decoding them all.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np

from cdb_video_files.video.announced_length import LengthCheck
from cdb_video_files.video.containers import picture_stream

_DECORD_BATCH = 32


@dataclass
class Seen:
    """What was seen of a video.

    Attributes:
        problems: Pairs of kind and detail.
        announced: Frames that its header promises, without those that an edit list hides; None = it does not say.
        decoded: Frames that were decoded.
        frames: How many frames it has: decoded ones where all were, else packets; None = not known.
        hidden: Frames that an edit list hides.
        sha256: Of the file, where all of it was read.
        size: Width and height of its frames, in pixels; None = not known.
        is_bounded: Whether it announces a number of frames or a duration; else a cut cannot be seen.
    """

    problems: list[tuple[str, str]] = field(default_factory=list)
    announced: int | None = None
    decoded: int = 0
    frames: int | None = None
    hidden: int = 0
    sha256: str | None = None
    size: tuple[int, int] | None = None
    is_bounded: bool = True


def check_video(
    path: Path, seed: str, full: bool, samples: int, decord: bool, beat: Callable[[], None] = lambda: None
) -> Seen:
    """Read a video that exists and is not empty.

    Args:
        path: The file.
        seed: Decides where the samples lie.
        full: Whether to decode every frame.
        samples: How many frames to decode otherwise, at a key frame drawn by the seed.
        decord: Whether decord must read it too, and see as many frames.
        beat: Called again and again, as a sign of life.

    Raises:
        OSError: If the file cannot be read for reasons that are not its content.
    """
    av.logging.set_level(None)
    seen = Seen()
    try:
        with av.open(str(path)) as container:
            stream = picture_stream(container)
            if stream is None:
                seen.problems.append(('unreadable', 'the file holds no video stream'))
                return seen
            if full:
                _decode_all(container, stream, seen, beat)
            else:
                _decode_some(container, stream, seen, random.Random(seed), samples, beat)
    except av.error.FFmpegError as error:
        kind = 'unreadable' if seen.decoded == 0 else 'damaged'
        seen.problems.append((kind, f'PyAV fails after {seen.decoded} frames ({error.strerror})'))
    if full:
        with path.open('rb') as file:
            seen.sha256 = hashlib.file_digest(file, 'sha256').hexdigest()
    if decord and not seen.problems:
        _read_with_decord(path, seen, full, samples, random.Random(seed), beat)
    return seen


def _decode_all(container: Any, stream: Any, seen: Seen, beat: Callable[[], None]) -> None:
    packets = hidden = 0
    sizes = set()
    length = LengthCheck(container, stream)
    for packet in container.demux(stream):
        beat()
        packets += packet.size > 0
        hidden += packet.is_discard
        length.add(packet)
        frames = packet.decode()
        seen.decoded += len(frames)
        sizes |= {(frame.width, frame.height) for frame in frames}
        if packet.is_corrupt or any(frame.is_corrupt for frame in frames):
            seen.problems.append(('damaged', f'marked as corrupt at frame {seen.decoded}'))
            return
    seen.frames = seen.decoded
    if not seen.decoded:
        seen.problems.append(('unreadable', 'no frame can be decoded'))
    seen.size = min(sizes, default=None)
    if len(sizes) > 1:
        seen.problems.append(
            ('frame size', f'the frame size changes: {", ".join(f"{w}x{h}" for w, h in sorted(sizes))}')
        )
    _compare_with_header(stream.frames, packets, hidden, length, seen)
    # An MPEG-4 stream with packed B-frames ends in an empty packet: one frame less is let pass.
    if seen.announced is not None and not seen.problems and seen.decoded < seen.announced - 1:
        seen.problems.append(
            ('truncated', f'{seen.decoded} frames can be decoded, its header announces {seen.announced}')
        )


def _decode_some(
    container: Any, stream: Any, seen: Seen, rng: random.Random, samples: int, beat: Callable[[], None]
) -> None:
    packets = hidden = 0
    keys = []
    length = LengthCheck(container, stream)
    for packet in container.demux(stream):
        beat()
        packets += packet.size > 0
        hidden += packet.is_discard
        length.add(packet)
        if packet.is_corrupt:
            seen.problems.append(('damaged', f'packet {packets} is marked as corrupt'))
            return
        if packet.is_keyframe and packet.pts is not None:
            keys.append(packet.pts)
    _compare_with_header(stream.frames, packets, hidden, length, seen)
    if seen.problems:
        return
    seen.frames = max(packets - hidden, 0)
    if keys:
        container.seek(rng.choice(keys), stream=stream)
        _decode_on(container, stream, seen, samples, beat)
    if not seen.decoded:  # in MPEG-TS seeking may miss the last key frame
        container.seek(0)
        _decode_on(container, stream, seen, samples, beat)
    if not seen.decoded:
        seen.problems.append(('unreadable', 'no frame can be decoded'))


def _decode_on(container: Any, stream: Any, seen: Seen, samples: int, beat: Callable[[], None]) -> None:
    for frame in container.decode(stream):
        beat()
        seen.decoded += 1
        seen.size = (frame.width, frame.height)
        if frame.is_corrupt:
            seen.problems.append(('damaged', 'a sampled frame is marked as corrupt'))
            return
        if seen.decoded == samples:
            return


def _compare_with_header(announced: int, packets: int, hidden: int, length: LengthCheck, seen: Seen) -> None:
    seen.is_bounded = length.is_known
    if why := length.why_short():
        seen.problems.append(('truncated', why))
    if announced == 0:  # the container does not say
        return
    if packets < announced and length.reaches_end():
        announced = packets
    seen.announced, seen.hidden = announced - hidden, hidden
    if packets < announced:
        seen.problems.append(('truncated', f'{packets} packets, its header announces {announced}'))


def _read_with_decord(
    path: Path, seen: Seen, full: bool, samples: int, rng: random.Random, beat: Callable[[], None]
) -> None:
    from decord import DECORDError, VideoReader

    try:
        reader = VideoReader(str(path), num_threads=1)
        count = len(reader)
        chosen = range(count) if full else sorted(rng.sample(range(count), min(samples, count)))
        for start in range(0, len(chosen), _DECORD_BATCH):
            beat()
            np.asarray(reader.get_batch(list(chosen[start : start + _DECORD_BATCH])).asnumpy())
    except (DECORDError, RuntimeError, IndexError) as error:
        lines = str(error).split('\n')
        seen.problems.append(('decord', f'decord fails: {lines[0][:200]}'))
        return
    # Packets can be one more than frames, see above; decoded frames are exact.
    slack = 0 if full else 1
    if seen.frames is not None and abs(count - seen.frames) > slack:
        seen.problems.append(('decord', f'decord sees {count} frames, PyAV {seen.frames}'))
