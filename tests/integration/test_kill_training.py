"""A few of the deaths of `benchmarks.training.kill`."""

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.training


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == 'win32', reason='processes are forked, and killed with SIGKILL')
def test_killed_trainings_end_as_the_undisturbed_one(tiny_mini, tmp_path, repository):
    points = ['in the middle of a checkpoint', 'in validation', 'last checkpoint saved, run not ended']
    options = ['--kills', '1', '--epochs', '3', '--data-root', str(tiny_mini), '--out', str(tmp_path)]
    command = [sys.executable, '-m', 'benchmarks.training.kill', *options]
    done = subprocess.run(
        [*command, '--points', '; '.join(points)],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    cases = json.loads((tmp_path / 'kill_training.json').read_text())['numbers']['cases']
    assert [case['name'] for case in cases] == [*points, 'random 1']
    assert all(case['differences'] == [] for case in cases)
    assert sum(len(case['kills']) for case in cases) == 4
