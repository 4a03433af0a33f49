"""The hook that measures class difficulty after every validation and hands it on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import IterBasedTrainLoop

from cdb_video import recording, wiring
from cdb_video.companions import check_companions
from cdb_video.difficulty import check_smoothing
from cdb_video.labels import check_same_names, dataset_class_names, dataset_labels, describe
from cdb_video.metrics import ClassAccuracy
from cdb_video.serialise import plain
from cdb_video.state import CHECKPOINT_KEY, DifficultyState


@HOOKS.register_module()
class ClassDifficultyHook(Hook):
    """Measures the difficulty of every class after each validation and hands it to loss and sampler.

    The sole owner of the difficulty vector. It needs a `ClassAccuracy` in ``val_evaluator`` and at least
    one consumer: a module of the model or the training sampler with ``set_class_difficulty``. After every
    validation it adds a record to ``class_history.jsonl``, a few scalars to the visualizer and a short
    table to the log; after training and after testing it writes ``class_report.{csv,json}``.

    A resumed run continues with the difficulty of its checkpoint; if the validation due at that point is
    not in the checkpoint, it runs first. In runs without training it changes nothing.

    Args:
        prior_count: Our option, 0 = off: shrinks classes with few validation clips towards the overall
            accuracy; see `cdb_video.difficulty.class_difficulty`.
        momentum: Our option, 0 = off: averages the difficulty over validations.
        min_difficulty: Our option, 0 = off: the floor of the difficulty.
        log_classes: How many of the hardest and of the easiest classes to log; 0 = none.
        observe_only: Measure, record and report, but hand no difficulty on: for baselines.
        report: Whether to write the class report after training and testing.

    Attributes:
        state_: `DifficultyState`, None before training.

    Raises:
        ValueError: If an argument is out of range.
    """

    # After EMAHook has swapped back, before CheckpointHook, so that the best checkpoint has the new state.
    priority = 'LOW'

    def __init__(
        self,
        prior_count: float = 0.0,
        momentum: float = 0.0,
        min_difficulty: float = 0.0,
        log_classes: int = 5,
        observe_only: bool = False,
        report: bool = True,
    ) -> None:
        check_smoothing(prior_count, momentum, min_difficulty)
        if not isinstance(log_classes, int) or log_classes < 0:
            raise ValueError(f'log_classes={log_classes!r}: must be a whole number >= 0')
        self.smoothing = {'prior_count': prior_count, 'momentum': momentum, 'min_difficulty': min_difficulty}
        self.log_classes = log_classes
        self.observe_only = observe_only
        self.report = report
        self.state_: DifficultyState | None = None
        self._loaded: Mapping[str, Any] | None = None
        self._metric: ClassAccuracy | None = None
        self._consumers: dict[str, Any] = {}
        self._sampler: Any = None
        self._metrics: dict[str, Any] = {}
        self._is_training = False
        self._validation_missing = False

    # Checkpoints

    def after_load_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        """Keep the entry for later: whether it is resumed from or only loaded is not known yet."""
        self._loaded = checkpoint.get(CHECKPOINT_KEY)

    def before_save_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        """Put the state into the checkpoint."""
        if self.state_ is not None:
            checkpoint[CHECKPOINT_KEY] = self.state_.to_checkpoint() | {
                'report': {'consumers': self._consumer_vectors(), 'metrics': self._metrics}
            }

    # Training

    def before_train(self, runner: Any) -> None:
        """Find and check everything that takes part, before the first step.

        Raises:
            ValueError: If metric, consumers, labels or numbers of classes do not fit.
        """
        self.state_, self._metric, self._consumers = None, None, {}
        check_companions(runner)
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
        self._find_consumers(runner)
        start = self._starting_state(runner)
        self.state_ = self._resumed_state(runner, start) if runner._resume else start
        self._metric.set_train_counts(self.state_.train_counts)
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
                runner, 'val', state.num_clips, state.num_correct, state, self._consumer_vectors(), self._metrics
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
            vectors = self._consumer_vectors()
            recording.record_validation(runner, self.state_, vectors, self._metrics)
            recording.log_scalars(runner, self.state_, vectors, runner.epoch if self._by_epoch(runner) else runner.iter)
            recording.log_classes(runner, self.state_, vectors, self.log_classes)

    # Testing

    def before_test(self, runner: Any) -> None:
        """Check the class lists, and give the metric the training counts, for the accuracies by shot.

        Raises:
            ValueError: If the test set, the model, the metric and the checkpoint have different classes.
        """
        metric = wiring.find_metric(runner.test_loop.evaluator)
        if metric is None:
            return
        dataset, state = runner.test_dataloader.dataset, self._tested_state()
        stated = wiring.stated_num_classes(runner.model, metric, dataset, 'test')
        if stated:
            wiring.check_evaluated_set(dataset, next(iter(stated.values())))
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
        consumers = (
            self._consumer_vectors() if trained_here else (self._loaded or {}).get('report', {}).get('consumers')
        )
        recording.report_classes(
            runner, 'test', counts.num_clips, counts.num_correct, state, consumers or {}, plain(metrics or {})
        )

    # Parts

    def _tested_state(self) -> DifficultyState | None:
        """The state of the model that is tested: this run's, or the checkpoint's; None if it has none."""
        if self.state_ is not None or self._loaded is None:
            return self.state_
        return DifficultyState.from_checkpoint(self._loaded)

    def _without_validation(self, runner: Any) -> None:
        """No validation, no difficulty: an error, unless nobody waits for it."""
        if not self.observe_only:
            raise ValueError(
                'ClassDifficultyHook needs a validation before the end of training: set val_dataloader, val_cfg and '
                f'{wiring.METRIC_RECIPE}, let val_begin be at most the length of training, and train without '
                '--no-validate'
            )
        runner.logger.warning('ClassDifficultyHook: no validation in this run, so nothing is measured or reported')

    def _find_consumers(self, runner: Any) -> None:
        """Find who gets the difficulty, and say what is likely not meant."""
        consumers = wiring.find_difficulty_consumers(runner.model, self._sampler)
        if self.observe_only:
            self._consumers = {}
            if consumers:
                runner.logger.warning(f'observe_only=True: {", ".join(consumers)} will be handed no difficulty')
            return
        if not consumers:
            raise ValueError(
                'ClassDifficultyHook found nothing to hand the difficulty to: add '
                f'{wiring.CONSUMER_RECIPE}; or set observe_only=True to measure and report only'
            )
        self._consumers = consumers
        loop, by_epoch = runner.train_loop, self._by_epoch(runner)
        if wiring.first_validation(loop, by_epoch) == (loop.max_epochs if by_epoch else loop.max_iters):
            runner.logger.warning(
                f'the only validation is at the end of training (val_begin={loop.val_begin}, val_interval='
                f'{loop.val_interval}, {loop.max_epochs} epochs), so no difficulty will act: validate earlier '
                '(train_cfg.val_interval=1) or train longer'
            )

    def _starting_state(self, runner: Any) -> DifficultyState:
        """The state before any validation, with every label and class list checked."""
        train_set, val_set = runner.train_dataloader.dataset, runner.val_dataloader.dataset
        counts = wiring.count_train_clips(train_set, self._sampler)
        assert self._metric is not None
        num_classes = wiring.agreed_num_classes(runner.model, self._metric, train_set, counts)
        val_names = dataset_class_names(val_set)
        check_same_names(dataset_class_names(train_set), val_names, 'the training set', 'the validation set')
        wiring.check_evaluated_set(val_set, num_classes)
        counts = np.pad(counts, (0, num_classes - len(counts)))
        unseen = np.flatnonzero((counts == 0) & (np.bincount(dataset_labels(val_set), minlength=num_classes) == 0))
        if unseen.size:
            runner.logger.warning(
                f'{unseen.size} of {num_classes} classes have neither training nor validation clips, the first is '
                f'{unseen[0]}: is num_classes of the head right?'
            )
        return DifficultyState.start(counts, wiring.names_of(self._metric, train_set, val_set))

    def _resumed_state(self, runner: Any, start: DifficultyState) -> DifficultyState:
        """The state of the checkpoint; `start` where there is none.

        Raises:
            ValueError: If the checkpoint was made with other classes.
        """
        if not runner._has_loaded:
            runner.logger.warning(
                f'resume was asked for, but there is no checkpoint in {runner.work_dir}: training starts '
                'anew, and mmengine then ignores load_from (pretrained weights) as well'
            )
            return start
        if self._loaded is None:
            runner.logger.warning(
                'the checkpoint has no class difficulty (it was saved without ClassDifficultyHook): every '
                'class starts with difficulty 1'
            )
            return start
        state = DifficultyState.from_checkpoint(self._loaded)
        if len(state.difficulty) != len(start.difficulty):
            raise ValueError(
                f'the checkpoint has the difficulty of {len(state.difficulty)} classes, this run has '
                f'{len(start.difficulty)}: resume with the class list of the checkpoint, or start anew with '
                'load_from'
            )
        check_same_names(state.class_names, start.class_names, 'the checkpoint', 'this run, which resumes it,')
        self._metrics = dict(self._loaded.get('report', {}).get('metrics', {}))
        return replace(state, train_counts=start.train_counts, class_names=start.class_names)

    def _push(self, runner: Any) -> None:
        """Hand difficulty, accuracy and the frequencies that training sees to whatever takes them."""
        assert self.state_ is not None
        for consumer in self._consumers.values():
            consumer.set_class_difficulty(self.state_.difficulty, self.state_.accuracy)
        prior = getattr(self._sampler, 'class_probability', self.state_.train_counts)
        for consumer in wiring.find_prior_consumers(runner.model):
            consumer.set_class_prior(prior)

    def _validate_if_missing(self, runner: Any) -> None:
        if self._validation_missing:
            runner.logger.info(
                f'the validation after {runner.iter} iterations is not in the checkpoint: running it now'
            )
            runner.val_loop.run()

    def _consumer_vectors(self) -> dict[str, dict[str, Any]]:
        """Tau and weight or probability of every consumer, as the history has them."""
        vectors = {}
        for name, consumer in self._consumers.items():
            vector = wiring.consumer_vector(consumer)
            vectors[name] = {'tau': wiring.consumer_tau(consumer)} | ({} if vector is None else dict([vector]))
        return vectors

    @staticmethod
    def _by_epoch(runner: Any) -> bool:
        return not isinstance(runner.train_loop, IterBasedTrainLoop)
