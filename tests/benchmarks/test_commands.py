"""Every command that README, docs and benchmarks name starts in a fresh shell, where no path of the tests helps."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command_server import CommandServer

REPOSITORY = Path(__file__).resolve().parents[2]
MODULE = re.compile(r'python3?\s+-m\s+((?:benchmarks|tools)(?:\.[a-z_]+)+)\b(?!\.[A-Z])')
FILE = re.compile(r'\b((?:tools|data_prep|benchmarks)/(?!test_)[a-z_/]+\.(?:py|sh))\b')  # names of tests lack tests/


def pages():
    """Where commands are named, and the text: pages, and docstrings of the benchmarks."""
    for pattern in ('README.md', 'CONTRIBUTING.md', '*/README.md', 'docs/**/*.md'):
        for path in REPOSITORY.glob(pattern):
            yield path, path.read_text()
    for path in REPOSITORY.glob('benchmarks/**/*.py'):
        yield path, ast.get_docstring(ast.parse(path.read_text())) or ''


def file_of(words):
    """The file that `python` runs with these words."""
    return REPOSITORY / (f'{words[1].replace(".", "/")}.py' if words[0] == '-m' else words[0])


def named():
    """The words after `python` of every command that is named, and one of the pages that name it."""
    found = {}
    for page, text in pages():
        words = [('-m', module) for module in MODULE.findall(text)] + [(file,) for file in FILE.findall(text)]
        found |= dict.fromkeys(words, page.relative_to(REPOSITORY).as_posix())
    return found


NAMED = named()
EXISTING = sorted(words for words in NAMED if file_of(words).is_file())
SCRIPTS = [words for words in EXISTING if words[0].endswith('.sh')]


def is_command(words):
    """Whether that can be started so: a module, or a file that is a script and no module of the benchmarks."""
    text = file_of(words).read_text()
    return words[0] == '-m' or (words not in SCRIPTS and '__main__' in text and 'command_parser(__spec__' not in text)


COMMANDS = list(filter(is_command, EXISTING))


def test_every_command_that_is_named_exists():
    assert {words: page for words, page in NAMED.items() if words not in EXISTING} == {}
    assert len(COMMANDS) > 35
    assert len(SCRIPTS) > 5


def test_every_benchmark_is_named_on_their_page():
    page = (REPOSITORY / 'benchmarks/README.md').read_text()
    for path in REPOSITORY.glob('benchmarks/*/*.py'):
        if 'command_parser(__spec__' in path.read_text():
            assert f'`{path.parent.name}.{path.stem}' in page, path


@pytest.fixture(scope='module')
def server(tmp_path_factory):
    with CommandServer(REPOSITORY, tmp_path_factory.mktemp('commands')) as started:
        yield started


@pytest.mark.skipif(sys.platform == 'win32', reason='commands are forked')
@pytest.mark.parametrize('words', COMMANDS, ids=' '.join)
def test_command_shows_its_help(words, server):
    status, output = server.run(*words, '--help')
    assert status == 0, output
    called = f'python -m {words[1]}' if words[1:] and words[1].startswith('benchmarks.') else file_of(words).name
    assert f'usage: {called}' in output, output


@pytest.mark.parametrize('words', SCRIPTS, ids=' '.join)
def test_script_can_be_read_by_the_shell(words):
    shows_help = '--help' in file_of(words).read_text()
    command = ['bash', *words, '--help'] if shows_help else ['bash', '-n', *words]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout or not shows_help
