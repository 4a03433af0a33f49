"""A clip as a small video that is quick to seek in: videos_256/<session>/<clip>.mp4.

Short side as asked, a key frame every 12 frames and no B-frames, so that a reader decodes at most 11
frames that it does not want. The manifest is a box of its own at the end of the file, which players pass
over: one inode a clip, and a video that was cut off shows, for its manifest went first.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import struct
import uuid
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import av
import cv2
import numpy as np

from prep.decode.clip_reader import ClipReader, open_clip
from prep.decode.errors import VideoError
from prep.decode.frame_planes import FrameReducer
from prep.folders import partial_name
from prep.frames.clip_frames import Frame
from prep.frames.manifest import MPEG4, FolderError, Manifest, Options, manifest_from_json, manifest_to_json

SUFFIX = '.mp4'
GROUP = 12
_BOX = uuid.uuid5(uuid.NAMESPACE_DNS, 'manifest.cdb-video').bytes
X264_REPEATABLE = {'x264-params': 'mbtree=0'}
"""Without macroblock trees: with them x264 gave other bytes now and then, by what was in memory before."""
_ENCODERS = {'mpeg4': 'mpeg4', 'h264': 'libx264'}
# MPEG-4 counts its clock in 16 bits.
_LARGEST_CLOCK = 65535
_DEFAULT_RATE = Fraction(24)
_LEVELS = np.arange(256)
_LIMITED_LUMA = np.rint(16 + _LEVELS * 219 / 255).astype(np.uint8)
_LIMITED_CHROMA = np.rint(128 + (_LEVELS - 128) * 224 / 255).astype(np.uint8)


class VideoFileWriter:
    """Encodes frames as they come; the video appears by rename when it is complete.

    Frames are spaced evenly, at the average rate: frame k is frame k, whatever the clock of the source.

    Args:
        path: Of the video.
        options: How to encode it.
    """

    sha256: str | None = None  # known when the file is closed

    def __init__(self, path: Path, options: Options) -> None:
        self._path = path
        self._partial = path.with_name(partial_name(path.name))
        self._options = options
        self._reducer = FrameReducer(options.short_side, even=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._container = av.open(str(self._partial.absolute()), 'w', format='mp4')
        self._stream: av.VideoStream | None = None
        self.rate: float | None = None
        self.size = (0, 0)

    def add(self, frame: Frame) -> None:
        """Encode the next frame."""
        picture = self._picture(frame)
        if self._stream is None:
            self._stream = self._new_stream(picture)
        picture.pts = None
        self._container.mux(self._stream.encode(picture))

    def finish(self, manifest: Manifest) -> None:
        """Let the video appear, in place of an earlier one if any."""
        if self._stream is None:
            raise VideoError('no frame can be decoded')
        self._container.mux(self._stream.encode())
        self._container.close()
        with self._partial.open('rb+') as file:
            manifest = replace(manifest, sha256=hashlib.file_digest(file, 'sha256').hexdigest())
            text = json.dumps(manifest_to_json(manifest)).encode()
            file.write(struct.pack('>I4s', 8 + len(_BOX) + len(text), b'uuid') + _BOX + text)
        self._partial.replace(self._path)

    def discard(self) -> None:
        """Remove what is not finished."""
        # What cannot be written cannot be ended in order either; why has been said already.
        with contextlib.suppress(av.error.FFmpegError):
            self._container.close()
        self._partial.unlink(missing_ok=True)

    def _new_stream(self, picture: av.VideoFrame) -> av.VideoStream:
        rate = Fraction(self.rate or _DEFAULT_RATE) / self._options.stride
        if self._options.fps is not None:
            rate = min(rate, Fraction(self._options.fps))
        stream = self._container.add_stream(
            _ENCODERS[self._options.codec], rate=rate.limit_denominator(1001), options=_encoder_options(self._options)
        )
        stream.width, stream.height = self.size = (picture.width, picture.height)
        stream.pix_fmt = 'yuv420p'
        stream.codec_context.thread_count = 1
        return stream

    def _picture(self, frame: Frame) -> av.VideoFrame:
        """4:2:0 in limited-range BT.601, which every reader takes an unmarked video for."""
        planes = None if isinstance(frame, np.ndarray) else self._reducer.planes(frame)
        if planes is None:
            image = np.ascontiguousarray(self._reducer.image(frame))
            packed = cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420)
            return av.VideoFrame.from_ndarray(packed, format='yuv420p')
        tables = (_LIMITED_LUMA, _LIMITED_CHROMA, _LIMITED_CHROMA)
        limited = [cv2.LUT(plane, table).ravel() for plane, table in zip(planes, tables, strict=True)]
        packed = np.concatenate(limited).reshape(-1, planes[0].shape[1])
        return av.VideoFrame.from_ndarray(packed, format='yuv420p')


def _encoder_options(options: Options) -> dict[str, str]:
    shared = {'g': str(GROUP), 'bf': '0'}
    if options.codec == MPEG4:
        return {**shared, 'qmin': str(options.quality), 'qmax': str(options.quality)}
    return {**shared, **X264_REPEATABLE, 'crf': str(options.quality), 'preset': 'veryfast'}


def read_video_manifest(path: Path) -> Manifest:
    """Read the manifest of a video.

    Raises:
        FolderError: If it is not a whole video with a manifest of ours.
    """
    with path.open('rb') as file:
        start = _find_box(file)
        if start is None:
            raise FolderError(f'{path} holds no manifest, or is cut off: extract_frames did not make it as it is')
        file.seek(start + 8 + len(_BOX))
        text = file.read()
    try:
        return manifest_from_json(json.loads(text))
    except (ValueError, TypeError, KeyError) as error:
        raise FolderError(f'the manifest in {path} is damaged: {error!r}') from error


def why_no_video(path: Path, manifest: Manifest) -> str | None:
    """What is wrong with a video, all of which is read and decoded; None = nothing."""
    with path.open('rb') as file:
        start = _find_box(file) or 0
        file.seek(0)
        if hashlib.sha256(file.read(start)).hexdigest() != manifest.sha256:
            return 'its bytes are not those that were written'
    try:
        with open_clip(path) as container:
            reader = ClipReader(container)
            sizes = {(frame.width, frame.height) for frame in reader.frames()}
            reader.check_count()
    except VideoError as error:
        return str(error)
    if reader.decoded != manifest.frames or sizes != {(manifest.width, manifest.height)}:
        return f'{reader.decoded} frames of {sorted(sizes)}, its manifest says {manifest.frames} of another size'
    return None


def _find_box(file: BinaryIO) -> int | None:
    """Where our box begins, which must be the last of the file's boxes and whole; None = it is not there."""
    size = file.seek(0, os.SEEK_END)
    start = 0
    while start + 8 + len(_BOX) <= size:
        file.seek(start)
        length, kind = struct.unpack('>I4s', file.read(8))
        tag = file.read(len(_BOX))
        if length == 1:
            length = int.from_bytes(tag[:8], 'big')
        if kind == b'uuid' and tag == _BOX:
            return start if start + length == size else None
        if length < 8:
            return None
        start += length
    return None
