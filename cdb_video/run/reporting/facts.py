"""The facts of a training, for its history and in ten lines of the log before the first step; of a test in fewer."""

from __future__ import annotations

import inspect
import logging
import platform
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from cdb_video.class_names import counted
from cdb_video.head_loss import head_losses
from cdb_video.host_words import sample, samples, unit, units
from cdb_video.hosts.host import applied_mends, hosts
from cdb_video.processes import get_world_size
from cdb_video.run.checkpoint_entry import CheckpointEntry
from cdb_video.run.handover import Handover
from cdb_video.run.loop import Loop
from cdb_video.run.parts import RunParts
from cdb_video.run.reporting.repository import commit_of
from cdb_video.version import __version__

_SCALARS = (bool, int, float, str, tuple, Path)
_LONGEST = 2000
_SHOWN = ('tau', 'strength', 'val_subset')
"""Of these a value is told wherever there is one."""


def log_facts(handover: Handover, hook: Any) -> None:
    """Log what a training is made of.

    Args:
        handover: Of the training, with the state that it starts from.
        hook: The one that owns the difficulty.
    """
    _log(handover.parts.logger, 'this training', _facts(handover, hook))


def run_facts(handover: Handover, hook: Any) -> dict[str, str]:
    """How a training was started, for its history: what is needed to start it again, and to see what it came of.

    The same for every start of an undisturbed run, but for the command.

    Args:
        handover: Of the training, with its lists of clips.
        hook: The one that owns the difficulty.
    """
    facts = dict(_facts(handover, hook))
    config = facts['config']
    folder = Path(config).parent
    command = shlex.join(sys.orig_argv)
    found = {
        'command': command if len(command) <= _LONGEST else f'{command[:_LONGEST]} ...',
        'config': config,
        'commit': commit_of(Path()) or (commit_of(folder) if folder.is_dir() else None),
        **{name: facts[name] for name in ('seed', 'method', 'data')},
        **{f'{role} list': _list(handover, role) for role in handover.lists},
        **{name: facts[name] for name in ('batch', 'device', 'versions')},
    }
    return {name: fact for name, fact in found.items() if fact is not None}


def _list(handover: Handover, role: str) -> str:
    """A list of clips by its file, where it has one, its length and the hash of what it holds."""
    file = getattr(handover.parts.counted_sets[role], 'ann_file', None)
    listed = handover.lists[role]
    named = f'{file}: ' if isinstance(file, str | Path) and str(file) else ''
    return f'{named}{counted(sum(listed.per_class), unit())}, hash {listed.digest}'


def log_test_facts(runner: Any, entry: CheckpointEntry, num_classes: int | None) -> None:
    """Log what a test evaluates, where no training in the same process has said the most of it.

    Args:
        runner: mmengine's Runner or FlexibleRunner, before the test.
        entry: Of the checkpoint that it has loaded.
        num_classes: C; None = not known.
    """
    _log(runner.logger, 'this test', _test_facts(runner, entry, num_classes))


def _log(logger: logging.Logger, title: str, facts: Iterator[tuple[str, str]]) -> None:
    logger.info('\n'.join([title, *(f'  {name:<10}{fact}' for name, fact in facts)]))


def described(part: Any) -> str:
    """A part of a run by its class, its tau or strength, and those arguments that are not the default."""
    settings = {
        name: getattr(part, name)
        for name, parameter in _parameters(part).items()
        # What is None by default is found out by the part itself, but for these.
        if (parameter.default is not None or name in _SHOWN) and isinstance(getattr(part, name, None), _SCALARS)
        if name in _SHOWN or getattr(part, name) != parameter.default
    }
    settings |= {name: value for name, value in getattr(part, 'smoothing', {}).items() if value}
    given = ', '.join(f'{name}={value if isinstance(value, Path) else repr(value)}' for name, value in settings.items())
    return f'{type(part).__name__}({given})' if given else type(part).__name__


def _parameters(part: Any) -> Mapping[str, inspect.Parameter]:
    """The parameters of its class, by name; none where that is not written in Python."""
    try:
        return inspect.signature(type(part)).parameters
    except ValueError:
        return {}


def _facts(handover: Handover, hook: Any) -> Iterator[tuple[str, str]]:
    parts, counts = handover.parts, handover.state.train_counts
    runner = parts.loop.runner
    yield 'config', _config(runner)
    yield 'writes to', str(parts.work_dir)
    of = '' if samples() == units() else f' {samples()}'
    validated = '' if parts.val_set is None else f', {len(parts.val_set)}{of} to validate on'
    yield 'data', f'{len(counts)} classes; {counts.sum()} {units()} to train on{validated}'
    yield 'method', '; '.join(map(described, (*_losses(parts), parts.sampler, hook)))
    yield 'length', _length(parts)
    yield 'batch', f'{_batch_size(parts)} {samples()} in {counted(get_world_size(), "process", "processes each")}'
    yield 'device', _device(parts.model)
    yield 'seed', f'{getattr(runner, "seed", None)}{"" if parts.loop.has_given_seed else ", drawn: none was given"}'
    yield 'versions', ', '.join(_versions())
    yield 'mended', ', '.join(name.replace('_', ' ') for name in applied_mends()) or 'nothing'


def _test_facts(runner: Any, entry: CheckpointEntry, num_classes: int | None) -> Iterator[tuple[str, str]]:
    dataset: Any = getattr(runner.test_dataloader, 'dataset', None)
    sizes = [] if num_classes is None else [counted(num_classes, 'class', 'classes')]
    # Sets and loaders of users need not tell.
    unknown = f'{samples()} not counted'
    sizes.append(f'{counted(len(dataset), sample())} to test on' if hasattr(dataset, '__len__') else unknown)
    yield 'config', _config(runner)
    yield 'weights', f'{Loop(runner).load_from or "none were loaded"}{_trained_for(entry)}'
    yield 'writes to', str(runner.work_dir)
    yield 'data', '; '.join(sizes)
    yield 'metrics', '; '.join(map(described, runner.test_loop.evaluator.metrics))
    yield 'device', _device(runner.model)
    yield 'versions', ', '.join(_versions())


def _config(runner: Any) -> str:
    return getattr(runner.cfg, 'filename', None) or 'not from a file'


def _trained_for(entry: CheckpointEntry) -> str:
    """How long the weights were trained, as far as the checkpoint says."""
    if entry.epoch:
        return f', trained for {counted(entry.epoch, "epoch")}'
    return f', trained for {counted(entry.iteration, "step")}' if entry.iteration else ''


def _losses(parts: RunParts) -> list[Any]:
    """The losses that know of classes, else the ones that the model calls so."""
    ours = [part for part in parts.class_parts.values() if part is not parts.sampler]
    return ours or list(head_losses(parts.model).values())


def _length(parts: RunParts) -> str:
    loop, steps = parts.loop, counted(parts.loop.last_step, 'step')
    if loop.by_epoch:  # else the loader need not have a length
        steps = f'{counted(loop.max_epochs, "epoch")} of {counted(len(parts.train_loader), "step")}'
    return f'{steps}, of which {loop.step} are done' if loop.step else steps


def _batch_size(parts: RunParts) -> Any:
    """Of one process; loaders and batch samplers of users need not tell."""
    size = getattr(parts.train_loader, 'batch_size', None)
    return getattr(getattr(parts.train_loader, 'batch_sampler', None), 'batch_size', '?') if size is None else size


def _device(model: nn.Module) -> str:
    device = next((one.device for one in model.parameters()), torch.device('cpu'))
    return f'{device} ({torch.cuda.get_device_name(device)})' if device.type == 'cuda' else str(device)


def _versions() -> Iterator[str]:
    yield f'cdb_video {__version__}'
    yield f'Python {platform.python_version()}'
    yield f'torch {torch.__version__}'
    for host in hosts():
        if host.package in sys.modules:
            yield f'{host.name} {getattr(sys.modules[host.package], "__version__", "?")}'
