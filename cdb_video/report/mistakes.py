"""The most confident mistakes: which clip, what it is, what it was taken for, and some of its frames."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from cdb_video.report.insight import Insight
from cdb_video.serialise import counted

NUMBER = 100
_FRAMES = 6
_HEIGHT = 64
_QUALITY = 60
_MAX_BYTES = 3_000_000
"""Of all strips of a page together."""
_IMAGES = ('.jpg', '.jpeg', '.png')


@dataclass(frozen=True)
class Mistake:
    """A clip that was taken for another class.

    Attributes:
        clip: Its name.
        truth: Name of its class.
        predicted: Name of the class that it was taken for.
        score: Of the predicted class.
        true_score: Of its own class.
        strip: Frames side by side as a ``data:image/jpeg`` address; None where there are none at hand.
    """

    clip: str
    truth: str
    predicted: str
    score: float
    true_score: float
    strip: str | None = None


def worst_mistakes(insight: Insight, number: int = NUMBER) -> tuple[list[Mistake], list[str]]:
    """The mistakes with the highest scores, the surest first.

    Returns:
        The mistakes, and what the list lacks, in sentences.
    """
    dump = insight.run.predictions
    if dump is None:
        return [], []
    confidence, predicted = dump.confidence, dump.predicted
    wrong = np.flatnonzero(predicted != dump.labels)
    wrong = wrong[np.argsort(-confidence[wrong], kind='stable')][:number]
    clips = dump.distinct_names or dump.clip_names or [f'clip {index}' for index in range(len(dump.labels))]
    strips, note = _strips(insight, wrong.tolist())
    mistakes = [
        Mistake(
            clips[index],
            insight.name_of(int(dump.labels[index])),
            insight.name_of(int(predicted[index])),
            float(confidence[index]),
            float(dump.scores[index, dump.labels[index]]),
            strips.get(index),
        )
        for index in wrong.tolist()
    ]
    return mistakes, [note] if note else []


def _strips(insight: Insight, indices: list[int]) -> tuple[dict[int, str], str | None]:
    """Strips by clip, and why there are not more of them."""
    dump = insight.run.predictions
    if not indices or dump is None or dump.paths is None or not insight.options.thumbnails:
        return {}, None
    if find_spec('cv2') is None:
        return {}, 'Frames of the misclassified clips need OpenCV: pip install opencv-python-headless.'
    strips: dict[int, str] = {}
    size, missing = 0, 0
    for index in indices:
        frames = list(_frames(insight.run.folder, dump.paths[index]))
        if not frames:
            missing += 1
            continue
        strip = _joined(frames)
        size += len(strip)
        if size > _MAX_BYTES:
            return (
                strips,
                f'Frames are shown for the first {counted(len(strips), "clip")}, to bound the size of the page.',
            )
        strips[index] = strip
    where = dump.paths[indices[0]]
    note = (
        f'No frames are at hand of {missing} of the {len(indices)} misclassified clips (the first is {where}).'
        if missing
        else None
    )
    return strips, note


def _frames(folder: Path, path: str) -> Iterator[np.ndarray[Any, Any]]:
    """Some frames of a clip, spread over its length, (H, W, 3) uint8; none if it is not found.

    A relative path is taken from the current folder, from the work directory, or from a folder above it.
    """
    for root in (Path(), folder, *list(folder.resolve().parents)[:4]):
        place = root / path
        if os.path.isdir(place):
            yield from _images(place)
            return
        if os.path.isfile(place):
            yield from _video(place)
            return


def _images(folder: Path) -> Iterator[np.ndarray[Any, Any]]:
    import cv2

    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in _IMAGES)
    for place in _spread(len(files)):
        image = cv2.imread(str(files[place]))
        if image is not None:
            yield image


def _video(file: Path) -> Iterator[np.ndarray[Any, Any]]:
    import cv2

    video = cv2.VideoCapture(str(file))
    try:
        for place in _spread(int(video.get(cv2.CAP_PROP_FRAME_COUNT))):
            video.set(cv2.CAP_PROP_POS_FRAMES, place)
            found, image = video.read()
            if found:
                yield image
    finally:
        video.release()


def _spread(number: int) -> list[int]:
    """`_FRAMES` places over 0..number-1, from the middle of equal parts: 6 of 12 are 1, 3, 5, 7, 9, 11."""
    if number <= 0:
        return []
    return sorted({int((part + 0.5) * number / _FRAMES) for part in range(_FRAMES)})


def _joined(frames: list[np.ndarray[Any, Any]]) -> str:
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
