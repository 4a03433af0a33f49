"""What a sweep is to run: configs x seeds, each in a folder of its own; and what may not go on there."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cdb_video.class_names import counted
from cdb_video.difficulty.history import HISTORY_NAME
from cdb_video.launch.commands import newest_checkpoint
from cdb_video.launch.config import read_config
from cdb_video.launch.settings import plain_config, setting_hashes
from cdb_video.sweep.record import RunRecord

_MOST_SEEDS = 2**32
_MOST_RUNS = 10_000
_MOST_NAMED = 3
_SEEDS = re.compile(r'(\d+)(?:-(\d+))?')
# How a run is shown, and what every run has of its own.
_NOT_OF_TRAINING = {
    'work_dir', 'experiment_name', 'resume', 'launcher', 'log_level', 'log_processor', 'visualizer', 'vis_backends',
}  # fmt: skip


@dataclass(frozen=True)
class SweptConfig:
    """A config of a sweep.

    Attributes:
        name: Of the method and of its folder: that of the file, without its ending.
        given: How the user called it.
        settings: Name -> hash, with the options of the sweep in them.
        sets_seed: Whether it sets `randomness`, before which MMAction2's --seed gives way.
    """

    name: str
    given: str
    settings: Mapping[str, str]
    sets_seed: bool

    @classmethod
    def read(cls, given: str, options: Mapping[str, Any]) -> SweptConfig:
        """Read a config.

        Args:
            given: A file, or the name of a shipped config.
            options: As --cfg-options has them.

        Raises:
            FileNotFoundError: If there is none.
            ValueError: If it cannot be read, is of no training, or the options say what the sweep says.
        """
        config = read_config(given, import_modules=False)
        if options:
            config.merge_from_dict(dict(options))
        missing = [key for key in ('model', 'train_dataloader', 'train_cfg') if not config.get(key)]
        if missing:
            raise ValueError(f'{given} has no {", ".join(missing)}: give the config of a training')
        config = plain_config(config)
        names = [name for name in config if name not in _NOT_OF_TRAINING]
        return cls(Path(given).stem, given, setting_hashes(config, names), config.get('randomness') is not None)


@dataclass(frozen=True)
class SweptRun:
    """A run of a sweep.

    Attributes:
        config: What is trained.
        seed: >= 0.
        folder: The work directory.
        is_finished: Whether it has been trained already.
    """

    config: SweptConfig
    seed: int
    folder: Path
    is_finished: bool

    @property
    def name(self) -> str:
        """For messages."""
        return f'{self.config.name}, seed {self.seed}'

    @property
    def output(self) -> Path:
        """The log: what the training prints."""
        return self.folder / 'output.txt'

    def record(self, *, is_finished: bool) -> RunRecord:
        """What is noted of it."""
        return RunRecord(self.config.given, self.seed, self.config.settings, is_finished)


def parse_seeds(text: str) -> list[int]:
    """Seeds from a text such as '0-4', '0,3,7' or '0-2,10'; in order, each once.

    Raises:
        ValueError: If it is none.
    """
    found: list[int] = []
    for part in text.split(','):
        match = _SEEDS.fullmatch(part.strip())
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if not first <= last < _MOST_SEEDS:
            raise ValueError(
                f'--seeds {text}: {part.strip()!r} must be a whole number, or a range as 0-4, from 0 to '
                f'{_MOST_SEEDS - 1}'
            )
        if last - first >= _MOST_RUNS:
            raise ValueError(f'--seeds {text}: {last - first + 1} seeds; at most {_MOST_RUNS}')
        found.extend(range(first, last + 1))
    return sorted(set(found))


def make_plan(given: Sequence[str], seeds: Sequence[int], folder: Path, options: Mapping[str, Any]) -> list[SweptRun]:
    """What is to run, all configs with the first seed first, so that a sweep that ends early leaves pairs.

    Args:
        given: Configs, as the user calls them.
        seeds: Of every config.
        folder: Of the sweep; it is only read.
        options: As --cfg-options has them.

    Raises:
        FileNotFoundError: If a config is missing.
        ValueError: If a config cannot be trained so, two have one name, or the folder holds runs that are not of it.
    """
    if 'randomness' in options or 'randomness.seed' in options:
        raise ValueError('--cfg-options randomness: the seeds of a sweep are those of --seeds; leave it out')
    configs = [SweptConfig.read(one, options) for one in given]
    for first, second in itertools.combinations(configs, 2):
        if first.name.lower() == second.name.lower():  # as file systems may have it
            raise ValueError(
                f'{first.given} and {second.given} would both go to {folder / second.name}: give each config once, '
                'and each file a name of its own'
            )
    for config in configs:
        _check_runs(config, folder)
    return [_run(config, seed, folder / config.name / f'seed_{seed}') for seed in seeds for config in configs]


def finished_runs(folder: Path, first: Sequence[str] = ()) -> dict[str, list[Path]]:
    """The finished runs of all sweeps in a folder.

    Args:
        folder: Of the sweeps.
        first: Names of configs that come first, in this order; the others follow by their names.

    Returns:
        Name of the config -> work directories, by their seeds.

    Raises:
        ValueError: If a record cannot be read.
    """
    found: dict[str, list[tuple[int, Path]]] = {}
    for one in folder.glob('*/seed_*'):
        record = RunRecord.read(one)
        if record is not None and record.is_finished:
            found.setdefault(one.parent.name, []).append((record.seed, one))
    names = [*(name for name in dict.fromkeys(first) if name in found), *sorted(found.keys() - set(first))]
    return {name: [path for _, path in sorted(found[name])] for name in names}


def _run(config: SweptConfig, seed: int, folder: Path) -> SweptRun:
    record = RunRecord.read(folder)
    if record is None and (_is_begun(folder) or (folder / HISTORY_NAME).exists()):
        raise ValueError(
            f'{folder} holds a training that no sweep has begun: name another folder by --out, or remove it'
        )
    return SweptRun(config, seed, folder, record is not None and record.is_finished)


def _check_runs(config: SweptConfig, folder: Path) -> None:
    """See that all runs of a config in the folder, of other seeds too, are of the settings that it has now."""
    changed: dict[Path, list[str]] = {}
    for one in sorted((folder / config.name).glob('seed_*')):
        record = RunRecord.read(one)
        if record is None:
            continue
        if one.name != f'seed_{record.seed}':
            raise ValueError(f'{one} holds the run of seed {record.seed}: give the folder its name back, or remove it')
        names = {**record.settings, **config.settings}
        differing = [name for name in names if record.settings.get(name) != config.settings.get(name)]
        if differing and (record.is_finished or _is_begun(one)):
            changed[one] = differing
    if changed:
        first = next(iter(changed))
        listed = ', '.join(map(str, list(changed)[:_MOST_NAMED])) + (', ...' if len(changed) > _MOST_NAMED else '')
        raise ValueError(
            f'{config.given} is not what it was for {counted(len(changed), "run")} ({listed}): it differs in '
            f'{", ".join(changed[first])}. Runs of one config must have the same settings: name another folder by '
            '--out, remove these runs, or set the config and --cfg-options back'
        )


def _is_begun(folder: Path) -> bool:
    """Whether a training has come to a checkpoint, from which it would go on."""
    return newest_checkpoint(folder) is not None or any(folder.glob('*.pth'))
