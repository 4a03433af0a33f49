"""tools/report.py: its output, and what it says where there is no report."""

import importlib.util
from pathlib import Path

import pytest

from cdb_video.report import class_rows, format_table, write_class_report


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
