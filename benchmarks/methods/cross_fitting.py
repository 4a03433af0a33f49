"""Cross-fitted difficulty for a run: two half-runs, each tested on the clips of the other; see docs/methods/plan.md."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmengine.config import Config

from benchmarks.methods.catalogue import FACTOR_1
from benchmarks.methods.lists import labels_of, read_lines, write_lines
from benchmarks.methods.run_config import Run, build_config
from benchmarks.methods.runner import make_runner, train
from benchmarks.methods.stages import shared_setting
from cdb_video.cross_fit.division.folds import divide_by_clips
from cdb_video.cross_fit.pooling import pooled_difficulty
from cdb_video.difficulty.records import Header, Record

NUM_FOLDS = 2
Counts = dict[str, list[int]]
"""'num_clips' and 'num_correct' of every class, of the clips whose class the model was trained on."""


def cross_fitted_history(run: Run, config: Config, folder: Path) -> Path:
    """The history that hands cross-fitted difficulty to a run; weights of CDB-A grow with it from epoch to epoch.

    The two half-runs are those of balanced softmax with the seed of the run, and are kept, so that a run that was
    stopped goes on where it was.

    Args:
        run: Of a method that cross-fits.
        config: Of the run, with the list of all its training clips.
        folder: For what is kept.
    """
    name = hashlib.sha256(run.key.encode()).hexdigest()[:16]
    base = folder / 'cross_fits' / f'{run.method}_{name}'
    base.parent.mkdir(parents=True, exist_ok=True)
    ann_file = Path(config.train_dataloader.dataset.ann_file)
    lines = read_lines(ann_file)
    labels = labels_of(lines)
    folds = divide_by_clips(labels, NUM_FOLDS, run.seed)
    found = []
    for fold in range(NUM_FOLDS):
        path = base.with_name(f'{base.name}_fold{fold}.json')
        if not path.is_file():
            parts: list[Path] = []
            for part, chosen in (('train', folds != fold), ('val', folds == fold)):
                parts.append(ann_file.with_name(f'{path.stem}_{part}.txt'))
                write_lines(parts[-1], [line for line, taken in zip(lines, chosen, strict=True) if taken])
            _write(path, json.dumps(_half_run(run, parts, folder / 'logs' / f'{path.stem}_{os.getpid()}')))
        found.append(json.loads(path.read_text()))
    path = base.with_suffix('.jsonl')
    _write(path, cross_fit_lines(found, np.bincount(labels).tolist()))
    return path


def _half_run(run: Run, parts: Sequence[Path], work_dir: Path) -> Counts:
    """Train balanced softmax on a part of the clips; how it tells the others at its end."""
    half = Run('balsoftmax', run.seed, run.place, {**FACTOR_1, **shared_setting(run)})
    config = build_config(half, work_dir)
    for name, path in zip(('train', 'val'), parts, strict=True):
        config[f'{name}_dataloader'].dataset.ann_file = str(path)
    runner = make_runner(config)
    train(runner)
    state = next(hook.state_ for hook in runner.hooks if hasattr(hook, 'state_'))
    known = state.train_counts > 0
    return {name: np.where(known, getattr(state, name), 0).tolist() for name in ('num_clips', 'num_correct')}


def cross_fit_lines(found: Sequence[Counts], train_counts: list[int]) -> str:
    """The history of a cross-fit: a header, and one record of the counts of all folds, with the pooled difficulty."""
    num_clips, num_correct = (
        np.sum([counts[name] for counts in found], axis=0) for name in ('num_clips', 'num_correct')
    )
    difficulty, _ = pooled_difficulty(num_clips, num_correct)
    accuracy = [k / n if n else None for k, n in zip(num_correct.tolist(), num_clips.tolist(), strict=True)]
    header = Header(num_classes=len(train_counts), train_counts=train_counts, settings={'momentum': 'mean'})
    record = Record(
        0, 0, num_clips.tolist(), num_correct.tolist(), accuracy, difficulty.tolist(), {}, {}, source='cross-fit'
    )
    return ''.join(json.dumps(entry.to_dict()) + '\n' for entry in (header, record))


def _write(path: Path, text: str) -> None:
    temporary = path.with_suffix(f'.{os.getpid()}')
    temporary.write_text(text)
    temporary.replace(path)
