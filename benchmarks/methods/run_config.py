"""What a run of a method is, and its config: the method's, on the clips of the data set, with frames from memory."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.registry import TRANSFORMS

from benchmarks.harness.results import REPOSITORY
from benchmarks.methods import lists
from benchmarks.methods.catalogue import METHODS, Setting
from benchmarks.methods.data import NATURAL, Place, clip_key, frames_in_memory
from benchmarks.methods.fashion.run_config import fashion_config, named_as_there

CONFIGS = REPOSITORY / 'configs'


@TRANSFORMS.register_module()
class RememberedFrames:
    """Takes frames from an array that all processes share, in the place of a decoder, whose output it equals.

    Args:
        root: Of the data set; see `benchmarks.methods.data.frames_in_memory`.
        begin: Say only how many frames there are, in the place of the opening of a video.
    """

    def __init__(self, root: str, begin: bool = False) -> None:
        self._frames, self._places = frames_in_memory(Path(root))
        self._begin = begin

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Add the frames `frame_inds`, of which the first is `start_index`, with their shapes."""
        first, number = self._places[clip_key(results.get('filename') or results['frame_dir'])]
        if self._begin:
            return {**results, 'total_frames': number}
        indices = results['frame_inds'].ravel() - results['start_index']
        if indices.min() < 0 or indices.max() >= number:
            raise IndexError(f'frames {indices.min()} to {indices.max()} of a clip of {number}')
        results['imgs'] = [np.array(self._frames[first + int(index)]) for index in indices]
        results['original_shape'] = results['img_shape'] = self._frames.shape[1:3]
        return results


@dataclass(frozen=True)
class Run:
    """What a run is; two runs that are equal give equal results.

    Attributes:
        method: A key of `METHODS`.
        seed: Of the training.
        place: The data set.
        setting: What differs from the config of the method.
    """

    method: str
    seed: int
    place: Place
    setting: Setting = field(default_factory=dict)

    @property
    def key(self) -> str:
        """A text that tells it from all others; paths do not count."""
        named = {'method': self.method, 'seed': self.seed, 'setting': self.setting, **self.place.named}
        return json.dumps(named, sort_keys=True)


def build_config(run: Run, work_dir: Path) -> Config:
    """The config of a run: that of the method, on the clips of the data set, tested after its last epoch."""
    os.environ.update(run.place.environment)
    config = Config.fromfile(CONFIGS / 'egtea/mini' / f'{METHODS[run.method].leaf}.py')
    if run.place.data == 'digits':
        _take_digits(config)
    if run.place.data == 'fashion':
        config = fashion_config(config, run.place.root, run.place.variant)
    else:
        _take_frames_from_memory(config, run.place.root)
    for part in ('train', 'val', 'test'):
        config[f'{part}_dataloader'].update(num_workers=0, persistent_workers=False)
    config.default_hooks.checkpoint = {'type': 'EnduringCheckpointHook', 'interval': 10**6, 'save_last': False}
    config.optim_wrapper.optimizer.fused = True
    config.custom_hooks[0].update(live_report=False, report=False, log_classes=0)
    config.update(work_dir=str(work_dir), randomness={'seed': run.seed}, log_level='WARNING', visualizer=None)
    for change in (METHODS[run.method].fixed, run.setting):
        named = named_as_there(change) if run.place.data == 'fashion' else change
        config.merge_from_dict(json.loads(json.dumps(named)))
    hook = config.custom_hooks[0]
    if hook.get('observe_only') or hook.get('source') == 'train':
        # Nothing depends on the validations but the report of the last.
        config.train_cfg.val_interval = config.train_cfg.max_epochs
    _follow_length(config)
    if run.place.variant == NATURAL:
        _hold_out_naturally(config, run.place.data_seed)
    if METHODS[run.method].joins:
        _join_lists(config)
    return config


def _take_digits(config: Config) -> None:
    """Put the moving digits in the place of EGTEA-mini; what the method changes stays."""
    digits = Config.fromfile(CONFIGS / 'digits/i3d_ce.py')
    sampler = config.train_dataloader.sampler
    for part in ('train', 'val', 'test'):
        config[f'{part}_dataloader'] = digits[f'{part}_dataloader']
    config.train_dataloader.sampler = sampler
    config.model.backbone = digits.model.backbone
    head = config.model.cls_head
    head['head' if 'head' in head else 'type'] = digits.model.cls_head.type
    head.update(num_classes=digits.model.cls_head.num_classes, in_channels=digits.model.cls_head.in_channels)
    if 'blending' in config.model.data_preprocessor:
        config.model.data_preprocessor.blending.num_classes = digits.model.cls_head.num_classes


def _take_frames_from_memory(config: Config, root: str) -> None:
    for part in ('train', 'val', 'test'):
        pipeline = config[f'{part}_dataloader'].dataset.pipeline
        for place, step in enumerate(pipeline):
            if step.type in ('RawFrameDecode', 'PyAVInit', 'PyAVDecode'):
                pipeline[place] = {'type': 'RememberedFrames', 'root': root, 'begin': step.type == 'PyAVInit'}


def _join_lists(config: Config) -> None:
    """Train on the validation clips too."""
    train, val = (Path(config[f'{part}_dataloader'].dataset.ann_file) for part in ('train', 'val'))
    config.train_dataloader.dataset.ann_file = str(lists.join_lists(train, val))
    config.train_cfg.val_interval = config.train_cfg.max_epochs


def _hold_out_naturally(config: Config, seed: int) -> None:
    """Hold out training clips of every class in the place of the validation clips."""
    train = Path(config.train_dataloader.dataset.ann_file)
    made = lists.natural_lists(train, seed)
    config.train_dataloader.dataset.ann_file, config.val_dataloader.dataset.ann_file = map(str, made)


def _follow_length(config: Config) -> None:
    """Let the schedule be as long as training, where a setting changes that."""
    epochs, last = config.train_cfg.max_epochs, config.param_scheduler[-1]
    begin = min(last.get('begin', 0), epochs - 1)
    for earlier in config.param_scheduler[:-1]:
        earlier.end = begin
    last.update(begin=begin, end=epochs, T_max=epochs - begin)
