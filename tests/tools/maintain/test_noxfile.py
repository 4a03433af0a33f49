"""The sessions that run in environments of their own, with a stand-in for the session of nox."""

import re
import subprocess
import sys

import pytest

import noxfile
from tools.maintain.support_environments import CONTRACT_TESTS, ENVIRONMENTS, SECOND_LANE, Environment

SWAPS = (('mmengine', 'onedl-mmengine==0.10.12'), ('mmcv-lite', 'onedl-mmcv==2.3.6'))


class Session:
    """Notes what is run; `said` maps the end of a command to its output."""

    def __init__(self, location, *posargs, **said):
        self.virtualenv = self
        self.location = str(location)
        self.posargs = list(posargs)
        self.said = said
        self.done = []
        self.variables = {}

    def run(self, *command, env=None, **options):
        self.done.append(' '.join(command))
        self.variables |= env or {}
        return next((text for end, text in self.said.items() if command[-1].endswith(end)), None)

    run_install = run

    def install(self, *arguments):
        self.done.append(' '.join(('install', *arguments)))

    def create_tmp(self):
        return self.location

    def error(self, words):
        raise RuntimeError(words)


def test_every_environment_that_can_be_had_has_a_session_that_does_not_run_unasked(repository):
    listed = subprocess.run(
        [sys.executable, '-m', 'nox', '--list'], cwd=repository, capture_output=True, text=True, check=True
    ).stdout
    assert re.findall(r'^- matrix\((.*)\)', listed, re.MULTILINE) == [e.name for e in ENVIRONMENTS if not e.not_run]
    assert sorted(re.findall(r'^- hosts\((.*)\)', listed, re.MULTILINE)) == sorted(SECOND_LANE)


def test_the_tests_of_the_second_lane_exist(repository):
    assert all((repository / name).is_file() for name in CONTRACT_TESTS)
    assert all((repository / name).exists() for environment in ENVIRONMENTS for name in environment.tests)
    for environment in ENVIRONMENTS:
        for file, _, test in (name.partition('::') for name in environment.left_out):
            assert f'def {test.partition("[")[0]}' in (repository / file).read_text()


def test_a_variable_names_an_interpreter(monkeypatch):
    environment = Environment('x', '3.12', (), '')
    monkeypatch.delenv('PYTHON_3_12', raising=False)
    assert noxfile.python_of(environment) == '3.12'
    monkeypatch.setenv('PYTHON_3_12', '/opt/python')
    assert noxfile.python_of(environment) == '/opt/python'


def test_the_plugin_is_installed_under_the_constraints(tmp_path):
    session = Session(tmp_path)
    noxfile.install(session, Environment('x', '3.11', ('torch==2', 'numpy<2'), ''))
    assert (tmp_path / 'constraints.txt').read_text().split() == ['torch==2', 'numpy<2', noxfile.BUILD_TOOLS]
    tools, everything, question, other = session.done
    assert tools.endswith(f'{noxfile.BUILD_TOOLS} wheel')
    assert f'--constraint {tmp_path}/constraints.txt' in everything
    assert everything.endswith('[mmaction,dev]')
    assert question == 'python tools/check_env.py --one-opencv'
    assert other == 'python tools/check_env.py --python-torchvision'


def test_forks_take_the_place_of_the_originals_and_opencv_has_one_version(tmp_path):
    wanted = 'opencv-python==5.0 opencv-contrib-python==5.0'
    session = Session(tmp_path, **{'--one-opencv': wanted.replace(' ', '\n')})
    noxfile.install(session, Environment('x', '3.11', (), '', swaps=SWAPS))
    uninstall = 'python -m pip uninstall --quiet --yes'
    # Both go: the files of a fork that was there are removed with those of the original.
    assert session.done[2:] == [
        f'{uninstall} mmengine mmcv-lite onedl-mmengine onedl-mmcv',
        'install --quiet --no-deps onedl-mmengine==0.10.12 onedl-mmcv==2.3.6',
        'python tools/check_env.py --one-opencv',
        f'{uninstall} opencv-python opencv-contrib-python',
        f'install --quiet --no-deps {wanted}',
        'python tools/check_env.py --python-torchvision',
    ]


def test_an_environment_for_images_has_its_own_extras_torchvision_and_tests(tmp_path):
    session = Session(tmp_path)
    noxfile.hosts.func(session, 'images')
    _, everything, vision, *_, tests = session.done
    assert everything.endswith('[images,dev]')
    assert vision == 'install --quiet --no-deps torchvision==0.28.0'
    assert 'tests/hosts/mmpretrain' in tests.split()
    assert '--deselect=tests/test_contract.py::test_parts_of_a_leaf_build_and_agree' in tests.split()


def test_a_torchvision_for_another_torch_gives_way_to_one_that_works_without_its_compiled_part(tmp_path):
    session = Session(tmp_path, **{'--python-torchvision': 'torchvision==0.16.2\n'})
    noxfile.install(session, noxfile.BY_NAME['images'])
    assert session.done[-2:] == [
        'python -m pip uninstall --quiet --yes torchvision',
        'install --quiet --no-deps torchvision==0.16.2',
    ]


def test_the_forks_for_images_replace_all_three_and_keep_the_tests(tmp_path):
    session = Session(tmp_path)
    noxfile.hosts.func(session, 'images-onedl')
    (forks,) = [line for line in session.done if line.startswith('install') and 'onedl' in line]
    assert re.findall(r'onedl-\w+', forks) == ['onedl-mmengine', 'onedl-mmcv', 'onedl-mmpretrain']
    assert session.done[-1].endswith(' '.join(noxfile.BY_NAME['images'].tests))


@pytest.mark.parametrize(('name', 'forks'), [('detection', []), ('detection-onedl', ['onedl-mmdetection'])])
def test_detection_has_an_environment_of_mmdet_and_one_of_its_fork(name, forks, tmp_path):
    session = Session(tmp_path)
    noxfile.hosts.func(session, name)
    assert session.done[1].endswith('[images,detection,dev]')
    assert re.findall(r'onedl-mmdet\w+', ' '.join(line for line in session.done if line.startswith('install'))) == forks
    assert 'tests/hosts/mmdet' in session.done[-1].split()


def test_too_little_room_is_said_before_anything_is_installed(tmp_path, monkeypatch):
    monkeypatch.setattr(noxfile, 'NEEDED_GB', 10**9)
    session = Session(tmp_path)
    with pytest.raises(RuntimeError, match='GB of disk are free'):
        noxfile.install(session, ENVIRONMENTS[0])
    assert session.done == []


def test_the_fast_tests_leave_a_report_and_versions_behind(tmp_path, monkeypatch):
    monkeypatch.setenv('MATRIX_RESULTS', str(tmp_path))
    said = {'json': '[{"name": "PyYAML", "version": "6.0"}]', ')': '3.11.7\n'}
    session = Session(tmp_path, '-k', 'difficulty', **said)
    monkeypatch.setitem(noxfile.BY_NAME, 'x', Environment('x', '3.11', (), '', left_out=('tests/test_x.py::test_y',)))
    noxfile.matrix.func(session, 'x')
    assert (tmp_path / 'versions.json').read_text() == '{"python": "3.11.7", "pyyaml": "6.0"}'
    *_, tests = session.done
    assert tests.startswith(
        'python -m pytest -q -p no:cacheprovider --deselect=tests/test_x.py::test_y -m not slow and not long'
    )
    assert tests.endswith(f'--junitxml={tmp_path}/tests.xml -k difficulty')
    assert session.variables == {'OMP_NUM_THREADS': '1', 'PYTHONPATH': None}


@pytest.mark.parametrize(('posargs', 'tests'), [((), ' '.join(CONTRACT_TESTS)), (('tests/a.py',), 'tests/a.py')])
def test_the_second_lane_runs_the_contract_or_what_is_asked(tmp_path, posargs, tests):
    session = Session(tmp_path, *posargs)
    noxfile.hosts.func(session, 'default')
    assert session.done[-1] == f'python -m pytest -q -p no:cacheprovider {tests}'
