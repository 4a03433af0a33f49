"""A progress bar for every epoch and validation, where the console is a terminal."""

from __future__ import annotations

import atexit
import datetime
import sys
import time
from typing import Any

from mmengine.hooks import Hook
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cdb_video.hosts.mmengine.console import consoles_of, is_short
from cdb_video.processes import is_main_process
from cdb_video.run.loop import Loop

SECONDS_BETWEEN = 0.2
"""At least, from one picture of the bar to the next."""


def show_progress(runner: Any) -> None:
    """Add the bar to a run, in the main process and if standard error is a terminal; once however often called."""
    if not (is_main_process() and sys.stderr.isatty() and Console(stderr=True).is_interactive and is_short()):
        return
    if any(isinstance(hook, ProgressBarHook) for hook in runner.hooks):
        return
    runner.register_hook(ProgressBarHook())
    for console in consoles_of(runner.logger):
        console.has_bar = sys.stdout.isatty()


class ProgressBarHook(Hook):
    """Shows how far an epoch, a validation or a test is, with the time that is left of it and of the training."""

    priority = 'VERY_LOW'

    def __init__(self) -> None:
        self._bar: Bar | None = None
        atexit.register(self._end)  # a training that is broken off would leave the terminal without its cursor

    def before_train_epoch(self, runner: Any) -> None:
        """Begin the bar of an epoch, or of a training that is counted in iterations."""
        loop = Loop(runner)
        if loop.by_epoch:
            self._begin(f'epoch {loop.epoch + 1}/{loop.max_epochs}', len(runner.train_dataloader))
        else:
            self._begin('training', loop.max_iterations, loop.iteration)

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: dict[str, Any] | None = None
    ) -> None:
        """Move on by a batch."""
        if self._bar is None:  # a validation was in between
            self.before_train_epoch(runner)
        self._move(_state_of(runner))

    def after_train_epoch(self, runner: Any) -> None:
        """Take the bar away."""
        self._end()

    def before_val_epoch(self, runner: Any) -> None:
        """Begin the bar of a validation."""
        self._begin('validation', len(runner.val_dataloader))

    def before_test_epoch(self, runner: Any) -> None:
        """Begin the bar of a test."""
        self._begin('test', len(runner.test_dataloader))

    def after_val_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Move on by a batch."""
        self._move()

    after_test_iter = after_val_iter

    def after_val_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        """Take the bar away."""
        self._end()

    after_test_epoch = after_val_epoch

    def _begin(self, label: str, total: int, done: int = 0) -> None:
        self._end()
        self._bar = Bar(label, total, done)

    def _move(self, state: str = '') -> None:
        if self._bar is not None:
            self._bar.move(state)

    def _end(self) -> None:
        if self._bar is not None:
            self._bar.end()
            self._bar = None


class Bar:
    """A bar on standard error, which is gone when it ends; what is printed meanwhile goes above it.

    No thread draws it: workers of data loaders are forked from this process.

    Args:
        label: What is under way.
        total: Batches in all.
        done: Of which are done.
    """

    def __init__(self, label: str, total: int, done: int = 0) -> None:
        self._progress = Progress(
            TextColumn('{task.description}'),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn('ETA'),
            TimeRemainingColumn(),
            TextColumn('{task.fields[state]}'),
            console=Console(stderr=True),
            auto_refresh=False,
            transient=True,
            redirect_stdout=sys.stdout.isatty(),
        )
        self._task = self._progress.add_task(label, total=total, completed=done, state='')
        self._drawn = time.monotonic()
        self._progress.start()

    def move(self, state: str) -> None:
        """Count a batch.

        Args:
            state: What to say behind the bar.
        """
        now = time.monotonic()
        is_due = now - self._drawn >= SECONDS_BETWEEN
        self._progress.update(self._task, advance=1, state=state, refresh=is_due)
        self._drawn = now if is_due else self._drawn

    def end(self) -> None:
        """Take it away."""
        self._progress.stop()


def _state_of(runner: Any) -> str:
    """The last loss, and the time that is left of the training, if the hooks of mmengine know them."""
    hub = runner.message_hub
    state = []
    if 'train/loss' in hub.log_scalars:
        state.append(f'loss {hub.get_scalar("train/loss").current():.3g}')
    if 'eta' in hub.runtime_info:
        state.append(f'training {datetime.timedelta(seconds=int(hub.get_info("eta")))}')
    return '  '.join(state)
