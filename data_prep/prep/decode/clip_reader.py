"""Decode all frames of a clip with PyAV, and keep the books that tell a complete file from a cut one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av

from cdb_video_files.video.announced_length import LengthCheck
from cdb_video_files.video.containers import open_container, picture_stream
from prep.decode.errors import VideoError


def open_clip(source: Path) -> av.container.InputContainer:
    """Open a video file.

    Raises:
        VideoError: If it is none.
    """
    try:
        return open_container(source)
    except av.error.FFmpegError as error:
        raise VideoError(f'not a readable video file ({error.strerror})') from error


class ClipReader:
    """Decodes the video stream of a container.

    Decoders are silent about much: MPEG-4 that was cut in the middle just ends early. What gives it
    away is a packet or frame marked as corrupt, or fewer packets than the header announces, or where it
    announces a duration alone, frames that end before it.

    Args:
        container: See `open_clip`.

    Attributes:
        decoded: Number of frames so far.
        rate: Frames per second, of the whole stream on average; None = the header does not say.

    Raises:
        VideoError: If it holds no video.
    """

    def __init__(self, container: av.container.InputContainer) -> None:
        self._container = container
        self._stream = _video_stream(container)
        self._length = LengthCheck(container, self._stream)
        self._packets = 0
        self._discarded = 0
        self._size: tuple[int, int] | None = None
        self.decoded = 0
        self.rate = self._stream.average_rate

    def frames(self) -> Iterator[av.VideoFrame]:
        """Yield every frame, in the order in which they are shown.

        Raises:
            VideoError: If the stream is damaged, or its frames change their size.
        """
        try:
            for packet in self._container.demux(self._stream):
                self._packets += packet.size > 0
                self._length.add(packet)
                # Frames before or after the part that the file's edit list shows.
                self._discarded += packet.is_discard
                frames = packet.decode()
                if packet.is_corrupt or any(frame.is_corrupt for frame in frames):
                    raise VideoError(f'damaged or cut off after {self.decoded} frames')
                for frame in frames:
                    self._check_size(frame)
                    self.decoded += 1
                    yield frame
        except av.error.FFmpegError as error:
            raise VideoError(f'cannot be decoded after {self.decoded} frames ({error.strerror})') from error

    def _check_size(self, frame: av.VideoFrame) -> None:
        size = (frame.width, frame.height)
        if self._size not in (None, size):
            raise VideoError(f'the frame size changes after {self.decoded} frames, from {self._size} to {size}')
        self._size = size

    @property
    def is_bounded(self) -> bool:
        """After all frames: whether the container says how many they are, or how long; else a cut cannot be seen."""
        return self._length.is_known

    def check_count(self) -> int | None:
        """Compare with the header, after all frames; return the number that it announces, if it does.

        One frame less is let pass: an MPEG-4 stream with packed B-frames ends in an empty packet.

        Raises:
            VideoError: If no frame was decoded, or fewer than announced, or they end before the announced duration.
        """
        if self.decoded == 0:
            raise VideoError('no frame can be decoded')
        if why := self._length.why_short():
            raise VideoError(f'cut off after {self.decoded} frames: {why}')
        if self._stream.frames == 0:
            return None
        announced: int = self._stream.frames - self._discarded
        if self._packets < self._stream.frames or self.decoded < announced - 1:
            if self._length.reaches_end():
                return self.decoded
            raise VideoError(f'{self.decoded} frames can be decoded, its header announces {announced}')
        return announced


def _video_stream(container: av.container.InputContainer) -> av.VideoStream:
    stream = picture_stream(container)
    if stream is None:
        raise VideoError('the file holds no video stream')
    return stream
