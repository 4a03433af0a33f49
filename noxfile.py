"""Sessions in environments of their own, beside that of tools/test.sh.

    nox --session 'matrix(oldest)' -- -k difficulty     one environment, made anew, its fast tests
    nox --session hosts                                 the second lane, as tools/test.sh --hosts runs it

What follows -- goes to pytest. The environments lie in .nox/, several GB each; those of the second lane are kept. Where
Python 3.12 is not on the PATH, PYTHON_3_12 names an interpreter. `python -m tools.maintain.support_matrix` runs
`matrix` and writes down what came out; it names the folder for that in MATRIX_RESULTS.
"""

import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import nox

sys.path.append(str(Path(__file__).resolve().parent))  # nox reads this file without it

from tools.maintain.support_environments import CONTRACT_TESTS, ENVIRONMENTS, SECOND_LANE, Environment

REPOSITORY = Path(__file__).resolve().parent
NEEDED_GB = 12  # a CUDA build of torch with its libraries, unpacked, and the downloads beside it
BUILD_TOOLS = 'setuptools>=77,<81'
BY_NAME = {environment.name: environment for environment in ENVIRONMENTS}

nox.options.sessions = []  # none unasked: each takes minutes
nox.options.download_python = 'never'
nox.options.default_venv_backend = 'venv'


def python_of(environment: Environment) -> str:
    """The interpreter that a variable such as PYTHON_3_12 names, or else the version to look for."""
    return os.environ.get(f'PYTHON_{environment.python.replace(".", "_")}', environment.python)


def installable(wanted: Sequence[str]) -> list[nox.param]:
    """A run of a session for each of these environments that can be had, with the Python that it asks for."""
    chosen = [BY_NAME[name] for name in wanted if not BY_NAME[name].not_run]
    return [nox.param(python_of(environment), environment.name, id=environment.name) for environment in chosen]


@nox.session
@nox.parametrize('python,environment', installable(tuple(BY_NAME)))
def matrix(session: nox.Session, environment: str) -> None:
    """Run the fast tests in an environment that is claimed to be supported."""
    results = Path(os.environ.get('MATRIX_RESULTS') or session.create_tmp())
    install(session, BY_NAME[environment])
    (results / 'versions.json').write_text(json.dumps(installed_versions(session)))
    chosen = session.posargs or BY_NAME[environment].tests
    run_tests(
        session, BY_NAME[environment], '-m', 'not slow and not long', f'--junitxml={results / "tests.xml"}', *chosen
    )


@nox.session(reuse_venv=True)
@nox.parametrize('python,environment', installable(SECOND_LANE))
def hosts(session: nox.Session, environment: str) -> None:
    """Run what holds for everything that is registered, with forks and with the oldest and newest versions."""
    install(session, BY_NAME[environment])
    run_tests(session, BY_NAME[environment], *(session.posargs or BY_NAME[environment].tests or CONTRACT_TESTS))


def install(session: nox.Session, environment: Environment) -> None:
    """Install the plugin with its extras into the environment of a session, under its constraints."""
    place = Path(session.virtualenv.location)
    if shutil.disk_usage(place).free < NEEDED_GB * 1e9:
        session.error(f'less than {NEEDED_GB} GB of disk are free')
    constraints = place / 'constraints.txt'
    constraints.write_text('\n'.join((*environment.constraints, BUILD_TOOLS)) + '\n')
    session.install('--quiet', BUILD_TOOLS, 'wheel')
    everything = f'{REPOSITORY}[{environment.extras}]'
    session.install('--quiet', '--no-build-isolation', '--constraint', str(constraints), '--editable', everything)
    if environment.beside:
        session.install('--quiet', '--no-deps', *environment.beside)
    if environment.swaps:
        out, into = zip(*environment.swaps, strict=True)
        replace(session, [*out, *names(into)], into)
    for question in ('--one-opencv', '--python-torchvision'):
        answer = session.run_install('python', 'tools/check_env.py', question, silent=True, stderr=None)
        if wanted := str(answer or '').split():
            replace(session, names(wanted), wanted)


def replace(session: nox.Session, out: Sequence[str], into: Sequence[str]) -> None:
    """Put distributions in the place of others that share their folders, without what they need in turn."""
    session.run_install('python', '-m', 'pip', 'uninstall', '--quiet', '--yes', *out)
    session.install('--quiet', '--no-deps', *into)


def names(pinned: Sequence[str]) -> list[str]:
    """Of distributions, from lines NAME==VERSION."""
    return [line.split('==')[0] for line in pinned]


def installed_versions(session: nox.Session) -> dict[str, str]:
    """The version of Python and of each distribution."""
    listed = session.run('python', '-m', 'pip', 'list', '--format=json', silent=True, stderr=None)
    python = session.run('python', '-c', 'import platform; print(platform.python_version())', silent=True, stderr=None)
    versions = {each['name'].lower(): each['version'] for each in json.loads(listed or '[]')}
    return {'python': str(python).strip()} | versions


def run_tests(session: nox.Session, environment: Environment, *arguments: str) -> None:
    """Run pytest without the tests that cannot apply there."""
    left_out = [f'--deselect={name}' for name in environment.left_out]
    settings = {'OMP_NUM_THREADS': '1', 'PYTHONPATH': None}
    session.run('python', '-m', 'pytest', '-q', '-p', 'no:cacheprovider', *left_out, *arguments, env=settings)
