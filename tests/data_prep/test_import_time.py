"""Data preparation starts without torch and without a host: commands, workers and what they import."""

import subprocess
import sys

import pytest

COMMANDS = (
    'build_lists',
    'check_dataset',
    'check_objects',
    'cut_clips',
    'extract_frames',
    'list_videos',
    'make_digit_clips',
    'make_egtea_mini',
    'make_images',
    'make_shapes',
)
FORBIDDEN = ('torch', 'mmengine', 'mmcv', 'mmaction', 'cdb_video')
EVERYTHING = """
import importlib, pkgutil, sys
import cdb_video_files
for module in pkgutil.walk_packages(cdb_video_files.__path__, 'cdb_video_files.'):
    importlib.import_module(module.name)
print(len(sys.modules), *sys.modules)
"""


def imported(report):
    """The top packages that `python -X importtime` names."""
    return {line.rpartition('|')[2].strip().partition('.')[0] for line in report.splitlines() if '|' in line}


def test_every_command_is_known(repository):
    assert {path.stem for path in (repository / 'data_prep').glob('*.py')} == set(COMMANDS)


@pytest.mark.parametrize('command', COMMANDS)
def test_command_starts_without_torch_and_hosts(repository, command):
    done = subprocess.run(
        [sys.executable, '-X', 'importtime', f'data_prep/{command}.py', '--help'],
        cwd=repository,
        capture_output=True,
        text=True,
        check=True,
    )
    found = imported(done.stderr)
    assert 'cdb_video_files' in found
    assert found.isdisjoint(FORBIDDEN)


def test_everything_that_lies_on_disk_is_read_without_torch_and_hosts(repository):
    done = subprocess.run(
        [sys.executable, '-c', EVERYTHING], cwd=repository, capture_output=True, text=True, check=True
    )
    assert set(done.stdout.split()).isdisjoint(FORBIDDEN)
