"""The class report of the last validation of a training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from cdb_video import recording
from cdb_video.metrics import ClassCounts
from cdb_video.recording import Vectors
from cdb_video.state import DifficultyState


@dataclass(frozen=True)
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


def report_validation(
    runner: Any, validation: Validation, state: DifficultyState, consumers: Vectors, source: str
) -> None:
    """Write the report of a validation.

    Args:
        runner: In training.
        validation: What is reported.
        state: Whose difficulty is reported with it, wherever it was measured.
        consumers: What the difficulty became.
        source: What the difficulty was measured on, as in the history.
    """
    counts = validation.counts
    recording.report_classes(
        runner,
        'val',
        counts.num_clips,
        counts.num_correct,
        replace(state, epoch=validation.epoch, iteration=validation.iteration),
        consumers,
        validation.metrics,
        runner.val_loop.evaluator,
        source,
    )


def report_resumed(runner: Any, state: DifficultyState, consumers: Vectors, metrics: Mapping[str, Any]) -> None:
    """Write the report of a run that had ended when it was resumed, if the one that is there says less.

    Args:
        runner: In training.
        state: Of the checkpoint, with the counts of the validation that the run had ended with.
        consumers: What the difficulty became.
        metrics: What that validation returned, of the checkpoint too.
    """
    fuller = recording.fuller_report(runner, state)
    if fuller is not None:
        runner.logger.info(f'{fuller} is of the validation that this run ended with: it stays')
        return
    counts = state.num_clips, state.num_correct
    recording.report_classes(runner, 'val', *counts, state, consumers, metrics, runner.val_loop.evaluator)
