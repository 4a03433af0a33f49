"""Pictures of the page of methods."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import pyplot as plt

from benchmarks.methods.results import Entry, Runs, converged, is_tuned
from benchmarks.methods.tables import NAMES
from benchmarks.methods.tuning import primary_methods

COLOURS = ('#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9')


def draw(runs: Runs, folder: Path) -> list[str]:
    """Gains over cross-entropy by rank of frequency; returns the names of the pictures."""
    drawn = []
    for data, name in NAMES.items():
        if not is_tuned(data):
            continue
        base = {entry['seed']: entry for entry in converged(runs.tuned(data, 'ce'))}
        figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout='constrained')
        if not base:
            plt.close(figure)
            continue
        for entry in base.values():
            left.plot(entry['train_counts'], np.divide(entry['num_correct'], entry['num_clips']), 'o', color='#0072b2')
        left.set(xscale='log', xlabel='training clips', ylabel='test accuracy, cross-entropy', ylim=(0, 1.02))
        left.set_title(f'{name}: every class of every seed')
        for method, colour in zip(primary_methods(data)[1:], COLOURS, strict=False):
            gains = _gains(converged(runs.tuned(data, method)), base)
            if len(gains):
                right.plot(range(1, gains.shape[1] + 1), 100 * gains.mean(axis=0), 'o-', color=colour, label=method)
        right.axhline(0, color='grey', linewidth=1)
        right.set(xlabel='class, most frequent first', ylabel='points over cross-entropy')
        right.xaxis.get_major_locator().set_params(integer=True)
        right.legend(fontsize='small')
        path = folder / f'methods_{data}.png'
        figure.savefig(path, dpi=100)
        plt.close(figure)
        drawn.append(path.name)
    return drawn


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
