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
