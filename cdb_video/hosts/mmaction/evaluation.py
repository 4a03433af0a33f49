"""What the metrics of mmaction2 return, found before an evaluation by trying them on two made-up clips."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from mmaction.evaluation import AccMetric, ConfusionMatrix


def results_of(metric: Any, *, has_one_score: bool) -> Mapping[str, Any] | None:
    """The results of AccMetric and ConfusionMatrix, by name without prefix; None = of another metric, or not known.

    The metric itself is not touched. Others are not tried, nor are subclasses that evaluate in a way of their own:
    who knows what they write.

    Args:
        metric: Any metric.
        has_one_score: Whether the model is known to give one score vector a clip. If not, AccMetric may name its
            results after several.

    Raises:
        ValueError: If the metric cannot evaluate clips with one label.
    """
    kinds = (ConfusionMatrix, AccMetric) if has_one_score else (ConfusionMatrix,)
    if not any(_evaluates_as(metric, kind) for kind in kinds):
        return None
    trial = copy.copy(metric)
    trial.results = []
    try:
        trial.process(None, _made_up_samples())
        return dict(trial.compute_metrics(trial.results))
    except Exception as error:  # whatever it is, the evaluation would end with it
        raise ValueError(
            f'{type(metric).__name__} cannot evaluate clips with one label each ({type(error).__name__}: {error}): '
            'mend its options, or leave it out'
        ) from error


def _evaluates_as(metric: Any, kind: type[Any]) -> bool:
    own = type(metric)
    return isinstance(metric, kind) and all(
        getattr(own, name, None) is getattr(kind, name, None) for name in ('process', 'compute_metrics', 'calculate')
    )


def _made_up_samples() -> list[dict[str, Any]]:
    """One clip of each of two classes, both right."""
    return [
        {'pred_score': torch.eye(2)[label], 'pred_label': torch.tensor([label]), 'gt_label': torch.tensor([label])}
        for label in range(2)
    ]
