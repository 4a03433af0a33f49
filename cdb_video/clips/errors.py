"""Old place of `ClipError`, which steps of one's own may raise."""

from cdb_video_files.video.errors import ClipError

__all__ = ['ClipError']
