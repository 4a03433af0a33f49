"""How many frames a video file announces; opens the file, decodes nothing."""

from __future__ import annotations

from pathlib import Path

import av

# libavformat's flag for a still picture, such as the cover of an audio file.
_ATTACHED_PICTURE = av.stream.Disposition.attached_pic


class VideoError(ValueError):
    """A file cannot be opened as a video; the message says why, not which."""


def announced_frames(path: Path) -> int:
    """Frames of the first video stream, as the header states them; where it does not, its packets are counted.

    Raises:
        VideoError: If the file is no video, holds no video stream or no frame.
    """
    try:
        with av.open(str(path)) as container:
            streams = [s for s in container.streams.video if not s.disposition & _ATTACHED_PICTURE]
            if not streams:
                raise VideoError('the file holds no video stream')
            frames: int = streams[0].frames or sum(packet.size > 0 for packet in container.demux(streams[0]))
    except (av.error.FFmpegError, OSError) as error:
        raise VideoError(f'not a readable video file ({error.strerror})') from error
    if frames < 1:
        raise VideoError('the file holds no frame')
    return frames
