"""Settings of loops, checkpoints and schedulers that end a run late, or that silently do nothing."""

from __future__ import annotations

import os
from typing import Any

from mmengine.dataset import InfiniteSampler
from mmengine.hooks import CheckpointHook

from cdb_video.run.own_checkpoints import all_schedulers
from cdb_video.run.parts import RunParts
from cdb_video.run.refusals.evaluation import check_loader, check_writable


def check_loop(parts: RunParts) -> None:
    """Check what drives a training and what is saved of it; warn of what would never act.

    Raises:
        ValueError: If there is nothing to train on or to validate, an interval is none, or checkpoints cannot be
            written, or would take each other's place.
    """
    _check_lengths(parts)
    is_endless = getattr(parts.sampler, 'infinite', False) or isinstance(parts.sampler, InfiniteSampler)
    if not is_endless:
        check_loader(parts.train_loader, 'train_dataloader')
    if parts.val_loader is not None:
        check_loader(parts.val_loader, 'val_dataloader')
    for hook in parts.hooks:
        if isinstance(hook, CheckpointHook):
            _check_files(hook, parts)
    if not parts.loop.by_epoch:
        _warn_of_epochs(parts)


def _check_lengths(parts: RunParts) -> None:
    loop, length = parts.loop, 'max_epochs' if parts.loop.by_epoch else 'max_iters'
    settings = {length: loop.last_step}
    if loop.validates:
        settings['val_interval'] = loop.stated_val_interval
    for name, value in settings.items():
        if not _is_whole(value) or value < 1:
            raise ValueError(f'train_cfg: {name}={value!r}: must be a whole number of at least 1')


def _is_whole(value: Any) -> bool:
    """Whether it is a whole number, also one that is written as 1e3."""
    return isinstance(value, int) or (isinstance(value, float) and value.is_integer())


def _check_files(hook: Any, parts: RunParts) -> None:
    """That the checkpoints of two steps have two names, in a folder that can be written to."""
    template = hook.filename_tmpl
    try:
        name = template.format(1)
        is_numbered = name != template.format(2)
    except (IndexError, KeyError, ValueError):
        name, is_numbered = '', False
    if not is_numbered:
        said = f'filename_tmpl={template!r} of CheckpointHook'
        rule = "must contain '{}' once, for the number of the epoch or iteration, as 'epoch_{}.pth' does"
        if not name:
            raise ValueError(f'{said}: {rule}')
        if hook.max_keep_ckpts > 0:
            raise ValueError(f'{said}, with max_keep_ckpts={hook.max_keep_ckpts}, would delete the newest: it {rule}')
        parts.logger.warning(f'{said}: every checkpoint takes the place of the one before. To keep all, it {rule}')
    if hook.out_dir is not None:
        path = os.path.join(os.fspath(hook.out_dir), parts.work_dir.name, name)
        check_writable(path, f'out_dir={os.fspath(hook.out_dir)!r} of CheckpointHook')


def _warn_of_epochs(parts: RunParts) -> None:
    """Say what counts in epochs where there is but one, that of the whole training."""
    for hook in parts.hooks:
        if isinstance(hook, CheckpointHook) and hook.by_epoch:
            parts.logger.warning(
                f'CheckpointHook(by_epoch=True) in {parts.loop.kind}: it saves at the end of training only, so a kill '
                'would cost all of it. Set by_epoch=False, and interval in iterations'
            )
    idle = {
        type(one).__name__
        for one in all_schedulers(parts.schedulers)
        if one.by_epoch and not getattr(one, 'need_val_args', False)
    }
    if idle:
        parts.logger.warning(
            f'{", ".join(sorted(idle))} with by_epoch=True in {parts.loop.kind} never acts: its one epoch is the whole '
            'training. Set by_epoch=False, and begin, end, milestones or T_max in iterations'
        )
