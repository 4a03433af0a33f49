"""The advised recipe on one config of a family of mmpretrain, stage by stage."""

from __future__ import annotations

import copy
import gc
import inspect
import zlib
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.fileio import load
from mmengine.logging import MMLogger
from mmengine.optim import build_optim_wrapper
from torch import Tensor

from cdb_video.advice import LOSS

BATCH = 2
SMALL = 64
"""Of images, in pixels, where the network takes them."""
SIZE = 224
"""The same where it takes no small ones, and neither network nor pipeline names its own."""
EMPTY = {'type': 'Pretrained', 'checkpoint': '', 'prefix': 'backbone.'}
"""What stands where users are to name the weights of a backbone that was pretrained without labels."""
RELATIVE, ABSOLUTE = 1e-6, 1e-9
"""How far loss and gradients may differ, in double precision."""
YES, TOO_LARGE = 'yes', 'too large here'
_OUT_OF_MEMORY = ("can't allocate memory", 'Cannot allocate memory', 'bad_alloc', 'not enough memory')
_SHOWN = 160


def configs_folder() -> Path:
    """Where mmpretrain keeps the configs that it ships.

    Raises:
        ValueError: If it is not installed.
    """
    found = find_spec('mmpretrain')
    if found is None or found.origin is None:
        raise ValueError('mmpretrain is not installed here: tools/setup_env.sh images makes an environment with it')
    return Path(found.origin).parent / '.mim/configs'


def candidates(folder: Path, configs: Path) -> list[Path]:
    """The configs of a family, those of fewest parameters first, then those that its metafile does not name."""
    entries = load(folder / 'metafile.yml').get('Models') or [] if (folder / 'metafile.yml').is_file() else []
    sized = {
        configs.parent / entry['Config']: (entry.get('Metadata') or {}).get('Parameters') or np.inf
        for entry in entries
        if entry.get('Config')
    }
    named = sorted((path for path in sized if path.is_file()), key=lambda path: (sized[path], path))
    return named + sorted(path for path in folder.rglob('*.py') if path not in sized)


def obstacle(config: Config) -> str:
    """Why a config is none of a classifier that can be trained here; '' = it is one."""
    from mmpretrain.models import BaseRetriever, BaseSelfSupervisor, ImageClassifier
    from mmpretrain.models.heads import MultiLabelClsHead, MultiTaskHead

    model = config.get('model') or {}
    kind, head = _class_of(model), _class_of(model.get('head') or {})
    # Where the packages of multimodal models are absent, functions that ask for them are registered in their place.
    if not inspect.isclass(kind) or '.multimodal.' in kind.__module__:
        return 'multimodal'
    for base, name in ((BaseSelfSupervisor, 'self-supervised'), (BaseRetriever, 'retrieval')):
        if issubclass(kind, base):
            return name
    if kind is not ImageClassifier or head is type(None):
        return 'no classifier'
    if issubclass(head, MultiLabelClsHead | MultiTaskHead):
        return 'several labels an image'
    if not config.get('train_dataloader'):
        return 'no training'
    return 'needs a download' if 'http' in f'{model} {config.get("load_from")}' else ''


def _class_of(settings: dict[str, Any]) -> Any:
    """What builds a part of a model; NoneType where there is no part."""
    from mmpretrain.registry import MODELS

    name = settings.get('type')
    return (MODELS.get(name) if isinstance(name, str) else name) or type(None)


def first_classifier(paths: Sequence[Path]) -> tuple[Path, Config] | str:
    """The first config of a classifier that has a training and names no weights to be fetched, or why there is none."""
    reasons = dict[str, None]()
    for path in paths:
        try:
            config = Config.fromfile(path)
        except Exception:  # by mmengine; a detector, whose base is in another package, for instance
            reasons['cannot be read'] = None
            continue
        reason = obstacle(config)
        if not reason:
            return path, config
        reasons[reason] = None
    return ', '.join(sorted(reasons)) or 'no config'


def image_size(config: Config) -> int:
    """The side of an image that the network expects."""
    side, resized = config.model.backbone.get('img_size'), None
    for step in config.train_dataloader.dataset.get('pipeline', ()):
        side = side or step.get('crop_size') or (step.get('scale') if 'Crop' in str(step['type']) else None)
        resized = resized or step.get('scale')
    side = side or resized or SIZE
    return int(side[0] if isinstance(side, list | tuple) else side)


def sized(config: Config) -> Iterator[tuple[Config, int]]:
    """The config with a size of images: small ones, then a network that is made for small ones, then its own."""
    own = image_size(config)
    if own > SMALL:
        yield config, SMALL
        if 'img_size' in inspect.signature(_class_of(config.model.backbone)).parameters:
            small = copy.deepcopy(config)
            small.model.backbone.img_size = SMALL
            yield small, SMALL
    yield config, own


def build(config: Config, loss: dict[str, Any] | None, seed: int) -> Any:
    """A model of the config with its own loss or another one; its parameters depend on the seed alone."""
    from mmpretrain.registry import MODELS

    settings = copy.deepcopy(config.model)
    if config.get('data_preprocessor') and 'data_preprocessor' not in settings:
        settings.data_preprocessor = copy.deepcopy(config.data_preprocessor)
    for part in settings.values():
        if isinstance(part, dict) and (part.get('init_cfg') or {}) == EMPTY:
            del part['init_cfg']
    if loss is not None:
        settings.head.loss = loss
    torch.manual_seed(seed)
    model = MODELS.build(settings)
    model.init_weights()
    return model.train()


def batch_of(model: Any, side: int, seed: int) -> dict[str, Any]:
    """Noise with labels, behind the data preprocessor."""
    from mmpretrain.structures import DataSample

    generator = torch.Generator().manual_seed(seed)
    preprocessor = model.data_preprocessor
    channels = preprocessor.mean.numel() if preprocessor._enable_normalize else 3
    images = torch.randint(0, 256, (BATCH, channels, side, side), dtype=torch.uint8, generator=generator)
    labels = torch.randint(0, num_classes(model), (BATCH,), generator=generator)
    samples = [DataSample().set_gt_label(label) for label in labels]
    np.random.seed(seed)  # Mixup and CutMix draw by both
    torch.manual_seed(seed)
    return preprocessor({'inputs': list(images), 'data_samples': samples}, training=True)


def num_classes(model: Any) -> int:
    """Of the head."""
    return int(model.head.num_classes if hasattr(model.head, 'num_classes') else model.data_preprocessor.num_classes)


def take_step(model: Any, config: Config, side: int, seed: int) -> str:
    """A step of the optimizer of the config; 'yes', or what went wrong."""
    settings = copy.deepcopy(config.optim_wrapper)
    if settings.get('type', '').startswith('Amp'):  # mixed precision is for GPUs
        settings = {key: value for key, value in settings.items() if key not in ('type', 'loss_scale', 'dtype')}
    wrapper = build_optim_wrapper(model, Config(settings)._cfg_dict)
    before = _checksums(model)
    torch.manual_seed(seed)
    losses = model(**batch_of(model, side, seed), mode='loss')
    total = model.parse_losses(losses)[0]
    if not torch.isfinite(total):
        return f'the loss is {float(total)}'
    wrapper.update_params(total)
    return YES if _checksums(model) != before else 'no parameter changed'


def _checksums(model: Any) -> list[int]:
    return [zlib.crc32(part.detach().contiguous().numpy()) for part in model.parameters()]


def loss_and_gradients(model: Any, side: int, seed: int) -> list[Tensor]:
    """The loss, and the gradient of every parameter that has one, in double precision."""
    batch = batch_of(model, side, seed)
    model.double()
    for part in model.modules():  # some networks make encodings in single precision, whatever they are themselves
        part.register_forward_pre_hook(_as_double)
    batch['inputs'] = batch['inputs'].double()
    for sample in batch['data_samples']:
        if 'gt_score' in sample:
            sample.gt_score = sample.gt_score.double()
    torch.manual_seed(seed)
    total = model.parse_losses(model(**batch, mode='loss'))[0]
    total.backward()
    return [total.detach(), *(part.grad for part in model.parameters() if part.grad is not None)]


def _as_double(_part: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(one.double() if isinstance(one, Tensor) and one.dtype == torch.float32 else one for one in inputs)


def hand_on(model: Any, difficulty: np.ndarray) -> None:
    """What ClassDifficultyHook tells every CDBLoss in the model, half-way through a training on equal classes."""
    losses = [part for part in model.modules() if type(part).__name__ == 'CDBLoss']
    if not losses:
        raise ValueError('the head has no CDBLoss, though its config asks for it')
    for loss in losses:
        loss.set_class_prior(np.full(len(difficulty), 1 / len(difficulty)))
        loss.set_validations(1, 2)
        loss.set_class_difficulty(difficulty)


def compare(config: Config, side: int, seed: int) -> str:
    """'yes' where the recipe at difficulty 1 equals cross-entropy, or how far it is away."""
    model = build(config, dict(LOSS), seed)
    hand_on(model, np.ones(num_classes(model)))
    # Cross-entropy of mmpretrain has a form of its own for mixed labels.
    mixed = 'gt_score' in batch_of(model, side, seed)['data_samples'][0]
    found = loss_and_gradients(model, side, seed)
    del model  # of a large network there is room for one
    plain = build(config, {'type': 'CrossEntropyLoss', 'loss_weight': 1.0, 'use_soft': mixed}, seed)
    expected = loss_and_gradients(plain, side, seed)
    if len(found) != len(expected):
        return f'{len(found) - 1} gradients, not {len(expected) - 1}'
    scale = max(float(one.abs().max()) for one in expected[1:])
    if scale == 0:
        return 'all gradients are 0'
    far = [
        float((one - other).abs().max())
        for one, other in zip(found, expected, strict=True)
        if not torch.allclose(one, other, rtol=RELATIVE, atol=ABSOLUTE * scale)
    ]
    return f'{max(far):.1e} away' if far else YES


def attempt(function: Any, *arguments: Any) -> Any:
    """What a function gives, or its error in a line: a family that fails is counted, not the end of the count."""
    try:
        return function(*arguments)
    except Exception as error:
        words = ' '.join(str(error).split())
        if isinstance(error, MemoryError) or any(part in words for part in _OUT_OF_MEMORY):
            return TOO_LARGE
        return f'{type(error).__name__}: {words[:_SHOWN]}'
    finally:
        gc.collect()


def step_as_shipped(config: Config, side: int, seed: int) -> str:
    """Build and take a step with the loss of the config."""
    return take_step(build(config, None, seed), config, side, seed)


def build_recipe(config: Config, seed: int) -> Any:
    """A model with the advised loss, or the error; refused as in a training where it cannot work."""
    from cdb_video.hosts.mmpretrain.refusals import refuse_other_tasks

    model = build(config, dict(LOSS), seed)
    refuse_other_tasks(model)
    return model


def step_of_recipe(model: Any, config: Config, side: int, seed: int) -> str:
    """Take a step with the advised loss, at difficulties that differ."""
    hand_on(model, np.linspace(0.1, 1, num_classes(model)))
    return take_step(model, config, side, seed)


def stages(folder: Path, configs: Path, seed: int) -> Iterator[dict[str, Any]]:
    """What comes out for a family, as soon as it is known; the names are those of `image_families.Family`."""
    chosen = first_classifier(candidates(folder, configs))
    if isinstance(chosen, str):
        yield {'without': chosen}
        return
    path, config = chosen
    yield {'config': path.relative_to(folder).as_posix()}
    for tried, side in sized(config):
        own = attempt(step_as_shipped, tried, side, seed)
        if own in (YES, TOO_LARGE):
            break
    config = tried
    yield {'side': side, 'own': own}
    model = attempt(build_recipe, config, seed)
    if isinstance(model, str):  # why it does not build, and so does nothing more
        yield dict.fromkeys(('build', 'step', 'equal'), model)
        return
    yield {'build': YES}
    yield {'step': attempt(step_of_recipe, model, config, side, seed)}
    del model  # of a large network there is room for one
    yield {'equal': attempt(compare, config, side, seed)}


def prepare() -> None:
    """Register what configs name, and keep the words of mmengine to warnings."""
    from mmpretrain.utils import register_all_modules

    import cdb_video  # noqa: F401  (registers CDBLoss)

    register_all_modules(init_default_scope=True)
    if not MMLogger.check_instance_created('image_families'):
        MMLogger.get_instance('image_families', log_level='WARNING')  # not every parameter that is initialised
