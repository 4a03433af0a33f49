"""The hook that replays the class difficulty which another run recorded."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from cdb_video.class_names import check_same_names
from cdb_video.difficulty.history import HISTORY_NAME
from cdb_video.difficulty.schedule import DifficultySchedule, Step, read_schedule
from cdb_video.difficulty.state import DifficultyState
from cdb_video.hooks.difficulty_owner import DifficultyOwner
from cdb_video.processes import from_main, together
from cdb_video.run.parts import find_metric, find_sampler
from cdb_video.run.record import start_history
from cdb_video.run.refusals import check_companions
from cdb_video.run.start import resumed_state, starting_state


class DifficultyReplayHook(DifficultyOwner):
    """Hands loss and sampler the difficulty of a recorded run, by iteration, in ClassDifficultyHook's place.

    For training on all clips, the held-out ones included: measure the difficulty once in a run with a
    hold-out, then replay its history. Our choice; see `cdb_video.difficulty.schedule`. The run needs no validation,
    and one that it has changes nothing::

        custom_hooks = [dict(type='DifficultyReplayHook', history='work_dirs/measured/class_history.jsonl')]

    A recorded validation acts from the iteration on at which it was made; on CDBSampler from the next epoch
    on, as always. Before the first one every difficulty is 1, as in the recorded run. What is replayed goes
    into this run's own history, log and checkpoints. A resumed run takes up the schedule where it is.

    Args:
        history: The ``class_history.jsonl`` to replay. With several processes the first one reads it.
        stretch: Iterations of this run for one of the recorded run, > 0. 'epoch' = so many that epochs align:
            an epoch over more clips, or with smaller batches, has more iterations.
        log_classes: How many of the hardest and of the easiest classes to log; 0 = none.
        report: Whether to write the class report after testing, and after training if it has a validation with
            `ClassAccuracy`.

    Attributes:
        state_: `DifficultyState`, None before training.
        stretch_: The stretch in use, None before training.

    Raises:
        ValueError: If an argument is out of range.
    """

    source = 'replay'

    def __init__(
        self, history: str | Path, stretch: float | str = 1.0, log_classes: int = 5, report: bool = True
    ) -> None:
        super().__init__(log_classes, report)
        if stretch != 'epoch' and (
            isinstance(stretch, bool | str) or not isinstance(stretch, int | float) or not 0 < stretch < math.inf
        ):
            raise ValueError(
                f"stretch={stretch!r}: must be a finite number > 0 (1 = as recorded) or 'epoch' (epochs align)"
            )
        self.history = Path(history)
        self.stretch = stretch
        self.stretch_: float | None = None
        self._schedule: DifficultySchedule | None = None
        self._start: DifficultyState | None = None
        self._position: int | None = None

    def before_train(self, runner: Any) -> None:
        """Read the schedule, find and check everything that takes part, before the first step.

        Raises:
            FileNotFoundError: If there is no such history.
            ValueError: If history, consumers, labels, class lists or numbers of classes do not fit.
            RuntimeError: In all processes, if they do not start from the same.
        """
        self._check_alone(runner)
        self._schedule = schedule = from_main(lambda: _read_schedule(self.history, Path(runner.work_dir)))
        own_entry = self._take_entry_of_main_process()
        self.state_ = together(lambda: self._prepare(runner, schedule))
        self._check_start(runner, own_entry)
        self._push(runner)
        self._say_what_is_replayed(runner, schedule)
        state = self.state_
        from_main(lambda: start_history(runner, state, resumed=runner._resume and runner._has_loaded))
        self._begin_training(runner)

    def _prepare(self, runner: Any, schedule: DifficultySchedule) -> DifficultyState:
        """Find and check what takes part, and the state that it starts from; nothing is handed on yet."""
        check_companions(runner, self)
        self._forget_validations()
        if runner._val_loop is not None:
            self._metric = find_metric(runner.val_loop.evaluator)
        self._sampler = find_sampler(runner.train_dataloader)
        self._consumers = self._find_consumers(runner, '')
        start = starting_state(runner, self._sampler, self._metric)
        self._check_classes(schedule, start)
        self.stretch_ = self._find_stretch(runner, schedule)
        if runner._resume:
            resumed_state(runner, self._loaded, start)  # checks the classes of the checkpoint
        self._start = start
        # The step in force in the last iteration: one that is due now is taken, and recorded, with the next.
        self._position = schedule.at(runner.iter - 1, self.stretch_)
        return start if self._position is None else self._state_of(self._position)

    def before_train_epoch(self, runner: Any) -> None:
        """Hand on the epoch, and take the step that is due, before the sampler draws the epoch."""
        super().before_train_epoch(runner)
        self._follow(runner)

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        """Take the step that is due."""
        self._follow(runner)

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: dict[str, Any] | None = None
    ) -> None:
        """In training by iteration, take the step that is due next: its batch is fetched before any hook is asked."""
        if not self._by_epoch(runner) and runner.iter + 1 < runner.max_iters:
            self._follow(runner, trained=runner.iter + 1)

    def _follow(self, runner: Any, trained: int | None = None) -> None:
        """Take the step in force after `trained` iterations, None = those that the loop has counted."""
        if self._schedule is None or self.stretch_ is None:
            return
        position = self._schedule.at(runner.iter if trained is None else trained, self.stretch_)
        if position == self._position or position is None:
            return
        self._position = position
        self.state_ = self._state_of(position)
        self._push(runner)
        from_main(lambda: self._record(runner, self._step(runner) if trained is None else trained))

    def _state_of(self, position: int) -> DifficultyState:
        """The state that a step of the schedule stands for: iterations are of this run, the epoch is as recorded."""
        assert self._schedule is not None
        assert self._start is not None
        assert self.stretch_ is not None
        step: Step = self._schedule.steps[position]
        measured = np.any([one.num_clips > 0 for one in self._schedule.steps[: position + 1]], axis=0)
        return DifficultyState(
            difficulty=step.difficulty,
            measured=measured,
            num_clips=step.num_clips,
            num_correct=step.num_correct,
            train_counts=self._start.train_counts,
            class_names=self._start.class_names,
            epoch=step.epoch,
            iteration=self._schedule.due(self.stretch_)[position],
        )

    def _check_classes(self, schedule: DifficultySchedule, start: DifficultyState) -> None:
        if schedule.num_classes != len(start.difficulty):
            raise ValueError(
                f'{self.history} is of {schedule.num_classes} classes, this run has {len(start.difficulty)}: replay '
                'the history of a run with the same class list'
            )
        check_same_names(schedule.class_names, start.class_names, str(self.history), 'this run')

    def _find_stretch(self, runner: Any, schedule: DifficultySchedule) -> float:
        if not isinstance(self.stretch, str):
            return self.stretch
        if not self._by_epoch(runner):
            raise ValueError(
                f'stretch={self.stretch!r}: this run is trained by iteration, so there are no epochs to align; give '
                'stretch as a number'
            )
        try:
            return len(runner.train_dataloader) / schedule.iterations_per_epoch()
        except ValueError as error:
            raise ValueError(f'{self.history}: {error}') from error

    def _say_what_is_replayed(self, runner: Any, schedule: DifficultySchedule) -> None:
        assert self.stretch_ is not None
        due, last = schedule.due(self.stretch_), runner.max_iters
        runner.logger.info(
            f'replaying {len(due)} validations of {self.history}, from iteration {due[0]} to {due[-1]} of {last}'
        )
        late = sum(iteration >= last for iteration in due)
        if late == len(due):
            runner.logger.warning(
                f'the first recorded validation is due at iteration {due[0]}, and this run has {last}: no difficulty '
                f'will act; stretch={self.stretch_:g} is too large, or the run is too short'
            )


def _read_schedule(path: Path, work_dir: Path) -> DifficultySchedule:
    """Read the schedule, unless the run writes that file itself."""
    if path.resolve() == (work_dir / HISTORY_NAME).resolve():
        raise ValueError(
            f'history={str(path)!r} is the file that this run writes itself: choose another work directory (--work-dir)'
        )
    return read_schedule(path)
