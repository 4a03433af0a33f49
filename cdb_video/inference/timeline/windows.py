"""Windows over a long video: seconds -> frames."""

from __future__ import annotations

from dataclasses import dataclass

_ROUNDING = 1e-6  # of a frame: 1/29.97 s at 29.97 frames a second is one


@dataclass(frozen=True)
class Span:
    """Frames `first` to `stop` - 1, counted from 0."""

    first: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.first


def window_spans(total_frames: int, rate: float, window: float, stride: float) -> list[Span]:
    """Windows of equal length over a video.

    They start every `stride` seconds. What is left at the end gets a window of its own, which ends with the video. A
    video that is shorter than a window is one.

    For example 100 frames at 10 a second, windows of 4 s every 3 s: frames 0-39, 30-69, 60-99; of 110 frames also
    70-109.

    Args:
        total_frames: Of the video, at least 1.
        rate: Frames a second, > 0.
        window: Length in seconds, at least one frame.
        stride: Seconds from start to start, at least one frame. More than `window` leaves frames out between windows.

    Raises:
        ValueError: If a window or a stride is shorter than a frame.
    """
    length = round(window * rate)
    for name, value in (('window', window), ('stride', stride)):
        if value * rate < 1 - _ROUNDING:
            raise ValueError(f'{name}={value:g} s is less than a frame at {rate:g} frames a second: give at least one')
    if length >= total_frames:
        return [Span(0, total_frames)]
    last = total_frames - length
    starts = [round(number * stride * rate) for number in range(int(last / (stride * rate)) + 2)]
    starts = [start for start in dict.fromkeys(starts) if start <= last]
    if starts[-1] < last:
        starts.append(last)
    return [Span(start, start + length) for start in starts]
