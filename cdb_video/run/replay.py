"""A recorded course of difficulty laid on the iterations of a run that replays it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cdb_video.checks import is_ramp
from cdb_video.class_names import check_same_names, counted
from cdb_video.difficulty.consumer import acts_by_difficulty
from cdb_video.difficulty.formulas import IntVector
from cdb_video.difficulty.schedule import DifficultySchedule, Step
from cdb_video.difficulty.state import DifficultyState
from cdb_video.run.parts import RunParts

PARTS_OF_RUN = 20
"""How often a constant difficulty is handed on in a training by iteration, which has no epochs."""


@dataclass(frozen=True, eq=False)
class Replay:
    """What is replayed, at which pace, from where on.

    Attributes:
        schedule: What was recorded.
        stretch: Iterations of this run for one of the recorded run, > 0.
        start: The difficulty before the first step.
    """

    schedule: DifficultySchedule
    stretch: float
    start: DifficultyState

    def at(self, iteration: int) -> int | None:
        """The step in force after so many iterations of this run; None = that before the first."""
        return self.schedule.at(iteration, self.stretch)

    def state(self, position: int | None) -> DifficultyState:
        """What a step of the schedule stands for: iterations are of this run, the epoch is as recorded."""
        if position is None:
            return self.start
        step: Step = self.schedule.steps[position]
        seen = np.array([one.num_clips > 0 for one in self.schedule.steps[: position + 1]], np.int64)
        num_measured: IntVector = seen.sum(axis=0)
        return DifficultyState(
            difficulty=step.difficulty,
            measured=num_measured > 0,
            num_clips=step.num_clips,
            num_correct=step.num_correct,
            train_counts=self.start.train_counts,
            class_names=self.start.class_names,
            epoch=step.epoch,
            iteration=self.schedule.due(self.stretch)[position],
            num_measured=num_measured,
            mean_probability=step.mean_probability,
            num_validations=self.schedule.num_validations(position),
            train_images=self.start.train_images,
        )

    def announce(self, parts: RunParts, history: Path) -> None:
        """Log what will be replayed, and what will not act."""
        due, last = self.schedule.due(self.stretch), parts.loop.max_iterations
        if self.schedule.is_constant:
            later = sum(0 < iteration < last for iteration in due)
            parts.logger.info(
                f'handing on the cross-fitted difficulty of {history}, at the start and {counted(later, "time")} after '
                'that'
            )
            return
        parts.logger.info(
            f'replaying {len(due)} validations of {history}, from iteration {due[0]} to {due[-1]} of {last}'
        )
        late = sum(iteration >= last for iteration in due)
        if late == len(due):
            parts.logger.warning(
                f'the first recorded validation is due at iteration {due[0]}, and this run has {last}: no difficulty '
                f'will act; stretch={self.stretch:g} is too large, or the run is too short'
            )


def replay_of(
    parts: RunParts, schedule: DifficultySchedule, start: DifficultyState, stretch: float | str, history: Path
) -> Replay:
    """Lay what was recorded on the iterations of a run.

    Args:
        parts: Of the run.
        schedule: What was recorded.
        start: The difficulty before the first step of the run.
        stretch: As `DifficultyReplayHook` takes it.
        history: Where the schedule was read, for messages.

    Raises:
        ValueError: If epochs are to be aligned and one of the two has none, or a constant difficulty is stretched.
    """
    if schedule.is_constant:
        if stretch not in (1, 'epoch'):
            raise ValueError(
                f'stretch={stretch!r}: {history} holds the one difficulty of a cross-fit, which is constant, so there '
                'is no course to stretch; leave stretch out'
            )
        return Replay(schedule.handed_on_at(_moments(parts)), 1.0, start)
    if isinstance(stretch, str):
        stretch = epochs_aligned(parts, schedule, history)
    return Replay(schedule, stretch, start)


def warn_of_full_weights(parts: RunParts, schedule: DifficultySchedule) -> None:
    """Say what a constant difficulty costs that acts in full from the first step, and what does not."""
    for name, part in parts.consumers.items() if schedule.is_constant else ():
        tau: Any = getattr(part, 'tau', None)
        grows = getattr(part, 'needs_mean_difficulty', False) or (is_ramp(tau) and tau[0] == 0)
        if not acts_by_difficulty(part) or grows or getattr(part, 'begin', 0) != 0:
            continue
        parts.logger.warning(
            f'{name}(tau={tau!r}) takes the cross-fitted difficulty in full from the first step. In a pilot on '
            'EGTEA-mini tau=0.5 so cost 6.4 +- 2.6 points of mean class accuracy against balanced softmax alone; the '
            'same weights from a third of training on were level with it (-0.3 +- 0.9). Let them grow, by '
            "CDBLoss(law='accumulated', strength=3, logit_adjustment=1), or begin late, by CDBLoss(tau=0.5, begin=1/3, "
            'logit_adjustment=1)'
        )


def _moments(parts: RunParts) -> list[tuple[int, int]]:
    """When a run takes a constant difficulty, (iteration, epoch): at the start, and after each epoch or 20th part."""
    loop = parts.loop
    if loop.by_epoch:
        return [(epoch * len(parts.train_loader), epoch) for epoch in range(loop.max_epochs + 1)]
    last = loop.max_iterations
    number = min(PARTS_OF_RUN, last)
    return [(last * part // number, 0) for part in range(number + 1)]


def check_replayed_classes(schedule: DifficultySchedule, start: DifficultyState, history: Path) -> None:
    """Check that a run has the classes of the recorded one.

    Args:
        schedule: What was recorded.
        start: The difficulty before the first step of the run.
        history: Where the schedule was read, for the message.

    Raises:
        ValueError: If it has not.
    """
    if schedule.num_classes != len(start.difficulty):
        raise ValueError(
            f'{history} is of {schedule.num_classes} classes, this run has {len(start.difficulty)}: replay '
            'the history of a run with the same class list'
        )
    check_same_names(schedule.class_names, start.class_names, str(history), 'this run')


def epochs_aligned(parts: RunParts, schedule: DifficultySchedule, history: Path) -> float:
    """The stretch at which epochs of the run are those of the recorded one.

    Raises:
        ValueError: If one of the two has no epochs.
    """
    if not parts.loop.by_epoch:
        raise ValueError(
            "stretch='epoch': this run is trained by iteration, so there are no epochs to align; give "
            'stretch as a number'
        )
    try:
        return len(parts.train_loader) / schedule.iterations_per_epoch()
    except ValueError as error:
        raise ValueError(f'{history}: {error}') from error
