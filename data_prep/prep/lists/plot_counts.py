"""A picture of the class counts: clips per class and part, largest training class first. Needs matplotlib."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

_COLOURS = {'train': '#4c72b0', 'val': '#dd8452', 'test': '#999999'}
# Beyond this many classes the bars bear the label's number instead of its name.
_MOST_NAMES = 60


def plot_counts(summary: Mapping[str, Any], path: Path) -> None:
    """Draw a summary of build_lists as a PNG, on a logarithmic scale; written beside and renamed.

    A class without validation clips is marked by a cross on its axis.

    Raises:
        OSError: If the file cannot be written.
    """
    classes = sorted(summary['classes'], key=lambda entry: (-entry['train'], entry['label']))
    figure = Figure(figsize=(max(6.0, 0.18 * len(classes) + 2), 4.5), layout='constrained')
    axes = figure.add_subplot()
    parts = list(summary['clips'])
    width = 0.8 / len(parts)
    for number, part in enumerate(parts):
        places = [k - 0.4 + width * (number + 0.5) for k in range(len(classes))]
        axes.bar(places, [entry[part] for entry in classes], width, color=_COLOURS[part], label=part)
    axes.set_yscale('log')
    axes.set_ylim(bottom=0.7)
    absent = [k for k, entry in enumerate(classes) if 'val' in parts and entry['val'] == 0]
    if absent:
        axes.plot(absent, [0.8] * len(absent), 'rx', label='no val clip', clip_on=False)
    names = [entry['name'] if len(classes) <= _MOST_NAMES else str(entry['label']) for entry in classes]
    axes.set_xticks(range(len(classes)), names, rotation=90, fontsize=7)
    axes.set_xlim(-1, len(classes))
    axes.set_ylabel('clips')
    hold_out = summary['hold_out']
    axes.set_title(f'{summary["label"]}, split {summary["split"]}, hold-out {hold_out}', fontsize=9)
    axes.legend(fontsize=7)
    temporary = path.with_name(f'.{path.name}.{os.getpid()}.tmp')
    try:
        figure.savefig(temporary, format='png', dpi=120)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
