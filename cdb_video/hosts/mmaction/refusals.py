"""Views of mmaction2's pipelines and heads that class difficulty cannot work with, refused before the first step."""

from __future__ import annotations

from typing import Any

from torch import nn


def refuse_unaveraged_views(model: nn.Module) -> None:
    """A head of mmaction2 with `average_clips` None returns scores that no metric can count, at validation only."""
    for name, module in model.named_modules():
        if hasattr(module, 'loss_cls') and getattr(module, 'average_clips', 'prob') is None:
            raise ValueError(
                f'{name} ({type(module).__name__}) has average_clips=None, so it returns one score for each view, and '
                "ClassAccuracy needs one for each clip: set average_clips='prob' (or 'score') in the head"
            )


def refuse_training_views(model: nn.Module, train_set: Any) -> None:
    """mmaction2's own heads give no label to the second clip of a video: a shape error deep in the first step."""
    recognizers = [module for module in model.modules() if type(module).__name__ == 'Recognizer3D']
    losses = [getattr(getattr(module, 'cls_head', None), 'loss_by_feat', None) for module in recognizers]
    stock = any(getattr(loss, '__qualname__', '') == 'BaseHead.loss_by_feat' for loss in losses)
    for transform in _transforms(train_set) if stock else ():
        if getattr(transform, 'num_clips', 1) > 1:
            raise ValueError(
                f'{type(transform).__name__}(num_clips={transform.num_clips}) in the training pipeline: Recognizer3D '
                'scores every clip by itself, and mmaction2 gives it one label a video. Set num_clips=1 (each epoch '
                'takes another clip of the video anyway); test pipelines may have several'
            )


def _transforms(dataset: Any) -> list[Any]:
    """The transforms of a dataset and of those that it wraps."""
    inner = [*getattr(dataset, 'datasets', ()), *([dataset.dataset] if hasattr(dataset, 'dataset') else ())]
    own = getattr(getattr(dataset, 'pipeline', None), 'transforms', ())
    return [*own, *(transform for part in inner for transform in _transforms(part))]
