"""Tasks in worker processes: a task that kills its process costs only itself."""

import os
import time
from pathlib import Path

import pytest
from isolated_tasks import run_in_workers

from tests.deadly import double_or_die


@pytest.mark.parametrize('workers', [1, 2])
def test_a_task_that_kills_its_process_is_named_and_all_others_are_done(workers):
    tasks = [*range(6), -1, *range(6, 20)]
    results = dict(run_in_workers(double_or_die, tasks, workers))
    assert results == {task: None if task < 0 else 2 * task for task in tasks}


def test_an_error_in_a_task_is_raised_here():
    with pytest.raises(TypeError):
        list(run_in_workers(double_or_die, ['text'], 1))


def test_a_caller_that_stops_early_leaves_no_process():
    results = run_in_workers(double_or_die, list(range(100)), 1)
    next(results)
    results.close()
    deadline = time.monotonic() + 10
    children = Path(f'/proc/{os.getpid()}/task/{os.getpid()}/children')
    if not children.exists():
        pytest.skip('needs /proc')
    while any('spawn_main' in _command(pid) for pid in children.read_text().split()):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _command(pid):
    path = Path(f'/proc/{pid}/cmdline')
    return path.read_text() if path.exists() else ''
