"""The stages of a run that all hooks with a difficulty share: checkpoints, epochs, validations, tests."""

from __future__ import annotations

from typing import Any

from mmengine.hooks import Hook
from torch import nn

from cdb_video.checks import check_flags
from cdb_video.difficulty.state import CHECKPOINT_KEY, DifficultyState
from cdb_video.difficulty.tracking.consumers import waiting_for_difficulty, waiting_for_prior
from cdb_video.hooks.progress_bar import show_progress
from cdb_video.processes import from_main, is_main_process
from cdb_video.run.checkpoint_entry import CheckpointEntry, checkpoint_content
from cdb_video.run.clip_lists import clip_lists, say_changes
from cdb_video.run.handover import Handover
from cdb_video.run.own_checkpoints import keep_own_files, mend_last_checkpoint
from cdb_video.run.parts import RunParts, find_sampler, is_unknown, metric_recipe
from cdb_video.run.reporting.evaluated_model import EvaluatedModel, prepare_test, report_test
from cdb_video.run.reporting.facts import log_facts, log_test_facts, run_facts
from cdb_video.run.reporting.live_report import LiveReport
from cdb_video.run.reporting.log import log_difficulty
from cdb_video.run.reporting.record import record_validation, start_history
from cdb_video.run.reporting.reports import Reports, Validation


class DifficultyOwner(Hook):
    """The base of ClassDifficultyHook and DifficultyReplayHook; a run has one of them.

    Args:
        source: What the difficulty is measured on: 'val', 'train' or 'replay', as in `cdb_video.difficulty.history`.
        log_classes: How many of the hardest and of the easiest classes to log; 0 = none.
        report: Whether to write the class report.
        live_report: Whether to keep the page up to date after validations.

    Attributes:
        state_: `DifficultyState`, None before training.
        agreement_: With several processes, the hash (16 hexadecimal digits) of what all of them were found to have
            alike when difficulty was handed on last; None in one process.

    Raises:
        ValueError: If an argument is out of range.
    """

    # After EMAHook has swapped back, before CheckpointHook, so that the best checkpoint has the new state.
    priority = 'LOW'

    def __init__(self, source: str, log_classes: int, report: bool, live_report: bool = False) -> None:
        if not isinstance(log_classes, int) or log_classes < 0:
            raise ValueError(f'log_classes={log_classes!r}: must be a whole number >= 0')
        check_flags(report=report, live_report=live_report)
        self.source = source
        self.report = report
        self.log_classes = log_classes
        self.live_report = LiveReport() if live_report else None
        self._entry = CheckpointEntry()
        self._handover: Handover | None = None
        self._reports = Reports()

    @property
    def state_(self) -> DifficultyState | None:
        """The difficulty in force."""
        return None if self._handover is None else self._handover.state

    @property
    def agreement_(self) -> str | None:
        """The hash of what all processes have alike."""
        return None if self._handover is None else self._handover.agreement

    # Checkpoints

    def before_run(self, runner: Any) -> None:
        """Let a folder that was moved or copied be resumed from its own file; show a progress bar on terminals."""
        mend_last_checkpoint(runner)
        show_progress(runner)

    def after_load_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        """Keep the entry for later: whether it is resumed from or only loaded is not known yet."""
        self._entry = CheckpointEntry.of(checkpoint)

    def before_save_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        """Put the state into the checkpoint."""
        if self._handover is not None:
            checkpoint[CHECKPOINT_KEY] = checkpoint_content(self._handover, self._reports)

    # Training

    def before_train_epoch(self, runner: Any) -> None:
        """Hand on the epoch, before the sampler draws it; make up for a validation that the checkpoint lacks."""
        if self._handover is not None:
            self._handover.begin_epoch()
            self._reports.make_up(self._handover.parts)

    def after_val_epoch(self, runner: Any, metrics: dict[str, Any] | None = None) -> None:
        """Take what a validation in training has measured, and report it if it was the last one."""
        handover = self._handover
        if handover is None or not self._reports.is_training:
            return
        validation = self._reports.take(handover.parts.loop, metrics)
        if validation is None:
            return
        self._take_validation(handover, validation)
        if self.report and handover.parts.loop.is_over:
            # Before a checkpoint says that this validation was: a run that is killed here validates again.
            self._reports.try_to_write(runner, handover)

    def after_train(self, runner: Any) -> None:
        """Make up for the last validation, if the checkpoint lacks it, and report it if that was not done."""
        handover = self._handover
        if handover is None:
            return
        self._reports.make_up(handover.parts)
        self._reports.end()
        if self.report:
            self._reports.write(runner, handover)

    # A test

    def before_test(self, runner: Any) -> None:
        """Check the class lists, and give the metric the training counts, for the accuracies by shot.

        Raises:
            ValueError: If the test set, the model, the metric and the checkpoint have different classes.
        """
        self._entry = self._entry.of_main_process()
        counts = prepare_test(runner, self._evaluated)
        if self._handover is None:
            log_test_facts(runner, self._entry, None if counts is None else len(counts))

    def after_test_epoch(self, runner: Any, metrics: dict[str, Any] | None = None) -> None:
        """Write the class report of the test set."""
        if self.report and is_main_process():
            report_test(runner, self._evaluated, metrics or {})

    # For those who derive from it

    def _share_entry(self, parts: RunParts) -> CheckpointEntry:
        """Begin a training with what the main process has read in the checkpoint; returns what this one has.

        CheckpointHook, whose turn comes later, then finds no files of other runs.
        """
        keep_own_files(parts.loop, parts.hooks, parts.work_dir, parts.message_hub, parts.logger)
        own, self._handover = self._entry, None
        self._entry = own.of_main_process().in_training()
        return own

    def _start_training(self, handover: Handover, own_entry: CheckpointEntry) -> None:
        """Check that all processes start from the same, and hand that on.

        Args:
            handover: Of the training, with the state that it starts from.
            own_entry: What this process itself has read in the checkpoint.
        """
        self._handover = handover
        self._reports = Reports(handover.parts.metric, self.source)
        handover.check_start(own_entry.content)
        handover.lists = from_main(lambda: clip_lists(handover.parts))
        if handover.parts.loop.is_resumed:
            say_changes(handover.parts, self._entry.lists, handover.lists)
        handover.hand_on()
        log_facts(handover, self)

    def _begin_training(self, handover: Handover, validated_at: int | None = None) -> None:
        """Start the history, and see whether a validation was due where the run resumes.

        Args:
            handover: Of the training.
            validated_at: Iterations at the last validation that the state knows of. None = the difficulty does not come
                from it, so the checkpoint says when it was.
        """
        loop = handover.parts.loop
        parts, settings, planned = handover.parts, handover.settings, handover.planned_validations
        from_main(lambda: start_history(parts, handover.state, settings, planned, run_facts(handover, self)))
        if validated_at is None and loop.asked_to_resume:
            validated_at = self._entry.validated_at
        self._reports.begin(loop, validated_at)

    def _take_validation(self, handover: Handover, validation: Validation) -> None:
        """What a validation means for the difficulty: nothing, unless it is measured there."""

    def _go_on(self, handover: Handover, state: DifficultyState, step: int, epoch: int | None = None) -> None:
        """Go on with a new difficulty: hand it on, record and log it.

        Args:
            handover: Of the training.
            state: The new one.
            step: What the visualizer is to count it at.
            epoch: Epochs done; None = those that the loop has counted.
        """
        handover.state = state
        handover.hand_on(epoch)
        from_main(lambda: self._record(handover, step))

    def _record(self, handover: Handover, step: int) -> None:
        """Add the state to the history, the visualizer and the log; on the main process only."""
        parts, state, vectors = handover.parts, handover.state, handover.vectors
        record_validation(parts, state, vectors, handover.metrics, self.source)
        log_difficulty(parts, state, vectors, step, self.log_classes, self._is_reported_next(handover))
        if self.live_report is not None:
            self.live_report.update(parts)

    def _is_reported_next(self, handover: Handover) -> bool:
        """Whether the class report of this validation comes at once, with the same table."""
        return self.report and self._reports.is_training and handover.parts.loop.is_over

    def _evaluated(self) -> EvaluatedModel:
        """The model as it is now: that of a training in this process, unless a checkpoint was loaded after it."""
        if self._handover is None or self._entry.is_new:
            return EvaluatedModel.loaded(self._entry)
        return EvaluatedModel.trained(self._handover, self.source)


def check_alone(parts: RunParts) -> None:
    """Check that one hook owns a difficulty.

    Raises:
        ValueError: If several do.
    """
    owners = [type(hook).__name__ for hook in parts.hooks if isinstance(hook, DifficultyOwner)]
    if len(owners) > 1:
        raise ValueError(
            f'custom_hooks holds {" and ".join(owners)}, and each would hand out its own difficulty: keep one'
        )


def check_owned(runner: Any) -> None:
    """Check that somebody hands on the difficulty, or the frequencies, that parts of a training wait for.

    Nothing is said where the run has a hook, a loop, a runner or a module around others in its model that is neither a
    host's nor ours: it may call `set_class_difficulty`, and whoever waits in vain tells of it in the first epoch.

    Args:
        runner: mmengine's Runner or FlexibleRunner, before its hooks are asked for `before_train`.

    Raises:
        ValueError: If something is waited for, none was handed on, and no hook of the run does so.
    """
    owned = any(isinstance(hook, DifficultyOwner) for hook in runner.hooks)
    if owned or not isinstance(runner.model, nn.Module) or _may_be_handed_on(runner):
        return
    driven = waiting_for_difficulty(runner.model, find_sampler(getattr(runner, 'train_dataloader', None)))
    adjusted = waiting_for_prior(runner.model)
    if driven:
        raise ValueError(
            f'{" and ".join(driven)} would be handed no class difficulty, for custom_hooks has no hook that does: '
            "set custom_hooks=[dict(type='ClassDifficultyHook')] (a list in a child config replaces that of its base) "
            f'with {metric_recipe()}, or take a loss and a sampler without difficulty (tau=0)'
        )
    if adjusted:
        raise ValueError(
            f'{" and ".join(adjusted)} would be handed no class frequencies, for custom_hooks has no hook that does: '
            "set custom_hooks=[dict(type='ClassDifficultyHook', observe_only=True)] (a list in a child config replaces "
            'that of its base)'
        )


def _may_be_handed_on(runner: Any) -> bool:
    """Whether a part of a user's own, or of a package that is not known, can reach what waits for a difficulty."""
    holders = [module for module in runner.model.modules() if next(module.children(), None) is not None]
    parts = [runner, runner.train_loop, *runner.hooks, *holders]
    return any(is_unknown(type(part)) for part in parts)
