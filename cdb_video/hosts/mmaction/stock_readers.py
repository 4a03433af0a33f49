"""mmaction2's own readers of clips, whose errors are told apart: a damaged clip, or a mistake in a pipeline.

They raise whatever their libraries do: a DECORDError, FFmpeg's errors, OpenCV's for a picture that is none, or a
RuntimeError. Within a reader's step some of these can only come from the file. These become a `ClipError`; all others,
such as a KeyError for a key that another step should have added, pass as they are.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

from mmengine.dataset import Compose
from mmengine.fileio import FileClient

from cdb_video.hosts.mmaction.step_rules import check_step, is_of_host, raise_in_words
from cdb_video_files.video.announced_length import reaches_end
from cdb_video_files.video.errors import ClipError, first_line, raise_for_the_file

_Sample: TypeAlias = dict[str, Any]
_HOST = 'mmaction.datasets.transforms.loading'
_JPEG, _JPEG_END = b'\xff\xd8', b'\xff\xd9'
_OPENCV_NO_MEMORY = -4
# What decord says in a RuntimeError that is none of its own kind.
_DECORD_FAILS = ('Error reading', 'Failed to seek')
_OTHER_READERS = (
    "Read with VideoInit and VideoDecode, PackDecode, or mmaction2's RawFrameDecode, DecordDecode or PyAVDecode; or "
    'leave on_error out'
)


def read(pipeline: Any, sample: _Sample) -> Any:
    """What `pipeline` makes of `sample`: mmengine's Compose, whose readers of mmaction2 are watched, or any function.

    Raises:
        ClipError: If a reader finds the clip missing, or cannot read or decode it.
        ValueError: If a step of mmaction2 cannot do what it is there for, such as a crop larger than the frames.
    """
    if type(pipeline) is not Compose:
        return pipeline(sample)
    result: Any = sample
    for step in pipeline.transforms:
        result = read_step(step, result)
        if result is None:
            return None
    return result


def read_step(step: Any, sample: _Sample) -> Any:
    """What one transform makes of `sample`.

    Raises:
        ClipError: If it is a reader, and finds the clip missing, or cannot read or decode it.
        ValueError: If it is of mmaction2 and cannot do what it is there for.
    """
    watched = _WATCHED.get(step.__class__.__name__) if _is_stock(step) else None
    check_step(step, sample)
    try:
        return step(sample) if watched is None else watched(step, sample)
    except AssertionError as error:
        if not is_of_host(step):
            raise
        raise_in_words(step, sample, error)


def why_not_replaced(pipeline: Any) -> str | None:
    """Why no other clip could stand in for a damaged one of this pipeline; None = it can.

    Args:
        pipeline: mmengine's Compose, or any function.
    """
    steps = list(_steps(pipeline))
    for step in steps:
        if _is_stock(step) and (why := _why_silent(step)):
            return f'{type(step).__name__} says nothing of damage: {why}. {_OTHER_READERS}'
    outer = getattr(pipeline, 'transforms', ())
    if any(getattr(step, 'raises_clip_error', False) for step in steps) or any(map(_reports, outer)):
        return None
    names = ', '.join(type(step).__name__ for step in steps) or type(pipeline).__name__
    return (
        f'no step of the pipeline ({names}) is known to tell damaged clips from other errors. {_OTHER_READERS}. A step '
        'of your own that raises cdb_video.clips.errors.ClipError says so with `raises_clip_error = True` in its class'
    )


def _steps(step: Any) -> Iterator[Any]:
    """The steps of a pipeline, and those within them."""
    inner = getattr(step, 'transforms', None)
    if not isinstance(step, Compose):
        yield step
    for part in inner if isinstance(inner, Sequence) else ():
        yield from _steps(part)


def _is_stock(step: Any) -> bool:
    # Not those derived from them, which may have mistakes of their own.
    return type(step).__module__ == _HOST


def _why_silent(step: Any) -> str | None:
    match type(step).__name__:
        case 'OpenCVDecode':
            return 'it repeats earlier frames in place of those that it cannot decode'
        case 'PyAVDecode' if step.mode == 'efficient':
            return "with mode='efficient' it shows key frames in place of those that it cannot decode"
    return None


def _reports(step: Any) -> bool:
    return _is_stock(step) and type(step).__name__ in ('RawFrameDecode', 'DecordDecode', 'PyAVDecode')


def _read_frames(step: Any, sample: _Sample) -> Any:
    """RawFrameDecode."""
    client = step.file_client or FileClient(step.io_backend, **step.kwargs)
    step.file_client = noted = _NotedFiles(client)
    try:
        result = step(sample)
        images = result['imgs']
        if any(image is None or image.dtype == object for image in images):
            raise ValueError('not a picture')
    except ClipError:
        raise
    except Exception as error:
        if _is_out_of_memory(error):
            raise
        # Whatever it is: is it a frame's fault?
        if (path := noted.undecodable()) is not None:
            raise ClipError(path, f'cannot be decoded ({first_line(error)})') from error
        raise
    finally:
        step.file_client = client
    return result


class _NotedFiles:
    """A file client that notes the files that it is asked for, and stops at one that is missing or was cut off."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._paths: list[str] = []

    def get(self, path: str) -> Any:
        """The content of a file."""
        self._paths.append(path)
        try:
            content = self._client.get(path)
        except OSError as error:
            raise_for_the_file(path, error)
            raise
        # Of a JPEG file without its end, OpenCV 4 makes a picture with a grey rest.
        if content[:2] == _JPEG and bytes(content).rfind(_JPEG_END) < 0:
            raise ClipError(path, 'cut off: it lacks the mark at the end of a JPEG file')
        return content

    def undecodable(self) -> str | None:
        """The last file that is no picture; None = all of them are."""
        return next((path for path in reversed(self._paths) if not _is_picture(self._client.get(path))), None)


def _is_picture(content: bytes) -> bool:
    """Whether mmcv can decode it, with the backend that the step has chosen and in its way."""
    import mmcv

    try:
        return mmcv.imfrombytes(content, channel_order='rgb') is not None
    except Exception as error:
        if _is_out_of_memory(error):
            raise
        return False


def _is_out_of_memory(error: Exception) -> bool:
    # OpenCV has a code for it.
    return isinstance(error, MemoryError) or getattr(error, 'code', None) == _OPENCV_NO_MEMORY


def _read_by_decord(step: Any, sample: _Sample) -> Any:
    """DecordInit and DecordDecode."""
    try:
        return step(sample)
    except OSError as error:
        raise_for_the_file(_path(sample), error)
        raise
    except Exception as error:
        if type(error).__name__ == 'DECORDError' or str(error).startswith(_DECORD_FAILS):
            raise ClipError(_path(sample), f'decord cannot read it ({first_line(error)})') from error
        raise


def _open_by_pyav(step: Any, sample: _Sample) -> Any:
    """PyAVInit."""
    try:
        return _by_pyav(step, sample)
    except IndexError as error:
        # It takes the first of the video streams.
        raise ClipError(_path(sample), 'the file holds no video stream') from error


def _read_by_pyav(step: Any, sample: _Sample) -> Any:
    """PyAVDecode, which takes other frames for those that it lacks."""
    if step.mode == 'accurate' and sample.get('video_reader') is not None:
        sample['video_reader'] = _CountedFrames(sample['video_reader'], _path(sample))
    return _by_pyav(step, sample)


def _by_pyav(step: Any, sample: _Sample) -> Any:
    try:
        return step(sample)
    except Exception as error:
        # Before OSError, from which some of FFmpeg's errors are derived.
        if any(kind.__name__ == 'FFmpegError' for kind in type(error).__mro__):
            raise ClipError(_path(sample), f'PyAV cannot read it ({first_line(error)})') from error
        if isinstance(error, OSError):
            raise_for_the_file(_path(sample), error)
        raise


class _CountedFrames:
    """An av container whose frames are counted when they come to their end."""

    def __init__(self, container: Any, path: str) -> None:
        self._container = container
        self._path = path

    def __getattr__(self, name: str) -> Any:
        return getattr(self._container, name)

    def decode(self, **streams: Any) -> Iterator[Any]:
        """The frames, in order."""
        times = []
        for frame in self._container.decode(**streams):
            if frame.is_corrupt:
                raise ClipError(self._path, 'damaged or cut off: a frame of it can be decoded in part only')
            times.append(frame.pts)
            yield frame
        stream = self._container.streams.video[0]
        # One frame less is let pass: MPEG-4 with "packed" B-frames. An edit list may hide more.
        lacks = len(times) < stream.frames - 1 and os.path.isfile(self._path)
        if not times or (lacks and not reaches_end(self._path, self._container, stream, times)):
            rule = f'only {len(times)} of the {stream.frames} frames that its header announces can be decoded'
            raise ClipError(self._path, rule)


def _open_by_opencv(step: Any, sample: _Sample) -> Any:
    """OpenCVInit."""
    try:
        result = step(sample)
    except ValueError as error:
        # What OpenCV 5 has for the number of frames is below 0 then, and Python refuses it as a length.
        if '__len__' not in str(error):
            raise
        raise ClipError(_path(sample), f'OpenCV cannot open it ({first_line(error)})') from error
    except OSError as error:
        raise_for_the_file(_path(sample), error)
        raise
    if result['total_frames'] == 0:
        raise ClipError(_path(sample), 'OpenCV finds no frame in it')
    return result


def _path(sample: _Sample) -> str:
    return str(sample.get('filename', 'a clip without a filename'))


_WATCHED: dict[str, Callable[[Any, _Sample], Any]] = {
    'RawFrameDecode': _read_frames,
    'DecordInit': _read_by_decord,
    'DecordDecode': _read_by_decord,
    'PyAVInit': _open_by_pyav,
    'PyAVDecode': _read_by_pyav,
    'OpenCVInit': _open_by_opencv,
}
