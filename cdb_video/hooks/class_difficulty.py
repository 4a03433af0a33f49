"""The hook that measures class difficulty after every validation and hands it on."""

from __future__ import annotations

from typing import Any

from cdb_video.checks import check_flags, check_smoothing
from cdb_video.difficulty.state import DifficultyState
from cdb_video.hooks.difficulty_owner import DifficultyOwner
from cdb_video.hooks.reporting import Validation
from cdb_video.metrics.training_counts import TrainingCounts
from cdb_video.processes import from_main, together
from cdb_video.run.consumers import find_difficulty_consumers
from cdb_video.run.loop import first_validation
from cdb_video.run.parts import METRIC_RECIPE, find_metric, find_sampler
from cdb_video.run.record import start_history
from cdb_video.run.refusals import check_companions
from cdb_video.run.start import resumed_state, starting_state


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
            accuracy; see `cdb_video.difficulty.formulas.class_difficulty`.
        momentum: Our option, 0 = off: averages the difficulty over validations.
        min_difficulty: Our option, 0 = off: the floor of the difficulty.
        log_classes: How many of the hardest and of the easiest classes to log; 0 = none.
        observe_only: Measure, record and report, but hand no difficulty on: for baselines.
        source: 'val' = the validation, as in the papers. 'train' = ours, for those who cannot hold clips out: after
            every epoch, from the predictions that training itself made in it. These are of clips that the model
            learns from, so rare classes that are known by heart look easier than they are; a validation is not
            needed, and one that there is changes nothing. Let `momentum` average over the epochs; with CDBSampler
            set `min_difficulty`, for a class that is no more drawn is no more measured.
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
        source: str = 'val',
    ) -> None:
        check_smoothing(prior_count, momentum, min_difficulty)
        super().__init__(log_classes, report, live_report)
        self.smoothing = {'prior_count': prior_count, 'momentum': momentum, 'min_difficulty': min_difficulty}
        if source not in ('val', 'train'):
            raise ValueError(f"source={source!r}: must be 'val' or 'train'")
        check_flags(observe_only=observe_only)
        self.observe_only = observe_only
        self.source = source
        self._training_counts: TrainingCounts | None = None

    def before_train(self, runner: Any) -> None:
        """Find and check everything that takes part, before the first step.

        Raises:
            ValueError: If metric, consumers, labels or numbers of classes do not fit.
            RuntimeError: In all processes, if they do not start from the same.
        """
        own_entry = self._take_entry_of_main_process()
        together(lambda: self._prepare(runner))
        self._check_start(runner, own_entry)
        state = self.state_
        if state is None:
            return
        self._push(runner)
        if self._metric is None and self.source == 'val':
            return
        from_main(lambda: start_history(runner, state, resumed=runner._resume and runner._has_loaded))
        self._begin_training(runner, state.iteration if self.source == 'val' else None)

    def _prepare(self, runner: Any) -> None:
        """Find and check what takes part, and the state that it starts from; nothing is handed on yet."""
        self.state_, self._consumers, self._metrics = None, {}, {}
        self._forget_validations()
        self._check_alone(runner)
        check_companions(runner, self)
        if self.source == 'train':
            self._start_online(runner)
            return
        if runner._val_loop is None or first_validation(runner.train_loop, self._by_epoch(runner)) is None:
            self._without_validation(runner)
            return
        self._metric = find_metric(runner.val_loop.evaluator)
        if self._metric is None:
            raise ValueError(
                f'ClassDifficultyHook found no ClassAccuracy in val_evaluator: set {METRIC_RECIPE} in '
                'the config (it returns what AccMetric does, under the same names)'
            )
        self._sampler = find_sampler(runner.train_dataloader)
        self._choose_consumers(runner)
        self._start(runner)

    def _start(self, runner: Any) -> DifficultyState:
        """Take the state that training starts from or resumes."""
        start = starting_state(runner, self._sampler, self._metric)
        self.state_ = resumed_state(runner, self._loaded, start) if runner._resume else start
        if self.state_ is not start and self._loaded is not None:
            self._metrics = dict(self._loaded.get('report', {}).get('metrics', {}))
        return self.state_

    def _start_online(self, runner: Any) -> None:
        """Measure on the training batches; a validation is only reported."""
        if not self._by_epoch(runner):
            raise ValueError("source='train' measures after every epoch, and this run is trained by iteration")
        if runner._val_loop is not None:
            self._metric = find_metric(runner.val_loop.evaluator)
        self._sampler = find_sampler(runner.train_dataloader)
        if not self.observe_only:
            self._consumers = self._find_consumers(runner, '; or set observe_only=True to measure and report only')
        state = self._start(runner)
        if self._training_counts is not None:  # of a run that was broken off
            self._training_counts.stop()
        self._training_counts = TrainingCounts(runner.model, len(state.difficulty))

    def after_train_epoch(self, runner: Any) -> None:
        """With source 'train', turn the counts of the epoch into difficulty; hand it on, record and log it.

        Raises:
            ValueError: In all processes, if a score was NaN, or nothing was counted.
        """
        if self._training_counts is None or self.state_ is None:
            return
        num_clips, num_correct = self._training_counts.take()
        if not num_clips.any():
            raise ValueError(
                "source='train' has counted no clip in this epoch: the loss called loss_cls was not called, or was in "
                "evaluation mode; use source='val'"
            )
        epoch = runner.epoch + 1  # the loop counts it later
        self._metrics = {}  # those of an earlier validation do not belong to this record
        self.state_ = self.state_.updated(num_clips, num_correct, epoch=epoch, iteration=runner.iter, **self.smoothing)
        self._push(runner, epoch)
        from_main(lambda: self._record(runner, epoch))

    def after_train(self, runner: Any) -> None:
        """Report the last validation, if that was not done, and count no more."""
        super().after_train(runner)
        if self._training_counts is not None:
            self._training_counts.stop()
            self._training_counts = None

    def _take_validation(self, runner: Any, validation: Validation) -> None:
        """Turn the counts of a validation into difficulty, unless training measures it; hand it on, record and log."""
        assert self.state_ is not None
        self._metrics = dict(validation.metrics)
        if self.source == 'train':
            return
        counts = validation.counts
        self.state_ = self.state_.updated(
            counts.num_clips,
            counts.num_correct,
            epoch=validation.epoch,
            iteration=validation.iteration,
            **self.smoothing,
        )
        self._push(runner)
        from_main(lambda: self._record(runner, self._step(runner)))

    def _without_validation(self, runner: Any) -> None:
        """No validation, no difficulty: an error, unless nobody waits for it."""
        if not self.observe_only:
            raise ValueError(
                'ClassDifficultyHook needs a validation before the end of training: set val_dataloader, val_cfg and '
                f'{METRIC_RECIPE}, let val_begin be at most the length of training, and train without '
                '--no-validate; or replay the difficulty of an earlier run with DifficultyReplayHook'
            )
        runner.logger.warning(
            'ClassDifficultyHook: no validation in this run, so nothing is measured; a test will be reported'
        )
        # The training counts go to the losses that need them, and into the checkpoints, for a test's groups by shot.
        self._sampler = find_sampler(runner.train_dataloader)
        self._start(runner)

    def _choose_consumers(self, runner: Any) -> None:
        """Find who gets the difficulty, and say what is likely not meant."""
        if self.observe_only:
            found = find_difficulty_consumers(runner.model, self._sampler)
            consumers = [name for name, consumer in found.items() if getattr(consumer, 'tau', None) != 0]
            if consumers:
                runner.logger.warning(f'observe_only=True: {", ".join(consumers)} will be handed no difficulty')
            return
        self._consumers = self._find_consumers(runner, '; or set observe_only=True to measure and report only')
        loop, by_epoch = runner.train_loop, self._by_epoch(runner)
        if first_validation(loop, by_epoch) == (loop.max_epochs if by_epoch else loop.max_iters):
            runner.logger.warning(
                f'the only validation is at the end of training (val_begin={loop.val_begin}, val_interval='
                f'{loop.val_interval}, {loop.max_epochs} epochs), so no difficulty will act: validate earlier '
                '(train_cfg.val_interval=1) or train longer'
            )
