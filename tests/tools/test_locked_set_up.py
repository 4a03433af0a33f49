"""What tools/setup_env.sh has pip keep to, with stand-ins for pip and for the checks of the environment."""

import shutil
import sys

import pytest

from tests.shell import bash, calls

pytestmark = [pytest.mark.slow, pytest.mark.skipif(shutil.which('bash') is None, reason='needs bash')]

PYTHON_STAND_IN = """#!/bin/sh
case "$*" in
    "-m pip"*) shift 2; [ "$1" = --version ] || echo pip "$@" >> calls; exit 0;;
    *"check_env.py --has $PRESENT") exit 0;;
    *"check_env.py --has "*) exit 1;;
    *"check_env.py --pins "*) shift 4; echo "pins of $@"; exit 0;;
    *check_env.py*|*"import cv2") exit 0;;
    *"import torch") exit ${TORCH_STATUS:-0};;
esac
exec %s "$@"
"""
SET_UP = 'source tools/setup_env.sh; CPU_SPACE_GB=0; GPU_SPACE_GB=0; setup_env dev'
NEWEST = SET_UP.replace('; setup_env', '; NEWEST=true; setup_env')


@pytest.fixture
def checkout(tmp_path, repository):
    """A checkout with an environment of which the scripts do not know that they made it."""
    root = tmp_path / 'a checkout'
    for folder in ('tools', 'requirements'):
        shutil.copytree(repository / folder, root / folder)
    shutil.copy(repository / 'pyproject.toml', root)
    python = root / '.venv/bin/python'
    python.parent.mkdir(parents=True)
    python.write_text(PYTHON_STAND_IN % sys.executable)
    python.chmod(0o755)
    return root


@pytest.fixture
def ours(checkout):
    (checkout / '.venv/.made_by_cdb_video').touch()
    return checkout


@pytest.fixture
def lock(checkout):
    return checkout / f'requirements/lock-{sys.version_info.major}.{sys.version_info.minor}.txt'


def kept_to(root):
    return (root / '.venv/constraints.txt').read_text().splitlines()


def test_an_environment_of_our_making_is_held_to_the_lock(ours, lock):
    bash(ours, SET_UP)
    tools, project = calls(ours)
    file = f'--constraint {ours}/.venv/constraints.txt'
    assert tools.endswith(f'{file} setuptools>=77,<81')
    assert f'{file} --editable {ours}[mmaction,dev]' in project
    (numpy,) = (line for line in lock.read_text().splitlines() if line.startswith('numpy=='))
    assert numpy in kept_to(ours)


def test_a_changed_lock_is_installed_at_the_next_run(ours, lock):
    bash(ours, SET_UP)
    calls(ours)
    bash(ours, SET_UP)
    assert calls(ours) == []
    lock.write_text(lock.read_text() + 'one-more==1.0\n')
    bash(ours, SET_UP)
    assert len(calls(ours)) == 2
    assert 'one-more==1.0' in kept_to(ours)


def test_what_torch_needs_is_held_as_well_unless_the_user_chose_it(ours, lock):
    bash(ours, SET_UP, TORCH_STATUS='1')
    assert any(line.endswith(f'--constraint {lock} torch==2.13.0') for line in calls(ours))
    bash(ours, SET_UP, TORCH_STATUS='1', TORCH_SPEC='torch==2.6.0')
    assert any(line.endswith('--no-input torch==2.6.0') for line in calls(ours))


def test_an_environment_of_the_user_is_never_held_to_the_lock(checkout, lock):
    for command in (SET_UP, NEWEST):
        output = bash(checkout, command, TORCH_STATUS='1')
        assert ('--newest changes nothing in ' in output) is (command == NEWEST)
        assert not any('requirements/' in line or '--upgrade' in line for line in calls(checkout))
    assert kept_to(checkout) == ['pins of torch mmcv mmcv-lite mmengine']
    lock.unlink()
    bash(checkout, SET_UP)
    assert calls(checkout) == []


def test_newest_leaves_the_lock_aside_until_the_next_run_without_it(ours):
    bash(ours, SET_UP)
    calls(ours)
    for _ in range(2):
        bash(ours, NEWEST)
        assert '--upgrade --upgrade-strategy eager --editable' in calls(ours)[-1]
        assert kept_to(ours) == ['pins of torch mmcv']
    bash(ours, SET_UP)
    assert '--upgrade' not in calls(ours)[-1]
    assert len(kept_to(ours)) > 100


def test_a_missing_lock_is_told_with_its_remedy(ours, lock):
    lock.unlink()
    assert f'there is no {lock}. Get it back from git, or give --newest' in bash(ours, SET_UP, status=1)
    bash(ours, NEWEST)


def test_the_opencv_that_was_swapped_in_goes_before_the_others_come_again(ours):
    bash(ours, SET_UP, PRESENT='opencv-python-headless')
    noted = calls(ours)
    assert noted[0] == 'pip uninstall --quiet --yes opencv-python-headless'
    assert [line.split()[1] for line in noted[1:]] == ['install', 'install']
