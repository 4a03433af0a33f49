"""The class reports that a run writes: of the last validation of a training, and of a test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from mmengine.dist import is_main_process
from mmengine.hooks import Hook

from cdb_video.class_names import check_same_names
from cdb_video.data.labels import dataset_class_names, describe
from cdb_video.difficulty.counts import ClassCounts
from cdb_video.difficulty.records import Derived
from cdb_video.difficulty.state import DifficultyState
from cdb_video.metrics.class_accuracy import ClassAccuracy
from cdb_video.processes import from_main, together
from cdb_video.run.consumers import consumer_vectors
from cdb_video.run.parts import find_metric
from cdb_video.run.record import fuller_report, report_classes
from cdb_video.run.start import count_evaluated_clips, names_of, stated_num_classes
from cdb_video_files.json_values import plain


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


class ReportingHook(Hook):
    """The part of a `DifficultyOwner` that reports; the rest of it brings difficulty and checkpoint here.

    Args:
        report: Whether to write the class report.

    Attributes:
        state_: `DifficultyState`, None before training.
    """

    source = 'val'
    """What the difficulty is measured on: 'val', 'train' or 'replay', as in `cdb_video.difficulty.history`."""

    def __init__(self, report: bool) -> None:
        self.report = report
        self.state_: DifficultyState | None = None
        self._loaded: Mapping[str, Any] | None = None
        self._loaded_at: dict[str, int] = {}
        self._is_loaded_anew = False
        self._consumers: dict[str, Any] = {}
        self._metric: ClassAccuracy | None = None
        self._metrics: dict[str, Any] = {}
        self._validation: Validation | None = None
        self._validated_at: int | None = None
        self._reported_at: int | None = None

    # The last validation

    def _forget_validations(self) -> None:
        """Begin a training: nothing was validated or reported in it."""
        self._metric, self._validation, self._reported_at = None, None, None
        self._is_loaded_anew = False

    def _report_validation(self, runner: Any) -> None:
        """Write the class report of the last validation, once."""
        if not self.report or self._metric is None or self.state_ is None or self._reported_at == self._validated_at:
            return
        self._reported_at = self._validated_at
        from_main(lambda: self._write_validation_report(runner))

    def _write_validation_report(self, runner: Any) -> None:
        validation, state = self._validation, self.state_
        assert state is not None
        if validation is not None:
            counts, metrics = (validation.counts.num_clips, validation.counts.num_correct), validation.metrics
            state = replace(state, epoch=validation.epoch, iteration=validation.iteration)
        elif self.source == 'val' and state.measured.any():  # nothing was validated since the resume
            fuller = fuller_report(runner, state)
            if fuller is not None:
                runner.logger.info(f'{fuller} is of the validation that this run ended with: it stays')
                return
            counts, metrics = (state.num_clips, state.num_correct), self._metrics
        else:
            return
        evaluator = runner.val_loop.evaluator
        report_classes(runner, 'val', *counts, state, self._consumer_vectors(), metrics, evaluator, self.source)

    # A test

    def before_test(self, runner: Any) -> None:
        """Check the class lists, and give the metric the training counts, for the accuracies by shot.

        Raises:
            ValueError: If the test set, the model, the metric and the checkpoint have different classes.
        """
        self._take_entry_of_main_process()
        metric = find_metric(runner.test_loop.evaluator)
        if metric is not None:
            together(lambda: self._prepare_test(runner, metric))

    def _prepare_test(self, runner: Any, metric: ClassAccuracy) -> None:
        dataset, state = runner.test_dataloader.dataset, self._tested_state()
        stated = stated_num_classes(runner.model, metric, dataset, 'test')
        if stated:
            metric.set_clip_counts(count_evaluated_clips(dataset, next(iter(stated.values()))))
        if state is not None:
            check_same_names(dataset_class_names(dataset), state.class_names, describe(dataset), 'the checkpoint')
            metric.set_train_counts(state.train_counts)

    def after_test_epoch(self, runner: Any, metrics: dict[str, Any] | None = None) -> None:
        """Write the class report of the test set."""
        if not self.report or not is_main_process():
            return
        metric = find_metric(runner.test_loop.evaluator)
        if metric is None or metric.counts_ is None:
            runner.logger.info("no class report: it needs test_evaluator=dict(type='ClassAccuracy')")
            return
        counts, state = metric.counts_, self._tested_state()
        if state is None:
            nothing = np.zeros(counts.num_classes, np.int64)
            state = DifficultyState.start(nothing, names_of(metric, runner.test_dataloader.dataset))
        trained_here = self._is_trained_here
        state = self._dated(runner, state)
        loaded = (self._loaded or {}).get('report', {})
        recorded = {name: Derived.from_dict(part) for name, part in (loaded.get('consumers') or {}).items()}
        consumers = self._consumer_vectors() if trained_here else recorded
        report_classes(
            runner,
            'test',
            counts.num_clips,
            counts.num_correct,
            state,
            consumers,
            plain(metrics or {}),
            runner.test_loop.evaluator,
            self.source if trained_here else str(loaded.get('source', 'val')),
        )

    def _take_entry_of_main_process(self) -> Any:
        """Go on with the entry of the checkpoint that the main process has read; returns this process's own."""
        own = self._loaded
        self._loaded = from_main(lambda: own)
        return own

    @property
    def _is_trained_here(self) -> bool:
        """Whether the model is that of a training in this process, and of no checkpoint that was loaded after it."""
        return self.state_ is not None and not self._is_loaded_anew

    def _tested_state(self) -> DifficultyState | None:
        """The state of the model that is tested: this run's, or the checkpoint's; None if it has none."""
        if self._is_trained_here:
            return self.state_
        return None if self._loaded is None else DifficultyState.from_checkpoint(self._loaded)

    def _dated(self, runner: Any, state: DifficultyState) -> DifficultyState:
        """The state with the epoch and the iteration of the model, where the difficulty may be of an earlier one.

        mmengine saves a checkpoint before its validation; and what is replayed has the epochs of another run.
        """
        if self._is_trained_here:
            return replace(state, epoch=runner.epoch, iteration=runner.iter)
        epoch, iteration = (self._loaded_at.get(key) for key in ('epoch', 'iter'))
        if epoch is None or iteration is None:
            return state
        return replace(state, epoch=epoch, iteration=iteration)

    def _consumer_vectors(self) -> dict[str, Derived]:
        """Tau and weight or probability of every consumer, as the history has them."""
        return consumer_vectors(self._consumers)
