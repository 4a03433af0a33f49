"""The most confident mistakes: which clip, what it is, what it was taken for, and some of its frames."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from importlib.util import find_spec

import numpy as np

from cdb_video.class_names import counted
from cdb_video.host_words import sample, samples
from cdb_video.report.insight.insight import Insight
from cdb_video.report.sources.clip_pictures import ClipPictures, Image, pictures_of

NUMBER = 100
_HEIGHT = 64
_QUALITY = 60
MAX_BYTES = 3_000_000
"""Of all pictures of a page together."""


@dataclass(frozen=True)
class Mistake:
    """A clip that was taken for another class, or an object that was, or was missed.

    Attributes:
        clip: Its name.
        truth: Name of its class.
        predicted: Name of the class that it was taken for; None = it was missed.
        score: Of the predicted class; None = it was missed, or there are no scores.
        true_score: Of its own class; None of an object, since a detection has the score of one class, and without
            scores.
        strip: Frames side by side, or the object in its image, as a ``data:image/jpeg`` address; None where there are
            none at hand.
    """

    clip: str
    truth: str
    predicted: str | None
    score: float | None
    true_score: float | None
    strip: str | None = None


def worst_mistakes(insight: Insight, number: int = NUMBER) -> tuple[list[Mistake], list[str]]:
    """The mistakes with the highest scores, the surest first; without scores the first ones of the dump.

    Returns:
        The mistakes, and what the list lacks, in sentences.
    """
    dump = insight.run.predictions
    if dump is None:
        return [], []
    confidence, predicted = dump.confidence, dump.predicted
    wrong = np.flatnonzero(predicted != dump.labels)
    wrong = wrong[np.argsort(-confidence[wrong], kind='stable')][:number]
    clips = dump.distinct_names or dump.clip_names or [f'{sample()} {index}' for index in range(len(dump.labels))]
    strips, notes = _strips(insight, wrong.tolist())
    mistakes = [
        Mistake(
            clips[index],
            insight.name_of(int(dump.labels[index])),
            insight.name_of(int(predicted[index])),
            float(confidence[index]) if dump.has_scores else None,
            float(dump.scores[index, dump.labels[index]]) if dump.has_scores else None,
            strips.get(index),
        )
        for index in wrong.tolist()
    ]
    return mistakes, notes


def _strips(insight: Insight, indices: list[int]) -> tuple[dict[int, str], list[str]]:
    """Strips by clip, and why there are not more of them."""
    dump = insight.run.predictions
    if not indices or dump is None or dump.paths is None or not insight.options.thumbnails:
        return {}, []
    if find_spec('cv2') is None:
        return {}, [f'Frames of the misclassified {samples()} need OpenCV: pip install opencv-python-headless.']
    strips: dict[int, str] = {}
    size, lacking = 0, _Lacking(len(indices))
    for index in indices:
        pictures = pictures_of(insight.run.folder, dump.paths[index])
        lacking.add(dump.paths[index], pictures)
        if not pictures.frames:
            continue
        strip = _joined(pictures.frames)
        size += len(strip)
        if size > MAX_BYTES:
            lacking.notes.append(
                f'Frames are shown for the first {counted(len(strips), sample())}, to bound the size of the page.'
            )
            break
        strips[index] = strip
    return strips, lacking.sentences()


@dataclass
class _Lacking:
    """The clips without frames, or without some, by what is wrong; and other notes on what is not shown."""

    number: int
    missing: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    partial: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, path: str, pictures: ClipPictures) -> None:
        if pictures.is_missing:
            self.missing.append(path)
        elif pictures.fault is not None:
            (self.partial if pictures.frames else self.unreadable).append(pictures.fault)

    def sentences(self) -> list[str]:
        of = f'of the {self.number} misclassified {samples()}'
        notes = []
        if self.missing:
            notes.append(
                f'No frames are at hand of {len(self.missing)} {of}, which are missing (the first is '
                f'{self.missing[0]}): there is no such folder, pack or video, seen from the current folder, the work '
                'directory, or up to four folders above it.'
            )
        if self.unreadable:
            notes.append(
                f'No frames are at hand of {len(self.unreadable)} {of}, which cannot be read (the first: '
                f'{self.unreadable[0]}).'
            )
        if self.partial:
            notes.append(f'Some frames could not be read of {len(self.partial)} {of} (the first: {self.partial[0]}).')
        return notes + self.notes


def _joined(frames: list[Image]) -> str:
    """Frames side by side, `_HEIGHT` pixels high, as an address that holds the picture."""
    import cv2

    small = [
        cv2.resize(
            frame, (max(1, round(frame.shape[1] * _HEIGHT / frame.shape[0])), _HEIGHT), interpolation=cv2.INTER_AREA
        )
        for frame in frames
    ]
    _, encoded = cv2.imencode('.jpg', np.hstack(small), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return 'data:image/jpeg;base64,' + base64.b64encode(encoded.tobytes()).decode()
