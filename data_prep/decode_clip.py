"""One clip -> its folder of JPEG frames. Runs in worker processes: imports PyAV and OpenCV only."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from command_parts import start_worker as start_any_worker
from frame_folder import FRAME_NAME, Manifest, Options, Source, put_in_place, write_manifest

# libavformat's flag for a still picture, such as the cover of an audio file.
_ATTACHED_PICTURE = av.stream.Disposition.attached_pic

# AREA: a new pixel is the mean of those it covers, so fine patterns do not alias. The other flags
# make the colours exact: swscale's quick way is 1 to 1.5 levels too dark.
_CONVERSION = (
    Interpolation.AREA | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP | Interpolation.FULL_CHR_H_INT
)


class ClipError(ValueError):
    """A video file cannot be read completely; the message names the rule that it breaks."""


@dataclass(frozen=True)
class Task:
    """One clip to extract: a video file and the folder that its frames go to."""

    source: Path
    folder: Path


@dataclass(frozen=True)
class Outcome:
    """What became of a task: frames and bytes written, or what is wrong with the file."""

    task: Task
    frames: int = 0
    bytes: int = 0
    missing_tail: int = 0
    damage: str | None = None


def start_worker() -> None:
    """Prepare a worker of the pool: one process uses one core, and the decoders are silent."""
    start_any_worker()
    cv2.setNumThreads(1)
    av.logging.set_level(None)


def extract_clip(task: Task, options: Options) -> Outcome:
    """Decode all frames of a clip; its folder appears by rename when it is complete.

    An existing folder is replaced: the caller has decided that it may be.

    Raises:
        OSError: If the folder cannot be written (disk full, no permission); the video's own faults
            are reported in `Outcome.damage`.
    """
    partial = task.folder.with_name(f'.{task.folder.name}.partial')
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        manifest, written = _write_frames(task.source, partial, options)
        write_manifest(partial, manifest)
        put_in_place(partial, task.folder)
    except (ValueError, av.error.FFmpegError, cv2.error) as error:
        return Outcome(task, damage=str(error))
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    tail = max(0, (manifest.announced or 0) - manifest.frames)
    return Outcome(task, frames=manifest.frames, bytes=written, missing_tail=tail)


def _write_frames(source: Path, folder: Path, options: Options) -> tuple[Manifest, int]:
    identity = _identify(source)
    if identity.size == 0:
        raise ClipError('the file is empty (0 bytes)')
    count = written = 0
    size: tuple[int, int] | None = None
    with _open(source) as container:
        stream = _video_stream(container)
        reader = _Reader(container, stream)
        for image in reader.images(options.short_side):
            if size not in (None, image.shape[:2]):
                raise ClipError(f'the frame size changes after {count} frames')
            size = image.shape[:2]
            count += 1
            jpeg = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, options.quality])[1]
            written += (folder / FRAME_NAME.format(count)).write_bytes(jpeg.data)
        announced = reader.check_count(count)
    if size is None:
        raise ClipError('no frame can be decoded')
    return Manifest(count, announced, size[1], size[0], options, identity), written


def _identify(source: Path) -> Source:
    try:
        return Source.of(source)
    except OSError as error:
        raise ClipError(f'the file cannot be read ({error.strerror})') from error


def _open(source: Path) -> av.container.InputContainer:
    try:
        return av.open(str(source))
    except av.error.FFmpegError as error:
        raise ClipError(f'not a readable video file ({error.strerror})') from error


def _video_stream(container: av.container.InputContainer) -> av.VideoStream:
    for stream in container.streams.video:
        if not stream.disposition & _ATTACHED_PICTURE:
            # Threads would only fight with the other worker processes.
            stream.codec_context.thread_count = 1
            return stream
    raise ClipError('the file holds no video stream')


class _Reader:
    """Decodes a stream and keeps the books that tell a complete one from a cut one.

    Decoders are silent about much: MPEG-4 that was cut in the middle just ends early. What gives it
    away is a packet or frame marked as corrupt, or fewer packets than the header announces.
    """

    def __init__(self, container: av.container.InputContainer, stream: av.VideoStream) -> None:
        self._container = container
        self._stream = stream
        self._packets = 0
        self._discarded = 0
        self._decoded = 0
        self._converter = VideoReformatter()

    def images(self, short_side: int) -> Iterator[np.ndarray]:
        """Yield every frame as (H, W, 3) uint8 in [0, 255], blue first."""
        try:
            for packet in self._container.demux(self._stream):
                self._packets += packet.size > 0
                # Frames before or after the part that the file's edit list shows.
                self._discarded += packet.is_discard
                frames = packet.decode()
                if packet.is_corrupt or any(frame.is_corrupt for frame in frames):
                    raise ClipError(f'damaged or cut off after {self._decoded} frames')
                for frame in frames:
                    self._decoded += 1
                    yield self._to_image(frame, short_side)
        except av.error.FFmpegError as error:
            raise ClipError(f'cannot be decoded after {self._decoded} frames ({error.strerror})') from error

    def _to_image(self, frame: av.VideoFrame, short_side: int) -> np.ndarray:
        width, height = _reduced_size(frame.width, frame.height, short_side)
        # One converter for all frames: VideoFrame.to_ndarray(format=...) sets up a new one, with
        # its threads, for every frame.
        return self._converter.reformat(
            frame, width, height, 'bgr24', interpolation=_CONVERSION, threads=1
        ).to_ndarray()

    def check_count(self, decoded: int) -> int | None:
        """Compare with the header; return the number of frames that it announces, if it does.

        One frame less is let pass: an MPEG-4 stream with packed B-frames ends in an empty packet.
        """
        if self._stream.frames == 0:
            return None
        announced: int = self._stream.frames - self._discarded
        if self._packets < self._stream.frames or decoded < announced - 1:
            raise ClipError(f'{decoded} frames can be decoded, its header announces {announced}')
        return announced


def _reduced_size(width: int, height: int, short_side: int) -> tuple[int, int]:
    """Width and height with the shorter side at most `short_side` (0 = no limit), same shape."""
    factor = short_side / min(width, height)
    if short_side == 0 or factor >= 1:
        return width, height
    return max(1, round(width * factor)), max(1, round(height * factor))
