"""Scalars, table and image of the classes in a run's log."""

from __future__ import annotations

from functools import partial

import numpy as np
from mmengine.visualization import LocalVisBackend

from cdb_video.class_names import class_label
from cdb_video.difficulty.state import DifficultyState
from cdb_video.difficulty.tracking.consumers import class_prior
from cdb_video.difficulty.tracking.course import try_writing
from cdb_video.host_words import unit
from cdb_video.hosts.mmengine.console import FILE_ONLY
from cdb_video.report.class_report.text import format_table
from cdb_video.report.figures.strip import class_strip
from cdb_video.run.loop import vis_backends
from cdb_video.run.parts import RunParts
from cdb_video.run.reporting.record import Vectors, state_rows


def log_difficulty(
    parts: RunParts, state: DifficultyState, consumers: Vectors, step: int, number: int, is_reported_next: bool
) -> None:
    """Give a new difficulty to the visualizer at `step`, and the `number` hardest and easiest classes to the log.

    Where the class report comes next, the console leaves them to it.
    """
    log_scalars(parts, state, consumers, step)
    log_class_image(parts, state, consumers, step)
    log_weights(parts, state, consumers)
    log_classes(parts, state, consumers, number, is_reported_next)


def log_scalars(parts: RunParts, state: DifficultyState, consumers: Vectors, step: int) -> None:
    """Give a few scalars to the visualizer: by now LoggerHook has run, and would bring them one validation late."""
    scalars = {
        'difficulty/mean': float(state.difficulty.mean()),
        'difficulty/worst_class_acc': float(np.nanmin(state.accuracy)),
    }
    for name, derived in consumers.items():
        for key, vector in derived.vectors.items():
            scalars[f'difficulty/{name}_min_{key}'] = min(vector)
            scalars[f'difficulty/{name}_max_{key}'] = max(vector)
        for key, exponent in (('tau', derived.tau), ('strength', derived.strength)):
            if exponent is not None:
                scalars[f'difficulty/{name}_{key}'] = exponent
    try_writing(parts.logger, 'scalars of the difficulty', lambda: parts.visualizer.add_scalars(scalars, step=step))


def log_classes(
    parts: RunParts, state: DifficultyState, consumers: Vectors, number: int, for_file_only: bool = False
) -> None:
    """Log a table of the `number` hardest and the `number` easiest classes."""
    if number == 0:
        return
    rows = sorted(
        state_rows(state, state.num_clips, state.num_correct, consumers), key=lambda row: -(row.difficulty or 0.0)
    )
    hidden = len(rows) - 2 * number
    lines = format_table(rows if hidden <= 0 else rows[:number] + rows[-number:]).splitlines()
    if hidden > 0:
        # Two lines of heading, then the hardest.
        lines.insert(2 + number, f'... {hidden} more')
    parts.logger.info(
        f'class difficulty, mean {state.difficulty.mean():.3f}, hardest and easiest classes\n' + '\n'.join(lines),
        extra=FILE_ONLY if for_file_only else None,
    )


def log_weights(parts: RunParts, state: DifficultyState, consumers: Vectors) -> None:
    """Log the largest weight, and the mean weight of a training clip: on what share of the loss a class may come."""
    prior = np.asarray(class_prior(parts.sampler, state.train_counts), np.float64)
    for name, derived in consumers.items():
        if derived.weight is None or len(set(derived.weight)) == 1:
            continue
        weights = np.asarray(derived.weight)
        shares = prior * weights
        largest, most = int(weights.argmax()), int(shares.argmax())
        label = partial(class_label, state.class_names)
        exponents = (('s', derived.strength), ('tau', derived.tau))
        # A loss of a user's own need not say one.
        acts_by = next((f'{sign} {value:.3g}' for sign, value in exponents if value is not None), 'weights')
        parts.logger.info(
            f'{name}, {acts_by}: largest weight {weights[largest]:.3g} ({label(largest)}), mean weight of a training '
            f'{unit()} {shares.sum() / prior.sum():.3g}, largest share of the loss weights '
            f'{shares[most] / shares.sum():.0%} ({label(most)})'
        )


def log_class_image(parts: RunParts, state: DifficultyState, consumers: Vectors, step: int) -> None:
    """Give TensorBoard and its like the classes as one image, most frequent left: difficulty, weights, probabilities.

    One image a validation, where there would be a curve for each of 106 classes. Not for the local backend, which would
    write a file each time.
    """
    backends = [b for b in vis_backends(parts.visualizer) if not isinstance(b, LocalVisBackend)]
    if backends:
        vectors = [vector for derived in consumers.values() for vector in derived.vectors.values()]
        image = class_strip([state.difficulty, *vectors], np.argsort(-state.train_counts, kind='stable').tolist())
        for backend in backends:
            try_writing(
                parts.logger,
                'the image of the classes',
                partial(backend.add_image, 'difficulty/classes', image, step=step),
            )
