"""The state that training starts from, checked against the data, the model and the checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from cdb_video import wiring
from cdb_video.difficulty import IntVector
from cdb_video.labels import check_same_names, dataset_class_names
from cdb_video.metrics import ClassAccuracy
from cdb_video.state import DifficultyState


def starting_state(runner: Any, sampler: Any, metric: ClassAccuracy | None) -> DifficultyState:
    """The state before any validation, with labels, class lists and monitored results checked.

    Args:
        runner: With model, dataloaders, hooks and schedulers built.
        sampler: The one that picks the training clips.
        metric: That of the validation, which is given the training counts; None = the run has none.

    Raises:
        ValueError: If labels, class lists, numbers of classes or monitored results do not fit.
    """
    train_set = runner.train_dataloader.dataset
    counts = wiring.count_train_clips(train_set, sampler)
    num_classes = wiring.agreed_num_classes(runner.model, metric, train_set, counts)
    counts = np.pad(counts, (0, num_classes - len(counts)))
    if metric is None:
        return DifficultyState.start(counts, dataset_class_names(train_set))
    val_set = runner.val_dataloader.dataset
    check_same_names(
        dataset_class_names(train_set), dataset_class_names(val_set), 'the training set', 'the validation set'
    )
    val_counts = wiring.count_evaluated_clips(val_set, num_classes)
    metric.set_train_counts(counts)
    metric.set_clip_counts(val_counts)
    wiring.check_monitored(runner, metric, metric.result_keys(val_counts))
    _warn_of_unseen(runner, counts, val_counts)
    return DifficultyState.start(counts, wiring.names_of(metric, train_set, val_set))


def resumed_state(runner: Any, entry: Mapping[str, Any] | None, start: DifficultyState) -> DifficultyState:
    """The state of the checkpoint that the run resumes from; `start` where it has none.

    Args:
        runner: Of a run that was asked to resume.
        entry: What the checkpoint holds of the state; None = nothing.
        start: The state before any validation.

    Raises:
        ValueError: If the checkpoint was made with other classes.
    """
    if not runner._has_loaded:
        runner.logger.warning(
            f'resume was asked for, but there is no checkpoint in {runner.work_dir}: training starts '
            'anew, and mmengine then ignores load_from (pretrained weights) as well'
        )
        return start
    if entry is None:
        runner.logger.warning(
            'the checkpoint has no class difficulty (it was saved without ClassDifficultyHook): every '
            'class starts with difficulty 1'
        )
        return start
    state = DifficultyState.from_checkpoint(entry)
    if len(state.difficulty) != len(start.difficulty):
        raise ValueError(
            f'the checkpoint has the difficulty of {len(state.difficulty)} classes, this run has '
            f'{len(start.difficulty)}: resume with the class list of the checkpoint, or start anew with '
            'load_from'
        )
    check_same_names(state.class_names, start.class_names, 'the checkpoint', 'this run, which resumes it,')
    return replace(state, train_counts=start.train_counts, class_names=start.class_names)


def _warn_of_unseen(runner: Any, train_counts: IntVector, val_counts: IntVector) -> None:
    unseen = np.flatnonzero((train_counts == 0) & (val_counts == 0))
    if unseen.size:
        runner.logger.warning(
            f'{unseen.size} of {len(train_counts)} classes have neither training nor validation clips, the first is '
            f'{unseen[0]}: is num_classes of the head right?'
        )
