"""The command report: its output, and what it says where there is no report."""

import json
import re
from unittest import mock

import pytest
import torch

from cdb_video.commands import report
from cdb_video.difficulty.records import Derived, Header
from cdb_video.report import class_rows, format_table, write_class_report
from cdb_video.report.class_report.file import ClassReport
from tests.report.dumps import NAMES, make_samples, write_dump, write_history, write_report

ROWS = class_rows(
    [4, 2, 0],
    [4, 1, 0],
    class_names=['lift', 'cut', 'wash'],
    train_counts=[40, 20, 7],
    difficulty=[0.0, 0.5, 0.25],
    consumers={'CDBLoss': Derived(1.0, weight=[0.0, 2.0, 1.0]), 'CDBSampler': Derived(1.0)},
)


def test_rows_are_sorted_hardest_first_and_unmeasured_last():
    assert [row.name for row in ROWS] == ['cut', 'lift', 'wash']
    assert ROWS[0].to_dict() == {
        'label': 1, 'name': 'cut', 'train_count': 20, 'num_clips': 2, 'num_correct': 1, 'accuracy': 0.5,
        'difficulty': 0.5, 'weight': 2.0, 'probability': None,
    }  # fmt: skip
    assert ROWS[2].accuracy is None


def test_table_leaves_out_columns_of_which_nothing_is_known():
    assert format_table(ROWS).splitlines() == [
        'label  class  train  clips  acc %  difficulty  weight',
        '-----  -----  -----  -----  -----  ----------  ------',
        '    1  cut       20      2   50.0       0.500   2.000',
        '    0  lift      40      4  100.0       0.000   0.000',
        '    2  wash       7      0      -       0.250   1.000',
    ]
    bare = format_table(class_rows([1], [0]))
    assert bare.splitlines()[-1].split() == ['0', 'class', '0', '1', '0.0']


def test_newest_report_is_printed(tmp_path, capsys):
    metrics = {'acc/top1': 0.8333, 'acc/mean1': 0.75}
    write_class_report(tmp_path, ClassReport('test', epoch=3, iteration=30, metrics=metrics, rows=ROWS))
    assert report.main([str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert 'test set, epoch 3' in printed
    assert 'acc/top1 83.3%  acc/mean1 75.0%' in printed
    assert format_table(ROWS) in printed


@pytest.mark.parametrize(
    ('content', 'message'),
    [(None, 'does not exist'), ('{"split', 'cannot be read'), ('{}', 'cannot be read'), ('[]', 'cannot be read')],
)
def test_missing_or_torn_report_is_an_error(tmp_path, capsys, content, message):
    if content is not None:
        (tmp_path / 'class_report.json').write_text(content)
    assert report.main([str(tmp_path)]) == 2
    assert message in capsys.readouterr().err


def test_files_are_written_beside_the_work_dir_or_to_out(tmp_path, capsys):
    write_report(tmp_path / 'class_report.json', make_samples())
    assert report.main([str(tmp_path), '--no-html']) == 0
    assert (tmp_path / 'class_report.md').exists()
    assert not (tmp_path / 'report.html').exists()
    pytest.importorskip('plotly', reason="needs the extra 'report'")
    dump = write_dump(tmp_path / 'some.pkl', make_samples())
    (tmp_path / 'classes.txt').write_text('\n'.join(NAMES))
    out = tmp_path / 'out'
    arguments = ['--classes', str(tmp_path / 'classes.txt'), '--out', str(out), '--bootstrap', '20']
    assert report.main([str(dump), *arguments]) == 0
    assert {path.name for path in out.iterdir()} == {
        'class_report.csv', 'class_report.json', 'class_report.md', 'report.html',
    }  # fmt: skip
    assert 'wash' in capsys.readouterr().out


def test_history_of_a_run_that_was_killed_is_reported(tmp_path, capsys):
    history = write_history(tmp_path / 'class_history.jsonl')
    with history.open('a') as file:
        file.write('{"kind": "val')
    assert report.main([str(tmp_path), '--no-html']) == 0
    printed = capsys.readouterr().out
    assert '(val set, epoch 3)' in printed
    assert 'note: class_history.jsonl: left out 1 torn line.' in printed


def test_a_report_is_made_again_with_the_dump_that_it_was_made_with(tmp_path, capsys):
    work, dump = tmp_path / 'work', tmp_path / 'elsewhere.pkl'
    work.mkdir()
    samples = make_samples()
    write_report(work / 'class_report.json', samples)
    write_dump(dump, samples)
    quick = ['--no-html', '--bootstrap', '5']
    assert report.main([str(work), '--dump', str(dump), *quick]) == 0
    first = json.loads((work / 'class_report.json').read_text())
    assert first['dump'] == str(dump)
    assert report.main([str(work), *quick]) == 0
    assert json.loads((work / 'class_report.json').read_text()) == first
    dump.rename(work / 'inside.pkl')
    assert report.main([str(work), '--dump', str(work / 'inside.pkl'), *quick]) == 0
    assert json.loads((work / 'class_report.json').read_text())['dump'] == 'inside.pkl'


def test_a_report_that_says_more_is_not_replaced(tmp_path, capsys):
    work = tmp_path / 'work'
    work.mkdir()
    samples = make_samples()
    write_report(work / 'class_report.json', samples)
    history = write_history(work / 'class_history.jsonl')
    dump = write_dump(tmp_path / 'some.pkl', samples)
    quick = ['--no-html', '--bootstrap', '5']
    assert report.main([str(work), '--dump', str(dump), *quick]) == 0
    before = {path.name: path.read_bytes() for path in work.iterdir()}
    dump.rename(work / 'gone.pkl')
    capsys.readouterr()
    for path, lost in [
        (work, 'what the dump'),
        (history, 'the test set'),
        (work / 'gone.pkl', 'the names of the classes'),
    ]:
        assert report.main([str(path), *quick]) == 2
        error = capsys.readouterr().err
        assert lost in error
        assert 'write to another folder by --out' in error
    assert {path.name: path.read_bytes() for path in work.iterdir() if path.name != 'gone.pkl'} == before
    assert report.main([str(work), '--out', str(tmp_path / 'out'), *quick]) == 0
    assert f'The dump that class_report.json was made with, {dump}, is gone.' in capsys.readouterr().out


def test_missing_packages_leave_the_tables_and_say_the_remedy(tmp_path, capsys):
    write_history(tmp_path / 'class_history.jsonl')
    with mock.patch('cdb_video.report.pages.page.find_spec', return_value=None):
        assert report.main([str(tmp_path)]) == 0
    assert "pip install 'cdb-video[report]'" in capsys.readouterr().err
    assert (tmp_path / 'class_report.csv').exists()


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--dump', 'other.pkl'], 'different numbers of classes'),
        (['--dump', 'nowhere.pkl'], 'nowhere.pkl'),
        (['--shot-thresholds', '9', '3'], 'must be FEW MANY'),
        (['--classes', 'two.txt'], 'the list of class names has 2'),
    ],
)
def test_what_does_not_fit_is_an_error(tmp_path, capsys, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    write_history(tmp_path / 'class_history.jsonl')
    write_dump(tmp_path / 'other.pkl', make_samples(num_classes=4))
    (tmp_path / 'two.txt').write_text('a\nb\n')
    assert report.main(['.', *arguments]) == 2
    assert message in capsys.readouterr().err


def header_alone(path):
    path.write_text(json.dumps(Header('run', 5, NAMES, [400, 150, 90, 12, 3]).to_dict()) + '\n')


OTHER_FILES = {
    'header': (
        'class_history.jsonl',
        header_alone,
        'has a header and no validation yet: .* let the run',
    ),
    'empty history': ('class_history.jsonl', lambda path: path.touch(), 'is empty: .*get to its first validation'),
    'page': (
        'report.html',
        lambda path: path.write_text('<!doctype html>\n<p>'),
        'holds 2 lines of which none is of a',
    ),
    'checkpoint': ('epoch_1.pth', lambda path: torch.save({'w': torch.zeros(2)}, path), 'is a checkpoint, .* mim test'),
    'empty dump': ('predictions.pkl', lambda path: path.touch(), 'is empty: .* mim test --dump'),
    'text': ('predictions.pkl', lambda path: path.write_text('hello\n'), "text file, which begins with 'hello'"),
}


@pytest.mark.parametrize('inside', [False, True], ids=['file', 'folder'])
@pytest.mark.parametrize('kind', OTHER_FILES)
def test_files_that_say_nothing_of_a_run_are_named_with_what_to_do(tmp_path, capsys, kind, inside):
    name, write, message = OTHER_FILES[kind]
    if inside and kind in ('page', 'checkpoint'):
        message = 'Train with ClassDifficultyHook, or run mim test, first'  # they are not looked at
    write(tmp_path / name)
    before = [path.name for path in tmp_path.iterdir()]
    assert report.main([str(tmp_path if inside else tmp_path / name)]) == 2
    error = capsys.readouterr().err
    assert re.search(message, error)
    assert str(tmp_path) in error
    assert [path.name for path in tmp_path.iterdir()] == before


@pytest.mark.parametrize('name', ['some.pickle', 'dump'])
def test_a_dump_is_known_by_its_name_or_by_how_it_begins(tmp_path, name):
    assert report.main([str(write_dump(tmp_path / name, make_samples())), '--no-html', '--bootstrap', '0']) == 0
    assert json.loads((tmp_path / 'class_report.json').read_text())['split'] == 'dump'


def test_a_history_without_a_validation_beside_a_dump_is_not_said_to_be_missing(tmp_path, capsys):
    header_alone(tmp_path / 'class_history.jsonl')
    write_dump(tmp_path / 'predictions.pkl', make_samples())
    assert report.main([str(tmp_path), '--no-html', '--bootstrap', '0']) == 0
    printed = capsys.readouterr().out
    assert 'note: class_history.jsonl has no validation yet' in printed
    assert 'there is no validation to compare it with' in printed
    assert 'no class_history.jsonl' not in printed


def test_a_torn_history_costs_nothing_but_itself(tmp_path, capsys):
    (tmp_path / 'class_history.jsonl').write_text('{"kind": "head')
    write_dump(tmp_path / 'predictions.pkl', make_samples())
    assert report.main([str(tmp_path), '--no-html', '--bootstrap', '0']) == 0
    assert 'holds 1 line of which none is of a class_history.jsonl' in capsys.readouterr().out


def test_a_full_disk_is_said_with_the_file_and_the_remedy(tmp_path, capsys):
    write_history(tmp_path / 'class_history.jsonl')
    with mock.patch('os.fsync', side_effect=OSError(28, 'No space left on device')):
        assert report.main([str(tmp_path), '--no-html']) == 2
    printed = capsys.readouterr()
    assert f'{tmp_path}/class_report.csv could not be written (No space left on device): free disk' in printed.err
    assert 'by --out' in printed.err
    assert 'wash' in printed.out  # what was found out is not lost
    assert [path.name for path in tmp_path.iterdir()] == ['class_history.jsonl']


def test_a_folder_that_cannot_be_made_is_said_with_the_remedy(tmp_path, capsys):
    write_history(tmp_path / 'class_history.jsonl')
    (tmp_path / 'taken').touch()
    assert report.main([str(tmp_path), '--no-html', '--out', str(tmp_path / 'taken')]) == 2
    assert f'{tmp_path}/taken could not be written' in capsys.readouterr().err


def test_names_that_contradict_those_of_the_run_are_an_error(tmp_path, capsys):
    write_history(tmp_path / 'class_history.jsonl')
    (tmp_path / 'names.txt').write_text('\n'.join((NAMES[1], NAMES[0], *NAMES[2:])))
    assert report.main([str(tmp_path), '--classes', str(tmp_path / 'names.txt')]) == 2
    assert "'lift' in the run" in capsys.readouterr().err


def test_training_batches_are_not_called_a_validation(tmp_path, capsys):
    write_history(tmp_path / 'class_history.jsonl', sources=['train'] * 3)
    assert report.main([str(tmp_path), '--no-html']) == 0
    printed = capsys.readouterr().out
    assert '(training batches, epoch 3)' in printed
    assert "note: The difficulty is of the training batches (ClassDifficultyHook with source='train')" in printed
    assert 'validation' not in printed
    assert 'val set' not in printed
    assert '(training batches, epoch 3)' in (tmp_path / 'class_report.md').read_text()
    document = json.loads((tmp_path / 'class_report.json').read_text())
    assert (document['split'], document['difficulty_source']) == ('train', 'train')
    # What training goes on to measure takes its place, and a test is worth more.
    write_history(tmp_path / 'class_history.jsonl', epochs=4, sources=['train'] * 4)
    assert report.main([str(tmp_path), '--no-html']) == 0
    assert json.loads((tmp_path / 'class_report.json').read_text())['epoch'] == 4
    write_report(tmp_path / 'class_report.json', make_samples())
    assert report.main([str(tmp_path / 'class_history.jsonl'), '--no-html']) == 2
    assert 'the evaluation on the test set' in capsys.readouterr().err


def test_a_class_list_that_is_not_there_is_named_with_the_remedy(tmp_path, capsys):
    write_history(tmp_path / 'class_history.jsonl')
    assert report.main([str(tmp_path), '--classes', str(tmp_path / 'gone.txt')]) == 2
    assert f'report: there is no class list {tmp_path}/gone.txt: name a file with' in capsys.readouterr().err
