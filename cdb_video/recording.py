"""What a run leaves behind about its classes: history records, scalars, log lines, the class report."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cdb_video.difficulty import IntVector
from cdb_video.history import HISTORY_NAME, append_lines, fork_history, make_header, read_history
from cdb_video.labels import class_label
from cdb_video.report import class_rows, format_summary, format_table, write_class_report
from cdb_video.state import DifficultyState

Vectors = Mapping[str, Mapping[str, Any]]
"""Per consumer its 'tau' and its 'weight' or 'probability', C numbers."""


def start_history(runner: Any, state: DifficultyState, *, resumed: bool) -> None:
    """Keep aside what this run does not continue, and write the header where there is none."""

    def start() -> None:
        path = Path(runner.work_dir) / HISTORY_NAME
        aside = fork_history(path, state.iteration if resumed else None)
        if aside is not None:
            runner.logger.info(f'records that this run does not continue are now in {aside}')
        if not path.exists() or not read_history(path).header:
            append_lines(
                path,
                make_header(uuid.uuid4().hex, len(state.difficulty), state.class_names, state.train_counts.tolist()),
            )

    _try_writing(runner, 'the class history', start)


def record_validation(runner: Any, state: DifficultyState, consumers: Vectors, metrics: Mapping[str, float]) -> None:
    """Add a validation to the history."""
    record = {
        'kind': 'validation',
        'epoch': state.epoch,
        'iter': state.iteration,
        'num_clips': state.num_clips,
        'num_correct': state.num_correct,
        'accuracy': state.accuracy,
        'difficulty': state.difficulty,
        'consumers': consumers,
        'metrics': metrics,
    }
    path = Path(runner.work_dir) / HISTORY_NAME
    _try_writing(runner, 'the class history', lambda: append_lines(path, record))


def log_scalars(runner: Any, state: DifficultyState, consumers: Vectors, step: int) -> None:
    """Give a few scalars to the visualizer: by now LoggerHook has run, and would bring them one validation late."""
    scalars = {
        'difficulty/mean': float(state.difficulty.mean()),
        'difficulty/worst_class_acc': float(np.nanmin(state.accuracy)),
    }
    for name, entry in consumers.items():
        for key in ('weight', 'probability'):
            if key in entry:
                scalars[f'difficulty/{name}_min_{key}'] = min(entry[key])
                scalars[f'difficulty/{name}_max_{key}'] = max(entry[key])
        if entry['tau'] is not None:
            scalars[f'difficulty/{name}_tau'] = entry['tau']
    runner.visualizer.add_scalars(scalars, step=step)


def log_classes(runner: Any, state: DifficultyState, number: int) -> None:
    """Log the `number` hardest and the `number` easiest classes by name."""
    order = np.argsort(-state.difficulty, kind='stable')
    shown = min(number, len(order))
    if shown == 0:
        return

    def listed(indices: IntVector) -> str:
        return ', '.join(f'{class_label(state.class_names, int(i))} {state.difficulty[i]:.2f}' for i in indices)

    runner.logger.info(
        f'class difficulty: mean {state.difficulty.mean():.3f} | hardest: {listed(order[:shown])} | '
        f'easiest: {listed(order[::-1][:shown])}'
    )


def report_classes(
    runner: Any,
    split: str,
    num_clips: IntVector,
    num_correct: IntVector,
    state: DifficultyState,
    consumers: Vectors,
    metrics: Mapping[str, Any],
) -> None:
    """Show the class report and write it: the newest in the work directory, a copy in the folder of this run."""
    rows = class_rows(
        num_clips.tolist(),
        num_correct.tolist(),
        class_names=state.class_names,
        train_counts=state.train_counts.tolist() if state.train_counts.any() else None,
        difficulty=state.difficulty.tolist() if state.measured.any() else None,
        consumers=consumers,
    )
    summary = {'split': split, 'epoch': state.epoch, 'iter': state.iteration, 'metrics': dict(metrics)}
    runner.logger.info(f'class report ({split})  {format_summary(metrics)}\n{format_table(rows)}')

    def write() -> None:
        for directory in (Path(runner.log_dir), Path(runner.work_dir)):
            paths = write_class_report(directory, rows, summary)
        runner.logger.info('class report: ' + ', '.join(map(str, paths)))

    _try_writing(runner, 'the class report', write)


def _try_writing(runner: Any, what: str, write: Callable[[], None]) -> None:
    """Run `write`; a full or read-only disk must not end the training, but is said loudly."""
    try:
        write()
    except OSError as error:
        runner.logger.warning(
            f'{what} could not be written ({error}): the run goes on without this entry; free disk space '
            'or make the work directory writable'
        )
