"""The trainings of a cross-fit or a sweep in forks of a process that has imported everything: seconds for all."""

import multiprocessing
import multiprocessing.connection
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
    """In the place of `cdb_video.launch.steps.start_process`; of torchrun's processes too."""
    del handed_on
    output = os.devnull if output is None else os.path.abspath(output.name)
    command = list(words[words.index('cdb_video_command') + 1 :])
    options = dict(word[2:].split('=') for word in words if word.startswith('--') and '=' in word)
    number = int(options.get('nproc-per-node', 1))
    if number == 1:
        return Forked([(command, environ)], output)
    names = {'MASTER_ADDR': options['master-addr'], 'MASTER_PORT': options['master-port'], 'WORLD_SIZE': str(number)}
    ranks = [{'RANK': str(rank), 'LOCAL_RANK': str(rank)} for rank in range(number)]
    return Forked([(command, {**environ, **names, **rank}) for rank in ranks], output)


class Forked:
    """What is used of subprocess.Popen; when one of several processes fails, the others are ended, as by torchrun."""

    def __init__(self, each, output):
        context = multiprocessing.get_context('forkserver')
        context.set_forkserver_preload(PRELOADED)
        self.processes = [context.Process(target=_run, args=(*one, os.getcwd(), output)) for one in each]
        for process in self.processes:
            process.start()

    def wait(self, timeout=None):
        left, failure = list(self.processes), 0
        while left:
            ready = multiprocessing.connection.wait([process.sentinel for process in left], timeout)
            if not ready:
                raise subprocess.TimeoutExpired('forked', timeout)
            for process in [process for process in left if process.sentinel in ready]:
                process.join()
                left.remove(process)
                if process.exitcode and not failure:
                    failure = process.exitcode
                    self.kill()
        return failure

    def terminate(self):
        for process in self.processes:
            process.terminate()

    def kill(self):
        for process in self.processes:
            process.kill()


def _run(words, environ, folder, output):
    import torch

    from cdb_video_command.main import main
    from tests.support import toys

    signal.signal(signal.SIGINT, signal.SIG_DFL)
    torch.set_num_threads(1)
    assert toys
    os.environ.update(environ)
    os.chdir(folder)
    to = os.open(output, os.O_WRONLY | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(to, stream)
    raise SystemExit(main(words))
