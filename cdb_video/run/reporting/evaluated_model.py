"""The model that a test evaluates: the difficulty that belongs to it, and the class report of the test set."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import nn

from cdb_video.class_names import check_same_names, other_names
from cdb_video.data.labels import dataset_class_names, describe
from cdb_video.difficulty.counts import ClassCounts
from cdb_video.difficulty.formulas import IntVector
from cdb_video.difficulty.state import DifficultyState
from cdb_video.processes import together
from cdb_video.run.checkpoint_entry import CheckpointEntry
from cdb_video.run.handover import Handover
from cdb_video.run.parts import find_metric
from cdb_video.run.refusals.evaluation import check_evaluation, check_loader
from cdb_video.run.refusals.labelling import count_evaluated
from cdb_video.run.reporting.record import Evaluation, Vectors, report_classes
from cdb_video.run.start import names_of, stated_num_classes, tell_counts
from cdb_video_files.json_values import plain

_LOG = logging.getLogger('cdb_video')


@dataclass(frozen=True, eq=False)
class EvaluatedModel:
    """What is known of a model that was trained here, or loaded.

    Attributes:
        state: Its difficulty; None = it has none.
        epoch: Epochs it was trained for; None = not known.
        iteration: Iterations it was trained for; None = not known.
        consumers: What the difficulty led to.
        source: What the difficulty is measured on, see `cdb_video.difficulty.history`.
        trained_classes: Class names of its training set; None = not known.
    """

    state: DifficultyState | None
    epoch: int | None
    iteration: int | None
    consumers: Vectors
    source: str
    trained_classes: tuple[str, ...] | None = None

    @classmethod
    def trained(cls, handover: Handover, source: str) -> EvaluatedModel:
        """The model of a training in this process."""
        loop = handover.parts.loop
        return cls(handover.state, loop.epoch, loop.iteration, handover.vectors, source)

    @classmethod
    def loaded(cls, entry: CheckpointEntry) -> EvaluatedModel:
        """The model of a checkpoint.

        Raises:
            ValueError: If what the checkpoint holds of the difficulty is damaged.
        """
        return cls(entry.state(), entry.epoch, entry.iteration, entry.consumers, entry.source, entry.trained_classes)

    def prepare(self, evaluator: Any, model: nn.Module, dataset: Any) -> IntVector | None:
        """Check the class lists of a test, and give its metric the training counts, for the accuracies by shot.

        Returns:
            (C,) int64, the clips of each class in the test set; None = there is no metric of ours, or the number of
            classes is not known.

        Raises:
            ValueError: If the test set, the model, the metric and the checkpoint have different classes.
        """
        counts, metric = None, find_metric(evaluator)
        if metric is None:
            return None
        stated = stated_num_classes(model, metric, dataset, 'test')
        if stated:
            counts = count_evaluated(metric, dataset, next(iter(stated.values())), 'test')
        state, names = self.state, dataset_class_names(dataset)
        if state is not None:
            check_same_names(names, state.class_names, describe(dataset), 'the checkpoint')
        elif (other := other_names(names, self.trained_classes, describe(dataset), 'the checkpoint')) is not None:
            _LOG.warning(f'{other}, or its scores are read as those of other classes')
        known = (None, None) if state is None else (state.train_counts, state.train_images)
        tell_counts(evaluator, counts, *known)
        return counts

    def evaluation(
        self, counts: ClassCounts, class_names: tuple[str, ...] | None, metrics: Mapping[str, Any]
    ) -> Evaluation:
        """A test of it; epoch and iteration are those of the model, where the difficulty may be of an earlier one.

        mmengine saves a checkpoint before its validation; and what is replayed has the epochs of another run.

        Args:
            counts: Of the test.
            class_names: What to call the classes of a model without a difficulty.
            metrics: What the test returned.
        """
        state = self.state
        if state is None:
            state = DifficultyState.start(np.zeros(counts.num_classes, np.int64), class_names)
        if self.epoch is not None and self.iteration is not None:
            state = replace(state, epoch=self.epoch, iteration=self.iteration)
        vectors = (counts.num_clips, counts.num_correct)
        return Evaluation('test', *vectors, plain(metrics), state, self.consumers, self.source)


def prepare_test(runner: Any, find_model: Callable[[], EvaluatedModel]) -> IntVector | None:
    """Check a test before its first batch, and prepare its ClassAccuracy, if it has one, in all processes together.

    Args:
        runner: mmengine's Runner or FlexibleRunner, before the test.
        find_model: Finds the model; called only if there is a metric.

    Returns:
        (C,) int64, the clips of each class in the test set; None = there is no metric, or C is not known.

    Raises:
        ValueError: If the test set, the model, the metric and the checkpoint have different classes, or results of
            the metrics clash, or cannot be written.
    """
    return together(lambda: _prepare(runner, find_model))


def _prepare(runner: Any, find_model: Callable[[], EvaluatedModel]) -> IntVector | None:
    evaluator, loader = runner.test_loop.evaluator, runner.test_dataloader
    check_loader(loader, 'test_dataloader')
    counts = None if find_metric(evaluator) is None else find_model().prepare(evaluator, runner.model, loader.dataset)
    check_evaluation('test_evaluator', evaluator, counts)
    return counts


def report_test(runner: Any, find_model: Callable[[], EvaluatedModel], metrics: Mapping[str, Any]) -> None:
    """Write the class report of a test that a ClassAccuracy has counted; on the main process only.

    Args:
        runner: mmengine's Runner or FlexibleRunner, after the test.
        find_model: Finds the model; called only if something was counted.
        metrics: What the test returned.
    """
    evaluator = runner.test_loop.evaluator
    metric = find_metric(evaluator)
    if metric is None or metric.counts_ is None:
        runner.logger.info("no class report: it needs test_evaluator=dict(type='ClassAccuracy')")
        return
    names = names_of(metric, runner.test_dataloader.dataset)
    report_classes(runner, find_model().evaluation(metric.counts_, names, metrics), evaluator)
