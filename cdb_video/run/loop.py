"""The training loop of a run: when it validates, where it was resumed."""

from __future__ import annotations

import bisect
from typing import Any

from mmengine.hooks import CheckpointHook


def first_validation(loop: Any, by_epoch: bool) -> int | None:
    """The epoch or iteration of the first validation; None if the run ends before `val_begin`."""
    last = loop.max_epochs if by_epoch else loop.max_iters
    for step in range(max(1, loop.val_begin), last + 1):
        interval = loop.dynamic_intervals[bisect.bisect(loop.dynamic_milestones, step + 1) - 1]
        if step % interval == 0 or step == last:
            return step
    return None


def validation_due(loop: Any, by_epoch: bool) -> bool:
    """Whether the training loop validates at the point where it stands now, as the loops of mmengine decide it."""
    loop._decide_current_val_interval()
    step, last = (loop.epoch, loop.max_epochs) if by_epoch else (loop.iter, loop.max_iters)
    return bool(step > 0 and step >= loop.val_begin and (step % loop.val_interval == 0 or step == last))


def remember_checkpoint(runner: Any, by_epoch: bool) -> None:
    """Let CheckpointHook take the checkpoint that the run was resumed from for one that it wrote itself.

    After a new best one it saves the newest checkpoint again, so that this knows of the validation; but not in a
    resumed run that has saved none yet.

    Args:
        runner: That stands where it was resumed, with a validation to make up for.
        by_epoch: Whether its loop is by epoch.
    """
    for hook in runner.hooks:
        if not isinstance(hook, CheckpointHook) or hook.last_ckpt is not None or hook.by_epoch != by_epoch:
            continue
        name = hook.filename_tmpl.format(runner.epoch if by_epoch else runner.iter)
        path = hook.file_backend.join_path(hook.out_dir, name)
        if runner.message_hub.runtime_info.get('last_ckpt') == path and hook.file_backend.exists(path):
            hook.last_ckpt = path
