"""Pictures of the page of methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from benchmarks.methods.results import Entry, Runs, converged, is_tuned
from benchmarks.methods.tables import NAMES
from benchmarks.methods.tuning import primary_methods

COLOURS = ('#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9')
"""Of the methods; told apart by the colour-blind too."""


def draw(runs: Runs, folder: Path) -> list[str]:
    """Draw accuracy against frequency, and gains over cross-entropy by rank of frequency.

    Args:
        runs: All there are.
        folder: Gets a picture for each data set on which cross-entropy has run.

    Returns:
        The names of the pictures.
    """
    drawn = []
    for data in filter(is_tuned, NAMES):
        base = {entry['seed']: entry for entry in converged(runs.tuned(data, 'ce'))}
        if not base:
            continue
        figure = Figure(figsize=(11, 4), layout='constrained')
        left, right = figure.subplots(1, 2)
        _draw_accuracy(left, list(base.values()))
        left.set_title(f'{NAMES[data]}: every class of every seed')
        gains = {method: _gains(converged(runs.tuned(data, method)), base) for method in primary_methods(data)[1:]}
        _draw_gains(right, gains)
        path = folder / f'methods_{data}.png'
        figure.savefig(path, dpi=100)
        drawn.append(path.name)
    return drawn


def _draw_accuracy(axes: Axes, entries: Sequence[Entry]) -> None:
    for entry in entries:
        axes.plot(entry['train_counts'], np.divide(entry['num_correct'], entry['num_clips']), 'o', color='#0072b2')
    axes.set(xscale='log', xlabel='training clips', ylabel='test accuracy, cross-entropy', ylim=(0, 1.02))


def _draw_gains(axes: Axes, gains: Mapping[str, np.ndarray[Any, Any]]) -> None:
    """A line a method, (seeds, C) each; those without runs are left out."""
    for (method, found), colour in zip(gains.items(), COLOURS, strict=False):
        if len(found):
            axes.plot(range(1, found.shape[1] + 1), 100 * found.mean(axis=0), 'o-', color=colour, label=method)
    axes.axhline(0, color='grey', linewidth=1)
    axes.set(xlabel='class, most frequent first', ylabel='points over cross-entropy')
    axes.xaxis.set_major_locator(MaxNLocator('auto', integer=True, steps=[1, 2, 2.5, 5, 10]))
    axes.legend(fontsize='small')


def _gains(entries: Sequence[Entry], base: dict[int, Entry]) -> np.ndarray[Any, Any]:
    """(seeds, C): accuracy above the baseline, the most frequent class first."""
    gains = []
    for entry in entries:
        other = base.get(entry['seed'])
        if other is not None:
            accuracy, before = (np.divide(e['num_correct'], e['num_clips']) for e in (entry, other))
            order = np.argsort(-np.asarray(entry['train_counts']), kind='stable')
            gains.append((accuracy - before)[order])
    return np.array(gains)
