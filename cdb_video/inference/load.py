"""From a work directory to a model that predicts: `cdb_video.load`."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from cdb_video.class_names import check_same_names
from cdb_video.difficulty.history import HISTORY_NAME
from cdb_video.host_words import IMAGES, VIDEO, HostWords
from cdb_video.hosts.host import host_named
from cdb_video.hosts.mmaction.pipelines import short_clip_rule, single_view, video_steps
from cdb_video.inference.checkpoint import Checkpoint, load_weights, read_checkpoint
from cdb_video.inference.extraction import extraction_notes
from cdb_video.inference.image_reading import ImagePipeline
from cdb_video.inference.predict import Predictor
from cdb_video.inference.reading import ClipPipeline
from cdb_video.inference.settings import find_settings
from cdb_video.inference.work_dir import check_folder, find_checkpoint, find_config
from cdb_video.report.sources.checked_history import read_checked_history
from cdb_video.version import __version__
from cdb_video_files.class_lists import read_class_names
from cdb_video_files.video.errors import first_line

_LOG = logging.getLogger('cdb_video')

VIEWS = ('test', 'single')
_MISFITS = (KeyError, TypeError, ValueError, AttributeError, ImportError, AssertionError)


def load(
    work_dir: str | os.PathLike[str],
    checkpoint: str | os.PathLike[str] | None = None,
    *,
    config: str | os.PathLike[str] | None = None,
    device: str | None = None,
    views: str = 'test',
    batch_size: int | None = None,
) -> Predictor:
    """Make the model of a work directory ready to predict on videos, or on images where it was trained on these.

    The samples are read by the config's own test pipeline; readers of packs or frames become readers of video, and what
    they fuse stays.

    Args:
        work_dir: Of a training.
        checkpoint: A file, here or in `work_dir`; None = the best one, or the newest where the run kept no best.
        config: Likewise; None = the one that the checkpoint holds, which it was trained with, or, where it holds
            none, the only one in `work_dir`.
        device: As torch names it; None = 'cuda' where there is one, else 'cpu'.
        views: 'test' for the views of the test pipeline, 'single' for the middle crop of one clip in time.
        batch_size: Clips that the network sees at once; None = the `batch_size` of the test.

    Raises:
        FileNotFoundError: If there is no such folder, no config or no checkpoint.
        ImportError: If the host of the config, mmaction2 or mmpretrain, cannot be imported.
        ValueError: If an argument is outside its range, several files could be meant, the checkpoint cannot be read or
            is of another model or class list, or the config asks for what is not there.
    """
    _check_arguments(views, batch_size)
    place = check_device(device)
    folder = Path(work_dir)
    check_folder(folder)
    named = None if config is None else find_config(folder, Path(config))
    chosen = find_checkpoint(folder, None if checkpoint is None else Path(checkpoint))
    weights = read_checkpoint(chosen.path)
    source = find_settings(folder, named, weights)
    settings, called = source.values, source.called
    names = class_names_of(settings, called, weights, folder)
    words = words_of(settings)
    steps = image_steps(settings, called) if words is IMAGES else _test_steps(settings, called, views)
    model, transforms = build_parts(settings, steps, called, words)
    names = _checked_number(model, names, called, words)
    load_weights(model, weights, called)
    if words is not IMAGES:
        _say_what_differs(settings, steps)
    # Heads and wrappers of mmpretrain change nothing in train() but return None, so it is not chained.
    model.to(place).eval()
    return Predictor(
        model=model,
        pipeline=ImagePipeline(transforms, _channels(settings)) if words is IMAGES else ClipPipeline(transforms),
        class_names=names,
        batch_size=batch_size or int((settings.get('test_dataloader') or {}).get('batch_size') or 1),
        short_rule='' if words is IMAGES else _short_rule(settings, steps),
        config=source.path,
        checkpoint=chosen.path,
        reason=chosen.reason,
    )


def check_device(device: str | None) -> torch.device:
    """The device of that name, which has to be there; None = a GPU where there is one.

    Raises:
        ValueError: If it is misspelt or not there.
    """
    if device is None:
        return torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    try:
        place = torch.device(device)
        torch.zeros(1, device=place).item()
    except (RuntimeError, NotImplementedError, AssertionError) as error:
        gpus = torch.cuda.device_count()
        there = "'cpu'" + ''.join(f", 'cuda:{number}'" for number in range(gpus))
        raise ValueError(f'device={device!r} cannot be used ({first_line(error)}): here are {there}') from error
    return place


def _check_arguments(views: str, batch_size: int | None) -> None:
    if views not in VIEWS:
        raise ValueError(f'views={views!r}: must be one of {", ".join(map(repr, VIEWS))}')
    if batch_size is not None and (not isinstance(batch_size, int) or batch_size < 1):
        raise ValueError(f'batch_size={batch_size!r}: must be a whole number >= 1, or None for that of the test')


def words_of(settings: Any) -> HostWords:
    """The words of the host whose scope a config has; those of mmaction2 where it has none."""
    host = host_named(settings.get('default_scope'))
    return VIDEO if host is None else host.words


def image_steps(settings: Any, called: str) -> list[dict[str, Any]]:
    """The steps for an image, of the test or, where the config has none, of the validation."""
    dataset = _dataset(settings, 'test') or _dataset(settings, 'val')
    pipeline = dataset.get('pipeline') or settings.get('test_pipeline')
    if not pipeline:
        raise ValueError(f'{called} has no test pipeline: set test_dataloader.dataset.pipeline, as for mim test')
    return [dict(step) for step in pipeline]


def _channels(settings: Any) -> int:
    """How many channels the network takes."""
    mean = (settings.model.get('data_preprocessor') or settings.get('data_preprocessor') or {}).get('mean')
    return len(mean) if mean else int(settings.model.get('backbone', {}).get('in_channels', 3))


def _test_steps(settings: Any, called: str, views: str) -> list[dict[str, Any]]:
    """The steps for a video, of the test or, where the config has none, of the validation."""
    dataset = _dataset(settings, 'test') or _dataset(settings, 'val')
    pipeline = dataset.get('pipeline') or settings.get('test_pipeline')
    if not pipeline:
        raise ValueError(f'{called} has no test pipeline: set test_dataloader.dataset.pipeline, as for mim test')
    if dataset.get('modality', 'RGB') != 'RGB':
        raise ValueError(
            f'{called}: its test set has modality={dataset["modality"]!r}, and videos are read as RGB only'
        )
    try:
        steps = video_steps(pipeline)
    except ValueError as error:
        raise ValueError(f'{called}: {error}') from error
    return single_view(steps, settings.model) if views == 'single' else steps


def _say_what_differs(settings: Any, steps: Sequence[Mapping[str, Any]]) -> None:
    """Log where the frames of the training were extracted so that those of a video are others."""
    dataset = _dataset(settings, 'train')
    frames = (dataset.get('data_prefix') or {}).get('img')
    if frames is not None:
        for note in extraction_notes(Path(dataset.get('data_root') or '', frames), steps):
            _LOG.warning(note)


def build_parts(
    settings: Any, steps: Sequence[Mapping[str, Any]], called: str, words: HostWords
) -> tuple[nn.Module, list[Any]]:
    """The network with random weights, and the transforms."""
    from mmengine.registry import MODELS, TRANSFORMS, init_default_scope

    init_default_scope(settings.get('default_scope', 'mmaction'))
    backbone = settings.model.get('backbone')
    if isinstance(backbone, dict) and backbone.get('pretrained'):
        backbone['pretrained'] = None  # to be fetched for weights that are replaced at once
    try:
        model: nn.Module = MODELS.build(settings.model)
        transforms = [TRANSFORMS.build(dict(step)) for step in steps]
    except _MISFITS as error:
        raise ValueError(
            f'{called} cannot be built with cdb_video {__version__} and what is installed ({first_line(error)}): it '
            'was trained with other versions, or its custom_imports lack a module'
        ) from error
    head = getattr(model, words.head, None)
    if head is not None and getattr(head, 'average_clips', 'prob') is None:
        raise ValueError(
            f'{called}: its head has average_clips=None, so it gives scores of each view and none of the clip: set '
            "average_clips='prob' in model.cls_head"
        )
    return model, transforms


def class_names_of(settings: Any, called: str, checkpoint: Checkpoint, folder: Path) -> tuple[str, ...] | None:
    """The names that checkpoint and config have, which must agree; else those of the history; None = none has any."""
    listed = _listed_names(_dataset(settings, 'test')) or _listed_names(_dataset(settings, 'train'))
    try:
        check_same_names(checkpoint.class_names, listed, f'the checkpoint {checkpoint.path}', called)
    except ValueError as error:
        raise ValueError(
            f'{error}. The class list has changed since training: name that of the training in the config of the '
            'checkpoint, or predict with a checkpoint of the new list'
        ) from None
    names = checkpoint.class_names or listed
    history = folder / HISTORY_NAME
    return read_checked_history(history).class_names if names is None and history.is_file() else names


def _listed_names(dataset: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The names that a dataset of a config has; None where there are none, or its file has moved."""
    classes = dataset.get('classes') or (dataset.get('metainfo') or {}).get('classes')
    if not isinstance(classes, str):
        return tuple(classes) if classes else None
    file = Path(dataset.get('data_root') or '', classes)
    return tuple(read_class_names(file)) if file.is_file() else None


def _dataset(settings: Any, part: str) -> Mapping[str, Any]:
    """The settings of a dataset, without what wraps it."""
    dataset: Mapping[str, Any] = (settings.get(f'{part}_dataloader') or {}).get('dataset') or {}
    while isinstance(inner := dataset.get('dataset') or next(iter(dataset.get('datasets') or ()), None), Mapping):
        dataset = inner
    return dataset


def _checked_number(model: nn.Module, names: tuple[str, ...] | None, called: str, words: HostWords) -> tuple[str, ...]:
    number: Any = getattr(getattr(model, words.head, None), 'num_classes', None)
    if names is None and number is None:
        raise ValueError(f'{called}: the number of its classes is not known: set num_classes in model.{words.head}')
    if names is None:
        return tuple(f'class {label}' for label in range(int(number)))
    if number is not None and number != len(names):
        raise ValueError(
            f'the model of {called} has {number} classes, its class list {len(names)}: name config and checkpoint '
            'of one run, by --config and --checkpoint'
        )
    return names


def _short_rule(settings: Any, steps: Sequence[Mapping[str, Any]]) -> str:
    """What happens to short clips here, and whether it did so in training."""
    here = short_clip_rule(steps)
    training = _dataset(settings, 'train').get('pipeline')
    if not training:
        return here
    there = short_clip_rule(training)
    return f'{here}, as in training' if there == here else f'{here}; in training {there}'
