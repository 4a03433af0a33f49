"""Deaths for `benchmarks.training.kill`: a process that kills itself with SIGKILL at a named point of a training.

A config imports this module (`custom_imports`) and lists `DeathHook` and `WitnessHook`; the product is not
touched. Which point, and in which epoch, says the environment variable DEATH, such as 'step:2'; without it
nobody dies. Files are watched where Python opens them, so that it does not matter who writes them and how.
"""

from __future__ import annotations

import builtins
import io
import json
import os
import signal
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn
from unittest import mock

import torch
from mmengine.hooks import Hook
from mmengine.registry import HOOKS

VARIABLE = 'DEATH'
WITNESS_NAME = 'seen.jsonl'

# What is opened, whether half of it is written before death, and which time in that epoch: {} is the epoch.
FILES = {
    'before a checkpoint is begun': ('epoch_{}.pth', False, 1),
    'in the middle of a checkpoint': ('epoch_{}.pth', True, 1),
    'in the middle of last_checkpoint': ('last_checkpoint', True, 1),
    'in the middle of a line of the history': ('class_history.jsonl', True, 1),
    'before the best checkpoint is begun': ('best_', False, 1),
    'in the middle of the best checkpoint': ('best_', True, 1),
    'best saved, checkpoint not saved again': ('epoch_{}.pth', False, 2),
    'in the middle of the checkpoint saved again': ('epoch_{}.pth', True, 2),
    'in the middle of the class report': ('class_report', True, 1),
}
# What is deleted; of the checkpoints that which is one too many.
DELETIONS = {
    'checkpoint written, the oldest not deleted': 'epoch_{surplus}.pth',
    'best written, the earlier best not deleted': 'best_',
}
POINTS = (
    'inside a training step',
    'between checkpoint and validation',
    'in validation',
    'difficulty measured, not recorded',
    'history written, best not saved',
    'last checkpoint saved, run not ended',
    *FILES,
    *DELETIONS,
)
KEPT = 2  # max_keep_ckpts of the mini configs
# Those that need a validation which beats an earlier one, and those at the end of training.
OF_A_BEST = tuple(point for point in (*FILES, *DELETIONS) if 'best' in point or 'again' in point)
OF_THE_END = ('in the middle of the class report', 'last checkpoint saved, run not ended')


def die(*_args: Any, **_kwargs: Any) -> NoReturn:
    """Kill this process and its workers, as a scheduler does."""
    os.killpg(os.getpgid(0), signal.SIGKILL)
    raise AssertionError('survived SIGKILL')


@HOOKS.register_module()
class DeathHook(Hook):
    """Dies where DEATH says."""

    # After ClassDifficultyHook (LOW) and before CheckpointHook (VERY_LOW).
    priority = 80

    def __init__(self) -> None:
        self.point, _, epoch = os.environ.get(VARIABLE, '').partition(':')
        self.epoch = int(epoch or 0)
        if self.point and self.point not in POINTS:
            raise ValueError(f'{VARIABLE}={self.point!r}: must be one of {", ".join(POINTS)}')

    def before_train_epoch(self, runner: Any) -> None:
        """Lay the traps of this epoch, which lie until the next."""
        if runner.epoch + 1 != self.epoch:
            return
        if self.point in FILES:
            name, half, times = FILES[self.point]
            watch_files(name.format(self.epoch), half, times)
        if self.point in DELETIONS:
            watch_deletions(DELETIONS[self.point].format(surplus=self.epoch - KEPT))
        if self.point == 'difficulty measured, not recorded':
            mock.patch('cdb_video.hooks.difficulty_owner.record_validation', die).start()

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        """Between the gradients of the third step and their use."""
        if self.point == 'inside a training step' and (runner.epoch + 1, batch_idx) == (self.epoch, 2):
            runner.optim_wrapper.step = die

    def after_val_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """After the second batch of the validation."""
        if (self.point, batch_idx, runner.epoch) == ('in validation', 1, self.epoch):
            die()

    def after_val_epoch(self, runner: Any, metrics: Any = None) -> None:
        """Behind ClassDifficultyHook, before CheckpointHook."""
        if (self.point, runner.epoch) == ('history written, best not saved', self.epoch):
            die()

    def after_train(self, runner: Any) -> None:
        """Behind the last validation and all that it led to."""
        if self.point == 'last checkpoint saved, run not ended':
            die()

    def before_val_epoch(self, runner: Any) -> None:
        """Behind CheckpointHook's checkpoint of the epoch."""
        if (self.point, runner.epoch) == ('between checkpoint and validation', self.epoch):
            die()


@HOOKS.register_module()
class WitnessHook(Hook):
    """Writes down what the model is trained on: per step the labels and a checksum of the clips."""

    # After ClassDifficultyHook has made up for a validation, which changes the order.
    priority = 'LOWEST'

    def before_train_epoch(self, runner: Any) -> None:
        """The order of the sampler in this epoch."""
        order = [int(index) for index in runner.train_dataloader.sampler]
        self._write(runner, {'epoch': runner.epoch, 'order': order})

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        """The clips of this step."""
        clips = torch.stack(list(data_batch['inputs']))
        labels = [int(sample.gt_label) for sample in data_batch['data_samples']]
        self._write(runner, {'iter': runner.iter, 'labels': labels, 'clips': zlib.crc32(clips.numpy().tobytes())})

    def _write(self, runner: Any, entry: dict[str, Any]) -> None:
        with Path(runner.work_dir, WITNESS_NAME).open('a') as file:
            file.write(json.dumps(entry) + '\n')


def watch_files(name: str, half: bool, times: int) -> None:
    """Die when a file whose name begins with `name` is opened for writing for the `times`-th time."""
    seen = 0

    def watching(original: Callable[..., Any]) -> Callable[..., Any]:
        def watched(file: Any, mode: str = 'r', *args: Any, **kwargs: Any) -> Any:
            nonlocal seen
            if isinstance(file, str | os.PathLike) and mode[0] in 'wa' and Path(file).name.startswith(name):
                seen += 1
                if seen == times:
                    if not half:
                        die()
                    return _DyingFile(original(file, mode, *args, **kwargs))
            return original(file, mode, *args, **kwargs)

        return watched

    # pathlib takes the one, everybody else the other.
    io.open, builtins.open = watching(io.open), watching(builtins.open)


def watch_deletions(name: str) -> None:
    """Die when a file whose name begins with `name` is to be deleted."""
    remove = os.remove

    def watched(path: Any, *args: Any, **kwargs: Any) -> None:
        if Path(path).name.startswith(name):
            die()
        remove(path, *args, **kwargs)

    os.remove = watched


class _DyingFile:
    """A file of which half of what is written reaches the disk."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def __enter__(self) -> _DyingFile:
        return self

    def __exit__(self, *_error: object) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def write(self, content: Any) -> NoReturn:
        """Write half of the content, and die."""
        self._file.write(content[: len(content) // 2])
        self._file.flush()
        die()
