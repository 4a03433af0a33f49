"""The pool of workers: a task that crashes or hangs is lost alone, and said to be."""

import functools
import os
import signal
import time

import pytest
from worker_pool import Lost, PoolError, run_tasks


def work(task, beat):
    """What a task is called is what it does."""
    beat()
    if task == 'crash':
        os._exit(7)
    if task == 'killed':
        os.kill(os.getpid(), signal.SIGKILL)
    if task == 'hang':
        time.sleep(60)
    if task == 'slow':
        for _ in range(4):
            time.sleep(0.4)
            beat()
    if task == 'bug':
        raise KeyError('a bug')
    return task.upper()


def no_worker(task, beat, missing):
    """Cannot be called as the pool calls it."""


class Unloadable:
    """Cannot be loaded in another process."""

    def __reduce__(self):
        return (os._exit, (3,))


@pytest.mark.parametrize('workers', [1, 2])
def test_every_task_is_done_once_though_some_lose_their_process(workers):
    tasks = ['a', 'crash', 'b', 'killed', 'c', 'hang', 'd', 'slow']
    # Slow shows signs of life all along, hang does not.
    results = dict(run_tasks(work, tasks, workers, stall_seconds=1.3))
    assert list(sorted(results)) == sorted(tasks)
    for task in ('a', 'b', 'c', 'd', 'slow'):
        assert results[task] == task.upper()
    assert 'exit code 7' in results['crash'].reason
    assert results['hang'] == Lost('no frame for 1.3 seconds: the decoder hangs')
    if os.name == 'posix':
        assert 'signal 9' in results['killed'].reason


def test_no_task_needs_no_worker():
    assert list(run_tasks(work, [], 4, 1)) == []


def test_a_bug_is_raised_with_the_task_it_showed_in():
    with pytest.raises(RuntimeError, match=r"bug: KeyError\('a bug'\)"):
        list(run_tasks(work, ['bug', 'a'], 1, 60))


def test_a_worker_that_cannot_start_ends_the_run():
    function = functools.partial(no_worker, missing=Unloadable())
    with pytest.raises(PoolError, match='could not start'):
        list(run_tasks(function, ['a', 'b'], 1, 60))


def test_a_closed_pool_finishes_what_is_in_work_and_begins_nothing_else(tmp_path):
    function = functools.partial(note, folder=str(tmp_path))
    results = run_tasks(function, [f'{number}' for number in range(50)], 2, 60)
    next(results)
    results.close()
    begun, ended = (sorted(path.stem for path in tmp_path.glob(f'*.{what}')) for what in ('begun', 'ended'))
    assert begun == ended
    assert 1 <= len(ended) < 10


def note(task, beat, folder):
    """Leave a file at the beginning and one at the end."""
    open(f'{folder}/{task}.begun', 'w').close()
    time.sleep(0.05)
    open(f'{folder}/{task}.ended', 'w').close()
    return task
