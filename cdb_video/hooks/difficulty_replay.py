"""The hook that replays the class difficulty which another run recorded."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from cdb_video.difficulty.history import HISTORY_NAME
from cdb_video.difficulty.schedule import DifficultySchedule, read_schedule
from cdb_video.hooks.difficulty_owner import DifficultyOwner, check_alone
from cdb_video.processes import from_main, together
from cdb_video.run.handover import Handover, needed_consumers
from cdb_video.run.loop import Loop
from cdb_video.run.parts import RunParts
from cdb_video.run.refusals.companions import check_companions, warn_of_acting_twice
from cdb_video.run.refusals.laws import check_replayed_mean, warn_of_other_history
from cdb_video.run.replay import Replay, check_replayed_classes, replay_of, warn_of_full_weights
from cdb_video.run.start import check_loaded_classes, resumed_state, starting_state


class DifficultyReplayHook(DifficultyOwner):
    """Hands loss and sampler the difficulty of a recorded run, by iteration, in ClassDifficultyHook's place.

    For training on all clips, the held-out ones included: measure the difficulty once in a run with a
    hold-out, then replay its history. Our choice; see `cdb_video.difficulty.schedule`. The run needs no validation,
    and one that it has changes nothing::

        custom_hooks = [dict(type='DifficultyReplayHook', history='work_dirs/measured/class_history.jsonl')]

    A recorded validation acts from the iteration on at which it was made; on CDBSampler from the next epoch
    on, as always. Before the first one every difficulty is 1, as in the recorded run. What is replayed goes
    into this run's own history, log and checkpoints. A resumed run takes up the schedule where it is. With the law
    'accumulated' s is that of the recorded run too: of a history that ends half-way it does not grow beyond half.

    The history of a cross-fit (``cdb-video cross-fit``) holds one difficulty, of all training clips, which is constant.
    It is handed on at the start and again after every epoch (in training by iteration: after every 20th part of it), as
    the validations 0, 1, ... of as many as there are epochs: so weights of the law 'accumulated' grow from 1. Weights
    that act in full from the first step are warned of.

    Args:
        history: The ``class_history.jsonl`` to replay. With several processes the first one reads it.
        stretch: Iterations of this run for one of the recorded run, > 0. 'epoch' = so many that epochs align:
            an epoch over more clips, or with smaller batches, has more iterations. Not of a cross-fit.
        log_classes: How many of the hardest and of the easiest classes to log; 0 = none.
        report: Whether to write the class report after testing, and after training if it has a validation with
            `ClassAccuracy`.

    Attributes:
        state_: `DifficultyState`, None before training.
        stretch_: The stretch in use, None before training.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(
        self, history: str | Path, stretch: float | str = 1.0, log_classes: int = 5, report: bool = True
    ) -> None:
        super().__init__('replay', log_classes, report)
        if stretch != 'epoch' and (
            isinstance(stretch, bool | str) or not isinstance(stretch, int | float) or not 0 < stretch < math.inf
        ):
            raise ValueError(
                f"stretch={stretch!r}: must be a finite number > 0 (1 = as recorded) or 'epoch' (epochs align)"
            )
        self.history = Path(history)
        self.stretch = stretch
        self._replay: Replay | None = None
        self._position: int | None = None

    @property
    def stretch_(self) -> float | None:
        """The stretch in use."""
        return None if self._replay is None else self._replay.stretch

    def before_train(self, runner: Any) -> None:
        """Read the schedule, find and check everything that takes part, before the first step.

        Raises:
            FileNotFoundError: If there is no such history.
            ValueError: If history, consumers, labels, class lists or numbers of classes do not fit.
            RuntimeError: In all processes, if they do not start from the same.
        """
        parts = RunParts.of(runner)
        check_alone(parts)
        schedule = from_main(lambda: _read_schedule(self.history, parts.work_dir))
        own_entry = self._share_entry(parts)
        handover, replay = together(lambda: self._prepare(parts, schedule))
        self._replay, self._position = replay, replay.at(parts.loop.iteration - 1)
        self._start_training(handover, own_entry)
        replay.announce(parts, self.history)
        self._begin_training(handover)

    def before_train_epoch(self, runner: Any) -> None:
        """Hand on the epoch, and take the step that is due, before the sampler draws the epoch."""
        super().before_train_epoch(runner)
        self._follow()

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        """Take the step that is due."""
        self._follow()

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: dict[str, Any] | None = None
    ) -> None:
        """In training by iteration, take the step that is due next: its batch is fetched before any hook is asked."""
        loop = Loop(runner)
        if not loop.by_epoch and loop.iteration + 1 < loop.max_iterations:
            self._follow(trained=loop.iteration + 1)

    def _prepare(self, parts: RunParts, schedule: DifficultySchedule) -> tuple[Handover, Replay]:
        """Check what takes part, and find the state that training starts from; nothing is handed on yet."""
        check_companions(parts, type(self).__name__)
        consumers = needed_consumers(parts, type(self).__name__)
        check_replayed_mean(consumers, schedule, self.history)
        warn_of_acting_twice(parts)
        start = starting_state(parts)
        check_replayed_classes(schedule, start, self.history)
        warn_of_full_weights(parts, schedule)
        if parts.loop.asked_to_resume:
            resumed_state(parts, self._entry.content, start)  # checks the classes of the checkpoint
        check_loaded_classes(parts, self._entry.trained_classes)
        replay = replay_of(parts, schedule, start, self.stretch, self.history)
        # The step in force in the last iteration: one that is due now is taken, and recorded, with the next.
        state = replay.state(replay.at(parts.loop.iteration - 1))
        planned = replay.schedule.planned_validations
        handover = Handover(
            parts,
            consumers,
            state,
            planned_validations=planned,
            settings=schedule.settings,
            replays=schedule.run_id,
        )
        if parts.loop.is_resumed:
            handover.warn_of_other_plan(self._entry.planned_validations)
            warn_of_other_history(parts, self._entry.replays, schedule.run_id, self.history)
        return handover, replay

    def _follow(self, trained: int | None = None) -> None:
        """Take the step in force after `trained` iterations, None = those that the loop has counted."""
        handover, replay = self._handover, self._replay
        if handover is None or replay is None:
            return
        loop = handover.parts.loop
        position = replay.at(loop.iteration if trained is None else trained)
        if position is None or position == self._position:
            return
        self._position = position
        self._go_on(handover, replay.state(position), loop.step if trained is None else trained)


def _read_schedule(path: Path, work_dir: Path) -> DifficultySchedule:
    """Read the schedule, unless the run writes that file itself."""
    if path.resolve() == (work_dir / HISTORY_NAME).resolve():
        raise ValueError(
            f'history={str(path)!r} is the file that this run writes itself: choose another work directory (--work-dir)'
        )
    return read_schedule(path)
