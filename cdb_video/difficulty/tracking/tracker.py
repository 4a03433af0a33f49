"""DifficultyTracker: class difficulty for a training loop of one's own, with torch and numpy alone."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from weakref import WeakSet

import numpy as np
from numpy.typing import ArrayLike

from cdb_video.checks import check_class_names, check_measure, check_shot_thresholds, check_smoothing, check_whole
from cdb_video.class_names import check_same_names
from cdb_video.difficulty.counts import ClassCounts, shot_groups
from cdb_video.difficulty.state import CHECKPOINT_KEY, DifficultyState
from cdb_video.difficulty.tracking.batches import kept_of
from cdb_video.difficulty.tracking.checkpoint import entry_of, metrics_in, planned_in, settings_in
from cdb_video.difficulty.tracking.course import CourseOfTraining, HistoryWriter
from cdb_video.difficulty.tracking.needs import check_needs, check_unshared, counted_for_training
from cdb_video.difficulty.tracking.outcomes import Kept, Outcomes
from cdb_video.difficulty.tracking.pooling import pooled
from cdb_video.difficulty.tracking.recipients import Recipients
from cdb_video.difficulty.tracking.rules import (
    warn_of_other_measure,
    warn_of_other_memory,
    warn_of_other_plan,
)
from cdb_video.host_words import PLAIN, speaking
from cdb_video.processes import from_all, from_main, get_world_size, is_main_process, together

_LOG = logging.getLogger('cdb_video')
_PREFIX = 'acc'


class DifficultyTracker:
    """Measures the difficulty of every class in validations, and hands it to loss and sampler: the core of the hook.

    For loops of one's own; `ClassDifficultyHook` does the same in mmengine's, by the same functions::

        tracker = DifficultyTracker(10, train_counts, consumers=(loss, sampler), history='work_dir')
        for epoch in range(20):
            train_one_epoch()
            for images, labels in val_loader:
                tracker.update(model(images), labels)
            tracker.compute(epoch=epoch + 1, iteration=(epoch + 1) * len(train_loader))

    On its making it hands on difficulty 1 for all classes, as before any validation. With several processes
    (torch.distributed) each makes a tracker, and updates it with its own samples; each sample counts once, see
    `compute`. ``cdb-video report work_dir`` makes the page from the history.

    Args:
        num_classes: Number of classes C.
        train_counts: (C,) int >= 0, training samples per class: for losses by frequency, for the accuracies by shot,
            and for the report. None = those of the sampler among the consumers, if it counts them, or else not known.
        class_names: C names for messages and reports.
        consumers: Who is handed the difficulty: losses, samplers, or models with such losses inside; see
            `cdb_video.difficulty.consumer`. () = it is only measured and recorded.
        history: The folder, or the file ending in .jsonl, of the ``class_history.jsonl`` that is written; None = none.
        planned_validations: Validations of the whole training, which ``CDBLoss(law='accumulated')`` needs.
        max_epochs: Epochs of the training, which `begin` and a tau that grows need.
        prior_count: As `ClassDifficultyHook` has it, as are the next three.
        momentum: In [0, 1), or 'mean'.
        min_difficulty: In [0, 1].
        measure: 'accuracy' or 'probability', for which `update` needs probabilities.
        shot_thresholds: (few, many), the bounds of the groups by training samples, as `ClassAccuracy` has them.

    Attributes:
        state_: `DifficultyState`, the difficulty in force.
        metrics_: The metrics of the last validation, such as 'acc/top1', as `ClassAccuracy` has them.

    Raises:
        ValueError: If an argument is out of its range, a consumer lacks what it needs, or another tracker hands its
            difficulty to one of them.
        TypeError: If one of the consumers takes nothing.
    """

    def __init__(
        self,
        num_classes: int,
        train_counts: ArrayLike | None = None,
        class_names: Sequence[str] | None = None,
        consumers: Any = (),
        history: str | Path | None = None,
        planned_validations: int | None = None,
        max_epochs: int | None = None,
        *,
        prior_count: float = 0.0,
        momentum: float | str = 0.0,
        min_difficulty: float = 0.0,
        measure: str = 'accuracy',
        shot_thresholds: Sequence[int] = (20, 100),
    ) -> None:
        check_smoothing(prior_count, momentum, min_difficulty)
        check_measure(measure)
        check_shot_thresholds(shot_thresholds)
        check_whole(1, num_classes=num_classes)
        bounds = {'planned_validations': planned_validations, 'max_epochs': max_epochs}
        check_whole(1, **{name: value for name, value in bounds.items() if value is not None})
        check_class_names(class_names, num_classes)
        names = None if class_names is None else tuple(map(str, class_names))
        self.measure = measure
        self.smoothing = {'prior_count': prior_count, 'momentum': momentum, 'min_difficulty': min_difficulty}
        self.planned_validations = planned_validations
        self.max_epochs = max_epochs
        self.shot_thresholds = tuple(shot_thresholds)
        self._history = HistoryWriter.at(history)
        self._recipients = Recipients.among(consumers)
        counts = counted_for_training(train_counts, self._recipients.sampler, num_classes)
        self._knows_counts = counts is not None
        self._own_counts = counts
        self.state_ = DifficultyState.start(np.zeros(num_classes, np.int64) if counts is None else counts, names)
        self.metrics_: Mapping[str, Any] = {}
        self._kept: list[Kept] = []
        self._error: Exception | None = None
        check_needs(self._recipients, momentum, planned_validations, max_epochs, knows_counts=self._knows_counts)
        self._hand_on(self.state_, knows_counts=self._knows_counts)
        _TRACKERS.add(self)

    @property
    def num_classes(self) -> int:
        """Number of classes C."""
        return len(self.state_.difficulty)

    @property
    def settings(self) -> dict[str, Any]:
        """What the difficulty is, for the history."""
        return {'measure': self.measure, **self.smoothing}

    def update(self, scores_or_predictions: Any, labels: Any) -> None:
        """Count a batch of the validation.

        Args:
            scores_or_predictions: (N, C) scores, of which the largest is the prediction; logits or probabilities,
                with ``measure='probability'`` these. Or (N,) whole numbers, the predicted classes. Tensors of any
                device, or arrays.
            labels: (N,) whole numbers in 0..C-1.

        Raises:
            ValueError: If shapes do not fit, a class is out of range, a score is NaN, or there are no probabilities
                where they are needed. With several processes it waits for `compute`: raised here, it would leave the
                others waiting there.
            TypeError: If labels or predictions are not whole numbers, in the same way.
        """
        if self._error is not None:
            return
        try:
            with speaking(PLAIN):
                self._kept.append(kept_of(scores_or_predictions, labels, self.num_classes, self.measure))
        except Exception as error:  # whatever it is: the other processes wait for this one
            if get_world_size() == 1:
                raise
            _LOG.error(f'DifficultyTracker, to be raised by compute: {error}')
            self._error = error

    def reset(self) -> None:
        """Forget the batches since the last `compute`, as after a validation that is not to count."""
        self._kept.clear()
        self._error = None

    def compute(self, *, epoch: int, iteration: int, size: int | None = None) -> DifficultyState:
        """End a validation: from what was counted in all processes to a new difficulty; hand it on and record it.

        Args:
            epoch: Epochs trained, the first one being 1 when it is done; 0 where the loop counts none.
            iteration: Training iterations so far, more than at the last validation.
            size: Samples in the validation set, ``len(val_set)``; with several processes it must be given. A sampler
                that pads so that all processes have as many samples, as ``DistributedSampler(val_set, shuffle=False)``
                does, gives process r of W the samples r, r + W, ... of the set, and what stands behind its end is
                left out here. Where there is no padding, samples may be divided in any way. None = all that was
                counted.

        Returns:
            The new state, the same in all processes.

        Raises:
            ValueError: In all processes, if nothing was counted, more than `size` samples were, `epoch` or `iteration`
                do not go on from the last validation, `update` met something in one of them, or a consumer refuses
                the difficulty. The batches that were counted are forgotten.
        """
        with speaking(PLAIN):
            parts = from_all(lambda: self._take(epoch, iteration))
            counts, metrics = from_main(lambda: self._count(parts, size))
            state = self.state_.updated(
                counts.num_clips,
                counts.num_correct,
                counts.mean_probability,
                epoch=int(epoch),
                iteration=int(iteration),
                smoothing=self.smoothing,
            )
            together(lambda: self._hand_on(state, knows_counts=self._knows_counts))
            self.state_, self.metrics_ = state, metrics
            from_main(lambda: self._history.add(self._course(state), state, self._recipients.vectors, metrics))
        return state

    def set_epoch(self, epoch: int) -> None:
        """Hand on the epoch that begins; of use where not every epoch ends in a validation, which does it too.

        Args:
            epoch: Epochs done, 0 in the first.

        Raises:
            ValueError: Unless `epoch` is a whole number from 0 to `max_epochs`.
        """
        check_whole(0, epoch=epoch)
        if self.max_epochs is not None and epoch > self.max_epochs:
            raise ValueError(
                f'epoch={epoch}, and max_epochs={self.max_epochs}: give the epochs that are done, 0 in the first'
            )
        self._reached(self._knows_counts).begin_epoch(self.state_.train_counts, int(epoch), self.max_epochs)

    def state_dict(self) -> dict[str, Any]:
        """The difficulty in force, of tensors and plain values, as `ClassDifficultyHook` puts it into checkpoints.

        Batches of a validation that is under way are not in it.
        """
        return entry_of(
            self.state_,
            self._recipients.vectors,
            self.metrics_,
            settings=self.settings,
            planned=self.planned_validations,
            validated_at=self.state_.iteration if self.state_.num_validations else None,
        )

    def load_state_dict(self, entry: Mapping[str, Any]) -> None:
        """Go on from a state that `state_dict` gave, or ``checkpoint['class_difficulty']`` of a run with the hook.

        It is handed on at once. Records in the history that are of later iterations go to a file beside it.

        Raises:
            ValueError: If it is no such entry, or of other classes; the tracker is then as before.
        """
        state = self._continued(entry)
        knows_counts = self._own_counts is not None or bool(state.train_counts.any())
        self._hand_on(state, knows_counts=knows_counts)
        warn_of_other_measure(_LOG, state, self.measure, self.smoothing['momentum'])
        warn_of_other_memory(_LOG, state, settings_in(entry), self.smoothing)
        consumers, planned = self._recipients.difficulty, self.planned_validations
        warn_of_other_plan(_LOG, consumers, state.num_validations, planned_in(entry), planned)
        self.reset()
        self.state_, self.metrics_, self._knows_counts = state, metrics_in(entry), knows_counts
        if is_main_process():
            self._history.begin(self._course(state), state.iteration)

    def _take(self, epoch: int, iteration: int) -> Kept:
        """What this process has counted; the next validation starts anew, also after an error."""
        kept, error = self._kept, self._error
        self._kept, self._error = [], None
        if error is not None:
            raise error
        check_whole(0, epoch=epoch, iteration=iteration)
        last = self.state_
        if epoch < last.epoch or (last.num_validations and iteration <= last.iteration):
            raise ValueError(
                f'epoch={epoch}, iteration={iteration}: the last validation was after epoch {last.epoch} and iteration '
                f'{last.iteration}, and a training goes on from there: count both over the whole training, and make a '
                'new tracker for another one'
            )
        return np.concatenate(kept) if kept else np.zeros((0, 5 if self.measure == 'probability' else 4), np.int64)

    def _count(self, parts: Sequence[Kept], size: int | None) -> tuple[ClassCounts, dict[str, float]]:
        """Counts and metrics of a validation, from what the processes have kept."""
        outcomes = Outcomes.of(pooled(parts, size), self.num_classes)
        counts = self.state_.train_counts
        groups = shot_groups(counts, self.shot_thresholds) if self._knows_counts else {}
        return outcomes.counts, {f'{_PREFIX}/{name}': value for name, value in outcomes.metrics(groups).items()}

    def _hand_on(self, state: DifficultyState, *, knows_counts: bool) -> None:
        check_unshared(self._recipients.parts, (other._recipients.parts for other in _TRACKERS if other is not self))
        self._reached(knows_counts).hand_on(state, state.epoch, self.max_epochs, self.planned_validations)

    def _reached(self, knows_counts: bool) -> Recipients:
        """Who is handed something: no losses by frequency, where that is not known and they can do without."""
        return self._recipients if knows_counts else replace(self._recipients, prior=())

    def _continued(self, entry: Mapping[str, Any]) -> DifficultyState:
        """The state in an entry, with what this training knows better."""
        if isinstance(entry, Mapping) and 'difficulty' not in entry and CHECKPOINT_KEY in entry:
            raise ValueError(
                f'the state has the keys {", ".join(map(str, entry))}: it is a whole checkpoint; give its entry '
                f'{CHECKPOINT_KEY!r}'
            )
        state, own = DifficultyState.from_checkpoint(entry), self.state_
        if len(state.difficulty) != self.num_classes:
            raise ValueError(
                f'the state has the difficulty of {len(state.difficulty)} classes, this tracker has '
                f'{self.num_classes}: load the state of a training with the same class list'
            )
        check_same_names(state.class_names, own.class_names, 'the state', 'this tracker, which loads it,')
        names = state.class_names if own.class_names is None else own.class_names
        if self._own_counts is None:
            return replace(state, class_names=names)
        return replace(state, class_names=names, train_counts=self._own_counts, train_images=None)

    def _course(self, state: DifficultyState) -> CourseOfTraining:
        counts, images = state.train_counts, state.train_images
        planned = self.planned_validations
        return CourseOfTraining(state.class_names, counts, images, self.settings, planned, self._knows_counts)


_TRACKERS: WeakSet[DifficultyTracker] = WeakSet()
"""Those that live, of which no two may hand a difficulty to the same part."""
