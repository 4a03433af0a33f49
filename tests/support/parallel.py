"""Calling a function in several processes with a gloo group, from a server that has imported everything once."""

import gc
import multiprocessing
import os
import pickle
import tempfile
import time
import traceback
from pathlib import Path

PRELOADED = [
    'cdb_video.hooks.class_difficulty',
    'cdb_video.losses.cdb',
    'cdb_video.restart.checkpoint_hook',
    'cdb_video.samplers.cdb_sampler',
    'matplotlib.pyplot',
    'tests.support.runs',
    'tests.support.parallel',
]


def in_processes(number, function, *arguments, timeout=120):
    """Call ``function(rank, *arguments)`` in `number` processes of one group, and return the results by rank.

    An exception in one of them, or a process that dies or hangs, is an AssertionError with its traceback.
    """
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload(PRELOADED)
    with tempfile.TemporaryDirectory() as folder:
        started = [
            context.Process(target=_enter, args=(rank, number, folder, function, arguments), daemon=True)
            for rank in range(number)
        ]
        for process in started:
            process.start()
        end = time.monotonic() + timeout
        for process in started:
            process.join(max(0.1, end - time.monotonic()))
        for process in started:
            process.kill()
            process.join()
        outcomes = []
        for rank in range(number):
            path = Path(folder, str(rank))
            assert path.exists(), f'process {rank} of {number} died or hung (status {started[rank].exitcode})'
            outcomes.append(pickle.loads(path.read_bytes()))
    for rank, (failure, _) in enumerate(outcomes):
        assert failure is None, f'process {rank} of {number}:\n{failure}'
    return [result for _, result in outcomes]


def error_of(function):
    """What `function` raises, as (type, text, notes); None if nothing."""
    try:
        function()
    except Exception as error:
        return type(error).__name__, str(error), getattr(error, '__notes__', [])
    return None


def _enter(rank, number, folder, function, arguments):
    import torch

    gc.freeze()  # mmengine collects garbage for every data set, among all that was imported
    torch.set_num_threads(1)
    os.environ.update(RANK=str(rank), WORLD_SIZE=str(number), LOCAL_RANK=str(rank))
    try:
        torch.distributed.init_process_group('gloo', init_method=f'file://{folder}/group', rank=rank, world_size=number)
        outcome = None, function(rank, *arguments)
    except Exception:
        outcome = traceback.format_exc(), None
    content = pickle.dumps(outcome)
    Path(folder, f'{rank}.new').write_bytes(content)
    Path(folder, f'{rank}.new').rename(Path(folder, str(rank)))
    # No good-bye to the group: after an error the others may be waiting in it.
    os._exit(0)
