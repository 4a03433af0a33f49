"""The locks that are committed, and what is made of one for pip."""

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools import lock

PYTHONS = ('3.11', '3.12')
LOCKED = {'torch': '2.13.0', 'sympy': '1.14.0', 'numpy': '2.4.6', 'triton': '3.7.1', 'nvidia-nccl-cu13': '2.29.7'}


@pytest.fixture(params=PYTHONS)
def python(request):
    return request.param


@pytest.fixture
def locked(python, repository):
    return lock.read_lock(repository / f'requirements/lock-{python}.txt')


@pytest.fixture(scope='module')
def project(repository):
    return tomllib.loads((repository / 'pyproject.toml').read_text())


@pytest.fixture(scope='module')
def set_up(repository):
    return (repository / 'tools/setup_env.sh').read_text()


@pytest.fixture(scope='module')
def locked_extras(repository):
    text = (repository / 'tools/maintain/renew_lock.sh').read_text()
    return re.search(r'^EXTRAS=\((.*?)\)', text, re.MULTILINE)[1].split()


def needs(project, extras):
    """Requirements of the project with some extras, those of the extras that they name included."""
    for line in project['project']['dependencies']:
        yield Requirement(line)
    for extra in extras:
        for line in project['project']['optional-dependencies'][extra]:
            need = Requirement(line)
            if canonicalize_name(need.name) == 'cdb-video':
                yield from needs(project, need.extras)
            else:
                yield need


def test_every_python_that_the_project_supports_has_a_lock(project, repository):
    stated = {line.rpartition(' ')[2] for line in project['project']['classifiers'] if 'Python :: 3.' in line}
    assert stated == set(PYTHONS)
    assert {path.name for path in (repository / 'requirements').iterdir()} == {f'lock-{name}.txt' for name in PYTHONS}


def test_a_lock_has_names_and_versions_alone(python, repository):
    first, *lines = (repository / f'requirements/lock-{python}.txt').read_text().splitlines()
    assert first.startswith(f'# What tools/setup_env.sh installs with Python {python}.')
    assert all(re.fullmatch(r'[a-z0-9-]+==[0-9][a-z0-9.]*', line) for line in lines)
    names = [line.partition('==')[0] for line in lines]
    assert len(set(names)) == len(names) > 100


def test_a_lock_has_all_that_the_extras_ask_for_in_a_version_that_they_allow(locked, project, locked_extras):
    asked = list(needs(project, locked_extras))
    assert len(asked) > 30
    for need in asked:
        name = canonicalize_name(need.name)
        assert name in locked, f'{name}: run tools/maintain/renew_lock.sh --keep'
        assert need.specifier.contains(locked[name]), f'{need} is not {locked[name]}'


def test_the_extras_of_all_who_set_up_are_locked(locked_extras, repository):
    asked = set()
    for script in (repository / 'tools').rglob('*.sh'):
        for extras in re.findall(r"^ *(?:setup_env |EXTRAS=')([a-z,]+)'?$", script.read_text(), re.MULTILINE):
            asked |= set(extras.split(','))
    assert {'dev', 'images', 'detection', 'prep', 'report'} <= asked <= set(locked_extras)


def test_a_lock_has_the_torch_of_the_set_up_and_one_opencv(locked, set_up):
    assert f"DEFAULT_TORCH='torch=={locked['torch']}'" in set_up
    assert locked['opencv-python'] == locked['opencv-contrib-python']
    assert lock.one_opencv(locked.get) == []


@pytest.mark.parametrize('torch', [None, '2.13.0', '2.13.0+cpu'])
def test_the_locked_torch_holds_all_and_stays(torch):
    held = lock.constraints(LOCKED, {'torch': torch}.get, ['sympy>=1.13'])
    assert held == [f'torch=={torch or "2.13.0"}', *(f'{name}=={LOCKED[name]}' for name in list(LOCKED)[1:])]


@pytest.mark.parametrize('torch', ['2.5.1', '2.13.0+cu126'])
def test_another_torch_and_what_it_needs_are_left_alone(torch):
    needed = ['sympy==1.13.1; python_version >= "3.9"', 'Triton==3.1.0', 'numpy>=1.25; extra == "numpy"']
    held = lock.constraints(LOCKED, {'torch': torch, 'mmcv': '2.1.0', 'numpy': '1.26'}.get, needed)
    assert held == [f'torch=={torch}', 'numpy==2.4.6', 'mmcv==2.1.0']


@pytest.mark.parametrize('line', ['torch==2.13.0+cpu', 'a @ file:///tmp/a', '-e .', 'a==1 ; x', 'a>=1', 'a[b]==1', ''])
def test_a_line_that_is_more_than_name_and_version_is_refused(line, tmp_path):
    file = tmp_path / 'lock.txt'
    file.write_text(f'# about\nnumpy==2.4.6\n{line}\n')
    with pytest.raises(ValueError, match='must be NAME==VERSION'):
        lock.read_lock(file)


def test_the_command_prints_requirements(tmp_path, capsys):
    file = tmp_path / 'lock.txt'
    file.write_text('numpy==2.4.6\nopencv-contrib-python==5.0.0\nopencv-python==5.1.0\ntorch==1\n')
    assert lock.main([str(file)]) == 0
    assert 'opencv-python==5.1.0' in capsys.readouterr().out.splitlines()
    assert lock.main([str(file), '--one-opencv']) == 0
    assert capsys.readouterr().out.splitlines() == ['opencv-python==5.0.0', 'opencv-contrib-python==5.0.0']
