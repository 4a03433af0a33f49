"""tools/report.py: its output, and what it says where there is no report."""

import importlib.util
import json
from pathlib import Path
from unittest import mock

import pytest

from cdb_video.report import class_rows, format_table, write_class_report
from tests.report.dumps import NAMES, make_samples, write_dump, write_history, write_report


@pytest.fixture(scope='module')
def report():
    path = Path(__file__).resolve().parents[2] / 'tools/report.py'
    spec = importlib.util.spec_from_file_location('tools_report', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ROWS = class_rows(
    [4, 2, 0],
    [4, 1, 0],
    class_names=['lift', 'cut', 'wash'],
    train_counts=[40, 20, 7],
    difficulty=[0.0, 0.5, 0.25],
    consumers={'CDBLoss': {'tau': 1.0, 'weight': [0.0, 2.0, 1.0]}, 'CDBSampler': {'tau': 1.0}},
)


def test_rows_are_sorted_hardest_first_and_unmeasured_last():
    assert [row['name'] for row in ROWS] == ['cut', 'lift', 'wash']
    assert ROWS[0] == {
        'label': 1, 'name': 'cut', 'train_count': 20, 'num_clips': 2, 'num_correct': 1, 'accuracy': 0.5,
        'difficulty': 0.5, 'weight': 2.0, 'probability': None,
    }  # fmt: skip
    assert ROWS[2]['accuracy'] is None


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


def test_newest_report_is_printed(report, tmp_path, capsys):
    metrics = {'acc/top1': 0.8333, 'acc/mean1': 0.75}
    write_class_report(tmp_path, ROWS, {'split': 'test', 'epoch': 3, 'iter': 30, 'metrics': metrics})
    assert report.main([str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert 'test set, epoch 3' in printed
    assert 'acc/top1 83.3%  acc/mean1 75.0%' in printed
    assert format_table(ROWS) in printed


@pytest.mark.parametrize(
    ('content', 'message'),
    [(None, 'does not exist'), ('{"split', 'cannot be read'), ('{}', 'cannot be read'), ('[]', 'cannot be read')],
)
def test_missing_or_torn_report_is_an_error(report, tmp_path, capsys, content, message):
    if content is not None:
        (tmp_path / 'class_report.json').write_text(content)
    assert report.main([str(tmp_path)]) == 2
    assert message in capsys.readouterr().err


def test_files_are_written_beside_the_work_dir_or_to_out(report, tmp_path, capsys):
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


def test_history_of_a_run_that_was_killed_is_reported(report, tmp_path, capsys):
    history = write_history(tmp_path / 'class_history.jsonl')
    with history.open('a') as file:
        file.write('{"kind": "val')
    assert report.main([str(tmp_path), '--no-html']) == 0
    printed = capsys.readouterr().out
    assert '(val set, epoch 3)' in printed
    assert 'note: class_history.jsonl: left out 1 torn line.' in printed


def test_a_report_is_made_again_with_the_dump_that_it_was_made_with(report, tmp_path, capsys):
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


def test_a_report_that_says_more_is_not_replaced(report, tmp_path, capsys):
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


def test_missing_packages_leave_the_tables_and_say_the_remedy(report, tmp_path, capsys):
    write_history(tmp_path / 'class_history.jsonl')
    with mock.patch('cdb_video.report.page.find_spec', return_value=None):
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
def test_what_does_not_fit_is_an_error(report, tmp_path, capsys, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    write_history(tmp_path / 'class_history.jsonl')
    write_dump(tmp_path / 'other.pkl', make_samples(num_classes=4))
    (tmp_path / 'two.txt').write_text('a\nb\n')
    assert report.main(['.', *arguments]) == 2
    assert message in capsys.readouterr().err
