"""How long a video ought to be, by its container, for those that do not say how many frames they hold, or say too many.

Matroska and WebM state a duration and their bytes, and no count; AVI counts empty chunks. Of other containers, such as
MPEG-TS, the duration is worked out from what is there, so it tells nothing about what is not.
"""

from __future__ import annotations

import os
from itertools import pairwise
from typing import Any

from container_parts import avi_chunks, matroska_end

# Their durations are those of the packets found, by libavformat's own estimate.
_ESTIMATED = ('mpegts', 'mpeg', 'ogg')
# One frame less is let pass, as where frames are counted; times are rounded to milliseconds.
_SLACK = 1.5
# These state a duration for each stream.
_OWN = frozenset(('mov', 'avi'))


class LengthCheck:
    """Compares the times of a stream's packets with the duration that its container announces.

    Args:
        container: A file opened by av.
        stream: Its video stream, whose packets `add` is given, all of them.
    """

    def __init__(self, container: Any, stream: Any) -> None:
        self._stream = stream
        self._path: str = container.name
        self._formats: list[str] = container.format.name.split(',')
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
        return bool(self._counted or (self._announced is not None and self._times) or self._end is not None)

    @property
    def _end(self) -> int | None:
        return matroska_end(self._path) if 'matroska' in self._formats else None

    @property
    def _counted(self) -> bool:
        # The header of a fragmented MP4 may count its first fragment alone.
        frames: int = self._stream.frames
        return frames > 0 and len(self._times) <= frames

    def why_short(self) -> str | None:
        """After all packets: how far they end before the announced duration, or the file before its end; None = not.

        Silent where the container counts its frames, which is the better check.

        Raises:
            OSError: If the file cannot be read.
        """
        if why := self._why_early():
            return why
        size, end = os.path.getsize(self._path), self._end
        return f'it has {size} bytes, its header announces {end}' if end is not None and size < end else None

    def _why_early(self) -> str | None:
        if self._counted or self._announced is None or not self._times:
            return None
        times = sorted(self._times)
        rate = float(self._stream.average_rate or 0)
        step = max([later - earlier for earlier, later in pairwise(times)], default=0.0)
        step = max(step, 1 / rate if rate else 0.0)
        # Some programs announce the time of the end, some the length from the first frame on.
        end = times[-1] + max(step, self._last_duration) - min(0.0, times[0])
        if end + _SLACK * step >= self._announced:
            return None
        return f'its frames end at {end:.2f} s, its header announces {self._announced:.2f} s'

    def reaches_end(self) -> bool:
        """After all packets, which are fewer than the frames that the header counts: whether the file is complete.

        In AVI empty chunks may stand for frames; they are counted. Else the packets must reach the announced duration:
        an edit list that hides whole groups of frames, as trimming without encoding leaves it, makes the demuxer leave
        these out, and is in the duration. Where none is announced: no.

        Raises:
            OSError: If the file cannot be read.
        """
        if 'avi' in self._formats:
            # Not by its duration, which libavformat makes up from the size of a file that was cut off.
            return avi_chunks(self._path, self._stream.index) >= int(self._stream.frames)
        if self._announced is None or not self._times:
            return False
        rate = float(self._stream.average_rate or 0)
        step = 1 / rate if rate else 0.0
        return self._latest + max(step, self._last_duration) + _SLACK * step >= self._announced


def announced_seconds(container: Any, stream: Any) -> float | None:
    """Duration of a video stream as its container states it; None = it does not, or only of all streams together."""
    if any(name in _ESTIMATED for name in container.format.name.split(',')):
        return None
    whole = container.duration / 1e6 if container.duration else None
    own = float(stream.duration * stream.time_base) if stream.duration else None
    if own is not None and not _OWN.isdisjoint(container.format.name.split(',')):
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
