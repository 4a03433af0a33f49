"""What the hooks that own a difficulty share: handing it on, keeping it in checkpoints, the report of a test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from mmengine.dist import get_world_size, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop
from torch import Tensor

from cdb_video import handing, recording, wiring
from cdb_video.agreement import check_agreement, start_prints, state_prints
from cdb_video.fingerprints import Print
from cdb_video.labels import check_same_names, dataset_class_names, describe
from cdb_video.metrics import ClassAccuracy
from cdb_video.processes import from_main, together
from cdb_video.report.automatic import LiveReport
from cdb_video.serialise import plain
from cdb_video.state import CHECKPOINT_KEY, DifficultyState
from cdb_video.validation_report import Validation, report_resumed, report_validation


class DifficultyOwner(Hook):
    """The base of ClassDifficultyHook and DifficultyReplayHook; a run has one of them.

    Args:
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

    source = 'val'
    """What the difficulty is measured on: 'val', 'train' or 'replay', as in `cdb_video.history`."""
    # After EMAHook has swapped back, before CheckpointHook, so that the best checkpoint has the new state.
    priority = 'LOW'

    def __init__(self, log_classes: int, report: bool, live_report: bool = False) -> None:
        if not isinstance(log_classes, int) or log_classes < 0:
            raise ValueError(f'log_classes={log_classes!r}: must be a whole number >= 0')
        self.log_classes = log_classes
        self.report = report
        self.live_report = LiveReport() if live_report else None
        self.state_: DifficultyState | None = None
        self.agreement_: str | None = None
        self._loaded: Mapping[str, Any] | None = None
        self._loaded_at: dict[str, int] = {}
        self._consumers: dict[str, Any] = {}
        self._sampler: Any = None
        self._metric: ClassAccuracy | None = None
        self._validation: Validation | None = None
        self._reported_at: int | None = None
        self._metrics: dict[str, Any] = {}
        self._is_training = False
        self._validated_at: int | None = None
        self._validation_missing = False

    # Checkpoints

    def after_load_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        """Keep the entry for later: whether it is resumed from or only loaded is not known yet."""
        entry = checkpoint.get(CHECKPOINT_KEY)
        if isinstance(entry, Mapping):
            # To other processes, whose device is not this one's.
            entry = {name: value.cpu() if isinstance(value, Tensor) else value for name, value in entry.items()}
        self._loaded = entry
        meta = checkpoint.get('meta')
        self._loaded_at = {key: meta[key] for key in ('epoch', 'iter') if key in meta} if meta else {}

    def before_save_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        """Put the state into the checkpoint."""
        if self.state_ is not None:
            checkpoint[CHECKPOINT_KEY] = self.state_.to_checkpoint() | {
                'report': {
                    'consumers': self._consumer_vectors(),
                    'metrics': self._metrics,
                    'validated_at': self._validated_at,
                    'source': self.source,
                }
            }

    # Training

    def before_train_epoch(self, runner: Any) -> None:
        """Hand on the epoch, before the sampler draws it; make up for a validation that the checkpoint lacks."""
        self._hand_on_progress(runner)
        if self.state_ is not None:
            handing.hand_on_prior(runner.model, self._sampler, self.state_.train_counts)
            if handing.follows_progress(runner.model, self._sampler):
                self._agree(runner, lambda: self._prints(runner), f'before epoch {runner.epoch + 1}')
        self._validate_if_missing(runner)

    def after_val_epoch(self, runner: Any, metrics: dict[str, Any] | None = None) -> None:
        """Take what a validation in training has measured, and report it if it was the last one."""
        if not self._is_training:
            return
        self._validated_at, self._validation_missing = runner.iter, False
        if self.state_ is None or self._metric is None or self._metric.counts_ is None:
            return
        self._validation = Validation(runner.epoch, runner.iter, self._metric.counts_, plain(metrics or {}))
        self._take_validation(runner, self._validation)
        if self._is_over(runner):
            # Before a checkpoint says that this validation was: a run that is killed here validates again.
            self._report_validation(runner)

    def after_train(self, runner: Any) -> None:
        """Make up for the last validation, if the checkpoint lacks it, and report it if that was not done."""
        self._validate_if_missing(runner)
        self._is_training = False
        self._report_validation(runner)

    # Testing

    def before_test(self, runner: Any) -> None:
        """Check the class lists, and give the metric the training counts, for the accuracies by shot.

        Raises:
            ValueError: If the test set, the model, the metric and the checkpoint have different classes.
        """
        self._take_entry_of_main_process()
        metric = wiring.find_metric(runner.test_loop.evaluator)
        if metric is not None:
            together(lambda: self._prepare_test(runner, metric))

    def _prepare_test(self, runner: Any, metric: ClassAccuracy) -> None:
        dataset, state = runner.test_dataloader.dataset, self._tested_state()
        stated = wiring.stated_num_classes(runner.model, metric, dataset, 'test')
        if stated:
            metric.set_clip_counts(wiring.count_evaluated_clips(dataset, next(iter(stated.values()))))
        if state is not None:
            check_same_names(dataset_class_names(dataset), state.class_names, describe(dataset), 'the checkpoint')
            metric.set_train_counts(state.train_counts)

    def after_test_epoch(self, runner: Any, metrics: dict[str, Any] | None = None) -> None:
        """Write the class report of the test set."""
        if not self.report or not is_main_process():
            return
        metric = wiring.find_metric(runner.test_loop.evaluator)
        if metric is None or metric.counts_ is None:
            runner.logger.info("no class report: it needs test_evaluator=dict(type='ClassAccuracy')")
            return
        counts, state = metric.counts_, self._tested_state()
        if state is None:
            nothing = np.zeros(counts.num_classes, np.int64)
            state = DifficultyState.start(nothing, wiring.names_of(metric, runner.test_dataloader.dataset))
        trained_here = self.state_ is not None
        state = self._dated(runner, state)
        loaded = (self._loaded or {}).get('report', {})
        consumers = self._consumer_vectors() if trained_here else loaded.get('consumers')
        recording.report_classes(
            runner,
            'test',
            counts.num_clips,
            counts.num_correct,
            state,
            consumers or {},
            plain(metrics or {}),
            runner.test_loop.evaluator,
            self.source if trained_here else str(loaded.get('source', 'val')),
        )

    # For those who derive from it

    def _take_validation(self, runner: Any, validation: Validation) -> None:
        """What a validation means for the difficulty: nothing, unless it is measured there."""

    def _forget_validations(self) -> None:
        """Begin a training: nothing was validated or reported in it."""
        self._metric, self._validation, self._reported_at = None, None, None

    def _report_validation(self, runner: Any) -> None:
        """Write the class report of the last validation, once."""
        if not self.report or self._metric is None or self.state_ is None or self._reported_at == self._validated_at:
            return
        self._reported_at = self._validated_at
        from_main(lambda: self._write_validation_report(runner))

    def _write_validation_report(self, runner: Any) -> None:
        assert self.state_ is not None
        vectors = self._consumer_vectors()
        if self._validation is not None:
            report_validation(runner, self._validation, self.state_, vectors, self.source)
        elif self.source == 'val' and self.state_.measured.any():  # nothing was validated since the resume
            report_resumed(runner, self.state_, vectors, self._metrics)

    def _take_entry_of_main_process(self) -> Any:
        """Go on with the entry of the checkpoint that the main process has read; returns this process's own."""
        own = self._loaded
        self._loaded = from_main(lambda: own)
        return own

    def _tested_state(self) -> DifficultyState | None:
        """The state of the model that is tested: this run's, or the checkpoint's; None if it has none."""
        if self.state_ is not None or self._loaded is None:
            return self.state_
        return DifficultyState.from_checkpoint(self._loaded)

    def _dated(self, runner: Any, state: DifficultyState) -> DifficultyState:
        """The state with the epoch and the iteration of the model, where the difficulty may be of an earlier one.

        mmengine saves a checkpoint before its validation; and what is replayed has the epochs of another run.
        """
        if self.state_ is not None:
            return replace(state, epoch=runner.epoch, iteration=runner.iter)
        epoch, iteration = (self._loaded_at.get(key) for key in ('epoch', 'iter'))
        if epoch is None or iteration is None:
            return state
        return replace(state, epoch=int(epoch), iteration=int(iteration))

    def _check_alone(self, runner: Any) -> None:
        owners = [type(hook).__name__ for hook in runner.hooks if isinstance(hook, DifficultyOwner)]
        if len(owners) > 1:
            raise ValueError(
                f'custom_hooks holds {" and ".join(owners)}, and each would hand out its own difficulty: keep one'
            )

    def _find_consumers(self, runner: Any, remedy: str) -> dict[str, Any]:
        """Who takes the difficulty; an error with the `remedy` if nobody does."""
        consumers = wiring.find_difficulty_consumers(runner.model, self._sampler)
        if not consumers:
            raise ValueError(
                f'{type(self).__name__} found nothing to hand the difficulty to: add {wiring.CONSUMER_RECIPE}{remedy}'
            )
        return consumers

    def _begin_training(self, runner: Any, validated_at: int | None = None) -> None:
        """See whether a validation was due where the run resumes, and the checkpoint was saved before it.

        mmengine saves before it validates.

        Args:
            runner: Before the first step.
            validated_at: The iterations at the last validation that the state knows of. None = the difficulty does
                not come from it, so the checkpoint says when it was; those of earlier versions do not.
        """
        self._is_training = True
        loaded = (self._loaded or {}) if runner._resume else {}
        noted = loaded.get('report', {}).get('validated_at', loaded.get('iteration'))
        self._validated_at = noted if validated_at is None else validated_at
        self._validation_missing = (
            runner._val_loop is not None
            and wiring.validation_due(runner.train_loop, self._by_epoch(runner))
            and self._validated_at != runner.iter
        )

    def _validate_if_missing(self, runner: Any) -> None:
        if self._validation_missing:
            runner.logger.info(
                f'the validation after {runner.iter} iterations is not in the checkpoint: running it now'
            )
            wiring.remember_checkpoint(runner, self._by_epoch(runner))
            runner.val_loop.run()

    def _check_start(self, runner: Any, own_entry: Any) -> None:
        """See that all processes have loaded the same files and read the same lists.

        Args:
            runner: Before the first step.
            own_entry: What this process itself has read in the checkpoint.
        """
        self._agree(runner, lambda: list(start_prints(runner, self._sampler, own_entry)), 'before training')

    def _push(self, runner: Any, epoch: int | None = None) -> None:
        """Hand the state to whatever takes it, and see that it is the same in all processes.

        Args:
            runner: In training.
            epoch: Epochs done; None = those that the loop has counted.
        """
        together(lambda: self._hand_on(runner, epoch))
        self._agree(runner, lambda: self._prints(runner), f'after {runner.iter} iterations')

    def _prints(self, runner: Any) -> list[Print]:
        assert self.state_ is not None
        parts = wiring.find_class_parts(runner.model, self._sampler)
        prior = handing.class_prior(self._sampler, self.state_.train_counts)
        return list(state_prints(runner, self.state_, self._sampler, parts, prior))

    def _agree(self, runner: Any, prints: Callable[[], list[Print]], moment: str) -> None:
        if get_world_size() > 1:
            self.agreement_ = check_agreement(prints, moment)
            runner.logger.info(f'{get_world_size()} processes agree {moment}: {self.agreement_}')

    def _hand_on(self, runner: Any, epoch: int | None) -> None:
        """Hand epoch, difficulty, accuracy and the frequencies that training sees to whatever takes them."""
        assert self.state_ is not None
        self._hand_on_progress(runner, epoch)
        for consumer in self._consumers.values():
            consumer.set_class_difficulty(self.state_.difficulty, self.state_.accuracy)
        handing.hand_on_prior(runner.model, self._sampler, self.state_.train_counts)

    def _hand_on_progress(self, runner: Any, epoch: int | None = None) -> None:
        done = runner.epoch if epoch is None else epoch
        handing.hand_on_progress(
            runner.model, self._sampler, done, runner.max_epochs if self._by_epoch(runner) else None
        )

    def _record(self, runner: Any, step: int) -> None:
        """Add the state to the history, the visualizer and the log; on the main process only."""
        assert self.state_ is not None
        vectors = self._consumer_vectors()
        recording.record_validation(runner, self.state_, vectors, self._metrics, self.source)
        recording.log_scalars(runner, self.state_, vectors, step)
        recording.log_class_image(runner, self.state_, vectors, step)
        recording.log_classes(runner, self.state_, vectors, self.log_classes)
        if self.live_report is not None:
            self.live_report.update(runner)

    def _consumer_vectors(self) -> dict[str, dict[str, Any]]:
        """Tau and weight or probability of every consumer, as the history has them."""
        return handing.consumer_vectors(self._consumers)

    @staticmethod
    def _by_epoch(runner: Any) -> bool:
        return not isinstance(runner.train_loop, IterBasedTrainLoop)

    def _is_over(self, runner: Any) -> bool:
        """Whether the last epoch, or iteration, is done."""
        loop = runner.train_loop
        return bool(runner.epoch >= loop.max_epochs if self._by_epoch(runner) else runner.iter >= loop.max_iters)

    def _step(self, runner: Any) -> int:
        """What the visualizer counts in: epochs, or iterations where the loop is by iteration."""
        return int(runner.epoch if self._by_epoch(runner) else runner.iter)
