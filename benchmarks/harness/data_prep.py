"""Commands of data_prep, run in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys

from benchmarks.harness.results import REPOSITORY

DATA_PREP = REPOSITORY / 'data_prep'
VERB_LISTS = ('--label', 'verb', '--split', 1, '--hold-out', 'subjects:P20-P26')
"""Options of build_lists: those of the quickstart."""
_SHOWN = 3000
"""Characters of what a command that failed had to say."""


def command(name: str, *arguments: object) -> list[str]:
    """The command line of `data_prep/<name>.py`."""
    return [sys.executable, str(DATA_PREP / f'{name}.py'), *map(str, arguments)]


def run(name: str, *arguments: object) -> None:
    """Run `data_prep/<name>.py` on one thread, and keep what it says to itself.

    Raises:
        RuntimeError: If it fails; with the end of what it said.
    """
    words = command(name, *arguments)
    environment = {**os.environ, 'OMP_NUM_THREADS': '1'}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise RuntimeError(f'{" ".join(words)} ended with {done.returncode}\n{done.stderr[-_SHOWN:]}')
