"""A trained model and its test pipeline: video files -> classes with scores."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import torch

from cdb_video.checks import check_positive
from cdb_video.inference.image_reading import ImagePipeline
from cdb_video.inference.reading import ClipPipeline, Read
from cdb_video.inference.results import ClassScore, Failure, Prediction, Timeline, Window, ranked
from cdb_video_files.video.errors import ClipError, first_line

_Item = TypeVar('_Item')
_NO_MEMORY = ('out of memory', "can't allocate memory")
_Ranked = tuple[ClassScore, ...] | Exception


@dataclass(frozen=True, eq=False)
class Predictor:
    """A model that is ready to predict; :func:`cdb_video.load` makes it from a work directory.

    Attributes:
        model: The network, in evaluation mode, on its device.
        pipeline: Reads clips as the test of the training reads them.
        class_names: In the order of the labels.
        batch_size: Clips, or windows, that the network sees at once.
        short_rule: What happens to a clip that is shorter than a view, in words.
        config: The file that holds the config: one of its own, or the checkpoint.
        checkpoint: The file of the weights.
        reason: Why it is this checkpoint.
    """

    model: Any
    pipeline: ClipPipeline | ImagePipeline
    class_names: tuple[str, ...]
    batch_size: int
    short_rule: str
    config: Path
    checkpoint: Path
    reason: str

    def predict(self, path: str | os.PathLike[str]) -> Prediction:
        """What the model says of one clip.

        Raises:
            ClipError: If the file is missing, no video, damaged or without a picture.
            ValueError: If the pipeline cannot take it, as one smaller than a crop, or the scores are not finite.
        """
        name = os.fspath(path)
        read = self.pipeline.read(name)
        (found,) = self._ranked([read])
        if isinstance(found, Exception):
            raise found
        return Prediction(name, found, self._note(read))

    def predict_all(self, paths: Iterable[str | os.PathLike[str]]) -> Iterator[Prediction | Failure]:
        """What the model says of many clips, in their order; one that fails costs the others nothing."""
        for names in _chunks((os.fspath(path) for path in paths), self.batch_size):
            reads = [self._tried(name) for name in names]
            found = iter(self._ranked([read for read in reads if isinstance(read, Read)]))
            for name, read in zip(names, reads, strict=True):
                yield read if isinstance(read, Failure) else self._outcome(name, read, next(found))

    def timeline(self, path: str | os.PathLike[str], window: float, stride: float | None = None) -> Timeline:
        """What the model says of a long video, window by window, each as if it were a clip of its own.

        Args:
            path: The video.
            window: Length in seconds; best that of the clips of the training.
            stride: Seconds from the start of a window to that of the next; None = as `window`.

        Raises:
            ClipError: If no window can be read; where some can, the timeline has these, and its fault.
            ValueError: If `window` or `stride` is not a number > 0, or less than a frame.
        """
        stride = window if stride is None else stride
        check_positive(window=window, stride=stride)
        windows: list[Window] = []
        short: Read | None = None
        fault: ClipError | None = None
        name = os.fspath(path)
        reads = _until_fault(self.pipeline.windows(name, window, stride))
        for chunk in _chunks(reads, self.batch_size):
            fault = next((read for read in chunk if isinstance(read, ClipError)), None)
            good = [read for read in chunk if isinstance(read, Read)]
            short = short or next((read for read in good if read.is_short), None)
            for read, found in zip(good, self._ranked(good), strict=True):
                if isinstance(found, Exception):
                    raise found
                windows.append(Window(*(read.seconds or (0.0, 0.0)), found))
        if fault is not None and not windows:
            raise fault
        note = None if short is None else self._note(short)
        return Timeline(name, tuple(windows), note, None if fault is None else str(fault))

    def _tried(self, path: str) -> Read | Failure:
        try:
            return self.pipeline.read(path)
        except Exception as error:  # whatever it is, it is said with the clip, and the next one is read
            return Failure(path, cause_of(error, path))

    def _outcome(self, path: str, read: Read, found: _Ranked) -> Prediction | Failure:
        if isinstance(found, Exception):
            return Failure(path, cause_of(found, path))
        return Prediction(path, found, self._note(read))

    def _note(self, read: Read) -> str | None:
        if not read.is_short:
            return None
        return f'{read.num_frames} frames, fewer than the {read.view_span} that a view spans: {self.short_rule}'

    def _ranked(self, reads: Sequence[Read]) -> list[_Ranked]:
        """The classes of every sample, or why there are none."""
        scores: list[Any] = [None] * len(reads)
        for places in _alike(reads):
            for place, score in zip(places, self._scores([reads[place] for place in places]), strict=True):
                scores[place] = score
        return [score if isinstance(score, Exception) else _tried_ranking(score, self.class_names) for score in scores]

    def _scores(self, reads: Sequence[Read]) -> list[Any]:
        """(C,) float32 each; where memory does not do for all at once, one by one."""
        from mmengine.dataset import pseudo_collate

        try:
            with torch.no_grad():
                samples = self.model.test_step(pseudo_collate([read.packed for read in reads]))
            return [sample.pred_score.float().cpu().numpy() for sample in samples]
        except RuntimeError as error:
            if not is_no_memory(error):
                raise
            if len(reads) == 1:
                device = next(self.model.parameters()).device
                return [ValueError(f"{device} has too little memory for its views: choose views='single', or the CPU")]
        return [score for read in reads for score in self._scores([read])]


def _alike(reads: Sequence[Read]) -> list[list[int]]:
    """The places of samples of one shape; the host would fill up the smaller ones with zeros."""
    groups: dict[Any, list[int]] = {}
    for place, read in enumerate(reads):
        groups.setdefault(getattr(read.packed['inputs'], 'shape', place), []).append(place)
    return list(groups.values())


def _tried_ranking(scores: Any, class_names: Sequence[str]) -> _Ranked:
    try:
        return ranked(scores, class_names)
    except ValueError as error:
        return error


def is_no_memory(error: Exception) -> bool:
    """Whether an error of torch says that memory does not do."""
    return any(words in str(error) for words in _NO_MEMORY)


def cause_of(error: Exception, path: str) -> str:
    """What an error says of a clip, without the path before it, which stands there already."""
    text = str(error) if isinstance(error, ValueError | OSError) else f'{type(error).__name__}: {first_line(error)}'
    return text.removeprefix(f'{os.path.abspath(path)}: ').removeprefix(f'{path}: ')


def _chunks(items: Iterable[_Item], size: int) -> Iterator[list[_Item]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def _until_fault(reads: Iterator[Read]) -> Iterator[Read | ClipError]:
    """The samples, and the error that ends them, if one does."""
    try:
        yield from reads
    except ClipError as error:
        yield error
