"""How many frames a video file announces; opens the file, decodes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av

from cdb_video_files.video.announced_length import LengthCheck, stated_frames
from cdb_video_files.video.containers import open_container, picture_stream
from prep.decode.errors import VideoError


def announced_frames(path: Path) -> tuple[int, bool]:
    """Frames of the first video stream, as the header states them; where it does not, its packets are counted.

    Returns:
        The frames, >= 1; whether the file announces a number of frames or a duration, without which a cut
        cannot be seen.

    Raises:
        VideoError: If the file is no video, holds no video stream or no frame, or ends before the duration
            that it announces in place of a number of frames.
    """
    try:
        with open_container(path) as container:
            stream = picture_stream(container)
            if stream is None:
                raise VideoError('the file holds no video stream')
            frames, is_bounded = stated_frames(container, stream), True
            if not frames:
                frames, is_bounded = _count_packets(container, stream)
    except (av.error.FFmpegError, OSError) as error:
        raise VideoError(f'not a readable video file ({error.strerror})') from error
    if frames < 1:
        raise VideoError('the file holds no frame')
    return frames, is_bounded


def _count_packets(container: Any, stream: Any) -> tuple[int, bool]:
    length, count = LengthCheck(container, stream), 0
    for packet in container.demux(stream):
        length.add(packet)
        count += packet.size > 0
    if why := length.why_short():
        raise VideoError(f'cut off after {count} frames: {why}')
    return count, length.is_known
