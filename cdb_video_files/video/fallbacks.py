"""Chosen frames of a video with decord or OpenCV, where PyAV cannot: with one warning for each cause in a process.

decord is imported when it is asked for and not before: once it is loaded, PyAV's encoder of VP8 and OpenCV's reader of
PNG files fail in that process.
"""

from __future__ import annotations

import errno
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from cdb_video_files.video.errors import ClipError, first_line
from cdb_video_files.video.pixels import MatrixError, check_matrix
from cdb_video_files.video.reader import Video

BACKENDS = ('pyav', 'decord', 'opencv')
_warned: set[str] = set()


class VideoReader(Protocol):
    """What all readers have in common; see `cdb_video_files.video.reader.Video`."""

    path: str
    total_frames: int
    rate: float | None

    def frames(self, wanted: Sequence[int]) -> Iterator[tuple[int, Any]]:
        """Yield number and frame of rising numbers: an av.VideoFrame, or an image (H, W, 3) uint8 RGB."""

    def close(self) -> None:
        """Close the file."""


class DecordVideo:
    """A video read by decord. Its number of frames is the header's word; for the arguments see `Video`."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        import decord

        self.path = os.path.abspath(path)
        decord.logging.set_level(decord.logging.QUIET)
        self._errors = (decord.DECORDError, RuntimeError)
        try:
            self._reader = decord.VideoReader(self.path, num_threads=1)
            self.total_frames = len(self._reader)
            self.rate: float | None = float(self._reader.get_avg_fps())
        except self._errors as error:
            raise ClipError(self.path, f'decord cannot read it ({first_line(error)})') from error

    def frames(self, wanted: Sequence[int]) -> Iterator[tuple[int, Any]]:
        """See `VideoReader`."""
        # A batch at a time, or the frames of a long clip would all be there at once.
        for start in range(0, len(wanted), 32):
            part = list(wanted[start : start + 32])
            try:
                images = self._reader.get_batch(part).asnumpy()
            except self._errors as error:
                raise ClipError(self.path, f'decord cannot decode it ({first_line(error)})') from error
            yield from zip(part, images, strict=True)

    def close(self) -> None:
        """See `VideoReader`."""
        self._reader = None


class OpenCVVideo:
    """A video read by OpenCV from its start, frame after frame; counted by decoding it. See `Video`."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        import cv2

        self.path = os.path.abspath(path)
        self._capture = self._open()
        self.rate: float | None = self._capture.get(cv2.CAP_PROP_FPS) or None
        self.total_frames = 0
        while self._capture.grab():
            self.total_frames += 1
        announced = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self.close()
        if self.total_frames == 0:
            raise ClipError(self.path, 'OpenCV can decode no frame of it')
        # OpenCV is silent about a file that was cut off. One frame less is let pass: MPEG-4 with packed B-frames.
        if self.total_frames < announced - 1:
            raise ClipError(
                self.path, f'OpenCV can decode {self.total_frames} frames, its header announces {announced}'
            )

    def frames(self, wanted: Sequence[int]) -> Iterator[tuple[int, Any]]:
        """See `VideoReader`."""
        import cv2

        self._capture = self._open()
        left = list(reversed(wanted))
        for number in range(wanted[-1] + 1):
            if not self._capture.grab():
                raise ClipError(self.path, f'OpenCV can decode only {number} of its {self.total_frames} frames')
            if number == left[-1]:
                _, image = self._capture.retrieve()
                yield left.pop(), cv2.cvtColor(image, cv2.COLOR_BGR2RGB)

    def close(self) -> None:
        """See `VideoReader`."""
        self._capture.release()

    def _open(self) -> Any:
        import cv2

        capture = cv2.VideoCapture(self.path)
        if not capture.isOpened():
            raise ClipError(self.path, 'OpenCV cannot open it')
        return capture


class ConvertibleVideo:
    """A video whose frames decord is asked for where their colours are stored by a matrix that nothing else converts.

    OpenCV is not: it shows such frames black.

    Args:
        video: Read by PyAV.
        has_decord: Whether decord may be asked.
    """

    def __init__(self, video: VideoReader, has_decord: bool) -> None:
        self._video, self._has_decord = video, has_decord
        self.path, self.total_frames, self.rate = video.path, video.total_frames, video.rate

    def frames(self, wanted: Sequence[int]) -> Iterator[tuple[int, Any]]:
        """See `VideoReader`."""
        try:
            for number, frame in self._video.frames(wanted):
                if number == wanted[0]:
                    check_matrix(frame)
                yield number, frame
            return
        except MatrixError as error:
            cause = error
        self.close()
        self._video = self._decord(cause)
        yield from self._video.frames(wanted)

    def _decord(self, cause: MatrixError) -> VideoReader:
        try:
            if not self._has_decord:
                raise ImportError('decord is not among the backends')
            video = _READERS['decord'](self.path)
        except ImportError as error:
            remedy = 'Encode it with BT.709, install decord, which takes it for BT.601, or take it off the list'
            raise ClipError(self.path, f'{cause} ({error})', remedy) from cause
        _warn_once(f'{cause}: decord is used, more slowly, which takes their colours for those of BT.601')
        return video

    def close(self) -> None:
        """See `VideoReader`."""
        self._video.close()


_READERS: dict[str, Callable[[str], VideoReader]] = {'pyav': Video, 'decord': DecordVideo, 'opencv': OpenCVVideo}


def open_video(path: str, backends: Sequence[str] = BACKENDS) -> VideoReader:
    """The video, opened by the first backend that is installed and has a decoder for it.

    Args:
        path: A local file.
        backends: Of BACKENDS, the first choice first.

    Raises:
        ClipError: If the file is damaged, or no backend can decode it.
        FileNotFoundError: If there is no such file.
        IsADirectoryError: If it is a folder.
    """
    if os.path.isdir(path):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not os.path.isfile(path):
        raise FileNotFoundError(f'{path}: there is no such file. Put the clip there, or take it off the list')
    causes = []
    for number, backend in enumerate(backends):
        try:
            if backend == 'pyav':
                return ConvertibleVideo(_READERS[backend](path), 'decord' in backends[number + 1 :])
            return _READERS[backend](path)
        except ImportError as error:
            # No decoder is said for each codec, not for each file.
            causes.append(f'{backend}: {error}')
            if number + 1 < len(backends):
                _warn_once(f'{backend} cannot read videos here ({error}): {backends[number + 1]} is used, more slowly')
    raise ClipError(path, f'no backend can decode it ({"; ".join(causes)})')


def _warn_once(message: str) -> None:
    if message not in _warned:
        _warned.add(message)
        warnings.warn(message, stacklevel=3)
