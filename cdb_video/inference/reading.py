"""A test pipeline at work on video files: one sample a clip, or one a window of a video that is decoded once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from cdb_video.hosts.mmaction.stock_readers import read_step
from cdb_video.inference.timeline.windows import Span, window_spans
from cdb_video_files.video.containers import video_path
from cdb_video_files.video.errors import ClipError
from cdb_video_files.video.fallbacks import open_video

_Sample: TypeAlias = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Read:
    """What the pipeline made of a clip or of a window.

    Attributes:
        packed: Its input for the model, as `PackActionInputs` makes it.
        num_frames: Frames of the clip or of the window.
        view_span: Frames that a view spans, from its first to its last; None = the sampler does not say.
        seconds: Start and end of the window; None = it is the whole clip.
    """

    packed: Mapping[str, Any]
    num_frames: int
    view_span: int | None
    seconds: tuple[float, float] | None = None

    @property
    def is_short(self) -> bool:
        """Whether there are fewer frames than a view spans."""
        return self.view_span is not None and self.num_frames < self.view_span


class ClipPipeline:
    """The transforms of a pipeline that reads videos, run step by step.

    Args:
        steps: The transforms, built.
    """

    def __init__(self, steps: Sequence[Any]) -> None:
        self._steps = tuple(steps)

    def read(self, path: str) -> Read:
        """The sample of a whole clip.

        Raises:
            ClipError: If the file is missing, no video, damaged or without a picture.
        """
        sample, left = self._until('frame_inds', _start(path), self._steps)
        return _read(sample, self._finish(sample, left))

    def windows(self, path: str, window: float, stride: float) -> Iterator[Read]:
        """The samples of the windows of a video, each as if it were a clip of its own; see `window_spans`.

        With VideoInit and VideoDecode the video is decoded once, however much the windows overlap. Other readers open
        it for each window.

        Raises:
            ClipError: As of `read`, when it is met; and if the file does not say how many frames there are in a second.
            ValueError: If a window or a stride is shorter than a frame.
        """
        opened, rest = self._until('total_frames', _start(path), self._steps)
        rate = opened.get('avg_fps') or _rate(path)
        video = opened.get('video_reader')
        try:
            if not rate:
                raise ClipError(path, 'it does not say how many frames it has in a second, so there are no seconds')
            spans = window_spans(opened['total_frames'], rate, window, stride)
            sampled = [self._sampled(opened, rest, span) for span in spans]
            if hasattr(video, 'frames') and hasattr(video, 'close'):
                readers: Iterator[Any] = _window_readers(video, [sample for sample, _ in sampled])
            else:
                readers = (self._until('total_frames', _start(path), self._steps)[0]['video_reader'] for _ in sampled)
            for span, (sample, left), reader in zip(spans, sampled, readers, strict=True):
                sample['video_reader'] = reader
                yield _read(sample, self._finish(sample, left), (span.first / rate, span.stop / rate))
        finally:
            if video is not None and hasattr(video, 'close'):
                video.close()

    def _sampled(self, opened: _Sample, rest: Sequence[Any], span: Span) -> tuple[_Sample, Sequence[Any]]:
        """The frames of a window, numbered as in the video, and the steps that are left."""
        sample, left = self._until('frame_inds', opened | {'total_frames': len(span)}, rest)
        sample['frame_inds'] = sample['frame_inds'] + span.first
        return sample, left

    def _until(self, key: str, sample: _Sample, steps: Sequence[Any]) -> tuple[_Sample, Sequence[Any]]:
        for number, step in enumerate(steps):
            sample = read_step(step, sample)
            if key in sample:
                return sample, steps[number + 1 :]
        names = ', '.join(type(step).__name__ for step in self._steps)
        raise ValueError(f'no step of the test pipeline ({names}) adds {key!r}: it needs VideoInit and SampleFrames')

    def _finish(self, sample: _Sample, steps: Sequence[Any]) -> Mapping[str, Any]:
        result: Any = dict(sample)
        for step in steps:
            result = read_step(step, result)
        if not isinstance(result, Mapping) or 'inputs' not in result:
            raise ValueError('the test pipeline makes no inputs for the model: it must end with PackActionInputs')
        return result


def _start(path: str) -> _Sample:
    """A sample as mmaction2's VideoDataset begins one; the label stands for none."""
    return {'filename': path, 'label': -1, 'start_index': 0, 'modality': 'RGB'}


def _read(sample: _Sample, packed: Mapping[str, Any], seconds: tuple[float, float] | None = None) -> Read:
    # UniformSample has no interval: its view spans whatever there is, but has that many frames.
    span = (int(sample['clip_len']) - 1) * int(sample.get('frame_interval') or 1) + 1 if 'clip_len' in sample else None
    return Read(packed, int(sample['total_frames']), span, seconds)


def _rate(path: str) -> float | None:
    """Frames a second, which PyAVInit and OpenCVInit do not say."""
    video = open_video(video_path(path))
    video.close()
    return video.rate


@dataclass(frozen=True, eq=False)
class _WindowVideo:
    """The frames of a window, in the place of an open video."""

    path: str
    kept: Mapping[int, Any]

    def frames(self, wanted: Sequence[int]) -> Iterator[tuple[int, Any]]:
        """Number and frame, as an open video has them."""
        yield from ((number, self.kept[number]) for number in wanted)

    def close(self) -> None:
        """Nothing; the video is closed by who opened it."""


def _window_readers(video: Any, samples: Sequence[_Sample]) -> Iterator[_WindowVideo]:
    """For each window what it needs of a video, in one pass; a frame is kept until no later window wants it."""
    wanted = [np.unique(sample['frame_inds'] - sample['start_index']).tolist() for sample in samples]
    oldest = np.minimum.accumulate([numbers[0] for numbers in wanted][::-1])[::-1].tolist()
    stream = video.frames(sorted(set().union(*wanted)))
    kept: dict[int, Any] = {}
    for numbers, first in zip(wanted, oldest, strict=True):
        kept = {number: frame for number, frame in kept.items() if number >= first}
        while numbers[-1] not in kept:
            number, frame = next(stream)
            kept[number] = frame
        yield _WindowVideo(video.path, kept)
