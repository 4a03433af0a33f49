"""One run of a method: its config on the data set, training, and the test of its last epoch."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import TRANSFORMS, init_default_scope
from mmengine.runner import Runner
from torch import nn

from benchmarks.harness.results import REPOSITORY
from benchmarks.methods.catalogue import METHODS, Setting
from benchmarks.methods.data import Place, clip_key, frames_in_memory
from cdb_video.classifier.edits import edited, validate
from cdb_video.difficulty.history import HISTORY_NAME
from cdb_video.difficulty.state import CHECKPOINT_KEY, DifficultyState

CONFIGS = REPOSITORY / 'configs'
LAYER = 'cls_head.fc_cls'
REPLAYED = {method.replays for method in METHODS.values()} - {''}
STRENGTHS = {'tau-norm': [0.1 * k for k in range(11)], 'adjust-logits': [0.25 * k for k in range(7)]}


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
    _take_frames_from_memory(config, run.place.root)
    for part in ('train', 'val', 'test'):
        config[f'{part}_dataloader'].update(num_workers=0, persistent_workers=False)
    config.default_hooks.checkpoint = {'type': 'EnduringCheckpointHook', 'interval': 10**6, 'save_last': False}
    config.optim_wrapper.optimizer.fused = True
    config.custom_hooks[0].update(live_report=False, report=False, log_classes=0)
    config.update(work_dir=str(work_dir), randomness={'seed': run.seed}, log_level='WARNING', visualizer=None)
    config.merge_from_dict(json.loads(json.dumps(run.setting)))
    hook = config.custom_hooks[0]
    if hook.get('observe_only') or hook.get('source') == 'train':
        # Nothing depends on the validations but the report of the last.
        config.train_cfg.val_interval = config.train_cfg.max_epochs
    _follow_length(config)
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
    joined = train.with_name(f'{train.stem}_and_{val.stem}.txt')
    if not joined.is_file() and train.is_file():
        temporary = joined.with_suffix(f'.{os.getpid()}')
        temporary.write_text(train.read_text() + val.read_text())
        temporary.replace(joined)
    config.train_dataloader.dataset.ann_file = str(joined)
    config.train_cfg.val_interval = config.train_cfg.max_epochs


def _follow_length(config: Config) -> None:
    """Let the schedule be as long as training, where a setting changes that."""
    epochs, last = config.train_cfg.max_epochs, config.param_scheduler[-1]
    begin = min(last.get('begin', 0), epochs - 1)
    for earlier in config.param_scheduler[:-1]:
        earlier.end = begin
    last.update(begin=begin, end=epochs, T_max=epochs - begin)


def play(run: Run, folder: Path) -> dict[str, Any]:
    """Train and test.

    Args:
        run: What to do.
        folder: For checkpoints of first stages, and of the log.

    Returns:
        Per class clips, clips told rightly and training clips; metrics of the test set in [0, 1]; seconds.
    """
    begun = time.perf_counter()
    torch.set_num_threads(1)
    method = METHODS[run.method]
    work_dir = folder / 'logs' / f'{run.method}_{run.seed}_{os.getpid()}'
    config = build_config(run, work_dir)
    init_default_scope('mmaction')
    chosen = None
    if method.needs_first_stage:
        first = _first_stage(run, folder)
        if method.edit:
            chosen, first = _edit(method.edit, first, build_config(run, work_dir), folder / f'{os.getpid()}.pth')
        config.load_from = str(first)
    if method.replays:
        config.custom_hooks = [
            {'type': 'DifficultyReplayHook', 'history': str(_history(run, folder)), 'stretch': 'epoch', 'report': False}
        ]
    runner = make_runner(config)
    if not method.edit:
        _train(runner)
        if run.method == 'ce':
            _save_first_stage(runner, run, folder)
        if run.method in REPLAYED:
            _save_history(run, work_dir, folder)
    metrics = runner.test()
    counts = runner.test_loop.evaluator.metrics[0].counts_
    if method.edit:
        state = _saved_state(Path(config.load_from))
        Path(config.load_from).unlink()
    else:
        state = next(hook.state_ for hook in runner.hooks if hasattr(hook, 'state_'))
    return {
        **{key: value for key, value in asdict(run).items() if key != 'place'},
        **run.place.named,
        'sha256': run.place.sha256,
        'chosen': chosen,
        'metrics': {key.removeprefix('acc/'): float(value) for key, value in metrics.items()},
        'num_clips': counts.num_clips.tolist(),
        'num_correct': counts.num_correct.tolist(),
        'train_counts': state.train_counts.tolist(),
        'difficulty': state.difficulty.tolist() if state.measured.any() else None,
        'seconds': round(time.perf_counter() - begun, 1),
    }


def import_hosts() -> None:
    """Import what a training needs, so that processes that are forked later need not, each for itself."""
    import mmaction.engine
    import mmaction.models  # noqa: F401


def make_runner(config: Config) -> Runner:
    """The runner, with kernels in the layout that is fastest on a CPU; nothing but rounding depends on it."""
    runner = Runner.from_cfg(config)
    for module in runner.model.modules():
        if isinstance(module, nn.Conv3d):
            module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last_3d)
    return runner


def _train(runner: Runner) -> None:
    """Train; a FloatingPointError if the network is not finite then, or when training stops with an error."""
    error = None
    try:
        runner.train()
    except ValueError as stopped:  # online difficulty refuses scores that are NaN
        error = stopped
    if not all(bool(torch.isfinite(value).all()) for value in runner.model.state_dict().values()):
        raise FloatingPointError('the network is not finite after training') from error
    if error is not None:
        raise error


def _history(run: Run, folder: Path) -> Path:
    """The history of the method that is replayed with the same seed and setting, trained if it is not there."""
    measured = Run(METHODS[run.method].replays, run.seed, run.place, run.setting)
    path = _history_path(measured, folder)
    if not path.is_file():
        work_dir = folder / 'logs' / f'measured_{run.seed}_{os.getpid()}'
        _train(make_runner(build_config(measured, work_dir)))
        _save_history(measured, work_dir, folder)
    return path


def _history_path(run: Run, folder: Path) -> Path:
    return folder / 'histories' / f'{run.method}_{hashlib.sha256(run.key.encode()).hexdigest()[:16]}.jsonl'


def _save_history(run: Run, work_dir: Path, folder: Path) -> None:
    path = _history_path(run, folder)
    path.parent.mkdir(exist_ok=True)
    temporary = path.with_suffix(f'.{os.getpid()}')
    shutil.copyfile(work_dir / HISTORY_NAME, temporary)
    temporary.replace(path)


def _first_stage(run: Run, folder: Path) -> Path:
    """The checkpoint of plain cross-entropy with the same seed, trained if it is not there."""
    shared = {key: value for key, value in run.setting.items() if key.startswith(('train_cfg', 'param_scheduler'))}
    stage = Run('ce', run.seed, run.place, shared)
    path = _first_stage_path(stage, folder)
    if not path.is_file():
        runner = make_runner(build_config(stage, folder / 'logs' / f'first_{run.seed}_{os.getpid()}'))
        _train(runner)
        _save_first_stage(runner, stage, folder)
    return path


def _first_stage_path(run: Run, folder: Path) -> Path:
    name = '_'.join(str(value).replace('/', '-') for value in {**run.place.named, **run.setting}.values())
    return folder / 'first_stages' / f'{name}_{run.seed}.pth'


def _save_first_stage(runner: Runner, run: Run, folder: Path) -> None:
    path = _first_stage_path(run, folder)
    temporary = f'{path.stem}.{os.getpid()}'
    runner.save_checkpoint(str(path.parent), temporary, save_optimizer=False, save_param_scheduler=False)
    (path.parent / temporary).replace(path)


def _saved_state(path: Path) -> DifficultyState:
    """What a checkpoint knows of difficulty."""
    return DifficultyState.from_checkpoint(torch.load(path, map_location='cpu', weights_only=True)[CHECKPOINT_KEY])


def _edit(kind: str, first: Path, config: Config, out: Path) -> tuple[float, Path]:
    """Change a classifier by the strength that the validation set likes best; the first of equal ones."""
    checkpoint = torch.load(first, map_location='cpu', weights_only=True)
    made = [edited(checkpoint, kind, round(value, 6), LAYER) for value in STRENGTHS[kind]]
    scores = [result['acc/mean1'] for result in validate(config, made)]
    best = max(range(len(scores)), key=scores.__getitem__)
    torch.save(made[best], out)
    return STRENGTHS[kind][best], out
