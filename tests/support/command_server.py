"""A process without the path of the tests that runs commands of the checkout, each in a fork of its own.

What most commands import of others is loaded once, before the first fork; nothing of this project is.
"""

import json
import os
import runpy
import subprocess
import sys
import traceback
from pathlib import Path

LOADED = ('torch', 'mmengine.runner', 'scipy.stats', 'matplotlib.figure')


class CommandServer:
    """Runs commands as a user does from `root` in a fresh shell; a context manager.

    Args:
        root: Of the checkout.
        folder: For what they print.
    """

    def __init__(self, root, folder):
        self.output = folder / 'output.txt'
        environment = {name: value for name, value in os.environ.items() if name != 'PYTHONPATH'}
        pipes = {'stdin': subprocess.PIPE, 'stdout': subprocess.PIPE}
        self.process = subprocess.Popen([sys.executable, __file__], cwd=root, env=environment, text=True, **pipes)

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def run(self, *words):
        """Run `python` with these words; its exit status and what it printed."""
        self.process.stdin.write(json.dumps([str(self.output), words]) + '\n')
        self.process.stdin.flush()
        status = self.process.stdout.readline()
        assert status, 'the server has died; see what it printed'
        return int(status), self.output.read_text()


def serve():
    """Answer every line of a command with a line of its exit status."""
    for name in LOADED:
        __import__(name)
    for line in sys.stdin:
        output, words = json.loads(line)
        child = os.fork()
        if not child:
            _run(output, words)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _run(output, words):
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(file, stream)
    status = 1
    try:
        _start(words)
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _start(words):
    """What `python` does with these words: a module by -m, or a file; the first entry of the path is that of each."""
    if words[0] == '-m':
        sys.path[0], sys.argv = os.getcwd(), words[1:]
        runpy.run_module(words[1], run_name='__main__', alter_sys=True)
    else:
        sys.path[0], sys.argv = str(Path(words[0]).resolve().parent), words
        runpy.run_path(words[0], run_name='__main__')


if __name__ == '__main__':
    serve()
