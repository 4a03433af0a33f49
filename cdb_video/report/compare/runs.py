"""Several runs side by side: read, grouped by method, and seen to be comparable."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cdb_video.class_names import check_same_names
from cdb_video.difficulty.formulas import FloatVector
from cdb_video.host_words import units
from cdb_video.report.insight.insight import Insight, Options, build_insight
from cdb_video.report.insight.statistics import Outcomes
from cdb_video.report.sources.run_config import differing_settings, planned_length, seed_of
from cdb_video.report.sources.source import read_run

_SEED_IN_NAME = re.compile(r'[-_.](?:s|seed[-_]?|run[-_]?)?\d+$')


@dataclass(frozen=True)
class ComparedRun:
    """One run of a method.

    Attributes:
        path: As it was given.
        seed: Of the training; None = not known.
        insight: Its metrics and classes.
        accuracy: (C,) float64, NaN = no clip of the class.
        clip_names: N distinct names; None = without a dump, or the dump does not tell its clips apart.
        length: Of the training, as (18, 'epoch') or (9000, 'iteration'); None = not known.
    """

    path: Path
    seed: int | None
    insight: Insight
    accuracy: FloatVector
    clip_names: tuple[str, ...] | None
    length: tuple[int, str] | None = None

    @property
    def outcomes(self) -> Outcomes | None:
        """What came out for each clip, in the order of the clip names; None where these are not known."""
        if self.clip_names is None or self.insight.outcomes is None:
            return None
        found, order = self.insight.outcomes, np.argsort(self.clip_names, kind='stable')
        ranks, groups = (None if each is None else each[order] for each in (found.ranks, found.groups))
        return replace(found, labels=found.labels[order], predicted=found.predicted[order], ranks=ranks, groups=groups)


@dataclass(frozen=True)
class Method:
    """Runs that differ in their seed only.

    Attributes:
        name: What it is called.
        runs: Its runs, by their seeds.
        differing: Settings in which they differ all the same, as --cfg-options makes them; empty if --group names them.
    """

    name: str
    runs: tuple[ComparedRun, ...]
    differing: tuple[str, ...] = ()


def group_of(path: Path) -> str:
    """What a run is called after: its config in the work directory, else the folder without the number at its end."""
    configs = sorted(path.glob('*.py'), key=lambda file: file.stat().st_mtime) if path.is_dir() else []
    if configs:
        return configs[-1].stem
    name = path.resolve().name if path.is_dir() else path.stem
    return _SEED_IN_NAME.sub('', name) or name


def read_methods(paths: Sequence[Path], groups: Mapping[str, Sequence[Path]], options: Options) -> list[Method]:
    """Read runs and group them.

    Args:
        paths: Work directories, histories or dumps, grouped by `group_of`.
        groups: Further ones, by the name of their method.
        options: As for a report; the bootstrap is not used.

    Raises:
        FileNotFoundError: If a run is missing.
        ValueError: If a run is given twice, cannot be read, or has other classes or clips than the first.
    """
    given = [(group_of(path), path) for path in paths] + [
        (name, path) for name, some in groups.items() for path in some
    ]
    if len({path.resolve() for _, path in given}) < len(given):
        raise ValueError('a run is given twice: name every run once')
    found: dict[str, list[ComparedRun]] = {}
    first: ComparedRun | None = None
    for name, path in given:
        run = _read(path, options)
        first = first or run
        _check_comparable(first, run)
        found.setdefault(name, []).append(run)
    return [_method(name, runs, is_named=name in groups) for name, runs in found.items()]


def _method(name: str, runs: Sequence[ComparedRun], *, is_named: bool) -> Method:
    """The method of these runs, which a user may have named; no two of them have one seed."""
    ordered = tuple(sorted(runs, key=lambda run: (run.seed is None, run.seed or 0)))
    folders = [run.path for run in ordered if run.path.is_dir() and not is_named]
    differing = {setting for path in folders[1:] for setting in differing_settings(folders[0], path)}
    method = Method(name, ordered, tuple(sorted(differing)))
    _check_seeds(method)
    return method


def _check_seeds(method: Method) -> None:
    """See that no two runs of a method have one seed."""
    runs: dict[int, ComparedRun] = {}
    for run in method.runs:
        if run.seed is None:
            continue
        other = runs.setdefault(run.seed, run)
        if other is not run:
            cause = (
                f'They differ in {", ".join(method.differing)}, as --cfg-options makes it'
                if method.differing
                else ('If they differ by --cfg-options, the name of their config does not say so')
            )
            raise ValueError(
                f'{method.name}: {other.path} and {run.path} both have seed {run.seed}. {cause}: name each method by '
                '--group NAME=RUN,RUN, or give each seed once'
            )


def _read(path: Path, options: Options) -> ComparedRun:
    insight = build_insight(read_run(path), options)
    if insight.split in ('none', 'train'):
        counted = ', only its training batches were counted' if insight.split == 'train' else ''
        raise ValueError(f'{path}: nothing was evaluated{counted}; run mim test, or leave it out')
    accuracy = np.full(insight.run.num_classes, np.nan)
    for row in insight.rows:
        accuracy[row.label] = np.nan if row.accuracy is None else row.accuracy
    dump = insight.run.dumped
    names = None if dump is None else dump.distinct_names
    return ComparedRun(path, seed_of(path), insight, accuracy, names, _length(path, insight))


def _length(path: Path, insight: Insight) -> tuple[int, str] | None:
    """How long a run was trained: by the last record of its own, else as its config has it."""
    for record in reversed(insight.run.records):
        if record.source not in ('replay', 'cross-fit'):  # whose epochs are of other runs
            return (record.epoch, 'epoch') if record.epoch else (record.iteration, 'iteration')
    return planned_length(path)


def _check_comparable(first: ComparedRun, run: ComparedRun) -> None:
    """See that two runs were evaluated on the same clips of the same classes."""
    one, other = first.insight, run.insight
    check_same_names(other.run.class_names, one.run.class_names, str(run.path), str(first.path))
    if one.run.num_classes != other.run.num_classes:
        raise ValueError(
            f'{run.path} has {other.run.num_classes} classes, {first.path} {one.run.num_classes}: runs with '
            'different class lists cannot be compared'
        )
    clips = [sorted((row.label, row.num_clips) for row in insight.rows) for insight in (one, other)]
    # Without names a validation and a test set may still have as many clips of every class.
    other_set = {one.split, other.split} == {'val', 'test'} and None in (first.clip_names, run.clip_names)
    if clips[0] != clips[1] or other_set or _names_differ(first, run):
        raise ValueError(
            f'{run.path} ({other.split} set) was evaluated on other {units()} than {first.path} ({one.split} '
            'set): test '
            'all runs on the same list'
        )
    _check_same_labels(first, run)


def _names_differ(first: ComparedRun, run: ComparedRun) -> bool:
    """Whether two dumps name other clips; names that several clips have must come as often."""
    dumps = [one.insight.run.dumped for one in (first, run)]
    names = [None if dump is None or dump.clip_names is None else sorted(dump.clip_names) for dump in dumps]
    if None not in names and names[0] != names[1]:
        return True
    distinct = first.clip_names, run.clip_names
    return None not in distinct and sorted(distinct[0] or ()) != sorted(distinct[1] or ())


def _check_same_labels(first: ComparedRun, run: ComparedRun) -> None:
    """See that every clip has the same label in two runs; nothing to see where clips have no names."""
    one, other = first.outcomes, run.outcomes
    if one is None or other is None or run.clip_names is None:
        return
    unequal = np.flatnonzero(one.labels != other.labels)
    if unequal.size:
        place = int(unequal[0])
        names = [first.insight.name_of(int(outcomes.labels[place])) for outcomes in (one, other)]
        raise ValueError(
            f'{len(unequal)} of {len(one.labels)} {units()} have another label in {run.path} than in '
            f'{first.path}, as '
            f'{sorted(run.clip_names)[place]}: {names[1]!r} and {names[0]!r}; test all runs on the same list'
        )
