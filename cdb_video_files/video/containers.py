"""Containers of video: which are opened, how, and which of their streams is the picture."""

from __future__ import annotations

import os
from typing import Any

CONTAINERS = 'mov,matroska,avi,mpegts,mpeg,flv,asf,ogg,gif'
"""No pictures that stand still; no lists that name other files to read; no bare streams, for that is what a file with a
lost header may be taken for, and they do not say how long they ought to be."""

VIDEO_ENDINGS = (
    '.mp4', '.avi', '.mkv', '.mov', '.webm', '.m4v', '.mpg', '.mpeg', '.wmv', '.flv', '.3gp', '.ts',
    '.mts', '.m2ts', '.vob', '.ogv', '.gif',
)  # fmt: skip
"""What the name of a video ends in, in any case of its letters."""


def open_container(path: str | os.PathLike[str], **options: str) -> Any:
    """Open a video file with PyAV.

    Args:
        path: A local file.
        **options: Of libavformat, beside the list of containers.

    Returns:
        An av.container.InputContainer.

    Raises:
        av.error.FFmpegError: If it is none, or cannot be read.
        ImportError: If PyAV is not installed.
    """
    import av

    # An absolute path, or a name such as 'a:b.mp4' would be taken for a protocol. Titles may be in any encoding.
    everything = {'format_whitelist': CONTAINERS} | options
    return av.open(os.path.abspath(path), options=everything, metadata_errors='replace')


def picture_stream(container: Any) -> Any:
    """The first video stream that is no still picture, such as the cover of an audio file; None = there is none.

    It is to be decoded in one thread: more would only fight with the other worker processes.
    """
    import av

    for stream in container.streams.video:
        if not stream.disposition & av.stream.Disposition.attached_pic:
            if stream.codec_context is not None:
                stream.codec_context.thread_count = 1
            return stream
    return None


def is_video(name: str) -> bool:
    """Whether a file is a video by its name."""
    return name.lower().endswith(VIDEO_ENDINGS)


def video_path(filename: str) -> str:
    """The file of a list's entry: where a name has no ending and there is no such file, '.mp4' is added."""
    has_ending = os.path.splitext(filename)[1] != ''
    return filename if has_ending or os.path.isfile(filename) else f'{filename}.mp4'
