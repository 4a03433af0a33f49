"""Whether a video ends before its container says that it ends, where that states no number of frames.

Matroska and WebM state a duration alone. `data_prep/announced_length.py` is the same check for programs that run
without this package.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

# Their durations are libavformat's estimates from the packets found, so they tell nothing about those that are not.
_ESTIMATED = frozenset(('mpegts', 'mpeg', 'ogg'))
# One frame less is let pass; times are rounded to milliseconds.
_SLACK = 1.5


def why_short(container: Any, stream: Any, times: Sequence[int | None]) -> str | None:
    """How far the frames end before the announced duration; None = they do not, or nothing is announced.

    Args:
        container: An open av container.
        stream: Its video stream.
        times: Presentation time of all packets, in units of the stream's time base; None = not known.
    """
    announced = _announced_seconds(container, stream)
    if announced is None or not times or None in times:
        return None
    seconds = sorted(float(time * stream.time_base) for time in times if time is not None)
    step = max((later - earlier for earlier, later in pairwise(seconds)), default=0.0)
    if stream.average_rate:
        step = max(step, float(1 / stream.average_rate))
    # Some programs announce the time of the end, some the length from the first frame on.
    end = seconds[-1] + step - min(0.0, seconds[0])
    if end + _SLACK * step >= announced:
        return None
    return f'cut off: its frames end at {end:.2f} s, its header announces {announced:.2f} s'


def reaches_end(container: Any, stream: Any, times: Sequence[int | None]) -> bool:
    """Whether the packets reach the announced duration; False where none is announced.

    For files whose header counts more frames than there are packets: an edit list that hides whole groups of frames
    makes the demuxer leave these out, and is in the duration.
    """
    announced = _announced_seconds(container, stream)
    known = [time for time in times if time is not None]
    if announced is None or not known or not stream.average_rate:
        return False
    return float(max(known) * stream.time_base) + (1 + _SLACK) / float(stream.average_rate) >= announced


def _announced_seconds(container: Any, stream: Any) -> float | None:
    if not _ESTIMATED.isdisjoint(container.format.name.split(',')):
        return None
    if stream.duration:
        return float(stream.duration * stream.time_base)
    # Matroska's statistics: one tag a stream, perhaps with a language at its end.
    for key, text in stream.metadata.items():
        if key.upper().split('-')[0] == 'DURATION' and (seconds := _seconds(text)) is not None:
            return seconds
    # The container's own is that of its longest stream, which sound may be.
    return container.duration / 1e6 if container.duration and len(container.streams) == 1 else None


def _seconds(text: str) -> float | None:
    """'00:00:03.000000000' -> 3.0; None = another form."""
    try:
        hours, minutes, seconds = text.strip('\0 ').split(':')
        return 3600 * int(hours) + 60 * int(minutes) + float(seconds)
    except ValueError:
        return None
