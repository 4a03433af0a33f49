"""The advised recipe on a config of every family of mmpretrain: does it build, take a step, equal cross-entropy?

    python -m benchmarks.training.image_families [--families resnet swin_transformer ...]

Of every folder of mmpretrain's configs the classifier is taken that has the fewest parameters by its metafile and
needs no download; a place for weights that is left empty for the user stays so. Its model is built three times, with
the same parameters: with the loss that it was shipped with, with CDBLoss as we advise it (`cdb_video.advice`), and with
cross-entropy. The images are noise, of the size of its training, and go through its own data preprocessor, with Mixup
and CutMix where it has them.

- *step*: the optimizer of the config takes a step with a difficulty that differs from class to class; the loss is
  finite and parameters have changed. In single precision.
- *equal*: at difficulty 1 and equal class frequencies loss and gradient of every parameter are those of cross-entropy.
  In double precision, or rounding would be magnified by networks of a hundred layers.

Exit code 1 if the recipe fails in a family whose own config takes a step.
"""

from __future__ import annotations

import argparse
import copy
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.fileio import load
from mmengine.logging import MMLogger
from mmengine.optim import build_optim_wrapper
from torch import Tensor

from benchmarks.harness.results import add_common_arguments, command_parser, markdown_table, write_results
from cdb_video.advice import LOSS

BATCH = 2
SIZE = 224
"""Of images where neither network nor pipeline names one."""
EMPTY = {'type': 'Pretrained', 'checkpoint': '', 'prefix': 'backbone.'}
"""What stands where users are to name the weights of a backbone that was pretrained without labels."""
RELATIVE, ABSOLUTE = 1e-6, 1e-9
"""How far loss and gradients may differ, in double precision."""
_SHOWN = 160


@dataclass
class Family:
    """What came out for a family.

    Attributes:
        name: Its folder.
        config: The one that was tried; '' = it has no classifier that builds without a download.
        own: Whether the config as shipped builds and takes a step, or the error.
        step: The same with CDBLoss.
        equal: Whether it equals cross-entropy, or how far it is away.
    """

    name: str
    config: str = ''
    own: str = ''
    step: str = ''
    equal: str = ''


def candidates(folder: Path, configs: Path) -> list[Path]:
    """The configs of a family, those of fewest parameters first, then those that its metafile does not name."""
    entries = load(folder / 'metafile.yml').get('Models') or [] if (folder / 'metafile.yml').is_file() else []
    sized = {
        configs.parent / entry['Config']: entry.get('Metadata', {}).get('Parameters') or np.inf
        for entry in entries
        if entry.get('Config')
    }
    named = sorted((path for path in sized if path.is_file()), key=lambda path: (sized[path], path))
    return named + sorted(path for path in folder.glob('*.py') if path not in sized)


def first_classifier(paths: Sequence[Path]) -> tuple[Path, Config] | None:
    """The first config of a classifier that has a training and names no weights to be fetched."""
    for path in paths:
        config = Config.fromfile(path)
        model = config.get('model') or {}
        is_classifier = model.get('type') == 'ImageClassifier' and 'head' in model
        if is_classifier and config.get('train_dataloader') and 'http' not in str(model):
            return path, config
    return None


def image_size(config: Config) -> int:
    """The side of an image that the network expects."""
    side = config.model.backbone.get('img_size')
    for step in config.train_dataloader.dataset.get('pipeline', ()):
        side = side or step.get('crop_size') or (step.get('scale') if 'Crop' in str(step['type']) else None)
    return int(side[0] if isinstance(side, list | tuple) else side or SIZE)


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
    before = [part.detach().clone() for part in model.parameters()]
    torch.manual_seed(seed)
    losses = model(**batch_of(model, side, seed), mode='loss')
    total = model.parse_losses(losses)[0]
    if not torch.isfinite(total):
        return f'the loss is {float(total)}'
    wrapper.update_params(total)
    changed = any(not torch.equal(old, new) for old, new in zip(before, model.parameters(), strict=True))
    return 'yes' if changed else 'no parameter changed'


def loss_and_gradients(model: Any, side: int, seed: int) -> list[Tensor]:
    """The loss, and the gradient of every parameter that has one, in double precision."""
    batch = batch_of(model, side, seed)
    model.double()
    batch['inputs'] = batch['inputs'].double()
    for sample in batch['data_samples']:
        if 'gt_score' in sample:
            sample.gt_score = sample.gt_score.double()
    torch.manual_seed(seed)
    total = model.parse_losses(model(**batch, mode='loss'))[0]
    total.backward()
    return [total.detach(), *(part.grad for part in model.parameters() if part.grad is not None)]


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
    ours = build(config, dict(LOSS), seed)
    hand_on(ours, np.ones(num_classes(ours)))
    # Cross-entropy of mmpretrain has a form of its own for mixed labels.
    mixed = 'gt_score' in batch_of(ours, side, seed)['data_samples'][0]
    plain = build(config, {'type': 'CrossEntropyLoss', 'loss_weight': 1.0, 'use_soft': mixed}, seed)
    found, expected = (loss_and_gradients(model, side, seed) for model in (ours, plain))
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
    return f'{max(far):.1e} away' if far else 'yes'


def attempt(function: Any, *arguments: Any) -> str:
    """What a function says, or its error in a line: a family that fails is counted, not the end of the count."""
    try:
        return function(*arguments)
    except Exception as error:
        return f'{type(error).__name__}: {" ".join(str(error).split())[:_SHOWN]}'


def step_as_shipped(config: Config, side: int, seed: int) -> str:
    """Build and take a step with the loss of the config."""
    return take_step(build(config, None, seed), config, side, seed)


def step_of_recipe(config: Config, side: int, seed: int) -> str:
    """Build and take a step with the advised loss, at difficulties that differ."""
    from cdb_video.hosts.mmpretrain.refusals import refuse_other_tasks

    model = build(config, dict(LOSS), seed)
    refuse_other_tasks(model)
    hand_on(model, np.linspace(0.1, 1, num_classes(model)))
    return take_step(model, config, side, seed)


def try_family(folder: Path, configs: Path, seed: int) -> Family:
    """Try the smallest classifier of a family."""
    chosen = first_classifier(candidates(folder, configs))
    if chosen is None:
        return Family(folder.name)
    path, config = chosen
    side = image_size(config)
    return Family(
        folder.name,
        path.name,
        *(attempt(part, config, side, seed) for part in (step_as_shipped, step_of_recipe, compare)),
    )


def run(args: argparse.Namespace) -> Iterator[Family]:
    """Every family, a line for each."""
    import mmpretrain
    from mmpretrain.utils import register_all_modules

    import cdb_video  # noqa: F401  (registers CDBLoss)

    register_all_modules(init_default_scope=True)
    MMLogger.get_instance('image_families', log_level='WARNING')  # not every parameter that is initialised
    configs = Path(mmpretrain.__file__).parent / '.mim/configs'
    folders = sorted(path for path in configs.iterdir() if path.is_dir() and path.name != '_base_')
    unknown = set(args.families or ()) - {path.name for path in folders}
    if unknown:
        raise ValueError(f'--families {" ".join(sorted(unknown))}: mmpretrain has {", ".join(p.name for p in folders)}')
    for folder in folders:
        if not args.families or folder.name in args.families:
            family = try_family(folder, configs, args.seed)
            print(*asdict(family).values(), sep=' | ', flush=True)
            yield family


def page(families: Sequence[Family]) -> str:
    """The families as Markdown."""
    tried = [family for family in families if family.config]
    sound = [family for family in tried if family.own == 'yes']
    good = [family for family in sound if family.step == family.equal == 'yes']
    others = ', '.join(family.name for family in families if not family.config) or 'none'
    rows = [[family.name, f'`{family.config}`', family.own, family.step, family.equal] for family in tried]
    steps, equals = (sum(getattr(family, name) == 'yes' for family in sound) for name in ('step', 'equal'))
    return f"""# The advised recipe over the families of mmpretrain

{len(families)} folders of configs; {len(tried)} have a classifier that needs no download; {len(sound)} of these take a
step as shipped. **With CDBLoss {steps} of {len(sound)} take a step, and {equals} equal cross-entropy at difficulty 1,
loss and gradient; {len(good)} do both.**

{markdown_table(['family', 'config', 'as shipped', 'step with CDBLoss', 'equal'], rows)}

Without such a classifier: {others}.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see the module docstring."""
    parser = command_parser(__spec__, __doc__)
    parser.add_argument('--families', nargs='+', help='folders of mmpretrain (default: all)')
    add_common_arguments(parser)
    args = parser.parse_args(argv)
    try:
        families = list(run(args))
    except ValueError as error:
        parser.error(str(error))
    write_results('image_families', args, page(families), {'families': families})
    return int(any(family.own == 'yes' and (family.step, family.equal) != ('yes', 'yes') for family in families))


if __name__ == '__main__':
    sys.exit(main())
