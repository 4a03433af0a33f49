"""A few of the deaths of `benchmarks.training.kill`."""

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.training


POINTS = ['in the middle of a checkpoint', 'in validation', 'last checkpoint saved, run not ended']


@pytest.mark.slow
@pytest.mark.parametrize(
    ('points', 'kills'), [(POINTS[:1], 0), pytest.param(POINTS, 1, marks=pytest.mark.long)], ids=['one', 'four']
)
@pytest.mark.skipif(sys.platform == 'win32', reason='processes are forked, and killed with SIGKILL')
def test_killed_trainings_end_as_the_undisturbed_one(tiny_mini, tmp_path, repository, points, kills):
    options = ['--kills', str(kills), '--epochs', '3', '--data-root', str(tiny_mini), '--out', str(tmp_path)]
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
    assert [case['name'] for case in cases] == [*points, 'random 1'][: len(points) + kills]
    assert all(case['differences'] == [] for case in cases)
    assert sum(len(case['kills']) for case in cases) == len(points) + kills
