"""The mistakes, the surest first: which clip, what it is, what it was taken for, its video, and some of its frames."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from cdb_video.host_words import sample, samples
from cdb_video.report.insight.insight import Insight
from cdb_video.report.insight.mistake_choice import LISTED, MAX_BYTES, PICTURED, to_list, to_picture
from cdb_video.report.sources.clip_pictures import ClipPictures, Image, pictures_of, playable_video

_HEIGHT = 64
_QUALITY = 60
_ABSENT = 20
"""Of clips in a row that are nowhere: then the others are not looked for either."""


@dataclass(frozen=True)
class Mistake:
    """A clip that was taken for another class, or an object that was, or was missed.

    Attributes:
        clip: Its name.
        label: Of its class.
        answer: Label of the class that it was taken for; None = it was missed.
        truth: Name of its class.
        predicted: Name of the class that it was taken for; None = it was missed.
        score: Of the predicted class; None = it was missed, or there are no scores.
        true_score: Of its own class; None of an object, since a detection has the score of one class, and without
            scores.
        strip: Frames side by side, or the object in its image, as a ``data:image/jpeg`` address; None where there are
            none at hand.
        path: As the dump names the sample; None = it names none.
        video: Its file, of a kind that browsers play; None = it is not one, or not found.
    """

    clip: str
    label: int
    answer: int | None
    truth: str
    predicted: str | None
    score: float | None
    true_score: float | None
    strip: str | None = None
    path: str | None = None
    video: Path | None = None


def worst_mistakes(insight: Insight, number: int = LISTED, pictured: int = PICTURED) -> tuple[list[Mistake], list[str]]:
    """The mistakes, the surest first: those with the highest scores, and the surest of every pair of classes.

    Without scores, as of a table of predicted classes, they stand in the order of the dump.

    Args:
        insight: What the report says.
        number: Of mistakes, at most.
        pictured: Of those whose frames are looked for, at most.

    Returns:
        The mistakes, and what the list lacks, in sentences.
    """
    dump = insight.run.predictions
    if dump is None:
        return [], []
    confidence, predicted = dump.confidence, dump.predicted
    wrong = np.flatnonzero(predicted != dump.labels)
    wrong = wrong[to_list(dump.labels[wrong], predicted[wrong], confidence[wrong], number)]
    clips = dump.distinct_names or dump.clip_names or [f'{sample()} {index}' for index in range(len(dump.labels))]
    strips, notes = _strips(insight, wrong[to_picture(dump.labels[wrong], predicted[wrong], pictured)].tolist())
    videos = _videos(insight, wrong.tolist())
    mistakes = [
        Mistake(
            clip=clips[index],
            label=int(dump.labels[index]),
            answer=int(predicted[index]),
            truth=insight.name_of(int(dump.labels[index])),
            predicted=insight.name_of(int(predicted[index])),
            score=float(confidence[index]) if dump.has_scores else None,
            true_score=float(dump.scores[index, dump.labels[index]]) if dump.has_scores else None,
            strip=strips.get(index),
            path=None if dump.paths is None else dump.paths[index],
            video=videos.get(index),
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
    size, lacking = 0, _Lacking(len(indices), int((dump.predicted != dump.labels).sum()))
    for index in indices:
        pictures = pictures_of(insight.run.folder, dump.paths[index])
        lacking.add(dump.paths[index], pictures)
        if not pictures.frames:
            continue
        strip = _joined(pictures.frames)
        size += len(strip)
        if size > MAX_BYTES:
            break
        strips[index] = strip
    return strips, lacking.sentences()


def _videos(insight: Insight, indices: list[int]) -> dict[int, Path]:
    """The files that can be played, by clip."""
    dump = insight.run.predictions
    if dump is None or dump.paths is None or not insight.options.thumbnails:
        return {}
    videos: dict[int, Path] = {}
    absent = 0
    for index in indices:
        found = playable_video(insight.run.folder, dump.paths[index])
        if isinstance(found, Path):
            videos[index] = found
        absent = 0 if found else absent + 1
        if absent == _ABSENT:
            break
    return videos


@dataclass
class _Lacking:
    """The clips without frames, or without some, by what is wrong."""

    number: int
    num_mistakes: int
    missing: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    partial: list[str] = field(default_factory=list)

    def add(self, path: str, pictures: ClipPictures) -> None:
        if pictures.is_missing:
            self.missing.append(path)
        elif pictures.fault is not None:
            (self.partial if pictures.frames else self.unreadable).append(pictures.fault)

    def sentences(self) -> list[str]:
        looked_for = '' if self.number == self.num_mistakes else ' that were looked for'
        of = f'of the {self.number} misclassified {samples()}{looked_for}'
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
        return notes


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
