"""Chosen frames of a video with PyAV: the same bits as a full decode gives, and no more decoded than they need.

A first pass over the packets, which decodes nothing, counts the frames and finds which packet shows which frame.
Then decoding starts at the last key packet before each wanted frame, and frames that are neither wanted nor
needed for others are skipped (`skip_frame`, which the decoders of H.264, HEVC and MPEG-4 follow exactly).

That needs packets that say when their frames are shown. Where they do not (AVI, streams without a container that
keeps times) the frames are counted by decoding them, and those of a short clip kept until they are asked for.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

from cdb_video_files.video.announced_length import reaches_end, stated_frames, why_short
from cdb_video_files.video.containers import open_container, picture_stream
from cdb_video_files.video.entry_points import EntryPoints
from cdb_video_files.video.errors import ClipError
from cdb_video_files.video.packet_index import PacketIndex, pieces_overlap

# Those that keep the time at which each packet's frame is shown, and codecs with one frame a packet.
_TIMED, _ONE_FRAME_A_PACKET = ('mov', 'matroska'), ('h264', 'hevc', 'mpeg4', 'mjpeg')
# For libavformat's own look at the streams, not for ours: to decode the first frame costs as much as many others.
_QUICK = {'probesize': '32', 'skip_frame': 'all'}
# A packet of MPEG-4 this small shows no frame: with "packed" B-frames it stands for one that came before.
_SHOWS_NOTHING = 16
# What comes with a packet at which the container's configuration changes.
_NEW = 'new_extradata'
# Compressed data, or decoded frames, that a reader may keep between counting and reading.
_KEPT_BYTES = 64 * 2**20
# How many frames a file has, where that took decoding it: (path, size, time of change) -> frames.
_counts: dict[tuple[str, int, int], int] = {}
_MOST_COUNTS = 100_000


class Video:
    """An open video file; use it in a `with`, or close it.

    Args:
        path: A local file.

    Attributes:
        total_frames: Number of frames that are shown, counted and not taken from the header.
        rate: Frames per second on average; None = the file does not say.

    Raises:
        ClipError: If it is no video, or known to be damaged or cut off without decoding it.
        ImportError: If PyAV is not installed, or lacks the decoder.
        FileNotFoundError: If there is no such file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.path.abspath(path)
        self._container, self._stream = _open(self.path, quick=True)
        if not self._is_timed:
            self._container.close()
            self._container, self._stream = _open(self.path)
        self._packets: list[Any] | None = []
        self._frames: list[Any] | None = None
        self._index: PacketIndex | None = None
        try:
            self.rate = float(self._stream.average_rate) if self._stream.average_rate else None
            self._index = self._read_index()
            self.total_frames = len(self._index) if self._index is not None else self._count_by_decoding()
            if self.total_frames == 0:
                raise ClipError(self.path, 'it holds no frame')
        except BaseException:
            self.close()
            raise

    def frames(self, wanted: Sequence[int]) -> Iterator[tuple[int, Any]]:
        """Yield number and av.VideoFrame of the frames `wanted`, which must be rising numbers, from 0.

        Once only: the decoder has moved on then.

        Raises:
            ClipError: If one cannot be decoded, or is damaged.
            IndexError: If there is no such frame.
        """
        if not 0 <= wanted[0] <= wanted[-1] < self.total_frames:
            raise IndexError(f'{self.path}: frames {wanted[0]}..{wanted[-1]} are not all in 0..{self.total_frames - 1}')
        if self._frames is not None:
            yield from ((number, self._frames[number]) for number in wanted)
        elif self._index is None:
            yield from self._sequential(wanted)
        else:
            yield from self._selected(self._index, wanted)

    def close(self) -> None:
        """Close the file and drop what was kept of it."""
        self._container.close()
        self._packets = self._frames = None

    def __enter__(self) -> Video:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        """Close the file if nobody did, as where a step before decoding fails; PyAV would wait for the collector."""
        if '_container' in vars(self):
            self.close()

    @property
    def _is_timed(self) -> bool:
        known = self._container.format.name.split(',')[0] in _TIMED
        return known and self._stream.codec_context.name in _ONE_FRAME_A_PACKET

    def _read_index(self) -> PacketIndex | None:
        """Look at all packets and keep them if they are small; None = they do not tell which frame they show."""
        times: list[int | None] = []
        marked, keys, hidden, durations, size, tiny = [], [], [], [], 0, False
        entries = EntryPoints(self._stream.codec_context.name, self._stream.codec_context.extradata)
        for packet in self._demuxed(self._container, self._stream):
            times.append(packet.pts)
            durations.append(packet.duration or 0)
            new = bytes(packet.get_sidedata(_NEW)) if packet.has_sidedata(_NEW) else b''
            keys.append(entries.add(bytes(packet), packet.is_keyframe, new))
            marked.append(packet.is_keyframe)
            hidden.append(packet.is_discard)
            tiny |= packet.size < _SHOWS_NOTHING
            size += packet.size
            if self._packets is not None:
                self._packets.append(packet)
                if size > _KEPT_BYTES:
                    self._packets = None
        self._check_length(times, durations)
        if not self._is_timed or not times or not keys[0] or None in times or len(set(times)) < len(times):
            return None
        known = [time for time in times if time is not None]
        if pieces_overlap(known, marked, hidden):
            return None
        if min(known) < known[0]:
            # Pictures before the first key picture build on what is not there: who knows which of them are shown.
            return None
        if tiny and self._stream.codec_context.name == 'mpeg4':
            return None
        return PacketIndex(known, keys, hidden)

    def _check_length(self, times: Sequence[int | None], durations: Sequence[int]) -> None:
        known = [pair for pair in zip(times, durations, strict=True) if pair[0] is not None]
        last = max(known, default=(0, 0))[1]
        file = (self.path, self._container, self._stream, times, last)
        announced = stated_frames(self._container, self._stream)
        if len(times) < announced and not reaches_end(*file):
            raise ClipError(self.path, f'cut off: {len(times)} packets, its header announces {announced}')
        # Where the header counts frames, that is the better check; that of a fragmented file may count a part alone.
        if len(times) > announced and (why := why_short(*file)):
            raise ClipError(self.path, why)

    def _demuxed(self, container: Any, stream: Any) -> Iterator[Any]:
        """The packets that hold something."""
        try:
            for number, packet in enumerate(container.demux(stream)):
                if packet.is_corrupt:
                    raise ClipError(self.path, f'damaged or cut off after {number} packets')
                if packet.size:
                    yield packet
        except _errors() as error:
            raise ClipError(self.path, f'cannot be read to its end ({error.strerror})') from error

    def _decoded(self, context: Any, packet: Any) -> list[Any]:
        try:
            frames: list[Any] = context.decode(packet)
        except _errors() as error:
            raise ClipError(self.path, f'cannot be decoded ({error.strerror})') from error
        if any(frame.is_corrupt for frame in frames):
            raise ClipError(self.path, 'damaged or cut off: a frame of it can be decoded in part only')
        return frames

    def _all_decoded(self) -> Iterator[Any]:
        """All frames from the start, in a container of its own: the way that others are measured by."""
        container, stream = _open(self.path)
        with container:
            for packet in self._demuxed(container, stream):
                yield from self._decoded(stream.codec_context, packet)
            yield from self._decoded(stream.codec_context, None)

    def _count_by_decoding(self) -> int:
        status = os.stat(self.path)
        key = (self.path, status.st_size, status.st_mtime_ns)
        if key in _counts:
            return _counts[key]
        count, size = 0, 0
        self._packets, self._frames = None, []
        for frame in self._all_decoded():
            count += 1
            size += sum(plane.buffer_size for plane in frame.planes)
            if self._frames is not None:
                self._frames.append(frame)
                if size > _KEPT_BYTES:
                    self._frames = None
        if len(_counts) < _MOST_COUNTS:
            _counts[key] = count
        return count

    def _sequential(self, wanted: Sequence[int]) -> Iterator[tuple[int, Any]]:
        left = list(reversed(wanted))
        number = -1
        for number, frame in enumerate(self._all_decoded()):
            if number == left[-1]:
                yield left.pop(), frame
                if not left:
                    return
        raise ClipError(self.path, f'only {number + 1} of its {self.total_frames} frames can be decoded')

    def _selected(self, index: PacketIndex, wanted: Sequence[int]) -> Iterator[tuple[int, Any]]:
        left = list(zip(index.times(wanted), wanted, strict=True))[::-1]
        times = {time for time, _ in left}
        try:
            for frame in self._run(index, wanted):
                if frame.pts not in times:
                    continue
                if not left or frame.pts != left[-1][0]:
                    break
                yield left.pop()[1], frame
        except ClipError:
            # From the start it may go well; with a long file it takes long to learn that it does not.
            if self._packets is None:
                raise
        if left:
            # From a packet that is marked as a key one and is none, say. From the start there is no doubt.
            yield from self._sequential([number for _, number in left[::-1]])

    def _run(self, index: PacketIndex, wanted: Sequence[int]) -> Iterator[Any]:
        """Decode what is needed; frames that are not wanted may be among them, or not."""
        container, stream = (
            (self._container, self._stream) if self._packets is not None else _open(self.path, quick=True)
        )
        with container:
            context = stream.codec_context
            packets = enumerate(self._packets or self._demuxed(container, stream))
            needed = set(index.packets(wanted).tolist())
            for first, last in index.runs(wanted):
                for number, packet in packets:
                    if number < first:
                        continue
                    context.skip_frame = 'DEFAULT' if number in needed else 'NONREF'
                    yield from self._decoded(context, packet)
                    if number == last:
                        break
                yield from self._decoded(context, None)
                context.flush_buffers()


def _open(path: str, quick: bool = False) -> tuple[Any, Any]:
    """The container and its video stream; `quick`: without a decoded frame, where the header has all that counts.

    What libavformat learns from decoding is the pixel format, which each frame says itself, and how far frames are
    out of order where the stream does not state it. If that should lead to frames that are lacking, it shows.
    """
    import av

    try:
        container = open_container(path, **(_QUICK if quick else {}))
    except (FileNotFoundError, PermissionError):
        raise
    except av.error.FFmpegError as error:
        raise ClipError(path, f'not a readable video file ({error.strerror})') from error
    stream = picture_stream(container)
    if stream is None:
        container.close()
        raise ClipError(path, 'the file holds no video stream')
    if stream.codec_context is None:
        container.close()
        raise ImportError(f'PyAV {av.__version__} has no decoder for the codec of such a file')
    return container, stream


def _errors() -> Any:
    import av

    return av.error.FFmpegError
