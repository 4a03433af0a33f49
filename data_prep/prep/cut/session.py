"""One recording -> its clips, cut to the frame and encoded anew. Runs in worker processes: no torch.

Clip frames are counted at 24 a second from the recording's first frame: slot k is what the recording shows
at k/24 s. In a recording of 24 frames a second that is its frame k; in others frames are left out or
repeated. Times decide and not a count, so a frame that is lost does not shift all that follow.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from cdb_video_files.video.containers import picture_stream
from prep.cut.writer import FPS, ClipWriter, CutOptions

# A frame may come this much of 1/24 s late and still be that slot's.
_LATE = Fraction(1, 4)
# A recording that shows nothing new for longer has lost frames.
_LONGEST_FRAME_SECONDS = Fraction(1, 2)
# Start to decode so much before the first clip.
_LEAD_SECONDS = 3


@dataclass(frozen=True)
class Cut:
    """One clip to cut: the frames from `start_frame` up to, but without, `end_frame`.

    Attributes:
        path: Where it goes; its stem is the clip's name.
        start_frame: At 24 frames a second from the recording's start.
        end_frame: Likewise.
        action_end_ms: Up to here, in milliseconds, the recording must last; what follows is padding.
    """

    path: Path
    start_frame: int
    end_frame: int
    action_end_ms: int

    @property
    def name(self) -> str:
        """Of the clip."""
        return self.path.stem


@dataclass(frozen=True)
class Recording:
    """A full video, or a piece of one, and the clips to cut from it."""

    video: Path
    cuts: Sequence[Cut]
    options: CutOptions


@dataclass
class CutOutcome:
    """What became of a recording's clips.

    Attributes:
        made: Names of clips that are there now, each with its number of frames.
        shorter: Those among them that the recording's end has shortened: their padding only.
        damaged: Clips that cannot be cut, each with the reason.
    """

    made: dict[str, int] = field(default_factory=dict)
    shorter: list[str] = field(default_factory=list)
    damaged: dict[str, str] = field(default_factory=dict)


def cut_recording(recording: Recording, beat: Callable[[], None] = lambda: None) -> CutOutcome:
    """Cut all clips of a recording in one pass; each appears by rename when it is complete.

    Args:
        recording: What to cut.
        beat: Called again and again, as a sign of life.

    Raises:
        OSError: If a clip cannot be written. The recording's own faults are in `CutOutcome.damaged`.
    """
    av.logging.set_level(None)
    cutter = _Cutter(recording, beat)
    try:
        with av.open(str(recording.video)) as container:
            cutter.cut(container)
    except av.error.FFmpegError as error:
        cutter.fail_rest(f'the recording cannot be read on ({error.strerror})')
    finally:
        cutter.discard()
    return cutter.outcome


class _Cutter:
    """Walks through a recording and hands every frame to the clips that it belongs to."""

    def __init__(self, recording: Recording, beat: Callable[[], None]) -> None:
        self._recording = recording
        self._beat = beat
        # The next one to begin is the last of the list.
        self._waiting = sorted(recording.cuts, key=lambda cut: -cut.start_frame)
        self._open: dict[Cut, ClipWriter] = {}
        self._next_slot = 0
        self.outcome = CutOutcome()

    def cut(self, container: Any) -> None:
        stream = picture_stream(container)
        if stream is None:
            self.fail_rest('the recording holds no video stream')
            return
        for slot, frame, flaw in _slots(container, stream, self._waiting[-1].start_frame, self._beat):
            if frame.rotation:
                self.fail_rest(f'the recording is to be shown turned by {frame.rotation} degrees; turn it first')
                return
            self._begin(slot)
            self._take(slot, frame, flaw)
            self._next_slot = slot + 1
            if not self._waiting and not self._open:
                return
        self._end_of_recording()

    def _begin(self, slot: int) -> None:
        while self._waiting and self._waiting[-1].start_frame <= slot:
            cut = self._waiting.pop()
            if cut.start_frame < slot:
                self.outcome.damaged[cut.name] = f'the recording shows nothing at its frame {cut.start_frame}'
            else:
                self._open[cut] = ClipWriter(cut.path, self._recording.options)

    def _take(self, slot: int, frame: av.VideoFrame, flaw: str | None) -> None:
        for cut, writer in list(self._open.items()):
            if flaw is not None:
                self._fail(cut, f'{flaw} at {slot / FPS:.2f} s of the recording')
                continue
            writer.add(frame)
            if cut.end_frame == slot + 1:
                self._finish(cut)

    def _finish(self, cut: Cut) -> None:
        self.outcome.made[cut.name] = self._open.pop(cut).finish()

    def _fail(self, cut: Cut, why: str) -> None:
        self._open.pop(cut).discard()
        self.outcome.damaged[cut.name] = why

    def _end_of_recording(self) -> None:
        for cut in list(self._open):
            # Some of the padding may be missing, nothing of the action.
            if cut.action_end_ms * FPS <= self._next_slot * 1000:
                self.outcome.shorter.append(cut.name)
                self._finish(cut)
        self.fail_rest(f'the recording ends after {self._next_slot / FPS:.2f} s')

    def fail_rest(self, why: str) -> None:
        for cut in list(self._open):
            self._fail(cut, why)
        self.outcome.damaged |= dict.fromkeys((cut.name for cut in self._waiting), why)
        self._waiting.clear()

    def discard(self) -> None:
        for writer in self._open.values():
            writer.discard()


def _slots(
    container: Any, stream: Any, first: int, beat: Callable[[], None]
) -> Iterator[tuple[int, av.VideoFrame, str | None]]:
    """Every slot with its frame, and what is wrong with it; begins somewhat before slot `first` if it can."""
    origin = next((_time(frame, stream) for frame, _ in _frames(container, stream, beat)), None)
    if origin is None:
        return
    start = origin + Fraction(first, FPS) - _LEAD_SECONDS
    container.seek(math.floor(max(start, origin) / stream.time_base), stream=stream, backward=True)
    before: tuple[Fraction, av.VideoFrame, str | None] | None = None
    for frame, flaw in _frames(container, stream, beat):
        time = _time(frame, stream) - origin
        if before is not None:
            yield from _slots_of(*before, until=time)
        before = (time, frame, flaw)
    if before is not None:
        yield from _slots_of(*before, until=before[0] + 1 / Fraction(stream.average_rate or FPS))


def _slots_of(
    time: Fraction, frame: av.VideoFrame, flaw: str | None, *, until: Fraction
) -> Iterator[tuple[int, av.VideoFrame, str | None]]:
    """The slots in which a frame is shown that comes at `time` and is followed by another one at `until`."""
    first, end = (math.ceil(moment * FPS - _LATE) for moment in (time, until))
    for slot in range(max(first, 0), end):
        hole = slot > first and until - time > _LONGEST_FRAME_SECONDS
        yield slot, frame, 'frames are missing' if hole and flaw is None else flaw


def _frames(container: Any, stream: Any, beat: Callable[[], None]) -> Iterator[tuple[av.VideoFrame, str | None]]:
    """Decoded frames in the order of their times; after damage all are flawed up to the next key frame."""
    flaw = None
    for packet in container.demux(stream):
        beat()
        try:
            frames = packet.decode()
        except av.error.FFmpegError as error:
            flaw, frames = f'it cannot be decoded ({error.strerror})', []
        if packet.is_corrupt:
            flaw = 'it is damaged or cut off'
        for frame in frames:
            if frame.is_corrupt:
                flaw = 'it is damaged'
            elif frame.key_frame and not packet.is_corrupt:
                flaw = None
            yield frame, flaw


def _time(frame: av.VideoFrame, stream: Any) -> Fraction:
    if frame.pts is None:
        raise av.error.InvalidDataError(0, 'a frame has no time', None)
    return Fraction(frame.pts) * Fraction(stream.time_base)
