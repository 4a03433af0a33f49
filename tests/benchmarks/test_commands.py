"""Every command that README, docs and benchmarks name starts in a fresh shell, where no path of the tests helps."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command_server import CommandServer

REPOSITORY = Path(__file__).resolve().parents[2]
MODULE = re.compile(r'python3?\s+-m\s+(benchmarks(?:\.[a-z_]+)+)')
FILE = re.compile(r'\b((?:tools|data_prep|benchmarks)/(?!test_)[a-z_/]+\.(?:py|sh))\b')  # names of tests lack tests/


def pages():
    """Where commands are named, and the text: pages, and docstrings of the benchmarks."""
    files = [REPOSITORY / 'CONTRIBUTING.md', *REPOSITORY.glob('**/README.md'), *REPOSITORY.glob('docs/**/*.md')]
    for path in files:
        if not any(part.startswith('.') for part in path.relative_to(REPOSITORY).parts):
            yield path, path.read_text()
    for path in REPOSITORY.glob('benchmarks/**/*.py'):
        yield path, ast.get_docstring(ast.parse(path.read_text())) or ''


def named():
    """Every file that is named, relative to the checkout, and one of the pages that name it."""
    found = {}
    for page, text in pages():
        modules = [f'{module.replace(".", "/")}.py' for module in MODULE.findall(text)]
        for file in [*modules, *FILE.findall(text)]:
            found[file] = page.relative_to(REPOSITORY).as_posix()
    return found


NAMED = named()
EXISTING = sorted(file for file in NAMED if (REPOSITORY / file).is_file())
COMMANDS = [file for file in EXISTING if file.endswith('.py') and '__main__' in (REPOSITORY / file).read_text()]
SCRIPTS = [file for file in EXISTING if file.endswith('.sh')]


def test_every_command_that_is_named_exists():
    assert {file: page for file, page in NAMED.items() if file not in EXISTING} == {}
    assert len(COMMANDS) > 35
    assert len(SCRIPTS) > 5


def test_every_benchmark_is_named_on_their_page():
    page = (REPOSITORY / 'benchmarks/README.md').read_text()
    for file in COMMANDS:
        if file.startswith('benchmarks/') and 'command_parser(' in (REPOSITORY / file).read_text():
            assert f'`{file.removesuffix(".py").removeprefix("benchmarks/").replace("/", ".")}' in page, file


@pytest.fixture(scope='module')
def server(tmp_path_factory):
    with CommandServer(REPOSITORY, tmp_path_factory.mktemp('commands')) as started:
        yield started


@pytest.mark.skipif(sys.platform == 'win32', reason='commands are forked')
@pytest.mark.parametrize('file', COMMANDS)
def test_command_shows_its_help(file, server):
    module = file.removesuffix('.py').replace('/', '.')
    as_module = 'command_parser(' in (REPOSITORY / file).read_text()
    status, output = server.run(*(['-m', module] if as_module else [file]), '--help')
    assert status == 0, output
    assert f'usage: {f"python -m {module}" if as_module else Path(file).name}' in output, output


@pytest.mark.parametrize('file', SCRIPTS)
def test_script_can_be_read_by_the_shell(file):
    shows_help = '--help' in (REPOSITORY / file).read_text()
    command = ['bash', file, '--help'] if shows_help else ['bash', '-n', file]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout or not shows_help
