"""What a run stands on: the first stage that it starts from, edited or not, and the history that it replays.

Each is made if it is not there, and kept, so that a run gives the same whatever ran before it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.runner import Runner

from benchmarks.methods.catalogue import METHODS, Setting
from benchmarks.methods.fashion.run_config import LAYER as LAYER_OF_IMAGES
from benchmarks.methods.run_config import Run, build_config
from benchmarks.methods.runner import make_runner, train
from cdb_video.classifier.edits import edited, validate
from cdb_video.difficulty.history import HISTORY_NAME

FIRST = [method.first for method in METHODS.values() if method.needs_first_stage]
REPLAYED = {method.replays for method in METHODS.values()} - {''}
STRENGTHS = {'tau-norm': [0.1 * k for k in range(11)], 'adjust-logits': [0.25 * k for k in range(7)]}
_SHARED = ('train_cfg', 'param_scheduler', 'optim_wrapper')
"""What of the setting of a run its first stage has too."""


def shared_setting(run: Run) -> Setting:
    """What of the setting is of the training alone, whatever the method."""
    return {key: value for key, value in run.setting.items() if key.startswith(_SHARED)}


def keep_for_others(runner: Runner, run: Run, work_dir: Path, folder: Path) -> None:
    """Keep what runs of other methods may stand on: the checkpoint of a first stage, the history to be replayed."""
    if any(run.method == method and setting.items() <= run.setting.items() for method, setting in FIRST):
        _save_first_stage(runner, run, folder)
    if run.method in REPLAYED:
        _save_history(run, work_dir, folder)


def first_stage(run: Run, folder: Path) -> Path:
    """The checkpoint of the first stage with the same seed, trained if it is not there."""
    method, setting = METHODS[run.method].first
    stage = Run(method, run.seed, run.place, {**setting, **shared_setting(run)})
    path = _first_stage_path(stage, folder)
    if not path.is_file():
        runner = make_runner(build_config(stage, folder / 'logs' / f'first_{run.seed}_{os.getpid()}'))
        train(runner)
        _save_first_stage(runner, stage, folder)
    return path


def layer_of(data: str) -> str:
    """Name of the classifier in the models of a data set."""
    return LAYER_OF_IMAGES if data == 'fashion' else 'cls_head.fc_cls'


def edit(kind: str, first: Path, config: Config, layer: str, out: Path) -> tuple[float, Path]:
    """Change a classifier by the strength that the validation set likes best; the first of equal ones."""
    checkpoint = torch.load(first, map_location='cpu', weights_only=True)
    made = [edited(checkpoint, kind, round(value, 6), layer) for value in STRENGTHS[kind]]
    scores = [result['acc/mean1'] for result in validate(config, made)]
    best = max(range(len(scores)), key=scores.__getitem__)
    torch.save(made[best], out)
    return STRENGTHS[kind][best], out


def replayed_history(run: Run, folder: Path) -> Path:
    """The history of the method that is replayed with the same seed and setting, trained if it is not there."""
    measured = Run(METHODS[run.method].replays, run.seed, run.place, run.setting)
    path = history_path(measured, folder)
    if not path.is_file():
        work_dir = folder / 'logs' / f'measured_{run.seed}_{os.getpid()}'
        train(make_runner(build_config(measured, work_dir)))
        _save_history(measured, work_dir, folder)
    return path


def history_path(run: Run, folder: Path) -> Path:
    """Where the history that a run recorded is kept."""
    return folder / 'histories' / f'{run.method}_{hashlib.sha256(run.key.encode()).hexdigest()[:16]}.jsonl'


def _save_history(run: Run, work_dir: Path, folder: Path) -> None:
    path = history_path(run, folder)
    path.parent.mkdir(exist_ok=True)
    temporary = path.with_suffix(f'.{os.getpid()}')
    shutil.copyfile(work_dir / HISTORY_NAME, temporary)
    temporary.replace(path)


def _first_stage_path(run: Run, folder: Path) -> Path:
    words = {**run.place.named, **run.setting}.values()
    name = '_'.join(str(value).replace('/', '-').replace(' ', '-') for value in words)
    method = '' if run.method == 'ce' else f'{run.method}_'
    return folder / 'first_stages' / f'{method}{name}_{run.seed}.pth'


def _save_first_stage(runner: Runner, run: Run, folder: Path) -> None:
    path = _first_stage_path(run, folder)
    path.parent.mkdir(exist_ok=True, parents=True)
    temporary = f'{path.stem}.{os.getpid()}'
    runner.save_checkpoint(str(path.parent), temporary, save_optimizer=False, save_param_scheduler=False)
    (path.parent / temporary).replace(path)
