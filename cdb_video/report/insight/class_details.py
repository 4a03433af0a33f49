"""What a report says of every single class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cdb_video.class_names import class_label
from cdb_video.difficulty.formulas import FloatVector
from cdb_video.difficulty.records import Derived
from cdb_video.report.class_report.rows import ClassRow, Confused, DetailedRow, class_rows
from cdb_video.report.insight.evaluation import Evaluation
from cdb_video.report.insight.hard_classes import Sign, signs_of
from cdb_video.report.insight.intervals import wilson_interval
from cdb_video.report.insight.statistics import IntMatrix, Outcomes, ratio
from cdb_video.report.sources.run_data import RunData


def detailed_rows(run: RunData, found: Evaluation, outcomes: Outcomes | None, repeats: int) -> list[DetailedRow]:
    """One row a class, hardest first, in the order of `class_rows`.

    Args:
        run: Where names, training clips, difficulty and what became of it are taken from.
        found: What was evaluated.
        outcomes: What came out for each clip; None = not known.
        repeats: Draws of the bootstrap for the intervals of signed difficulty; 0 = none.
    """
    difficulty, consumers = _driven(run)
    rows = class_rows(
        found.num_clips,
        found.num_correct,
        class_names=run.class_names,
        train_counts=None if run.train_counts is None else run.train_counts.tolist(),
        difficulty=difficulty,
        consumers=consumers,
        objects=found.objects,
    )
    low, high = wilson_interval([row.num_correct for row in rows], [row.num_clips for row in rows])
    details = _Details.of(run, outcomes, repeats)
    return [
        details.added_to(row, (float(low[place]), float(high[place])) if row.num_clips > 0 else (None, None))
        for place, row in enumerate(rows)
    ]


@dataclass(frozen=True)
class _Details:
    """What is known of the classes beside their rows; None where it is not.

    Attributes:
        run: Where the names are from.
        confusion: (C, C) int64, rows are true classes.
        precision: (C,) float64; of objects none, which would need the detections on no object.
        signs: C signed difficulties; without values where they are not known.
        peak: (C,) float64, the highest difficulty over the records.
        when: C epochs of its first time.
    """

    run: RunData
    confusion: IntMatrix | None
    precision: FloatVector | None
    signs: Sequence[Sign]
    peak: FloatVector | None
    when: Sequence[int] | None

    @classmethod
    def of(cls, run: RunData, outcomes: Outcomes | None, repeats: int) -> _Details:
        peak, when = _peaks(run)
        if outcomes is None:
            return cls(run, None, None, [Sign()] * run.num_classes, peak, when)
        precision = None if outcomes.of_objects else ratio(outcomes.num_correct, outcomes.num_predicted)
        return cls(run, outcomes.confusion, precision, signs_of(outcomes.answers, repeats), peak, when)

    def added_to(self, row: ClassRow, interval: tuple[float | None, float | None]) -> DetailedRow:
        """The row with the details of its class, and with this interval of the accuracy."""
        label = row.label
        sign = self.signs[label]
        return DetailedRow(
            **row.to_dict(),
            accuracy_low=interval[0],
            accuracy_high=interval[1],
            precision=None if self.precision is None else float(self.precision[label]),
            peak_difficulty=None if self.peak is None else float(self.peak[label]),
            peak_epoch=None if self.when is None else self.when[label],
            confused_with=() if self.confusion is None else _confused_with(self.run, self.confusion, label),
            signed_difficulty=sign.value,
            signed_low=sign.low,
            signed_high=sign.high,
            finding=sign.finding,
        )


def _driven(run: RunData) -> tuple[Sequence[float] | None, Mapping[str, Derived]]:
    """Difficulty, weights and probabilities behind the evaluated model: of the class report, else the newest record."""
    rows = run.report.rows if run.report else ()
    difficulty = _known([row.difficulty for row in rows])
    if difficulty is not None:
        weight, probability = _known([row.weight for row in rows]), _known([row.probability for row in rows])
        return difficulty, {'report': Derived(weight=weight, probability=probability)}
    if not run.records:
        return None, {}
    return run.records[-1].difficulty, run.records[-1].consumers


def _known(values: Sequence[float | None]) -> list[float] | None:
    """The values, None if there are none, or one is not known."""
    known = [value for value in values if value is not None]
    return known if known and len(known) == len(values) else None


def _peaks(run: RunData) -> tuple[FloatVector | None, list[int] | None]:
    """The highest difficulty of each class over the records, and the epoch of its first time."""
    if not run.records:
        return None, None
    course = np.array([record.difficulty for record in run.records], np.float64)
    return course.max(axis=0), [run.records[index].epoch for index in course.argmax(axis=0)]


def _confused_with(run: RunData, confusion: IntMatrix, label: int) -> tuple[Confused, ...]:
    """The two classes that clips of this class are most often taken for."""
    row = confusion[label].copy()
    row[label] = 0
    best = sorted(np.flatnonzero(row), key=lambda other: (-row[other], other))[:2]
    return tuple(Confused(int(other), class_label(run.class_names, int(other)), int(row[other])) for other in best)
