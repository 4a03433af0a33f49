"""Results of runs: read, kept, chosen by setting."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.methods.catalogue import METHODS
from benchmarks.methods.tuning import FIRST_TUNING_SEED, FRESH_SEEDS, data_seed_of, read_tuned, tuned_setting
from cdb_video.difficulty.counts import accuracy_numbers

RESULTS_NAME = 'methods.jsonl'
MAIN = {'imbalance': 60, 'val_clips': 20}
"""What of the digits is compared unless said otherwise."""
Entry = dict[str, Any]
"""A run and its result, a line of the file."""


def end_last_line(path: Path) -> None:
    """See that the next result stands on a line of its own: a last line that was torn is no result, and cut off."""
    content = path.read_bytes() if path.is_file() else b''
    begin = content.rfind(b'\n') + 1
    if begin == len(content):
        return
    try:
        json.loads(content[begin:])
        ending = content[begin:] + b'\n'
    except ValueError:
        print(f'{path}: its last line was torn and is left out', flush=True)
        ending = b''
    path.write_bytes(content[:begin] + ending)


def read_results(path: Path) -> dict[str, dict[str, Any]]:
    """The runs that are done, by key; a last line that was torn is left out."""
    lines = path.read_text(encoding='utf-8').splitlines() if path.is_file() else []
    results = {}
    for number, line in enumerate(lines):
        try:
            entry = json.loads(line)
        except ValueError:
            if number < len(lines) - 1:
                raise
            continue
        results[entry['key']] = entry
    return results


def metric(entry: Entry, name: str) -> float:
    """A result of the test set in [0, 1].

    'hmean' is that of `accuracy_numbers`, 'worst' the worst class, 'frequent' the mean of the third of the classes
    with the most training clips.
    """
    if name == 'frequent' and entry.get('diverged'):
        return float(entry['metrics']['mean1'])  # of chance
    if name == 'hmean':
        return accuracy_numbers(entry['num_clips'], entry['num_correct'])['hmean']
    if name in ('worst', 'frequent'):
        accuracy = np.divide(entry['num_correct'], entry['num_clips'])
        if name == 'worst':
            return float(accuracy.min())
        frequent = np.argsort(-np.asarray(entry['train_counts']), kind='stable')[: -(-len(accuracy) // 3)]
        return float(accuracy[frequent].mean())
    return float(entry['metrics'].get(name, float('nan')))


def by_seed(entries: Iterable[Entry], name: str = 'mean1') -> dict[int, float]:
    """A result by seed."""
    return {entry['seed']: metric(entry, name) for entry in entries}


class Runs:
    """The runs, without those of the tuning."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.entries = [entry for entry in entries if entry['seed'] < FIRST_TUNING_SEED]

    def of(self, data: str, method: str, setting: dict[str, Any], **limits: Any) -> list[Entry]:
        """Runs of one setting on one data set, by seed; `limits` are imbalance, val_clips and variant."""
        wanted = {'variant': '', **(MAIN if data == 'digits' else {}), **limits}
        found = [
            entry
            for entry in self.entries
            if entry['data'] == data
            and entry['method'] == method
            and entry['setting'] == _plain(setting)
            and entry['data_seed'] == data_seed_of(data, entry['seed'])
            and all(entry.get(key, '') == value for key, value in wanted.items())
        ]
        return sorted(found, key=lambda entry: entry['seed'])

    def tuned(self, data: str, method: str, *, fresh: bool = False, **limits: int) -> list[Entry]:
        """Runs of the tuned setting; on the seeds of the comparisons, or the fresh ones."""
        if not has_setting(method, data):
            return []
        found = self.of(data, method, tuned_setting(method, data), **limits)
        return [entry for entry in found if (entry['seed'] in FRESH_SEEDS) == fresh]


def converged(entries: Iterable[Entry]) -> list[Entry]:
    """Without runs that diverged: they have the accuracy of chance, and no classes, difficulty or time to look at."""
    return [entry for entry in entries if not entry.get('diverged')]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def has_setting(method: str, data: str) -> bool:
    """Whether there is nothing to tune, or tuning has chosen."""
    name = METHODS[method].replays or method
    return len(METHODS[name].choices) == 1 or name in read_tuned(data)['settings']


def is_tuned(data: str) -> bool:
    """Whether tuning has chosen on a data set: before that there is nothing to compare."""
    try:
        read_tuned(data)
    except ValueError:
        return False
    return True
