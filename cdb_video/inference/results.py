"""What a model says of a clip, of the windows of a long video, and of what could not be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class ClassScore:
    """A class and its score.

    Attributes:
        label: Counted from 0.
        name: Of the class.
        score: As the head gives it: a probability with `average_clips='prob'`.
    """

    label: int
    name: str
    score: float


class Ranked:
    """What has the scores of all classes, the highest first."""

    ranked: tuple[ClassScore, ...]

    @property
    def best(self) -> ClassScore:
        """The class with the highest score."""
        return self.ranked[0]


@dataclass(frozen=True)
class Prediction(Ranked):
    """What the model says of a clip.

    Attributes:
        path: The file, as it was given.
        ranked: All classes, the highest score first; of equal scores the lower label first.
        note: What is to be known about it, as that it is shorter than a view; None = nothing.
    """

    path: str
    ranked: tuple[ClassScore, ...]
    note: str | None = None


@dataclass(frozen=True)
class Failure:
    """A clip without a prediction.

    Attributes:
        path: The file, as it was given.
        cause: Why, with the remedy where there is one.
    """

    path: str
    cause: str


@dataclass(frozen=True)
class Window(Ranked):
    """What the model says of a part of a long video.

    Attributes:
        start: In seconds from the first frame.
        end: Likewise; that frame is no part of the window.
        ranked: As of a `Prediction`.
    """

    start: float
    end: float
    ranked: tuple[ClassScore, ...]


@dataclass(frozen=True)
class Timeline:
    """What the model says of a long video, window by window.

    Attributes:
        path: The file, as it was given.
        windows: In the order of their starts.
        note: As of a `Prediction`.
        fault: Why windows are missing after the last one, as of a file that is damaged further on; None = none is.
    """

    path: str
    windows: tuple[Window, ...]
    note: str | None = None
    fault: str | None = None


def ranked(scores: ArrayLike, class_names: Sequence[str]) -> tuple[ClassScore, ...]:
    """All classes, the highest score first.

    Args:
        scores: (C,) float.
        class_names: C names.

    Raises:
        ValueError: If there are other classes than names, or a score is not finite.
    """
    values = np.asarray(scores, np.float64)
    if values.shape != (len(class_names),):
        raise ValueError(f'scores of shape {values.shape} for {len(class_names)} classes: give one for each class')
    if not np.isfinite(values).all():
        raise ValueError('its scores are not finite numbers: the training has diverged, take an earlier checkpoint')
    order = np.argsort(-values, kind='stable').tolist()
    return tuple(ClassScore(label, class_names[label], float(values[label])) for label in order)
