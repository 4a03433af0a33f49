"""The validations of a training: when the last one was, what it found, and whether that is reported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from cdb_video.difficulty.counts import ClassCounts
from cdb_video.metrics.class_accuracy import ClassAccuracy
from cdb_video.processes import from_main
from cdb_video.run.handover import Handover
from cdb_video.run.loop import Loop
from cdb_video.run.parts import RunParts
from cdb_video.run.reporting.record import Evaluation, fuller_report, report_classes
from cdb_video_files.json_values import plain


@dataclass(frozen=True, eq=False)
class Validation:
    """A validation of the model that is trained.

    Attributes:
        epoch: Epochs trained by then.
        iteration: Iterations trained by then.
        counts: What it counted.
        metrics: What it returned, in plain Python types.
    """

    epoch: int
    iteration: int
    counts: ClassCounts
    metrics: Mapping[str, Any]


@dataclass(eq=False)
class Reports:
    """The last validation of a training, and whether its class report is written; without arguments: of no training.

    Attributes:
        metric: The ClassAccuracy of the validations; None = there is nothing to report.
        source: What the difficulty is measured on: 'val', 'train' or 'replay'.
        validation: The last one that counted; None = none did yet.
        validated_at: Iterations at the last validation, of an earlier run too; None = not known.
        is_training: Whether a validation now is one of the training.
        is_missing: Whether one was due where the run resumes, and the checkpoint was saved before it.
    """

    metric: ClassAccuracy | None = None
    source: str = 'val'
    validation: Validation | None = None
    validated_at: int | None = None
    is_training: bool = False
    is_missing: bool = False
    _reported_at: int | None = None

    def begin(self, loop: Loop, validated_at: int | None) -> None:
        """Begin the training; mmengine saves before it validates, so a validation may be missing.

        Args:
            loop: Before the first step.
            validated_at: Iterations at the last validation that the checkpoint knows of; None = not known.
        """
        self.is_training, self.validated_at = True, validated_at
        self.is_missing = loop.validation_is_due and validated_at != loop.iteration

    def make_up(self, parts: RunParts) -> None:
        """Make the validation that is missing now, if one is."""
        if self.is_missing:
            parts.logger.info(
                f'the validation after {parts.loop.iteration} iterations is not in the checkpoint: running it now'
            )
            parts.loop.make_up_for_validation()

    def take(self, loop: Loop, metrics: Mapping[str, Any] | None) -> Validation | None:
        """Take a validation of the training, which has returned `metrics`; None = nothing was counted in it."""
        self.validated_at, self.is_missing = loop.iteration, False
        if self.metric is None or self.metric.counts_ is None:
            return None
        self.validation = Validation(loop.epoch, loop.iteration, self.metric.counts_, plain(metrics or {}))
        return self.validation

    def end(self) -> None:
        """End the training: validations that come later are none of it."""
        self.is_training = False

    def write(self, runner: Any, handover: Handover) -> None:
        """Write the class report of the last validation, once."""
        if self.metric is None or self._reported_at == self.validated_at:
            return
        self._reported_at = self.validated_at
        from_main(lambda: self._write(runner, handover))

    def try_to_write(self, runner: Any, handover: Handover) -> None:
        """Write it; a fault in that costs no checkpoint, and is raised when it is tried again, after them."""
        try:
            self.write(runner, handover)
        except Exception:
            runner.logger.exception('the class report failed; it is tried again when the checkpoints are saved')
            self._reported_at = None

    def _write(self, runner: Any, handover: Handover) -> None:
        evaluation = self._evaluation(handover)
        if evaluation is None:
            return
        if self.validation is None:
            fuller = fuller_report(handover.parts.work_dir, evaluation.state)
            if fuller is not None:
                runner.logger.info(f'{fuller} is of the validation that this run ended with: it stays')
                return
        report_classes(runner, evaluation, runner.val_loop.evaluator)

    def _evaluation(self, handover: Handover) -> Evaluation | None:
        """The last validation, else the one of the checkpoint; None = there is none."""
        state, found = handover.state, self.validation
        if found is not None:
            dated = replace(state, epoch=found.epoch, iteration=found.iteration)
            counts = (found.counts.num_clips, found.counts.num_correct)
            return Evaluation('val', *counts, found.metrics, dated, handover.vectors, self.source)
        if self.source == 'val' and state.measured.any():
            counts = (state.num_clips, state.num_correct)
            return Evaluation('val', *counts, handover.metrics, state, handover.vectors, self.source)
        return None
