"""Hooks for runs that are disturbed; named in configs that are trained in processes of their own."""

import hashlib
import os
import signal
import time
from pathlib import Path

from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import runner

# mmengine asks compilers for their versions, which takes longer than the training.
runner.collect_env = dict


@HOOKS.register_module(force=True)
class SignalOnce(Hook):
    """Before iteration `iteration`, process `rank` sends a signal, and waits; once in the life of `note`.

    `to` is 'self', 'parent' or the id of a process; `folder` ends the name of the work directory.
    """

    def __init__(self, note, iteration, rank=0, name='SIGKILL', to='self', folder=''):
        self.note, self.iteration, self.rank, self.name, self.to = Path(note), iteration, rank, name, to
        self.folder = folder

    @property
    def _receiver(self):
        return {'self': os.getpid(), 'parent': os.getppid()}.get(self.to, self.to)

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        is_place = runner.iter == self.iteration and str(runner.work_dir).endswith(self.folder)
        if is_place and get_rank() == self.rank and not self.note.exists():
            self.note.touch()
            os.kill(self._receiver, getattr(signal, self.name))
            time.sleep(60)
            raise RuntimeError(f'{self.name} should have ended this process')


@HOOKS.register_module(force=True)
class RaiseOnce(Hook):
    """Before iteration `iteration`, process `rank` raises an error with this sentence."""

    def __init__(self, iteration, rank, sentence):
        self.iteration, self.rank, self.sentence = iteration, rank, sentence

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == self.iteration and get_rank() == self.rank:
            raise RuntimeError(self.sentence)


@HOOKS.register_module(force=True)
class NoteOrder(Hook):
    """Appends to ``order_<rank>.txt`` what every iteration trains on."""

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        clips = [hashlib.md5(feature.numpy().tobytes()).hexdigest()[:6] for feature in data_batch['inputs']]
        with Path(runner.work_dir, f'order_{get_rank()}.txt').open('a') as file:
            file.write(f'{runner.iter} {" ".join(clips)}\n')
