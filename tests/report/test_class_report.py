"""The class report as rows and file: columns, order of the keys, what is read back, and that nothing changes it."""

import json
from dataclasses import FrozenInstanceError, replace

import pytest

from cdb_video.difficulty.records import Derived
from cdb_video.report.class_report.file import Analysis, ClassReport, read_class_report, write_class_report
from cdb_video.report.class_report.rows import Confused, DetailedRow, class_rows
from cdb_video.report.class_report.text import format_table, markdown_table

COLUMNS = [
    'label', 'name', 'train_count', 'num_clips', 'num_correct', 'accuracy', 'difficulty', 'weight', 'probability'
]  # fmt: skip
OF_OBJECTS = ['num_missed', 'ap', 'train_images']
ROW = DetailedRow(1, 'cut', 20, 4, 3, 0.75, accuracy_low=0.3, accuracy_high=0.95, confused_with=(Confused(0, 'a', 1),))


@pytest.fixture
def report():
    rows = class_rows([4, 2, 0], [4, 1, 0], class_names=['lift', 'cut', 'wash'], train_counts=[40, 20, 7])
    return ClassReport('val', epoch=3, iteration=30, metrics={'acc/top1': 0.8}, rows=rows, difficulty_source='val')


def written(folder, report):
    _, path = write_class_report(folder, report)
    return json.loads(path.read_text())


def test_rows_have_the_columns_of_the_format_in_their_order(tmp_path):
    assert list(class_rows([1], [0])[0].to_dict()) == COLUMNS + OF_OBJECTS
    more = ['accuracy_low', 'accuracy_high', 'precision', 'peak_difficulty', 'peak_epoch', 'confused_with']
    more += ['signed_difficulty', 'signed_low', 'signed_high', 'finding']
    assert list(ROW.to_dict()) == COLUMNS + OF_OBJECTS + more
    assert ROW.to_dict()['confused_with'] == 'a (1)'
    missed = replace(ROW, label=0, name='b', num_missed=1)
    for rows, columns in (([ROW], []), ([replace(ROW, num_missed=0), missed], ['num_missed'])):
        table, path = write_class_report(tmp_path, ClassReport('val', 1, 1, {}, rows))
        assert table.read_text().splitlines()[0].split(',') == COLUMNS + columns + more, (
            'those of objects where any has one'
        )
        assert list(json.loads(path.read_text())['classes'][0]) == COLUMNS + columns + more


def test_the_first_consumer_with_a_vector_gives_it():
    consumers = {
        'A': Derived(1.0, probability=[0.5]),
        'B': Derived(None, weight=[2.0], probability=[0.9]),
        'C': Derived(weight=[3.0]),
    }
    (row,) = class_rows([1], [0], consumers=consumers)
    assert (row.weight, row.probability) == (2.0, 0.5)


def test_rows_do_not_change():
    with pytest.raises(FrozenInstanceError):
        ROW.accuracy = 1.0


def test_tables_leave_out_what_is_not_known():
    assert format_table([ROW]).splitlines()[0].split() == ['label', 'class', 'train', 'clips', 'acc', '%']
    assert markdown_table([ROW]) == [
        '| class | train | clips | acc % | from | to | most often taken for |',
        '|---|---:|---:|---:|---:|---:|---|',
        '| cut | 20 | 4 | 75.0 | 30.0 | 95.0 | a (1) |',
    ]


@pytest.mark.parametrize(
    ('changes', 'keys'),
    [
        ({}, ['difficulty_source', 'difficulty_measure']),
        (
            {'confusions': [[0, 0, 4], [1, 1, 1], [1, 2, 1]], 'shot_thresholds': (9, 30)},
            ['difficulty_source', 'difficulty_measure', 'confusions', 'shot_thresholds'],
        ),
        (
            {'analysis': Analysis({}, None, None, ['x'])},
            ['intervals', 'resampled', 'shot_thresholds', 'head_threshold', 'rank_correlation', 'restlessness',
             'difficulty_source', 'difficulty_measure', 'dump', 'confusions', 'notes'],
        ),
    ],
)  # fmt: skip
def test_file_has_the_keys_of_the_format_in_their_order(report, tmp_path, changes, keys):
    document = written(tmp_path, replace(report, **changes))
    assert list(document) == ['version', 'split', 'epoch', 'iter', 'metrics', *keys, 'classes']
    assert [row['name'] for row in document['classes']] == ['cut', 'lift', 'wash']
    assert (tmp_path / 'class_report.csv').read_text().splitlines()[0] == ','.join(COLUMNS)


def test_what_was_written_is_read_back_in_the_order_of_the_labels(report, tmp_path):
    report = replace(report, confusions=[[0, 0, 4], [1, 1, 1], [1, 2, 1]], shot_thresholds=[9, 30], dump='p.pkl')
    analysed = replace(report, analysis=Analysis({'acc/top1': (0.5, 0.9)}, 'clips', 0.5, []), head_threshold=100)
    written(tmp_path, analysed)
    read = read_class_report(tmp_path / 'class_report.json')
    by_label = tuple(sorted(report.rows, key=lambda row: row.label))
    assert read == replace(report, rows=by_label, head_threshold=100)
    assert read.counts == [(4, 4), (2, 1), (0, 0)]


def test_fields_of_a_newer_version_are_passed_over_and_those_of_an_older_one_not_known(report, tmp_path):
    document = written(tmp_path, report)
    path = tmp_path / 'class_report.json'
    before = read_class_report(path)
    newer = document | {'future': 1, 'classes': [row | {'future': 1} for row in document['classes']]}
    path.write_text(json.dumps(newer))
    assert read_class_report(path) == before
    bare = [{key: row[key] for key in ('label', 'name', 'num_clips', 'num_correct')} for row in document['classes']]
    path.write_text(json.dumps({'split': 'test', 'epoch': None, 'metrics': {}, 'classes': bare}))
    read = read_class_report(path)
    assert (read.iteration, read.dump, read.confusions, read.rows[0].accuracy) == (None,) * 4
