"""Finding the parts that class difficulty joins, and checking that they fit, before training starts."""

from __future__ import annotations

from typing import Any

from cdb_video.metrics.class_accuracy import ClassAccuracy

CONSUMER_RECIPE = (
    "model=dict(cls_head=dict(loss_cls=dict(type='CDBLoss'))) for CDB-W, or "
    "train_dataloader=dict(sampler=dict(type='CDBSampler')) for CDB-S"
)
METRIC_RECIPE = "val_evaluator=dict(type='ClassAccuracy')"


def find_metric(evaluator: Any) -> ClassAccuracy | None:
    """The first ClassAccuracy of an mmengine Evaluator, None if there is none."""
    return next((metric for metric in evaluator.metrics if isinstance(metric, ClassAccuracy)), None)


def find_sampler(dataloader: Any) -> Any:
    """The sampler that picks the clips: the dataloader's, or its batch sampler's."""
    inner = getattr(dataloader.batch_sampler, 'sampler', None)
    return dataloader.sampler if inner is None else inner
