"""How long a video ought to be, by its container, for those that do not say how many frames they hold.

Matroska and WebM state a duration and no count. Of other containers, such as MPEG-TS, the duration is worked
out from what is there, so it tells nothing about what is not.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

# Their durations are those of the packets found, by libavformat's own estimate.
_ESTIMATED = ('mpegts', 'mpeg', 'ogg')
# One frame less is let pass, as where frames are counted; times are rounded to milliseconds.
_SLACK = 1.5


class LengthCheck:
    """Compares the times of a stream's packets with the duration that its container announces.

    Args:
        container: An open av container.
        stream: Its video stream, whose packets `add` is given, all of them.
    """

    def __init__(self, container: Any, stream: Any) -> None:
        self._stream = stream
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
        """Whether the container announces frames or a duration: without both a cut cannot be seen."""
        return bool(self._counted or (self._announced is not None and self._times))

    @property
    def _counted(self) -> bool:
        # The header of a fragmented MP4 may count its first fragment alone.
        frames: int = self._stream.frames
        return frames > 0 and len(self._times) <= frames

    def why_short(self) -> str | None:
        """After all packets: how far they end before the announced duration; None = they do not.

        Silent where the container counts its frames, which is the better check.
        """
        if self._counted or self._announced is None or not self._times:
            return None
        times = sorted(self._times)
        rate = float(self._stream.average_rate or 0)
        step = max([later - earlier for earlier, later in pairwise(times)], default=0.0)
        step = max(step, 1 / rate if rate else 0.0, self._last_duration)
        # Some programs announce the time of the end, some the length from the first frame on.
        end = times[-1] + (self._last_duration or step) - min(0.0, times[0])
        if end + _SLACK * step >= self._announced:
            return None
        return f'its frames end at {end:.2f} s, its header announces {self._announced:.2f} s'

    def reaches_end(self) -> bool:
        """After all packets: whether they reach the duration that the header announces; False where it announces none.

        For files whose header counts more frames than there are packets: an edit list that hides whole groups of
        frames, as trimming without encoding leaves it, makes the demuxer leave these out, and is in the duration.
        """
        if self._announced is None or not self._times:
            return False
        rate = float(self._stream.average_rate or 0)
        step = self._last_duration or (1 / rate if rate else 0.0)
        return self._latest + (1 + _SLACK) * step >= self._announced


def announced_seconds(container: Any, stream: Any) -> float | None:
    """Duration of a video stream as its container states it; None = it does not, or only of all streams together."""
    if any(name in _ESTIMATED for name in container.format.name.split(',')):
        return None
    if stream.duration:
        return float(stream.duration * stream.time_base)
    # Matroska's statistics: one tag a stream, perhaps with a language at its end.
    for key, text in stream.metadata.items():
        if key.upper().split('-')[0] == 'DURATION' and (seconds := _seconds(text)) is not None:
            return seconds
    # The container's own is that of its longest stream, which sound may be.
    alone = len(container.streams) == 1
    return container.duration / 1e6 if container.duration and alone else None


def _seconds(text: str) -> float | None:
    """'00:00:03.000000000' -> 3.0; None = another form."""
    try:
        hours, minutes, seconds = text.strip('\0 ').split(':')
        return 3600 * int(hours) + 60 * int(minutes) + float(seconds)
    except ValueError:
        return None
