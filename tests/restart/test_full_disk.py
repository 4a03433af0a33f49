"""A disk that is full from the second epoch on: what a run loses, what it keeps and what it says."""

import os
import subprocess
import sys
import warnings
from unittest import mock

import pytest
import torch

from cdb_video.difficulty.history import read_history
from cdb_video.restart.vis_backend import EnduringVisBackend

pytestmark = pytest.mark.training

resource = pytest.importorskip('resource', reason='limits the size of files as POSIX does')

# No file may grow beyond the history of the first epoch, without what it says of the start, and half a line; the class
# report is longer.
RUN = """
import resource, sys
from pathlib import Path
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
import cdb_video
from tests.support.runs import make_runner

@HOOKS.register_module()
class FullDisk(Hook):
    def before_train_epoch(self, runner):
        limit = resource.RLIM_INFINITY
        if runner.epoch == 1:
            limit = Path(FOLDER, 'class_history.jsonl').stat().st_size + 200
        if runner.epoch == 1 or not FOREVER:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

from cdb_video.hooks import difficulty_owner
difficulty_owner.run_facts = lambda *_: None
FOLDER, FOREVER = sys.argv[1], sys.argv[2] == 'for ever'
make_runner(
    FOLDER,
    'full',
    custom_hooks=[{'type': 'ClassDifficultyHook'}, {'type': 'SampleSeedHook'}, {'type': 'FullDisk'}],
    default_hooks={'checkpoint': {'type': 'EnduringCheckpointHook'}},
    visualizer={'type': 'Visualizer', 'vis_backends': [{'type': 'EnduringVisBackend'}]},
).train()
print('ended well')
"""


def run(folder, repository, how_long):
    command = [sys.executable, '-c', RUN, str(folder), how_long]
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join([str(repository), *sys.path])}
    return subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True, check=False)


def test_disk_that_stays_full_costs_no_earlier_file_and_ends_the_run_with_an_error(tmp_path, repository):
    done = run(tmp_path, repository, 'for ever')
    assert done.returncode == 1
    assert 'OSError: [Errno 27]' in done.stderr
    assert 'ended well' not in done.stdout
    said = done.stdout + done.stderr
    for lost in (
        'the class history could not be written',
        'epoch_2.pth could not be written',
        'epoch_3.pth could not be written',
        'scalars are lost until it can',
        'the class report could not be written',
    ):
        assert lost in said
    assert f'a restart would begin from {tmp_path}/epoch_1.pth' in said
    assert 'Epoch(val) [3]' in said  # trained to the end
    assert not list(tmp_path.glob('*.tmp'))
    for path in tmp_path.glob('*.pth'):
        assert torch.load(path)['meta']['epoch'] == 1
    with pytest.warns(UserWarning, match='left out, being torn'):
        assert [record.epoch for record in read_history(tmp_path / 'class_history.jsonl').records] == [1]


@pytest.mark.long
def test_disk_that_is_cleared_again_costs_one_epoch_of_the_records(tmp_path, repository):
    done = run(tmp_path, repository, 'for an epoch')
    assert done.returncode == 0
    assert 'ended well' in done.stdout
    assert torch.load(tmp_path / 'epoch_3.pth')['class_difficulty']['iteration'] in (20, 30)
    assert not (tmp_path / 'epoch_2.pth').exists()
    assert (tmp_path / 'class_report.csv').exists()
    with pytest.warns(UserWarning, match='left out, being torn'):
        assert [record.epoch for record in read_history(tmp_path / 'class_history.jsonl').records] == [1, 3]


def test_scalars_are_missed_once_aloud(tmp_path):
    backend = EnduringVisBackend(save_dir=str(tmp_path))
    with mock.patch('cdb_video.restart.vis_backend._LOG.error') as said:
        for step, full in enumerate([False, True, True, False, True]):
            with mock.patch('builtins.open', side_effect=OSError(28, 'full')) if full else warnings.catch_warnings():
                backend.add_scalars({'loss': 1.0}, step=step)
    assert said.call_count == 2
    assert len((tmp_path / 'scalars.json').read_text().splitlines()) == 2
