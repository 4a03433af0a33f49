import pytest

from tools.maintain.structure import main

OLD = {
    'cdb_video/hooks.py': 'from labels import x\nclass Hook:\n    def start(self, runner): ...',
    'data_prep/build_lists.py': 'from split_clips import draw\ndef _build(args): draw(args.seed)',
    'data_prep/split_clips.py': 'def draw(seed): ...',
}
NEW = {
    'cdb_video/hooks/hook.py': 'from cdb_video_files.lists import read\nclass Hook:\n    def start(self, runner): ...',
    'cdb_video_files/lists.py': 'def read(path): ...',
    'data_prep/build_lists.py': 'from prep.lists.split_clips import draw\ndef _build(wanted): draw(wanted.seed)',
    'data_prep/prep/lists/split_clips.py': 'def draw(seed): ...',
}


def test_an_old_and_a_new_layout_stand_beside_each_other(checkout, tmp_path, capsys):
    for name, files in (('old', OLD), ('new', NEW)):
        checkout(files, tmp_path / name)
    trips = [':Hook.start:runner', ':build|_build:args|wanted', 'lists.py:read:path']
    options = [part for trip in trips for part in ('--trip', trip)]
    assert main([str(tmp_path / 'old'), str(tmp_path / 'new'), *options]) == 0
    head, line, *rows = [row.strip('| ').split(' | ') for row in capsys.readouterr().out.splitlines()]
    assert (len(head), len(line)) == (2, 3)
    table = {name: values for name, *values in rows}
    assert table['cdb_video_files: files in the largest flat folder'] == ['-', '1 (cdb_video_files)']
    assert table['data_prep: rooms'] == ['2', '2']
    assert table['data_prep: floors of modules'] == ['2', '2']
    assert table['data_prep: lines of a function, median / p90'] == ['1 / 1', '1 / 1']
    assert table['trip :Hook.start:runner'] == ['1 / 1 / 0', '1 / 1 / 0']
    assert table['trip :build or _build:args or wanted'] == ['2 / 2 / 0', '2 / 2 / 0']
    assert table['trip lists.py:read:path'] == ['-', '1 / 1 / 0']


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (['--trip', ':_build:nothing'], 'no file has such a function with this parameter'),
        (['--trip', '_build'], 'must be FILE:FUNCTION:PARAMETER'),
        (['--trip', ':_build:args|seed:x'], 'must be FILE:FUNCTION:PARAMETER'),
        (
            ['--trip', ':twice:x'],
            '--trip :twice:x may start in cdb_video/hooks.py (x), cdb_video/other.py (x): name one',
        ),
        (['nowhere'], 'nowhere has none of cdb_video, cdb_video_files, data_prep'),
    ],
)
def test_what_cannot_be_measured_is_said(checkout, tmp_path, monkeypatch, capsys, arguments, words):
    checkout(OLD | {f'cdb_video/{name}.py': 'def twice(x): ...' for name in ('hooks', 'other')})
    monkeypatch.chdir(tmp_path)
    roots = [] if arguments == ['nowhere'] else ['.']
    assert main([*roots, *arguments]) == 2
    assert words in capsys.readouterr().err


def test_the_usual_trips_start_somewhere(repository, capsys):
    assert main([str(repository)]) == 0
    assert sum(row.startswith('| trip ') for row in capsys.readouterr().out.splitlines()) == 4
