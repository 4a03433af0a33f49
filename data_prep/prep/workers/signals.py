"""Start and end of worker processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from multiprocessing.context import BaseContext

_LOADED = ('av', 'cv2', 'numpy')
"""What all workers import: the process that they are forked from has it, and does nothing with it."""


def worker_context() -> BaseContext:
    """How worker processes are started: not forked from this one, whose decoders and encoders may hold locks.

    On Linux they are forked from a server that has loaded what all of them import; elsewhere each is spawned. Where
    this process has started such a server already, that one is used, whatever it has loaded.
    """
    if sys.platform != 'linux':
        return multiprocessing.get_context('spawn')
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload(list(_LOADED))
    return context


def start_worker() -> None:
    """Prepare a worker: Ctrl-C is the parent's affair, and without a parent there is no work.

    A pool's worker waits for its next task on a pipe that its siblings hold open too, so the death
    of a parent that could not shut the pool down would go unnoticed.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, name='end-with-parent', daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
