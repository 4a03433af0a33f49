"""The hook that measures class difficulty after every validation and hands it on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cdb_video.checks import check_flags, check_measure, check_smoothing
from cdb_video.difficulty.tracking.rules import (
    check_mean_difficulty,
    warn_of_other_measure,
    warn_of_other_memory,
)
from cdb_video.hooks.difficulty_owner import DifficultyOwner, check_alone
from cdb_video.hooks.validation_subset import check_val_subset, validate_on_subset
from cdb_video.host_words import unit
from cdb_video.metrics.training_counts import TrainingCounts
from cdb_video.processes import together
from cdb_video.run.handover import Handover, needed_consumers
from cdb_video.run.parts import RunParts
from cdb_video.run.refusals.companions import (
    check_companions,
    check_metric,
    check_trained_by_epoch,
    check_unmeasured,
    warn_of_acting_twice,
    warn_of_inaction,
)
from cdb_video.run.refusals.laws import (
    advise_min_difficulty,
    advise_prior_count,
    check_probabilities,
)
from cdb_video.run.reporting.reports import Validation
from cdb_video.run.start import check_loaded_classes, resumed_state, starting_state


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
        momentum: Our option, 0 = off: averages the difficulty over validations, the newest with the share 1 - momentum.
            'mean' = the mean of all validations so far, which ``CDBLoss(law='accumulated')`` needs.
        measure: 'accuracy' = d_c = 1 - accuracy_c, as in the papers. 'probability' = ours: d_c = 1 - the mean
            probability that the model gives the true class on the validation clips of the class. It moves in small
            steps where accuracy jumps by whole clips, which is to calm CDB-W and CDB-S without memory. It needs
            probabilities: ``average_clips='prob'`` in the head.
        min_difficulty: Our option, 0 = off: the floor of the difficulty.
        log_classes: How many of the hardest and of the easiest classes to log; 0 = none.
        observe_only: Measure, record and report, but hand no difficulty on: for baselines.
        source: 'val' = the validation, as in the papers. 'train' = ours, for those who cannot hold clips out: after
            every epoch, from the predictions that training itself made in it. These are of clips that the model
            learns from, so rare classes that are known by heart look easier than they are; a validation is not
            needed, and one that there is changes nothing. Let `momentum` average over the epochs; with CDBSampler
            set `min_difficulty`, for a class that is no more drawn is no more measured. In a detector these are the
            proposals that its box head is trained on, of which those of the background are left out; of several box
            heads, as in Cascade R-CNN, the last one counts.
        report: Whether to write the class report after training and testing: ``class_report.{csv,json,md}`` and
            ``report.html``.
        live_report: Whether to keep ``report.html`` up to date after validations. It costs some 10 ms each time, and at
            most 2 % of the time of the run, so it is on by default.
        val_subset: Validate on so many samples of the validation set, the same ones in every validation, chosen so that
            the classes are covered as evenly as can be: for sets such as LVIS's, whose 20,000 images take longer than
            an epoch can spare. See `cdb_video.data.covering_subset`. What is measured by class is made for it; shares
            of all objects, and AP, are of the part and not of the set. A test is of its whole set. None = all samples.
        val_subset_seed: Which samples these are: the same for all runs that are to be compared.

    Attributes:
        state_: `DifficultyState`, None before training.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(
        self,
        prior_count: float = 0.0,
        momentum: float | str = 0.0,
        min_difficulty: float = 0.0,
        log_classes: int = 5,
        observe_only: bool = False,
        report: bool = True,
        live_report: bool = True,
        source: str = 'val',
        measure: str = 'accuracy',
        val_subset: int | None = None,
        val_subset_seed: int = 0,
    ) -> None:
        check_smoothing(prior_count, momentum, min_difficulty)
        check_measure(measure)
        super().__init__(source, log_classes, report, live_report)
        self.smoothing: dict[str, Any] = {
            'prior_count': prior_count,
            'momentum': momentum,
            'min_difficulty': min_difficulty,
        }
        if source not in ('val', 'train'):
            raise ValueError(f"source={source!r}: must be 'val' or 'train'")
        if (source, measure) == ('train', 'probability'):
            raise ValueError(
                "measure='probability' with source='train': training counts right answers only; measure by 'accuracy', "
                "or on the validation (source='val')"
            )
        self.measure = measure
        check_flags(observe_only=observe_only)
        check_val_subset(val_subset, val_subset_seed)
        self.val_subset = val_subset
        self.val_subset_seed = val_subset_seed
        self.observe_only = observe_only
        self._training_counts: TrainingCounts | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """What the difficulty is, for the history."""
        part = {} if self.val_subset is None else {'val_subset': self.val_subset}
        seed = {f'{name}_seed': self.val_subset_seed for name in part}
        return {'measure': self.measure, **self.smoothing, **part, **seed}

    def before_train(self, runner: Any) -> None:
        """Find and check everything that takes part, before the first step.

        Raises:
            ValueError: If metric, consumers, labels or numbers of classes do not fit.
            RuntimeError: In all processes, if they do not start from the same.
        """
        if self.val_subset is not None:
            size, seed = self.val_subset, self.val_subset_seed
            together(lambda: validate_on_subset(runner, size, seed))
        parts = RunParts.of(runner)
        own_entry = self._share_entry(parts)
        handover = together(lambda: self._prepare(parts))
        self._start_training(handover, own_entry)
        if self.source == 'train':
            self._begin_training(handover)
        elif handover.parts.metric is not None:
            self._begin_training(handover, handover.state.iteration)

    def after_train_epoch(self, runner: Any) -> None:
        """With source 'train', turn the counts of the epoch into difficulty; hand it on, record and log it.

        Raises:
            ValueError: In all processes, if a score was NaN, or nothing was counted.
        """
        handover = self._handover
        if self._training_counts is None or handover is None:
            return
        num_clips, num_correct = self._training_counts.take()
        if not num_clips.any():
            raise ValueError(
                f"source='train' has counted no {unit()} in this epoch: the loss of the head was not "
                "called, or was in evaluation mode; use source='val'"
            )
        loop = handover.parts.loop
        epoch = loop.epoch + 1  # the loop counts it later
        handover.metrics = {}  # those of an earlier validation do not belong to this record
        state = handover.state.updated(
            num_clips, num_correct, epoch=epoch, iteration=loop.iteration, smoothing=self.smoothing
        )
        self._go_on(handover, state, epoch, epoch)

    def after_train(self, runner: Any) -> None:
        """Report the last validation, if that was not done, and count no more."""
        super().after_train(runner)
        if self._training_counts is not None:
            self._training_counts.stop()
            self._training_counts = None

    def _take_validation(self, handover: Handover, validation: Validation) -> None:
        """Turn the counts of a validation into difficulty, unless training measures it; hand it on, record and log."""
        handover.metrics = validation.metrics
        if self.source == 'train':
            return
        state = handover.state.updated(
            validation.counts.num_clips,
            validation.counts.num_correct,
            validation.counts.mean_probability,
            epoch=validation.epoch,
            iteration=validation.iteration,
            smoothing=self.smoothing,
        )
        self._go_on(handover, state, handover.parts.loop.step)

    def _prepare(self, parts: RunParts) -> Handover:
        """Check what takes part, and find the state that training starts from; nothing is handed on yet."""
        check_alone(parts)
        check_companions(parts, type(self).__name__)
        consumers: Mapping[str, Any] = {}
        planned = max(parts.loop.planned_validations, 1)
        if self.source == 'train':
            check_trained_by_epoch(parts)
            consumers = self._find_consumers(parts)
            planned = parts.loop.max_epochs
        elif parts.loop.first_validation is None:
            check_unmeasured(parts, self.observe_only)
            # The training counts still go to the losses that need them, and into checkpoints, for groups by shot.
            parts = replace(parts, metric=None)
        else:
            check_metric(parts)
            self._set_measure(parts)
            consumers = self._find_consumers(parts)
            warn_of_inaction(parts, self.observe_only)
        state = start = starting_state(parts)
        if parts.loop.asked_to_resume:
            state = resumed_state(parts, self._entry.content, start)
            if state is not start:
                momentum = self.smoothing['momentum']
                warn_of_other_measure(parts.logger, state, self.measure, momentum)
                warn_of_other_memory(parts.logger, state, self._entry.settings, self.smoothing)
        check_loaded_classes(parts, self._entry.trained_classes)
        if self.source == 'train':
            if self._training_counts is not None:  # of a run that was broken off
                self._training_counts.stop()
            self._training_counts = TrainingCounts(parts.model, len(state.difficulty))
        handover = Handover(
            parts,
            consumers,
            state,
            {} if state is start else self._entry.metrics,
            planned_validations=planned,
            settings=self.settings,
        )
        if state is not start:
            handover.warn_of_other_plan(self._entry.planned_validations)
        advise_min_difficulty(handover, self.smoothing)
        if self.source == 'val' and parts.metric is not None:
            advise_prior_count(handover, parts.metric.clip_counts, self.smoothing['prior_count'])
        return handover

    def _set_measure(self, parts: RunParts) -> None:
        """Let the metric of the validation keep what the difficulty is measured by."""
        by_probability = self.measure == 'probability'
        if by_probability:
            check_probabilities(parts)
        if parts.metric is not None:
            parts.metric.keep_probability(by_probability)

    def _find_consumers(self, parts: RunParts) -> Mapping[str, Any]:
        """Who gets the difficulty; an error if nobody does, and somebody should."""
        if self.observe_only:
            return {}
        remedy = '; or set observe_only=True to measure and report only'
        consumers = needed_consumers(parts, type(self).__name__, remedy)
        check_mean_difficulty(consumers, self.smoothing['momentum'])
        warn_of_acting_twice(parts)
        return consumers
