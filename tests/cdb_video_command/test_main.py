"""The command `cdb-video`: help, version, names of sub-commands, and what it says where one cannot be called."""

import importlib.util
import os
import subprocess
import sys
import types
from pathlib import Path
from unittest import mock

import pytest

import cdb_video
import cdb_video.commands
from cdb_video_command.main import main
from cdb_video_command.table import SUB_COMMANDS, SubCommand

LIGHT = """
import sys
from cdb_video_command.main import main
for words in (['--help'], ['--version'], ['list-videos', '--help'], ['check', '--help'], ['config'], ['nonsense']):
    try:
        main(words)
    except SystemExit:
        pass
print([name for name in ('torch', 'mmengine', 'mmaction', 'cdb_video') if name in sys.modules])
"""


def test_help_and_version_and_the_commands_of_data_preparation_load_no_torch_and_no_host(repository, tmp_path):
    environment = {**os.environ, 'PYTHONPATH': str(repository)}
    done = subprocess.run(
        [sys.executable, '-c', LIGHT], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == '[]', done.stderr
    assert f'cdb-video {cdb_video.__version__}' in done.stdout
    assert 'usage: cdb-video list-videos ' in done.stdout
    assert 'usage: cdb-video check ' in done.stdout


@pytest.mark.parametrize('asked', ['-h', '--help', 'help'])
def test_help_has_a_line_for_every_command(asked, capsys):
    assert main([asked]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name, row in SUB_COMMANDS.items():
        assert [line.split(maxsplit=1) for line in lines].count([name, row.help]) == 1


def test_no_word_at_all_is_answered_with_the_help_and_an_error(capsys):
    assert main([]) == 2
    said = capsys.readouterr()
    assert said.out == ''
    assert 'usage: cdb-video COMMAND' in said.err
    assert said.err.endswith('cdb-video: no command: name one of these\n')


@pytest.mark.parametrize(
    ('word', 'hint'),
    [
        (
            'reprot',
            "there is no command 'reprot', perhaps 'report': it must be one of list-videos, make-images, make-shapes, "
            'check, check-objects, ',
        ),
        ('list_videos', "perhaps 'list-videos'"),
        ('average', "perhaps 'average-splits'"),
        ('--versoin', "there is no command '--versoin': it must be one of"),
        ('', "there is no command '': it must be one of"),
    ],
)
def test_a_word_that_is_no_command_is_said_with_the_nearest(word, hint, capsys):
    assert main([word, 'x']) == 2
    assert hint in capsys.readouterr().err


def test_every_module_of_the_room_is_a_command_and_every_command_has_its_module(repository):
    folder = Path(cdb_video.commands.__file__).parent
    # What several commands share or refuse, and an edit by itself.
    parts = {'__init__', 'host_command', 'detectors', 'balance_classes'}
    modules = {f'cdb_video.commands.{path.stem}' for path in folder.glob('*.py') if path.stem not in parts}
    named = {row.module for row in SUB_COMMANDS.values() if not row.of_data_prep}
    assert modules == {name for name in named if name.startswith('cdb_video.commands.')}
    for row in SUB_COMMANDS.values():
        if row.of_data_prep:
            assert (repository / f'data_prep/{row.module}.py').is_file()
        else:
            assert importlib.util.find_spec(row.module), row.module


@pytest.mark.parametrize('name', [name for name in SUB_COMMANDS if name not in ('train', 'test')])
def test_a_command_calls_itself_by_its_whole_name_and_leaves_the_words_of_the_process(name, capsys):
    before = list(sys.argv)
    with pytest.raises(SystemExit) as ended:
        main([name, '--help'])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert f'usage: cdb-video {name} ' in shown
    assert f'cdb-video {name}' in shown.partition('\n\n')[2]  # the examples too
    assert sys.argv == before


@pytest.mark.parametrize('name', ['train', 'test'])
def test_the_host_s_own_commands_call_themselves_so_too(name, capsys):
    pytest.importorskip('mmaction')
    with pytest.raises(SystemExit) as ended:
        main([name, '--help'])
    assert ended.value.code == 0
    assert f'usage: cdb-video {name} ' in capsys.readouterr().out


@pytest.mark.parametrize('name', SUB_COMMANDS)
def test_an_option_that_no_command_has_is_an_error_with_its_name(name, capsys):
    if name in ('train', 'test'):
        pytest.importorskip('mmaction')
    with pytest.raises(SystemExit) as ended:
        main([name, 'x', 'y', 'z', '--no-such-option'])
    assert ended.value.code == 2
    assert f'cdb-video {name}: error: ' in capsys.readouterr().err


def fake_command(monkeypatch, main_):
    """A sub-command 'fake', of a module that is there."""
    monkeypatch.setitem(sys.modules, 'fake_command', types.SimpleNamespace(main=main_))
    row = SubCommand('fake_command', 'prep', 'does nothing')
    monkeypatch.setitem(SUB_COMMANDS, 'fake', row)


def test_the_words_behind_the_name_and_the_status_are_handed_on(monkeypatch):
    seen = []
    fake_command(monkeypatch, lambda words: seen.append((words, list(sys.argv))) or 7)
    assert main(['fake', 'a', '--b']) == 7
    assert seen == [(['a', '--b'], ['cdb-video fake', 'a', '--b'])]
    with mock.patch.object(sys, 'argv', ['/bin/cdb-video', 'fake', 'c']):
        assert main() == 7
    assert seen[1][0] == ['c']


def test_a_package_that_is_missing_is_named_with_what_brings_it(monkeypatch, capsys):
    def needs(_words):
        raise ModuleNotFoundError("No module named 'tqdm'", name='tqdm')

    fake_command(monkeypatch, needs)
    assert main(['fake']) == 2
    assert capsys.readouterr().err == (
        "cdb-video fake: tqdm is not installed, which this needs: pip install 'cdb-video[prep]'\n"
    )


def test_a_part_of_the_package_itself_that_is_missing_is_no_question_of_extras(monkeypatch):
    def broken(_words):
        raise ModuleNotFoundError('broken', name='cdb_video.nothing')

    fake_command(monkeypatch, broken)
    with pytest.raises(ModuleNotFoundError):
        main(['fake'])
