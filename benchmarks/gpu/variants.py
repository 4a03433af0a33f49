"""What is compared: mmaction2's SlowFast-R50, and one thing after the other that a user may put on top of it.

Every variant but the first is its peer and one thing more, so the ratio of the two says what that thing is worth. All
train on the same list, at the batch size and with the loader that mmaction2 ships.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config

import cdb_video  # noqa: F401  (mends the hosts before mmaction is imported)

SHIPPED = 'recognition/slowfast/slowfast_r50_8xb8-4x16x1-256e_kinetics400-rgb.py'
FIRST = 'shipped'
STRENGTH = 9
"""Of CDB-A without logit adjustment."""
_SHIPPED_CLIPS = 64  # of a step, on the 8 GPUs that the learning rate of the config is meant for


@dataclass(frozen=True)
class Plan:
    """What all variants have in common.

    Attributes:
        clips: The folder of the videos.
        train_list: With as many lines as the batches of an epoch hold clips.
        val_list: For the variants that measure class difficulty.
        num_classes: Of the lists.
        epochs: One to warm up, and one a round.
        warm_batches: Batches of an epoch before the clock starts. With those behind, a multiple of the workers: these
            deliver in bursts.
        timed_batches: Batches of an epoch that are timed.
        model_seconds: How long the model alone is timed in a round; 0 = two steps.
        device: 'cuda' or 'cpu'.
        tiny: Whether to train a network of a few channels on small and short clips.
        seed: Of the runs.
    """

    clips: str
    train_list: str
    val_list: str
    num_classes: int
    epochs: int
    warm_batches: int
    timed_batches: int
    model_seconds: float
    device: str
    tiny: bool
    seed: int


@dataclass(frozen=True)
class Variant:
    """A setting.

    Attributes:
        what: In words: what is on top of the peer.
        peer: The variant that it is compared with; None = there is none.
        change: Makes the peer's config its own.
        in_group: Whether it trains in a group of one process, as DDP does.
        compiled: Whether it has to be compiled, which takes longest.
    """

    what: str
    peer: str | None
    change: Callable[[Config, Plan], None]
    in_group: bool = False
    compiled: bool = False


def build_config(name: str, plan: Plan) -> Config:
    """The config of a variant."""
    peer = VARIANTS[name].peer
    config = _config_for(plan) if peer is None else build_config(peer, plan)
    VARIANTS[name].change(config, plan)
    return config


def batch_shape(tiny: bool) -> tuple[int, int]:
    """Clips of a batch and workers of a loader, as in the config."""
    loader = _shipped_config(tiny).train_dataloader
    return loader.batch_size, loader.num_workers


def _shipped_config(tiny: bool) -> Config:
    """The config of mmaction2."""
    import mmaction  # late: --help need not wait for it

    config = Config.fromfile(Path(mmaction.__file__).parent / '.mim' / 'configs' / SHIPPED)
    if tiny:
        _shrink(config)
    return config


def _config_for(plan: Plan) -> Config:
    """The config of mmaction2 for other clips and one GPU; without what is not timed: validations, checkpoints."""
    config = _shipped_config(plan.tiny)
    for part, path in (('train', plan.train_list), ('val', plan.val_list)):
        dataset = config[f'{part}_dataloader'].dataset
        dataset.ann_file, dataset.data_prefix = path, {'video': plan.clips}
    config.model.cls_head.num_classes = plan.num_classes
    config.train_cfg.max_epochs = plan.epochs
    config.optim_wrapper.optimizer.lr *= config.train_dataloader.batch_size / _SHIPPED_CLIPS
    config.default_hooks.checkpoint = None
    config.randomness = {'seed': plan.seed}
    # Kept for the variants that validate.
    config.measured = {part: config.pop(f'val_{part}') for part in ('dataloader', 'cfg', 'evaluator')}
    for part in ('dataloader', 'cfg', 'evaluator'):
        config.pop(f'test_{part}')
    return config


def _shrink(config: Config) -> None:
    """18 layers with a quarter of the channels, and two clips of 8 frames a step, read in the training process."""
    for pathway, channels in (('slow_pathway', 16), ('fast_pathway', 2)):
        config.model.backbone[pathway] |= {'depth': 18, 'base_channels': channels}
    config.model.cls_head.in_channels = (16 + 2) * 8
    for part in ('train', 'val'):
        loader = config[f'{part}_dataloader']
        loader.batch_size, loader.num_workers, loader.persistent_workers = 2, 0, False
        for step in loader.dataset.pipeline:
            step |= _SMALL.get(step.type, {})
            if step.get('scale') == (224, 224):
                step.scale = (32, 32)


_SMALL: dict[str, dict[str, Any]] = {
    'SampleFrames': {'clip_len': 8, 'frame_interval': 1},
    'CenterCrop': {'crop_size': 32},
}


def _keep(config: Config, plan: Plan) -> None:
    """Change nothing."""


def _read_with_ours(config: Config, plan: Plan) -> None:
    for loader in (config.train_dataloader, config.measured.dataloader):
        loader.dataset.pipeline = own_reader(loader.dataset.pipeline)


def own_reader(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A pipeline with VideoInit and VideoDecode for DecordInit and DecordDecode; fused is all before FormatShape."""
    found = copy.deepcopy([dict(step) for step in steps])
    kinds = [step['type'] for step in found]
    start, end = kinds.index('DecordDecode'), kinds.index('FormatShape')
    found[kinds.index('DecordInit')]['type'] = 'VideoInit'
    return [*found[:start], {'type': 'VideoDecode', 'fused': found[start + 1 : end]}, *found[end:]]


def _in_bf16(config: Config, plan: Plan) -> None:
    if plan.device == 'cuda':
        config.optim_wrapper |= {'type': 'AmpOptimWrapper', 'dtype': 'bfloat16'}
    else:
        config.optim_wrapper.type = 'CPUAutocastWrapper'


def _channels_last(config: Config, plan: Plan) -> None:
    config.model.type = 'ChannelsLastRecognizer'


def _compiled(config: Config, plan: Plan) -> None:
    backend = 'eager' if plan.tiny else 'inductor'
    config.custom_hooks = [{'type': 'CompiledBackboneHook', 'backend': backend}]


def _in_group(config: Config, plan: Plan) -> None:
    config.launcher = 'pytorch'


def _with_difficulty(config: Config, plan: Plan) -> None:
    """Validations, which are not timed, and the hook that turns them into class difficulty."""
    config.val_dataloader, config.val_cfg = config.measured.dataloader, config.measured.cfg
    config.val_evaluator = {'type': 'ClassAccuracy'}
    config.train_cfg.val_interval = 1
    config.custom_hooks = [{'type': 'ClassDifficultyHook', 'report': False, 'live_report': False}]


def _cdbs(config: Config, plan: Plan) -> None:
    _with_difficulty(config, plan)
    config.train_dataloader.sampler = {'type': 'CDBSampler'}


def _cdba(config: Config, plan: Plan) -> None:
    _with_difficulty(config, plan)
    config.custom_hooks[0]['momentum'] = 'mean'
    config.model.cls_head.loss_cls = {'type': 'CDBLoss', 'law': 'accumulated', 'strength': STRENGTH}


VARIANTS = {
    FIRST: Variant("mmaction2's config as shipped: DecordDecode, float32", None, _keep),
    'reader': Variant('VideoInit and VideoDecode in place of DecordInit and DecordDecode', FIRST, _read_with_ours),
    'bf16': Variant('AmpOptimWrapper with bfloat16', 'reader', _in_bf16),
    'channels_last': Variant('kernels and clips in channels_last_3d', 'bf16', _channels_last),
    'compiled': Variant('torch.compile of the backbone', 'channels_last', _compiled, compiled=True),
    'ddp': Variant('a group of one process and DDP, without compilation', 'channels_last', _in_group, in_group=True),
    'ddp_cdbs': Variant('CDB-S: CDBSampler and ClassDifficultyHook', 'ddp', _cdbs, in_group=True),
    'ddp_cdba': Variant('CDB-A: CDBLoss and ClassDifficultyHook', 'ddp', _cdba, in_group=True),
}
