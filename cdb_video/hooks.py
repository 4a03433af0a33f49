"""The hook that measures class difficulty after every validation and hands it on."""

from __future__ import annotations

from typing import Any

from mmengine.dist import is_main_process
from mmengine.registry import HOOKS

from cdb_video import recording, wiring
from cdb_video.companions import check_companions
from cdb_video.difficulty import check_smoothing
from cdb_video.metrics import ClassAccuracy
from cdb_video.owner import DifficultyOwner
from cdb_video.serialise import plain
from cdb_video.starting import resumed_state, starting_state


@HOOKS.register_module()
class ClassDifficultyHook(DifficultyOwner):
    """Measures the difficulty of every class after each validation and hands it to loss and sampler.

    The sole owner of the difficulty vector. It needs a `ClassAccuracy` in ``val_evaluator`` and at least
    one consumer: a module of the model or the training sampler with ``set_class_difficulty``. After every
    validation it adds a record to ``class_history.jsonl``, a few scalars to the visualizer and a short
    table to the log; after training and after testing it writes ``class_report.{csv,json,md}`` and
    ``report.html``.

    A resumed run continues with the difficulty of its checkpoint; if the validation due at that point is
    not in the checkpoint, it runs first. In runs without training it changes nothing.

    Args:
        prior_count: Our option, 0 = off: shrinks classes with few validation clips towards the overall
            accuracy; see `cdb_video.difficulty.class_difficulty`.
        momentum: Our option, 0 = off: averages the difficulty over validations.
        min_difficulty: Our option, 0 = off: the floor of the difficulty.
        log_classes: How many of the hardest and of the easiest classes to log; 0 = none.
        observe_only: Measure, record and report, but hand no difficulty on: for baselines.
        report: Whether to write the class report after training and testing: ``class_report.{csv,json,md}`` and
            ``report.html``.
        live_report: Whether to keep ``report.html`` up to date after validations. It costs some 10 ms each time, and at
            most 2 % of the time of the run, so it is on by default.

    Attributes:
        state_: `DifficultyState`, None before training.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(
        self,
        prior_count: float = 0.0,
        momentum: float = 0.0,
        min_difficulty: float = 0.0,
        log_classes: int = 5,
        observe_only: bool = False,
        report: bool = True,
        live_report: bool = True,
    ) -> None:
        check_smoothing(prior_count, momentum, min_difficulty)
        super().__init__(log_classes, report, live_report)
        self.smoothing = {'prior_count': prior_count, 'momentum': momentum, 'min_difficulty': min_difficulty}
        self.observe_only = observe_only
        self._metric: ClassAccuracy | None = None
        self._is_training = False
        self._validation_missing = False

    def before_train(self, runner: Any) -> None:
        """Find and check everything that takes part, before the first step.

        Raises:
            ValueError: If metric, consumers, labels or numbers of classes do not fit.
        """
        self.state_, self._metric, self._consumers, self._metrics = None, None, {}, {}
        self._check_alone(runner)
        check_companions(runner, self)
        if runner._val_loop is None or wiring.first_validation(runner.train_loop, self._by_epoch(runner)) is None:
            self._without_validation(runner)
            return
        self._metric = wiring.find_metric(runner.val_loop.evaluator)
        if self._metric is None:
            raise ValueError(
                f'ClassDifficultyHook found no ClassAccuracy in val_evaluator: set {wiring.METRIC_RECIPE} in '
                'the config (it returns what AccMetric does, under the same names)'
            )
        self._sampler = wiring.find_sampler(runner.train_dataloader)
        self._choose_consumers(runner)
        start = starting_state(runner, self._sampler, self._metric)
        self.state_ = resumed_state(runner, self._loaded, start) if runner._resume else start
        if self.state_ is not start and self._loaded is not None:
            self._metrics = dict(self._loaded.get('report', {}).get('metrics', {}))
        self._push(runner)
        if is_main_process():
            recording.start_history(runner, self.state_, resumed=runner._resume and runner._has_loaded)
        self._is_training = True
        self._validation_missing = (
            wiring.validation_due(runner.train_loop, self._by_epoch(runner)) and self.state_.iteration != runner.iter
        )

    def before_train_epoch(self, runner: Any) -> None:
        """Make up for a validation that the checkpoint does not contain, before the first batch."""
        self._validate_if_missing(runner)

    def after_train(self, runner: Any) -> None:
        """Write the class report of the last validation."""
        self._validate_if_missing(runner)
        self._is_training = False
        state = self.state_
        if self.report and state is not None and state.measured.any() and is_main_process():
            recording.report_classes(
                runner,
                'val',
                state.num_clips,
                state.num_correct,
                state,
                self._consumer_vectors(),
                self._metrics,
                runner.val_loop.evaluator,
            )

    def after_val_epoch(self, runner: Any, metrics: dict[str, Any] | None = None) -> None:
        """Turn the counts of a validation into difficulty; hand it on, record and log it."""
        if not self._is_training or self.state_ is None or self._metric is None or self._metric.counts_ is None:
            return
        counts = self._metric.counts_
        self.state_ = self.state_.updated(
            counts.num_clips, counts.num_correct, epoch=runner.epoch, iteration=runner.iter, **self.smoothing
        )
        self._validation_missing = False
        self._metrics = plain(metrics or {})
        self._push(runner)
        if is_main_process():
            self._record(runner, self._step(runner))

    def _without_validation(self, runner: Any) -> None:
        """No validation, no difficulty: an error, unless nobody waits for it."""
        if not self.observe_only:
            raise ValueError(
                'ClassDifficultyHook needs a validation before the end of training: set val_dataloader, val_cfg and '
                f'{wiring.METRIC_RECIPE}, let val_begin be at most the length of training, and train without '
                '--no-validate; or replay the difficulty of an earlier run with DifficultyReplayHook'
            )
        runner.logger.warning(
            'ClassDifficultyHook: no validation in this run, so nothing is measured; a test will be reported'
        )
        # The training counts go into the checkpoints, for the accuracies by shot of a test.
        self.state_ = starting_state(runner, wiring.find_sampler(runner.train_dataloader), None)

    def _choose_consumers(self, runner: Any) -> None:
        """Find who gets the difficulty, and say what is likely not meant."""
        if self.observe_only:
            consumers = wiring.find_difficulty_consumers(runner.model, self._sampler)
            if consumers:
                runner.logger.warning(f'observe_only=True: {", ".join(consumers)} will be handed no difficulty')
            return
        self._consumers = self._find_consumers(runner, '; or set observe_only=True to measure and report only')
        loop, by_epoch = runner.train_loop, self._by_epoch(runner)
        if wiring.first_validation(loop, by_epoch) == (loop.max_epochs if by_epoch else loop.max_iters):
            runner.logger.warning(
                f'the only validation is at the end of training (val_begin={loop.val_begin}, val_interval='
                f'{loop.val_interval}, {loop.max_epochs} epochs), so no difficulty will act: validate earlier '
                '(train_cfg.val_interval=1) or train longer'
            )

    def _validate_if_missing(self, runner: Any) -> None:
        if self._validation_missing:
            runner.logger.info(
                f'the validation after {runner.iter} iterations is not in the checkpoint: running it now'
            )
            wiring.remember_checkpoint(runner, self._by_epoch(runner))
            runner.val_loop.run()
