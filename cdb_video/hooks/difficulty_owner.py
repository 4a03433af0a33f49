"""What the hooks that own a difficulty share: handing it on, and keeping it in checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mmengine.dist import get_world_size
from mmengine.runner import IterBasedTrainLoop
from torch import Tensor

from cdb_video.checks import check_flags
from cdb_video.difficulty.state import CHECKPOINT_KEY
from cdb_video.hooks.reporting import ReportingHook, Validation
from cdb_video.processes import together
from cdb_video.run.agreement import check_agreement, start_prints, state_prints
from cdb_video.run.consumers import (
    class_prior,
    find_class_parts,
    find_difficulty_consumers,
    follows_progress,
    hand_on_prior,
    hand_on_progress,
)
from cdb_video.run.fingerprints import Print
from cdb_video.run.live_report import LiveReport
from cdb_video.run.log import log_class_image, log_classes, log_scalars
from cdb_video.run.loop import remember_checkpoint, validation_due
from cdb_video.run.parts import CONSUMER_RECIPE
from cdb_video.run.record import record_validation
from cdb_video_files.json_values import plain


class DifficultyOwner(ReportingHook):
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

    # After EMAHook has swapped back, before CheckpointHook, so that the best checkpoint has the new state.
    priority = 'LOW'

    def __init__(self, log_classes: int, report: bool, live_report: bool = False) -> None:
        if not isinstance(log_classes, int) or log_classes < 0:
            raise ValueError(f'log_classes={log_classes!r}: must be a whole number >= 0')
        check_flags(report=report, live_report=live_report)
        super().__init__(report)
        self.log_classes = log_classes
        self.live_report = LiveReport() if live_report else None
        self.agreement_: str | None = None
        self._sampler: Any = None
        self._is_training = False
        self._validation_missing = False

    # Checkpoints

    def after_load_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        """Keep the entry for later: whether it is resumed from or only loaded is not known yet."""
        entry = checkpoint.get(CHECKPOINT_KEY)
        if isinstance(entry, Mapping):
            # To other processes, whose device is not this one's.
            entry = {name: value.cpu() if isinstance(value, Tensor) else value for name, value in entry.items()}
        self._loaded = entry
        self._is_loaded_anew = True
        meta = checkpoint.get('meta')
        known = meta if isinstance(meta, Mapping) else {}
        self._loaded_at = {key: known[key] for key in ('epoch', 'iter') if isinstance(known.get(key), int)}

    def before_save_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        """Put the state into the checkpoint."""
        if self.state_ is not None:
            checkpoint[CHECKPOINT_KEY] = self.state_.to_checkpoint() | {
                'report': {
                    'consumers': {name: part.to_dict() for name, part in self._consumer_vectors().items()},
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
            hand_on_prior(runner.model, self._sampler, self.state_.train_counts)
            if follows_progress(runner.model, self._sampler):
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
            self._try_to_report(runner)

    def after_train(self, runner: Any) -> None:
        """Make up for the last validation, if the checkpoint lacks it, and report it if that was not done."""
        self._validate_if_missing(runner)
        self._is_training = False
        self._report_validation(runner)

    def _try_to_report(self, runner: Any) -> None:
        """Report the last validation; a fault in that costs no checkpoint, and is raised after them."""
        try:
            self._report_validation(runner)
        except Exception:
            runner.logger.exception('the class report failed; it is tried again when the checkpoints are saved')
            self._reported_at = None

    # For those who derive from it

    def _take_validation(self, runner: Any, validation: Validation) -> None:
        """What a validation means for the difficulty: nothing, unless it is measured there."""

    def _check_alone(self, runner: Any) -> None:
        owners = [type(hook).__name__ for hook in runner.hooks if isinstance(hook, DifficultyOwner)]
        if len(owners) > 1:
            raise ValueError(
                f'custom_hooks holds {" and ".join(owners)}, and each would hand out its own difficulty: keep one'
            )

    def _find_consumers(self, runner: Any, remedy: str) -> dict[str, Any]:
        """Who takes the difficulty; an error with the `remedy` if nobody does."""
        consumers = find_difficulty_consumers(runner.model, self._sampler)
        if not consumers:
            raise ValueError(
                f'{type(self).__name__} found nothing to hand the difficulty to: add {CONSUMER_RECIPE}{remedy}'
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
            and validation_due(runner.train_loop, self._by_epoch(runner))
            and self._validated_at != runner.iter
        )

    def _validate_if_missing(self, runner: Any) -> None:
        if self._validation_missing:
            runner.logger.info(
                f'the validation after {runner.iter} iterations is not in the checkpoint: running it now'
            )
            remember_checkpoint(runner, self._by_epoch(runner))
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
        parts = find_class_parts(runner.model, self._sampler)
        prior = class_prior(self._sampler, self.state_.train_counts)
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
        hand_on_prior(runner.model, self._sampler, self.state_.train_counts)

    def _hand_on_progress(self, runner: Any, epoch: int | None = None) -> None:
        done = runner.epoch if epoch is None else epoch
        hand_on_progress(runner.model, self._sampler, done, runner.max_epochs if self._by_epoch(runner) else None)

    def _record(self, runner: Any, step: int) -> None:
        """Add the state to the history, the visualizer and the log; on the main process only."""
        assert self.state_ is not None
        vectors = self._consumer_vectors()
        record_validation(runner, self.state_, vectors, self._metrics, self.source)
        log_scalars(runner, self.state_, vectors, step)
        log_class_image(runner, self.state_, vectors, step)
        log_classes(runner, self.state_, vectors, self.log_classes)
        if self.live_report is not None:
            self.live_report.update(runner)

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
