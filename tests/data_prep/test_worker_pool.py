"""The pool of workers: a task that crashes or hangs is lost alone, and said to be."""

import functools
import gc
import os
import signal
import time
from pathlib import Path

import pytest
from prep.workers.pool import Lost, PoolError, run_tasks


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
    if task == 'stubborn':
        raise Stubborn(1, 2)
    return task.upper()


class Stubborn(Exception):
    """Cannot be made from its args, as pickle would."""

    def __init__(self, one, other):
        super().__init__(one)


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


@pytest.mark.skipif(os.name != 'posix', reason='needs POSIX signals')
def test_a_worker_that_dies_between_two_tasks_costs_none():
    results = run_tasks(tell_process, ['a', 'b', 'c'], 1, 60)
    _, first = next(results)
    # It waits for its next task, which it gets when the loop goes on.
    os.kill(first, signal.SIGKILL)
    wait_for_the_end_of(first)
    (_, second), (_, third) = results
    assert first != second == third


def wait_for_the_end_of(pid):
    """Wait until all threads of a worker that was killed have ended, and with them its end of the connection."""
    try:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    except ChildProcessError:  # it is a child of the server
        deadline = time.monotonic() + 10
        while exists(pid):
            assert time.monotonic() < deadline
            time.sleep(0.01)


def exists(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def tell_process(task, beat):
    return os.getpid()


def test_no_task_needs_no_worker():
    assert list(run_tasks(work, [], 4, 1)) == []


def test_an_error_is_raised_as_it_is_and_tells_the_task_and_the_line():
    with pytest.raises(KeyError, match='a bug') as caught:
        list(run_tasks(work, ['bug', 'a'], 1, 60))
    (note,) = caught.value.__notes__
    assert note.startswith('in a worker process, at bug:\n')
    assert "raise KeyError('a bug')" in note


def test_an_error_that_cannot_travel_is_raised_in_words():
    with pytest.raises(RuntimeError, match='Stubborn') as caught:
        list(run_tasks(work, ['stubborn'], 1, 60))
    assert 'at stubborn:' in caught.value.__notes__[0]


@pytest.mark.parametrize('workers', [1, 2])
def test_a_lost_task_is_done_once_more_alone_where_that_is_asked_for(tmp_path, workers):
    function = functools.partial(die_beside_others, folder=str(tmp_path))
    tasks = [*'abc', 'twice', *'de', 'always', *'fg']
    results = dict(run_tasks(function, tasks, workers, 60, again_alone=True))
    assert 'exit code 7' in results.pop('always').reason
    assert results == {task: task.upper() for task in tasks if task != 'always'}
    # The second time comes when all others are done.
    order = (tmp_path / 'order').read_text().split()
    assert sorted(order[-2:]) == ['always', 'twice']
    assert len(order) == len(tasks) + 2


def die_beside_others(task, beat, folder):
    """'twice' dies the first time, 'always' every time."""
    with open(f'{folder}/order', 'a') as file:
        file.write(f'{task}\n')
    if task == 'always' or (task == 'twice' and Path(folder, 'order').read_text().split().count(task) == 1):
        os._exit(7)
    return task.upper()


def test_a_caller_that_stops_early_leaves_no_process():
    results = run_tasks(work, [str(number) for number in range(100)], 1, 60)
    next(results)
    results.close()
    deadline = time.monotonic() + 10
    if not Path('/proc/self/task').exists():
        pytest.skip('needs /proc')
    while workers_of(os.getpid()):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_workers_of_a_caller_that_goes_on_are_found():
    results = run_tasks(work, [str(number) for number in range(100)], 1, 60)
    next(results)
    assert len(workers_of(os.getpid())) == 1
    results.close()


def workers_of(pid):
    """The processes of a pool: forked from a server that is a child of its caller, or spawned by the caller."""
    found = []
    for child in children_of(pid):
        if 'forkserver' in command_of(child):
            found += children_of(child)
        elif 'spawn_main' in command_of(child):
            found.append(child)
    return found


def children_of(pid):
    path = Path(f'/proc/{pid}/task/{pid}/children')
    return path.read_text().split() if path.exists() else []


def command_of(pid):
    path = Path(f'/proc/{pid}/cmdline')
    return path.read_text() if path.exists() else ''


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


class Ring:
    """Holds itself, as what PyAV opens does, and much memory that the garbage collector does not see."""

    def __init__(self):
        self.itself = self


def make_rings(number, beat):
    alive = sum(type(thing) is Ring for thing in gc.get_objects())
    rings = [Ring() for _ in range(number)]
    return alive if rings else None


def test_what_a_task_leaves_in_cycles_is_gone_before_the_next():
    assert [result for _, result in run_tasks(make_rings, [3] * 4, 1)] == [0, 0, 0, 0]
