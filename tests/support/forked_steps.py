"""The trainings and scorings of a cross-fit in forks of a process that has imported everything: seconds for all."""

import multiprocessing
import os
import signal
import subprocess

PRELOADED = [
    'torch._dynamo',
    'matplotlib.pyplot',
    'mmaction.models',
    'cdb_video.commands.train',
    'cdb_video.commands.test',
    'cdb_video.hooks.class_difficulty',
    'cdb_video.losses.cdb',
    'cdb_video.restart.checkpoint_hook',
    'cdb_video.restart.sample_seed_hook',
    'tests.support.deadly_hook',
    'tests.support.toys',
]


def start_forked(words, environ, output, handed_on):
    """In the place of `cdb_video.cross_fit.runs.start_process`."""
    del output, handed_on
    return Forked(list(words[words.index('cdb_video_command') + 1 :]), environ)


class Forked:
    """What is used of subprocess.Popen."""

    def __init__(self, words, environ):
        context = multiprocessing.get_context('forkserver')
        context.set_forkserver_preload(PRELOADED)
        self.process = context.Process(target=_run, args=(words, environ, os.getcwd()))
        self.process.start()

    def wait(self, timeout=None):
        self.process.join(timeout)
        if self.process.exitcode is None:
            raise subprocess.TimeoutExpired('forked', timeout)
        return self.process.exitcode

    def terminate(self):
        self.process.terminate()

    def kill(self):
        self.process.kill()


def _run(words, environ, folder):
    import torch

    from cdb_video_command.main import main
    from tests.support import toys

    signal.signal(signal.SIGINT, signal.SIG_DFL)
    torch.set_num_threads(1)
    assert toys
    os.environ.update(environ)
    os.chdir(folder)
    null = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(null, stream)
    raise SystemExit(main(words))
