"""Losses and learning rate over a training: from the ``vis_data/scalars.json`` that mmengine writes, one a start."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Scalars:
    """What was logged of the training steps.

    Attributes:
        steps: N iterations, rising.
        values: N numbers by name: 'lr', and whatever has 'loss' in its name; None = not logged then. NaN and infinite
            ones are as they were logged.
    """

    steps: tuple[int, ...]
    values: Mapping[str, tuple[float | None, ...]]


def read_scalars(work_dir: Path) -> Scalars | None:
    """The scalars of all starts of a run, joined by step: a later start takes the place of what it goes over again.

    A line that is torn, or not of a training step, is left out: the files hold validations too.

    Returns:
        None where there is none.
    """
    joined: dict[int, dict[str, float]] = {}
    for file in sorted(work_dir.glob('*/vis_data/scalars.json')):  # which are named by the time of their start
        found = dict(_steps_in(file))
        begin = min(found, default=None)
        if begin is not None:
            joined = {step: values for step, values in joined.items() if step < begin} | found
    if not joined:
        return None
    steps = sorted(joined)
    names = dict.fromkeys(name for step in steps for name in joined[step])
    return Scalars(tuple(steps), {name: tuple(joined[step].get(name) for step in steps) for name in names})


def _steps_in(file: Path) -> Iterator[tuple[int, dict[str, float]]]:
    try:
        lines = file.read_text(encoding='utf-8', errors='replace').splitlines()
    except OSError:  # the curves are an extra
        return
    for line in lines:
        entry = _parsed(line) if 'loss' in line else None
        if entry is None or not ('iter' in entry or 'lr' in entry):
            continue
        step = entry.get('step', entry.get('iter'))
        values = {name: float(value) for name, value in entry.items() if _is_shown(name, value)}
        if type(step) is int and step >= 0 and values:
            yield step, values


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) else None


def _is_shown(name: str, value: Any) -> bool:
    return (name == 'lr' or 'loss' in name) and isinstance(value, int | float) and not isinstance(value, bool)
