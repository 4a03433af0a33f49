"""Checkpoints that a full disk and a kill leave as good as they were: `EnduringCheckpointHook`.

MMEngine deletes old checkpoints before it writes a new one, and a write that fails ends the training. After days
of training the better answer is to keep what is there, to say loudly what is missing, and to go on; disks
are cleared. Only the end of training is different: if its last checkpoint cannot be written, that is an error.
"""

from __future__ import annotations

import contextlib
import errno
from pathlib import Path
from typing import Any

from mmengine.hooks import CheckpointHook

from cdb_video.processes import is_main_process
from cdb_video.run.own_checkpoints import keep_own_checkpoints, mend_last_checkpoint
from cdb_video_files.atomic import write_atomically

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_BEST = ('best_score', 'best_ckpt')  # how the entries of the message hub begin


class EnduringCheckpointHook(CheckpointHook):
    """mmengine's CheckpointHook that never has fewer good checkpoints than before.

    - Files appear complete or not at all (the 'atomic' backend), unless `backend_args` names another.
    - An old checkpoint is deleted when the new one is on the disk, not before; the best one likewise. So one more
      than `max_keep_ckpts` fits on the disk for a moment. Where it does not, the oldest goes first, but never the
      last that there is.
    - If a checkpoint cannot be written, the run goes on with a warning, and the earlier ones stay. If that of the
      last epoch (or iteration) still cannot be written when training ends, the run ends with that error.
    - A run that is resumed from another folder, or from a copy, deletes nothing there: see
      `cdb_video.run.own_checkpoints`.

    Args:
        **kwargs: Those of mmengine's CheckpointHook.

    Raises:
        OSError: After training, if its last checkpoint cannot be written.
    """

    max_keep_ckpts: int
    keep_ckpt_ids: Any

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{'backend_args': {'backend': 'atomic'}, **kwargs})
        self._unsaved: tuple[int, dict[str, Any]] | None = None
        self._replaced_best: dict[str, str | None] = {}

    def before_run(self, runner: Any) -> None:
        """Let a folder that was moved or copied be resumed from its own file."""
        mend_last_checkpoint(runner)

    def before_train(self, runner: Any) -> None:
        """Begin with the files of this run, not with those of the one whose checkpoint it is resumed from."""
        keep_own_checkpoints(runner)
        super().before_train(runner)

    def after_train(self, runner: Any) -> None:
        """Try once more where the last checkpoint could not be written.

        Raises:
            OSError: If it cannot be written now either.
        """
        if self._unsaved is not None and self._unsaved[0] == (runner.epoch if self.by_epoch else runner.iter):
            self._write_before_deleting(runner, *self._unsaved, self._kept())
        super().after_train(runner)

    def _save_checkpoint_with_step(self, runner: Any, step: int, meta: dict[str, Any]) -> None:
        """Write first, delete then; called for a new checkpoint, and again after a new best one."""
        self._remove_replaced_best()
        kept = self._kept()
        last = self.last_ckpt
        surplus = len(kept) == self.max_keep_ckpts and kept[-1:] != [step]
        try:
            try:
                self._write_before_deleting(runner, step, meta, kept)
            except OSError as error:
                if not surplus or len(kept) < 2 or error.errno not in _NO_ROOM:
                    raise
                self._remove(self._path(kept.pop(0)))
                self._write_before_deleting(runner, step, meta, kept)
            self._unsaved = None
        except OSError as error:
            self._unsaved = (step, meta)
            self._go_on_without(runner, step, kept, last, error)

    def _write_before_deleting(self, runner: Any, step: int, meta: dict[str, Any], kept: list[int]) -> None:
        """The way of mmengine, with room for one more checkpoint, and the oldest deleted after it."""
        if self.max_keep_ckpts <= 0:
            super()._save_checkpoint_with_step(runner, step, meta)
            return
        limit = self.max_keep_ckpts
        # The file names the surplus one too, so that a run that is killed before the deletion makes up for it.
        self.keep_ckpt_ids = type(self.keep_ckpt_ids)(kept, limit + 1)
        self.max_keep_ckpts = limit + 1
        try:
            super()._save_checkpoint_with_step(runner, step, meta)
        finally:
            self.max_keep_ckpts = limit
        while len(self.keep_ckpt_ids) > limit:
            self._remove(self._path(self.keep_ckpt_ids.popleft()))
        self._set_kept(runner, list(self.keep_ckpt_ids))

    def _go_on_without(self, runner: Any, step: int, kept: list[int], last: str | None, error: OSError) -> None:
        """Leave everything as if this checkpoint had not been due, and say so."""
        if self.max_keep_ckpts > 0:
            self._set_kept(runner, kept)
        self.last_ckpt = last
        if last is not None:
            runner.message_hub.update_info('last_ckpt', last)
            with contextlib.suppress(OSError):  # a torn note is found out by those who read it
                write_atomically(Path(runner.work_dir, 'last_checkpoint'), str(last).encode())
        runner.logger.error(
            f'{self._path(step)} could not be written ({error}): training goes on, and a restart would begin '
            f'from {last or "the start"}. Free disk space; the next checkpoint is tried as usual'
        )

    def _save_best_checkpoint(self, runner: Any, metrics: dict[str, Any]) -> None:
        """Keep the earlier best checkpoint until the new one is on the disk."""
        before = self._best_paths()
        known = {key: info for key, info in runner.message_hub.runtime_info.items() if key.startswith(_BEST)}
        # mmengine deletes what it finds here before it writes.
        self._set_best_paths(dict.fromkeys(before))
        self._replaced_best = before
        try:
            super()._save_best_checkpoint(runner, metrics)
        except OSError as error:
            self._replaced_best = {}
            self._set_best_paths(before)
            for key in [key for key in runner.message_hub.runtime_info if key.startswith(_BEST)]:
                runner.message_hub.runtime_info.pop(key)
            for key, info in known.items():
                runner.message_hub.update_info(key, info)
            runner.logger.error(
                f'the new best checkpoint could not be written ({error}): training goes on, and the best one on the '
                f'disk is still {", ".join(filter(None, before.values())) or "none"}. Free disk space'
            )
            return
        self._set_best_paths({key: path or before[key] for key, path in self._best_paths().items()})
        self._remove_replaced_best()

    def _remove_replaced_best(self) -> None:
        """Delete the best checkpoints that have a successor on the disk by now."""
        for key, path in self._best_paths().items():
            old = self._replaced_best.get(key)
            if path and old and old != path:
                self._remove(old)
                self._replaced_best[key] = None

    def _best_paths(self) -> dict[str, str | None]:
        """The best checkpoint for each monitored key; the only one goes without its name."""
        if not self.save_best:
            return {}
        if len(self.key_indicators) == 1:  # its name may still be 'auto'
            return {'': self.best_ckpt_path}
        return dict(self.best_ckpt_path_dict)

    def _set_best_paths(self, paths: dict[str, str | None]) -> None:
        if paths and len(self.key_indicators) == 1:
            (self.best_ckpt_path,) = paths.values()
        elif paths:
            self.best_ckpt_path_dict = dict(paths)

    def _kept(self) -> list[int]:
        return list(self.keep_ckpt_ids) if self.max_keep_ckpts > 0 else []

    def _set_kept(self, runner: Any, kept: list[int]) -> None:
        self.keep_ckpt_ids = type(self.keep_ckpt_ids)(kept, self.max_keep_ckpts)
        runner.message_hub.update_info('keep_ckpt_ids', kept)

    def _path(self, step: int) -> str:
        return str(self.file_backend.join_path(self.out_dir, self.filename_tmpl.format(step)))

    def _remove(self, path: str) -> None:
        """Delete a checkpoint, which is a folder where DeepSpeed wrote it."""
        if not is_main_process():
            return
        if self.file_backend.isfile(path):
            self.file_backend.remove(path)
        elif self.file_backend.isdir(path):
            self.file_backend.rmtree(path)
