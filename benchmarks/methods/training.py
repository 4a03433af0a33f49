"""One run of a method: training, and the test of its last epoch."""

from __future__ import annotations

import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from benchmarks.methods import variants  # noqa: F401  (registers the losses and samplers of explored methods)
from benchmarks.methods.catalogue import METHODS
from benchmarks.methods.class_bias import add_class_bias
from benchmarks.methods.cross_fitting import cross_fitted_history
from benchmarks.methods.run_config import Run, build_config
from benchmarks.methods.runner import make_runner, train
from benchmarks.methods.stages import STRENGTHS, edit, first_stage, keep_for_others, layer_of, replayed_history
from cdb_video.difficulty.diagnosis.restlessness import restlessness
from cdb_video.difficulty.history import HISTORY_NAME, read_history
from cdb_video.difficulty.state import CHECKPOINT_KEY, DifficultyState


def play(run: Run, folder: Path) -> dict[str, Any]:
    """Train and test.

    Args:
        run: What to do.
        folder: For checkpoints of first stages, and of the log.

    Returns:
        Per class clips, clips told rightly and training clips; metrics of the test set in [0, 1]; how much the classes
        change from validation to validation, None of runs that do not validate; the bias of every class, if there is
        one; seconds by the clock and of the processor, of all that the run needed and did not find.
    """
    begun, begun_cpu = time.perf_counter(), time.process_time()
    torch.set_num_threads(1)
    method = METHODS[run.method]
    work_dir = folder / 'logs' / f'{run.method}_{run.seed}_{os.getpid()}'
    config = build_config(run, work_dir)
    init_default_scope(config.default_scope)
    chosen = _prepare(config, run, work_dir, folder)
    runner = make_runner(config)
    if not method.edit:
        train(runner)
        keep_for_others(runner, run, work_dir, folder)
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
        'restlessness': None if method.edit else _restlessness(work_dir),
        'seconds': round(time.perf_counter() - begun, 1),
        'cpu_seconds': round(time.process_time() - begun_cpu, 1),
    }


def _prepare(config: Config, run: Run, work_dir: Path, folder: Path) -> Any:
    """Let the config take up what the run stands on; what was chosen by the validation clips for that, if anything."""
    method = METHODS[run.method]
    chosen: Any = None
    if method.needs_first_stage:
        first = first_stage(run, folder)
        edited = folder / f'{os.getpid()}.pth'
        if method.edit in STRENGTHS:
            chosen, first = edit(method.edit, first, build_config(run, work_dir), layer_of(run.place.data), edited)
        elif method.edit:
            chosen, first = add_class_bias(first, build_config(run, work_dir), layer_of(run.place.data), edited)
        config.load_from = str(first)
    if method.replays or method.cross_fits:
        history = replayed_history(run, folder) if method.replays else cross_fitted_history(run, config, folder)
        config.custom_hooks = [
            {'type': 'DifficultyReplayHook', 'history': str(history), 'stretch': 'epoch', 'report': False}
        ]
    return chosen


def _restlessness(work_dir: Path) -> dict[str, float] | None:
    """How much the classes change from validation to validation; None if there were not two."""
    records = [record for record in read_history(work_dir / HISTORY_NAME).records if record.source == 'val']
    if len(records) < 2:
        return None
    found = restlessness(*(np.array([getattr(r, name) for r in records]) for name in _OF_A_RECORD))
    return None if found is None else {name: round(value, 5) for name, value in asdict(found).items()}


_OF_A_RECORD = ('num_clips', 'num_correct', 'difficulty')


def _saved_state(path: Path) -> DifficultyState:
    """What a checkpoint knows of difficulty."""
    return DifficultyState.from_checkpoint(torch.load(path, map_location='cpu', weights_only=True)[CHECKPOINT_KEY])
