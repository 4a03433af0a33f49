"""The parts of a training run that class difficulty joins, found once before the first step: runner -> `RunParts`."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import nn

from cdb_video.advice import CDB_S, LOSS, sampler_line
from cdb_video.difficulty.consumer import TakesPrior, TakesProgress
from cdb_video.difficulty.tracking.consumers import (
    find_class_parts,
    find_difficulty_consumers,
    find_prior_consumers,
    find_progress_consumers,
)
from cdb_video.host_words import words_now
from cdb_video.metrics.class_accuracy import ClassAccuracy
from cdb_video.run.loop import Loop

_KNOWN = ('cdb_video', 'mmengine', 'mmaction', 'mmcv', 'mmpretrain', 'mmdet', 'torch')


@dataclass(frozen=True, eq=False)
class RunParts:
    """What takes part in a training: found in the runner, and not checked yet.

    Consumers are looked for when they are first asked for, since a model that is refused need not be one of torch.

    Attributes:
        model: With its wrapper, if it has one.
        strategy: That of FlexibleRunner; None = the run has none.
        train_loader: The dataloader of the training.
        sampler: The one that picks the training clips; None = the loader is not one of torch, and has none.
        val_loader: The dataloader of the validation; None = there is none.
        val_evaluator: The evaluator of the validation; None = there is none.
        metric: The first ClassAccuracy among them, by which the run is measured or reported; None = there is none.
        hooks: All hooks of the run.
        schedulers: The parameter schedulers, a list or a list for each optimizer.
        loop: Epochs or iterations, how far training is, whether it was resumed.
        work_dir: Where the run writes.
        logger: Of the run.
        visualizer: Of the run.
        message_hub: Of the run: what its hooks tell each other.
    """

    model: nn.Module
    strategy: Any
    train_loader: Any
    sampler: Any
    val_loader: Any
    val_evaluator: Any
    metric: ClassAccuracy | None
    hooks: Sequence[Any]
    schedulers: Sequence[Any] | Mapping[str, Sequence[Any]]
    loop: Loop
    work_dir: Path
    logger: logging.Logger
    visualizer: Any
    message_hub: Any

    @classmethod
    def of(cls, runner: Any) -> RunParts:
        """Find the parts of a run.

        Args:
            runner: mmengine's Runner or FlexibleRunner, with its loops built.
        """
        loop, evaluator = Loop(runner), runner.val_loop.evaluator if Loop(runner).validates else None
        return cls(
            model=runner.model,
            strategy=getattr(runner, 'strategy', None),
            train_loader=runner.train_dataloader,
            sampler=find_sampler(runner.train_dataloader),
            val_loader=runner.val_dataloader if loop.validates else None,
            val_evaluator=evaluator,
            metric=None if evaluator is None else find_metric(evaluator),
            hooks=tuple(runner.hooks),
            schedulers=runner.param_schedulers or (),
            loop=loop,
            work_dir=Path(runner.work_dir),
            logger=runner.logger,
            visualizer=runner.visualizer,
            message_hub=runner.message_hub,
        )

    @property
    def train_set(self) -> Any:
        """The dataset of the training."""
        return self.train_loader.dataset

    @property
    def val_set(self) -> Any:
        """The dataset of the validation; None = there is none."""
        return None if self.val_loader is None else self.val_loader.dataset

    @property
    def counted_sets(self) -> dict[str, Any]:
        """The datasets whose labels the run needs, by 'train' and 'val', the second only if it is measured."""
        return {'train': self.train_set} | ({} if self.metric is None else {'val': self.val_set})

    @cached_property
    def consumers(self) -> Mapping[str, Any]:
        """Whatever takes a difficulty, by name."""
        return find_difficulty_consumers(self.model, self.sampler)

    @cached_property
    def class_parts(self) -> Mapping[str, Any]:
        """Whatever derives something from difficulty, frequency or epoch, by name."""
        return find_class_parts(self.model, self.sampler)

    @cached_property
    def prior_consumers(self) -> Sequence[TakesPrior]:
        """Whatever takes the class frequencies."""
        return find_prior_consumers(self.model)

    @cached_property
    def progress_consumers(self) -> Sequence[TakesProgress]:
        """Whatever takes the epoch."""
        return find_progress_consumers(self.model, self.sampler)


def metric_recipe() -> str:
    """The line of a config that sets the metric of ours, in the words of its host."""
    return f'val_evaluator=dict(type={words_now().accuracy!r})'


def consumer_recipe() -> str:
    """What to add to a config so that something takes the difficulty, in the words of its host."""
    return f'{words_now().loss_line(LOSS)}, which we advise, or {sampler_line(CDB_S)} for CDB-S'


def is_unknown(thing: Any) -> bool:
    """Whether a class or a function is of a user's own, or of a package that is not known here: it may do anything."""
    return str(getattr(thing, '__module__', '')).partition('.')[0] not in _KNOWN


def find_metric(evaluator: Any) -> ClassAccuracy | None:
    """The first ClassAccuracy of an mmengine Evaluator, None if there is none."""
    return next((metric for metric in evaluator.metrics if isinstance(metric, ClassAccuracy)), None)


def find_sampler(dataloader: Any) -> Any:
    """The sampler that picks the clips: the dataloader's, or its batch sampler's; None = a loader that has none."""
    inner = getattr(getattr(dataloader, 'batch_sampler', None), 'sampler', None)
    return getattr(dataloader, 'sampler', None) if inner is None else inner
