"""What the metrics of mmpretrain return, found before an evaluation by trying them on made-up images."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from mmpretrain.evaluation import Accuracy, ConfusionMatrix, SingleLabelMetric

_KINDS = (Accuracy, SingleLabelMetric, ConfusionMatrix)


def results_of(metric: Any) -> Mapping[str, Any] | None:
    """The results of Accuracy, SingleLabelMetric and ConfusionMatrix, by name without prefix.

    The metric itself is not touched. Subclasses that evaluate in a way of their own are not tried: who knows what they
    write.

    Args:
        metric: Any metric.

    Returns:
        Name -> result; None = of another metric.

    Raises:
        ValueError: If the metric cannot evaluate images with one label.
    """
    if not any(_evaluates_as(metric, kind) for kind in _KINDS):
        return None
    trial = copy.copy(metric)
    trial.results = []
    try:
        trial.process(None, _made_up_samples(_num_classes(metric)))
        return dict(trial.compute_metrics(trial.results))
    except Exception as error:  # whatever it is, the evaluation would end with it
        raise ValueError(
            f'{type(metric).__name__} cannot evaluate images with one label each ({type(error).__name__}: {error}): '
            'mend its options, or leave it out'
        ) from error


def _evaluates_as(metric: Any, kind: type[Any]) -> bool:
    own = type(metric)
    return isinstance(metric, kind) and all(
        getattr(own, name, None) is getattr(kind, name, None) for name in ('process', 'compute_metrics', 'calculate')
    )


def _num_classes(metric: Any) -> int:
    """As many as it asks for: those that it states, or the largest k of its top-k."""
    return max(getattr(metric, 'num_classes', None) or 2, *(getattr(metric, 'topk', None) or (2,)))


def _made_up_samples(num_classes: int) -> list[dict[str, Any]]:
    """One image of each class, all right."""
    return [
        {
            'pred_score': torch.eye(num_classes)[label],
            'pred_label': torch.tensor([label]),
            'gt_label': torch.tensor([label]),
            'num_classes': num_classes,
        }
        for label in range(num_classes)
    ]
