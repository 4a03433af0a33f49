"""Whether a video ends before its container says that it ends, where its number of frames does not tell.

Matroska and WebM state a duration and the bytes that they hold, but no frames; AVI counts frames that are not there.
`data_prep/announced_length.py` is the same check for programs that run without this package.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from cdb_video_files.video.container_parts import avi_chunks, matroska_end

# Their durations are libavformat's estimates from the packets found, so they tell nothing about those that are not.
_ESTIMATED = frozenset(('mpegts', 'mpeg', 'ogg'))
# One frame less is let pass; times are rounded to milliseconds.
_SLACK = 1.5
# These state a duration for each stream.
_OWN = frozenset(('mov', 'avi'))


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
    why = _why_early(container, stream, times, last_duration)
    if why is None and 'matroska' in _formats(container):
        size, end = os.path.getsize(path), matroska_end(path)
        why = f'it has {size} bytes, its header announces {end}' if end is not None and size < end else None
    return None if why is None else f'cut off: {why}'


def _why_early(container: Any, stream: Any, times: Sequence[int | None], last_duration: int) -> str | None:
    announced = _announced_seconds(container, stream)
    if announced is None or not times or None in times:
        return None
    seconds = sorted(float(time * stream.time_base) for time in times if time is not None)
    step = max((later - earlier for earlier, later in pairwise(seconds)), default=0.0)
    if stream.average_rate:
        step = max(step, float(1 / stream.average_rate))
    # Some programs announce the time of the end, some the length from the first frame on.
    end = seconds[-1] + max(step, float(last_duration * stream.time_base)) - min(0.0, seconds[0])
    if end + _SLACK * step >= announced:
        return None
    return f'its frames end at {end:.2f} s, its header announces {announced:.2f} s'


def reaches_end(path: str, container: Any, stream: Any, times: Sequence[int | None], last_duration: int = 0) -> bool:
    """Whether a file is complete whose header counts more frames than there are packets.

    In AVI empty chunks may stand for frames; they are counted. Else the packets must reach the announced duration: an
    edit list that hides whole groups of frames makes the demuxer leave these out, and is in the duration.

    Args:
        path: The file.
        container: The same, opened by av.
        stream: Its video stream.
        times: See `why_short`, as for `last_duration`.
        last_duration: 0 = not known.

    Raises:
        OSError: If the file cannot be read.
    """
    if 'avi' in _formats(container):
        # Not by its duration, which libavformat makes up from the size of a file that was cut off.
        return avi_chunks(path, stream.index) >= int(stream.frames)
    announced = _announced_seconds(container, stream)
    known = [time for time in times if time is not None]
    if announced is None or not known:
        return False
    step = float(1 / stream.average_rate) if stream.average_rate else 0.0
    end = float(max(known) * stream.time_base) + max(step, float(last_duration * stream.time_base))
    return end + _SLACK * step >= announced


def _formats(container: Any) -> list[str]:
    names: list[str] = container.format.name.split(',')
    return names


def _announced_seconds(container: Any, stream: Any) -> float | None:
    if not _ESTIMATED.isdisjoint(_formats(container)):
        return None
    whole = container.duration / 1e6 if container.duration else None
    own = float(stream.duration * stream.time_base) if stream.duration else None
    if own is not None and not _OWN.isdisjoint(_formats(container)):
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
