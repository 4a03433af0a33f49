"""How long a video ought to be by its container, and whether it ends before that, where a number of frames cannot tell.

Matroska and WebM state a duration and the bytes that they hold, but no frames; AVI counts frames that are not there;
GIF marks its end. Of other containers, such as MPEG-TS, the duration is worked out from what is there, so it tells
nothing about what is not.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from cdb_video_files.video.container_parts import avi_chunks, gif_ends, matroska_end

# Their durations are libavformat's estimates from the packets found.
_ESTIMATED = frozenset(('mpegts', 'mpeg', 'ogg', 'gif'))
# One frame less is let pass, as where frames are counted; times are rounded to milliseconds.
_SLACK = 1.5
# These state a duration for each stream.
_OWN = frozenset(('mov', 'avi'))


class LengthCheck:
    """Compares the times of a stream's packets, as they come, with the length that its container announces.

    Args:
        container: A file opened by av.
        stream: Its video stream, whose packets `add` is given, all of them.
    """

    def __init__(self, container: Any, stream: Any) -> None:
        self._container, self._stream = container, stream
        self._path: str = container.name
        self._announced = announced_seconds(container, stream)
        self._times: list[float] = []
        self._latest, self._last_duration = float('-inf'), 0.0

    def add(self, packet: Any) -> None:
        """Take the next packet, in any order of their times."""
        if packet.size == 0 or packet.pts is None:
            return
        time = float(packet.pts * packet.time_base)
        if time >= self._latest:
            self._latest, self._last_duration = time, float((packet.duration or 0) * packet.time_base)
        self._times.append(time)

    @property
    def is_known(self) -> bool:
        """Whether the container announces frames, a duration or its bytes: without these a cut cannot be seen."""
        timed = self._announced is not None and bool(self._times)
        marked = _is_gif(self._container) or _announced_bytes(self._path, self._container) is not None
        return self._counted or timed or marked

    @property
    def _counted(self) -> bool:
        # The header of a fragmented MP4 may count its first fragment alone.
        frames = stated_frames(self._container, self._stream)
        return frames > 0 and len(self._times) <= frames

    def why_short(self) -> str | None:
        """After all packets: how far they end before the announced duration, or the file before its end; None = not.

        Silent where the container counts its frames, which is the better check.

        Raises:
            OSError: If the file cannot be read.
        """
        why = None
        if not self._counted and self._announced is not None and self._times:
            why = _why_early(self._announced, self._times, self._last_duration, self._stream)
        return why or _why_cut(self._path, self._container)

    def reaches_end(self) -> bool:
        """After all packets, which are fewer than the frames that the header counts: whether the file is complete.

        See `reaches_end`, the function.

        Raises:
            OSError: If the file cannot be read.
        """
        return _is_complete(self._path, self._container, self._stream, self._times, self._last_duration)


def why_short(
    path: str, container: Any, stream: Any, times: Sequence[int | None], last_duration: int = 0
) -> str | None:
    """How far the frames end before the announced duration, or the file before its end; None = they do not.

    Args:
        path: The file.
        container: The same, opened by av.
        stream: Its video stream.
        times: Presentation time of all packets, in units of the stream's time base; None = not known.
        last_duration: For how long the last of them is shown, in the same units; 0 = not known.

    Raises:
        OSError: If the file cannot be read.
    """
    announced, why = announced_seconds(container, stream), None
    if announced is not None and times and None not in times:
        why = _why_early(announced, _seconds_of(times, stream), float(last_duration * stream.time_base), stream)
    why = why or _why_cut(path, container)
    return None if why is None else f'cut off: {why}'


def reaches_end(path: str, container: Any, stream: Any, times: Sequence[int | None], last_duration: int = 0) -> bool:
    """Whether a file is complete whose header counts more frames than there are packets.

    In AVI empty chunks may stand for frames; they are counted. Else the packets must reach the announced duration: an
    edit list that hides whole groups of frames, as trimming without encoding leaves it, makes the demuxer leave these
    out, and is in the duration. Where none is announced: no.

    Args:
        path: The file.
        container: The same, opened by av.
        stream: Its video stream.
        times: See `why_short`, as for `last_duration`.
        last_duration: 0 = not known.

    Raises:
        OSError: If the file cannot be read.
    """
    last_seconds = float(last_duration * stream.time_base)
    return _is_complete(path, container, stream, _seconds_of(times, stream), last_seconds)


def _seconds_of(times: Iterable[int | None], stream: Any) -> list[float]:
    return [float(time * stream.time_base) for time in times if time is not None]


def _why_early(announced: float, times: Iterable[float], last_duration: float, stream: Any) -> str | None:
    """How far frames end before the announced duration; all in seconds."""
    ordered = sorted(times)
    step = max((later - earlier for earlier, later in pairwise(ordered)), default=0.0)
    step = max(step, _frame_seconds(stream))
    # Some programs announce the time of the end, some the length from the first frame on.
    end = ordered[-1] + max(step, last_duration) - min(0.0, ordered[0])
    if end + _SLACK * step >= announced:
        return None
    return f'its frames end at {end:.2f} s, its header announces {announced:.2f} s'


def _is_complete(path: str, container: Any, stream: Any, times: Sequence[float], last_duration: float) -> bool:
    """What `reaches_end` says, of times in seconds."""
    if 'avi' in _formats(container):
        # Not by its duration, which libavformat makes up from the size of a file that was cut off.
        return avi_chunks(path, stream.index) >= int(stream.frames)
    announced = announced_seconds(container, stream)
    if announced is None or not times:
        return False
    step = _frame_seconds(stream)
    return max(times) + max(step, last_duration) + _SLACK * step >= announced


def _frame_seconds(stream: Any) -> float:
    """For how long a frame is shown, on average; 0 = the stream does not say."""
    return float(1 / stream.average_rate) if stream.average_rate else 0.0


def _announced_bytes(path: str, container: Any) -> int | None:
    """Where a Matroska file ends, by its header; None = it does not say, or is another file."""
    return matroska_end(path) if 'matroska' in _formats(container) else None


def _why_cut(path: str, container: Any) -> str | None:
    """By how much the file is shorter than its header says, or that it lacks its end; None = it does not."""
    if _is_gif(container):
        return None if gif_ends(path) else 'it lacks the end of a GIF'
    size, end = os.path.getsize(path), _announced_bytes(path, container)
    return f'it has {size} bytes, its header announces {end}' if end is not None and size < end else None


def _is_gif(container: Any) -> bool:
    return 'gif' in _formats(container)


def _formats(container: Any) -> list[str]:
    names: list[str] = container.format.name.split(',')
    return names


def stated_frames(container: Any, stream: Any) -> int:
    """Number of frames that the header states; 0 = none. In a GIF libavformat counts those that are there."""
    return 0 if _is_gif(container) else int(stream.frames)


def announced_seconds(container: Any, stream: Any) -> float | None:
    """Duration of a video stream as its container states it; None = it does not, or only of all streams together."""
    formats = _formats(container)
    if not _ESTIMATED.isdisjoint(formats):
        return None
    whole = container.duration / 1e6 if container.duration else None
    own = float(stream.duration * stream.time_base) if stream.duration else None
    if own is not None and not _OWN.isdisjoint(formats):
        return own
    # Matroska's statistics: one tag a stream, perhaps with a language at its end.
    for key, text in stream.metadata.items():
        if key.upper().split('-')[0] == 'DURATION' and (seconds := _seconds(text)) is not None:
            return seconds if whole is None else min(seconds, whole)
    # The container's own is that of its longest stream, which sound may be; libavformat gives it to streams that state
    # none.
    return (own or whole) if len(container.streams) == 1 else None


def _seconds(text: str) -> float | None:
    """'00:00:03.000000000' -> 3.0; None = another form."""
    try:
        hours, minutes, seconds = text.strip('\0 ').split(':')
        return 3600 * int(hours) + 60 * int(minutes) + float(seconds)
    except ValueError:
        return None
