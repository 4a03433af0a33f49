"""A recorded course of difficulty, or one that is constant, to be replayed in another training; pure, without mmengine.

Published numbers on EGTEA are those of training on all clips of the training split, but class difficulty
needs clips that are held out. So the difficulty is measured once, in a run with the hold-out, and what its
``class_history.jsonl`` recorded is replayed by iteration in a run that trains on everything. Our choice:
the papers do not say how they treat the held-out clips.

A cross-fit (`cdb_video.cross_fit.pooling`) needs no hold-out, and measures once: its difficulty is constant, and is
handed on at steps that the run which takes it chooses.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from cdb_video.difficulty.formulas import FloatVector, IntVector, class_accuracy
from cdb_video.difficulty.history import History, read_history
from cdb_video.difficulty.records import Header, Record


@dataclass(frozen=True)
class Step:
    """One recorded validation.

    Attributes:
        iteration: Training iterations of the recorded run at it, >= 0.
        epoch: Its training epochs at it.
        num_clips: (C,) int64, validation clips per class.
        num_correct: (C,) int64, those predicted correctly.
        difficulty: (C,) float64 in [0, 1], with whatever smoothing the recorded run had.
        mean_probability: (C,) float64, if the difficulty was measured by it; None = by accuracy.
        num_validations: Of the recorded run, up to this one; None = not known.
    """

    iteration: int
    epoch: int
    num_clips: IntVector
    num_correct: IntVector
    difficulty: FloatVector
    mean_probability: FloatVector | None = None
    num_validations: int | None = None


@dataclass(frozen=True)
class DifficultySchedule:
    """What a run measured, in order.

    Attributes:
        steps: At least one, by rising iteration.
        class_names: C names, or None.
        run_id: Of the recorded run.
        settings: What its difficulty is, as `cdb_video.difficulty.records.Header` has it; None = not known.
        is_constant: Whether all steps have the one difficulty of a cross-fit; the first is then the start.
        planned: Validations that the recorded run was to make; None = not known.
    """

    steps: tuple[Step, ...]
    class_names: tuple[str, ...] | None
    run_id: str
    settings: Mapping[str, Any] | None = None
    is_constant: bool = False
    planned: int | None = None

    @property
    def num_classes(self) -> int:
        """Number of classes C."""
        return len(self.steps[0].difficulty)

    def at(self, iteration: int, stretch: float = 1.0) -> int | None:
        """The number of the step in force after `iteration` training iterations; None before the first.

        Args:
            iteration: Of the run that replays.
            stretch: Its iterations for one of the recorded run, > 0. Example: with a step recorded at
                iteration 100 and stretch 1.3, it is in force from iteration 130 on.
        """
        found = bisect.bisect_right(self.due(stretch), iteration)
        return found - 1 if found else None

    def num_validations(self, position: int) -> int:
        """Validations of the recorded run behind step `position`; without its word one for each step up to that one.

        A constant difficulty counts them from 0, at the start.
        """
        if self.is_constant:
            return position
        known = [step.num_validations for step in self.steps]
        return position + 1 if None in known else known[position] or 0

    @property
    def planned_validations(self) -> int:
        """Validations that the whole recorded run was to make, >= 1; without its word those that it has recorded."""
        return max(self.num_validations(len(self.steps) - 1), self.planned or 1)

    def handed_on_at(self, moments: Sequence[tuple[int, int]]) -> DifficultySchedule:
        """A constant difficulty, handed on again and again.

        Args:
            moments: (iteration, epoch) of every step, by rising iteration, the first at iteration 0.
        """
        steps = tuple(replace(self.steps[0], iteration=iteration, epoch=epoch) for iteration, epoch in moments)
        return replace(self, steps=steps)

    def iterations_per_epoch(self) -> float:
        """Training iterations in an epoch of the recorded run.

        Raises:
            ValueError: If it does not say: a run by iteration has epoch 0 throughout.
        """
        last = self.steps[-1]
        if last.epoch < 1:
            raise ValueError(
                f'the recorded run was trained by iteration (epoch {last.epoch} at iteration {last.iteration}), so '
                'there are no epochs to align; give stretch as a number'
            )
        return last.iteration / last.epoch

    def due(self, stretch: float = 1.0) -> list[int]:
        """From which iteration of the replaying run on each step is in force."""
        # 130.00000000000003 is 130: the rounding of a product must not cost an iteration.
        return [math.ceil(step.iteration * stretch - 1e-6) for step in self.steps]


def read_schedule(path: Path) -> DifficultySchedule:
    """Read the schedule of a ``class_history.jsonl``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it holds no validation, its lines contradict each other, or a value is out of range.
    """
    history = read_history(path)
    try:
        return schedule_from(history)
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from error


def schedule_from(history: History) -> DifficultySchedule:
    """The schedule that a history holds; see `read_schedule`.

    Raises:
        ValueError: As `read_schedule`.
    """
    if not history.records:
        raise ValueError('holds no validation, so there is nothing to replay; name the class_history.jsonl of a run')
    header = history.header or Header()
    names = header.class_names
    steps = tuple(_step_from(record) for record in history.records)
    lengths = {len(step.difficulty) for step in steps}
    if names is not None:
        lengths.add(len(names))
    if len(lengths) > 1:
        raise ValueError(f'its records and class names are of {sorted(lengths)} classes; they must have one number')
    for before, after in itertools.pairwise(steps):
        if after.iteration <= before.iteration:
            raise ValueError(
                f'a record of iteration {after.iteration} follows one of {before.iteration}; they must rise'
            )
    is_constant = [record.source for record in history.records] == ['cross-fit']
    planned = header.planned_validations
    return DifficultySchedule(steps, names, header.run_id, header.settings, is_constant, planned)


def _step_from(record: Record) -> Step:
    missing = [key for key in ('num_clips', 'num_correct', 'difficulty', 'epoch') if key in record.missing]
    if missing:
        raise ValueError(f'the record of iteration {record.iteration} cannot be used: it has no {missing[0]!r}')
    num_clips, num_correct = (np.asarray(part, np.int64) for part in (record.num_clips, record.num_correct))
    difficulty = np.asarray(record.difficulty, np.float64)
    class_accuracy(num_correct, num_clips)  # checks the counts
    if difficulty.shape != num_clips.shape or not ((difficulty >= 0) & (difficulty <= 1)).all():
        raise ValueError(
            f'the record of iteration {record.iteration} has difficulties that are not one number in [0, 1] a class'
        )
    probability = None
    if record.mean_probability is not None:
        probability = np.array([np.nan if one is None else one for one in record.mean_probability])
    return Step(record.iteration, record.epoch, num_clips, num_correct, difficulty, probability, record.num_validations)
