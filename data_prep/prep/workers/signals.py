"""Start and end of worker processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading


def count_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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
