"""Views of mmaction2's pipelines and heads that class difficulty cannot work with, refused before the first step."""

from __future__ import annotations

from typing import Any

from torch import nn

from cdb_video.hosts.mmaction.step_rules import check_options, is_of_host

_FORMATS = ('NCHW', 'NCTHW')


def refuse_unaveraged_views(model: nn.Module) -> None:
    """A head of mmaction2 with `average_clips` None returns scores that no metric can count, at validation only."""
    for name, module in model.named_modules():
        if hasattr(module, 'loss_cls') and getattr(module, 'average_clips', 'prob') is None:
            raise ValueError(
                f'{name} ({type(module).__name__}) has average_clips=None, so it returns one score for each view, and '
                "ClassAccuracy needs one for each clip: set average_clips='prob' (or 'score') in the head"
            )


def refuse_scores(model: nn.Module) -> None:
    """A head of mmaction2 gives probabilities with `average_clips` 'prob' alone."""
    for name, module in model.named_modules():
        given = getattr(module, 'average_clips', 'prob')
        if hasattr(module, 'loss_cls') and given != 'prob':
            raise ValueError(
                f"{name} ({type(module).__name__}) has average_clips={given!r}, and measure='probability' needs "
                "probabilities: set average_clips='prob' in the head, or measure by 'accuracy'"
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


def refuse_mistaken_steps(model: nn.Module, dataset: Any) -> None:
    """Options of transforms that can never work, and frames in another order than the preprocessor takes them in."""
    steps = _transforms(dataset)
    if any(is_of_host(step) for step in steps):
        check_options(steps)
        for step in steps:
            _refuse_other_format(model, step)


def _refuse_other_format(model: nn.Module, step: Any) -> None:
    """A mean for each colour, laid along the frames of a clip: a size error in the first step, or none at all."""
    given = getattr(step, 'input_format', None) if type(step).__name__ == 'FormatShape' else None
    if given not in _FORMATS:
        return
    for name, module in model.named_modules():
        if type(module).__name__ != 'ActionDataPreprocessor' or getattr(module, 'mean', None) is None:
            continue
        if module.mean.numel() == module.std.numel() == 1:  # the same for all colours, wherever they lie
            continue
        if module.format_shape in _FORMATS and module.format_shape != given:
            raise ValueError(
                f'{name}: ActionDataPreprocessor(format_shape={module.format_shape!r}) cannot normalise what '
                f'FormatShape(input_format={given!r}) gives: set model=dict(data_preprocessor=dict(format_shape='
                f'{given!r}))'
            )


def _transforms(dataset: Any) -> list[Any]:
    """The transforms of a dataset and of those that it wraps."""
    inner = [*getattr(dataset, 'datasets', ()), *([dataset.dataset] if hasattr(dataset, 'dataset') else ())]
    own = getattr(getattr(dataset, 'pipeline', None), 'transforms', ())
    return [*own, *(transform for part in inner for transform in _transforms(part))]
