"""Models and datasets of mmpretrain for other tasks than one label an image, refused before the first step.

And pipelines that read one file as two images, warned of.
"""

from __future__ import annotations

import logging
from typing import Any

from mmpretrain import datasets
from mmpretrain.models import BaseClassifier, BaseRetriever, BaseSelfSupervisor, heads
from mmpretrain.models.heads import MultiLabelClsHead, MultiTaskHead
from torch import nn

_LOG = logging.getLogger('cdb_video')
_RULE = 'class difficulty needs one label an image, and a classifier that scores all classes'
_CLASSIFIER = "model=dict(type='ImageClassifier', head=dict(type='LinearClsHead', num_classes=..., in_channels=...))"
_OTHER_MODELS: tuple[tuple[type[nn.Module], str, str], ...] = (
    (
        BaseSelfSupervisor,
        'learns from images without labels',
        f'Pretrain without ClassDifficultyHook; then train {_CLASSIFIER} on what it has learnt, by load_from or '
        "backbone.init_cfg=dict(type='Pretrained', checkpoint=..., prefix='backbone.')",
    ),
    (BaseRetriever, 'finds images that are alike, and scores no classes', f'Train {_CLASSIFIER}'),
)
_REGRESSION: Any = getattr(heads, 'RegressionHead', ())  # of onedl-mmpretrain, the fork; else nothing is of its kind
_OTHER_HEADS: tuple[tuple[type[nn.Module], str, str], ...] = (
    (MultiLabelClsHead, 'gives an image several labels', 'Use a head with one label an image, such as LinearClsHead'),
    (MultiTaskHead, 'has several tasks, each with classes of its own', 'Train one task, with its own head'),
    (_REGRESSION, 'gives numbers, not classes', 'Use a head with one label an image, such as LinearClsHead'),
)
_OTHER_SETS = (datasets.MultiLabelDataset, datasets.MultiTaskDataset)


def refuse_other_tasks(model: nn.Module) -> None:
    """A model of mmpretrain must be a classifier, and its head one for single labels.

    Raises:
        ValueError: If it is not; the message says what to use instead.
    """
    for name, part in model.named_modules():
        for kind, what, remedy in (*_OTHER_MODELS, *_OTHER_HEADS):
            if isinstance(part, kind):
                raise ValueError(f'{name or "model"} ({type(part).__name__}) {what}: {_RULE}. {remedy}')
    whole = next((part for part in model.modules() if _is_model_of_host(part)), None)
    if whole is not None and not isinstance(whole, BaseClassifier):
        raise ValueError(f'{type(whole).__name__} is no classifier: {_RULE}. Train {_CLASSIFIER}')


def refuse_other_labels(dataset: Any) -> None:
    """A dataset of mmpretrain must not be made for several labels or tasks, even where each image has one.

    Raises:
        ValueError: If it is; the message says what to use instead.
    """
    inner = [*getattr(dataset, 'datasets', ()), *([dataset.dataset] if hasattr(dataset, 'dataset') else ())]
    for part in inner:
        refuse_other_labels(part)
    if isinstance(dataset, _OTHER_SETS):
        raise ValueError(
            f'{type(dataset).__name__} gives an image several labels or tasks: {_RULE}. Use CustomDataset with one '
            'label an image: a folder for each class, or a list of lines `path label`'
        )


def warn_of_other_reading(train_set: Any, val_set: Any) -> None:
    """Say where one and the same file would be another image in training than in the validation."""
    readings = [_reading(dataset) for dataset in (train_set, val_set)]
    if readings[0] != readings[1] and None not in readings:
        training, validation = ('LoadImageFromFile({})'.format(', '.join(one or ())) for one in readings)
        _LOG.warning(
            f'training reads images with {training}, the validation with {validation}: one file gives two images. Give '
            'both pipelines, and that of the test, the same color_type and imdecode_backend'
        )


def _reading(dataset: Any) -> tuple[str, ...] | None:
    """How a dataset, or the first within it, reads images from files; None = it does not, or in a way of its own."""
    inner = next(iter(getattr(dataset, 'datasets', ())), getattr(dataset, 'dataset', None))
    if inner is not None:
        return _reading(inner)
    steps = getattr(getattr(dataset, 'pipeline', None), 'transforms', ())
    loading = next((step for step in steps if type(step).__name__ == 'LoadImageFromFile'), None)
    if loading is None:
        return None
    return tuple(f'{option}={getattr(loading, option, None)!r}' for option in ('color_type', 'imdecode_backend'))


def _is_model_of_host(part: nn.Module) -> bool:
    """Whether a module is a whole model of mmpretrain, which has a data preprocessor."""
    is_theirs = any(kind.__module__.partition('.')[0] == 'mmpretrain' for kind in type(part).__mro__)
    return is_theirs and hasattr(part, 'data_preprocessor')
