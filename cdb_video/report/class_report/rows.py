"""The rows of a class report: train count, clips, accuracy, difficulty, weight and probability, hardest first.

Of classes of objects also which were missed, and the average precision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from cdb_video.class_names import class_label
from cdb_video.difficulty.records import Derived


@dataclass(frozen=True, slots=True)
class ClassRow:
    """What a report says of one class; None where a value is not known.

    Attributes:
        label: 0..C-1.
        name: Of the class.
        train_count: Training clips.
        num_clips: Clips evaluated.
        num_correct: Clips predicted correctly.
        accuracy: In [0, 1]; None without clips.
        difficulty: In [0, 1].
        weight: Of the class in the loss, >= 0.
        probability: Share of the class among the clips drawn, in [0, 1].
        num_missed: Of the objects of the class, those that no detection found; None where samples are classified, each
            of which gets a class. The others that are wrong were called by another name.
        ap: Average precision of the class, in [0, 1], of the evaluator of the host.
        train_images: Training images that show the class; None where samples are classified.
    """

    label: int
    name: str
    train_count: int | None
    num_clips: int
    num_correct: int
    accuracy: float | None = None
    difficulty: float | None = None
    weight: float | None = None
    probability: float | None = None
    num_missed: int | None = None
    ap: float | None = None
    train_images: int | None = None

    @property
    def num_confused(self) -> int | None:
        """How many objects were called by another name; None where none can be missed."""
        return None if self.num_missed is None else self.num_clips - self.num_correct - self.num_missed

    def to_dict(self) -> dict[str, Any]:
        """The columns in their order, as CSV and JSON have them."""
        return {column.name: getattr(self, column.name) for column in fields(self)}


@dataclass(frozen=True, slots=True)
class Confused:
    """A class that clips of another one were taken for.

    Attributes:
        label: 0..C-1.
        name: Of the class.
        clips: How many clips.
    """

    label: int
    name: str
    clips: int


@dataclass(frozen=True, slots=True)
class DetailedRow(ClassRow):
    """A row with what needs predictions or a history.

    Attributes:
        accuracy_low: Lower end of Wilson's 95 % interval of the accuracy.
        accuracy_high: Its upper end.
        precision: In [0, 1].
        peak_difficulty: The highest difficulty over the training.
        peak_epoch: The epoch of its first time.
        confused_with: The classes that clips of this one are most often taken for, up to two.
        signed_difficulty: What the class loses less what it takes, at most 1, see
            `cdb_video.difficulty.diagnosis.signed`.
        signed_low: Lower end of its 95 % interval.
        signed_high: Its upper end.
        finding: What makes a class hard whose difficulty is above the mean: 'under-predicted', 'takes from others',
            'overlap' or 'cannot be told'.
    """

    accuracy_low: float | None = None
    accuracy_high: float | None = None
    precision: float | None = None
    peak_difficulty: float | None = None
    peak_epoch: int | None = None
    confused_with: tuple[Confused, ...] = ()
    signed_difficulty: float | None = None
    signed_low: float | None = None
    signed_high: float | None = None
    finding: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The columns in their order; the confused classes as text, 'wash (3); pour (1)'."""
        confused = '; '.join(f'{other.name} ({other.clips})' for other in self.confused_with)
        return {column.name: getattr(self, column.name) for column in fields(self)} | {'confused_with': confused}


@dataclass(frozen=True, slots=True)
class ObjectColumns:
    """What is known of classes of objects beside their counts; None = not known.

    Attributes:
        num_missed: C numbers of objects that were missed.
        ap: C average precisions in [0, 1], None for a class without one.
        train_images: C numbers of training images that show the class.
    """

    num_missed: Sequence[int] | None = None
    ap: Sequence[float | None] | None = None
    train_images: Sequence[int] | None = None

    def added_to(self, row: ClassRow) -> ClassRow:
        """The row with what is known of its class."""
        columns = ((column.name, getattr(self, column.name)) for column in fields(self))
        known: dict[str, Any] = {name: values[row.label] for name, values in columns if values is not None}
        return replace(row, **known)


def class_rows(
    num_clips: Sequence[int],
    num_correct: Sequence[int],
    *,
    class_names: Sequence[str] | None = None,
    train_counts: Sequence[int] | None = None,
    difficulty: Sequence[float] | None = None,
    consumers: Mapping[str, Derived] | None = None,
    objects: ObjectColumns | None = None,
) -> list[ClassRow]:
    """One row a class, the least accurate first; classes without clips come last.

    Args:
        num_clips: C clips evaluated.
        num_correct: C clips predicted correctly.
        class_names: C names; None = 'class 0', ...
        train_counts: C training clips; None = not known, as are the next two.
        difficulty: C numbers in [0, 1].
        consumers: As in a history record; the first with weights gives those, and the same for probabilities.
        objects: What is known of classes of objects; None = samples are classified.
    """
    vectors: dict[str, Sequence[float]] = {}
    for consumer in (consumers or {}).values():
        vectors = dict(consumer.vectors) | vectors
    rows = [
        ClassRow(
            label=label,
            name=class_label(class_names, label),
            train_count=None if train_counts is None else int(train_counts[label]),
            num_clips=int(clips),
            num_correct=int(correct),
            accuracy=int(correct) / int(clips) if clips else None,
            difficulty=None if difficulty is None else float(difficulty[label]),
            **{name: float(vector[label]) for name, vector in vectors.items()},
        )
        for label, (clips, correct) in enumerate(zip(num_clips, num_correct, strict=True))
    ]
    if objects is not None:
        rows = [objects.added_to(row) for row in rows]
    return sorted(rows, key=lambda row: (row.accuracy is None, row.accuracy or 0.0, row.label))
