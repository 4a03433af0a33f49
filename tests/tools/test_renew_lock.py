"""tools/maintain/renew_lock.sh, with a stand-in for uv."""

import shutil
import sys

import pytest

from tests.shell import bash, calls

pytestmark = [pytest.mark.slow, pytest.mark.skipif(shutil.which('bash') is None, reason='needs bash')]

PYTHON_STAND_IN = """#!/bin/sh
if [ "$1 $2" = "-m venv" ]; then
    mkdir -p "$3/bin"
    cp "$0" "$3/bin/python"
    cp tools/uv_stand_in "$3/bin/uv"
    exit
fi
if [ "$1 $2" = "-m pip" ]; then exit; fi
exec %s "$@"
"""
# Two versions of OpenCV, unless asked for one.
UV_STAND_IN = """#!/bin/sh
echo uv "$@" >> calls
for argument; do
    if [ "$last" = --python-version ]; then python="$argument"; fi
    if [ "$last" = --output-file ]; then output="$argument"; fi
    last="$argument"
done
if [ -e "$output" ]; then sed 's/^/before: /' "$output" >> calls; fi
contrib="$(grep opencv-contrib "$last" || echo opencv-contrib-python==5.0.0)"
python="$(grep opencv-python "$last" || echo opencv-python==5.1.0)"
printf '%s\\n' "$(head -n 1 "$last")" "$contrib" "$python" "${MORE:-numpy==2.4.6}" > "$output"
exit ${UV_STATUS:-0}
"""
RENEW = 'tools/maintain/renew_lock.sh'


@pytest.fixture
def checkout(tmp_path, repository):
    root = tmp_path / 'a checkout'
    shutil.copytree(repository / 'tools', root / 'tools')
    shutil.copy(repository / 'pyproject.toml', root)
    (root / 'requirements').mkdir()
    for python in ('3.11', '3.12'):
        (root / f'requirements/lock-{python}.txt').write_text('old==1.0\n')
    for name, text in (
        ('python_stand_in', PYTHON_STAND_IN % sys.executable),
        ('uv_stand_in', UV_STAND_IN),
        ('test.sh', '#!/bin/sh\necho the tests "$@" >> calls\n'),
    ):
        (root / 'tools' / name).write_text(text)
        (root / 'tools' / name).chmod(0o755)
    return root


def renew(root, arguments='', **environment):
    (root / 'tmp').mkdir(exist_ok=True)
    python = str(root / 'tools/python_stand_in')
    output = bash(root, f'{RENEW} {arguments}', PYTHON=python, TMPDIR=str(root / 'tmp'), **environment)
    assert list((root / 'tmp').iterdir()) == []
    return output


def locks(root):
    return {path.name: path.read_text().splitlines() for path in (root / 'requirements').iterdir()}


def test_the_locks_are_made_anew_with_one_opencv_and_the_tests_run(checkout):
    renew(checkout)
    for python in ('3.11', '3.12'):
        first, *lines = locks(checkout)[f'lock-{python}.txt']
        assert first.startswith(f'# What tools/setup_env.sh installs with Python {python}. Made by {RENEW}')
        assert lines == ['torch==2.13.0', 'opencv-contrib-python==5.0.0', 'opencv-python==5.0.0', 'numpy==2.4.6']
    noted = calls(checkout)
    assert noted[-1] == 'the tests'
    compiled = [line for line in noted if line.startswith('uv ')]
    assert [line.partition('--python-version ')[2].split()[0] for line in compiled] == 2 * ['3.11'] + 2 * ['3.12']
    assert all(
        '--upgrade --extra mmaction --extra images --extra detection --extra prep --extra report --extra dev ' in line
        for line in compiled
    )


def test_keep_starts_from_the_locked_versions_and_no_test_stops_before_the_tests(checkout):
    renew(checkout, '--keep --no-test')
    noted = calls(checkout)
    assert not any('--upgrade' in line for line in noted)
    assert noted[1] == 'before: old==1.0'
    assert noted[-1].startswith(('uv', 'before'))


@pytest.mark.parametrize(
    ('environment', 'words'),
    [
        ({'UV_STATUS': '1'}, 'error: uv found no versions for Python 3.11'),
        ({'MORE': 'numpy @ file:///tmp/numpy.whl'}, 'must be NAME==VERSION'),
    ],
)
def test_no_lock_changes_when_one_cannot_be_made(checkout, environment, words):
    before = locks(checkout)
    assert words in renew(checkout, status=1, **environment)
    assert locks(checkout) == before


def test_an_unknown_option_is_told(checkout):
    assert 'there are --keep and --no-test' in bash(checkout, f'{RENEW} --all', status=1)
