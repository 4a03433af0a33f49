"""Names of video files as lists give them."""

from __future__ import annotations

import os


def video_path(filename: str) -> str:
    """The file of a list's entry: where a name has no ending and there is no such file, '.mp4' is added."""
    has_ending = os.path.splitext(filename)[1] != ''
    return filename if has_ending or os.path.isfile(filename) else f'{filename}.mp4'
