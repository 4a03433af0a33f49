"""Tables of predictions: what is read of their columns, the page that is made of them, and what is refused."""

import csv
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from cdb_video.commands.report import main
from cdb_video.difficulty.history import append_lines
from cdb_video.difficulty.records import Header, Record
from cdb_video.report.class_report.file import read_class_report
from cdb_video.report.insight.insight import Options, build_insight
from cdb_video.report.sources.dump import DumpError, ForeignDumpError
from cdb_video.report.sources.prediction_table import read_table
from cdb_video.report.sources.source import read_run

NAMES = ('lift', 'cut', 'wash')
LABELS, PREDICTED = [0, 0, 1, 1, 2], [0, 1, 1, 1, 0]
SCORES = [[0.8, 0.1, 0.1], [0.3, 0.6, 0.1], [0.1, 0.8, 0.1], [0.2, 0.7, 0.1], [0.5, 0.1, 0.4]]
CLIPS = [f'data/clips/{name}.mp4' for name in 'abcde']


def write(path, header, *rows):
    with path.open('w', newline='', encoding='utf-8') as file:
        csv.writer(file).writerows([header, *rows])
    return path


def write_all(path, columns):
    return write(path, columns, *zip(*columns.values(), strict=True))


PLAIN = {'path': CLIPS, 'label': LABELS, 'predicted': PREDICTED}
NUMBERED = PLAIN | {f'score_{c}': [row[c] for row in SCORES] for c in range(3)}


@pytest.fixture
def folder(tmp_path):
    """A work directory with a history of one validation, whose counts are those of the table."""
    num_clips, num_correct = [2, 2, 1], [1, 2, 0]
    accuracy = [0.5, 1.0, 0.0]
    record = Record(1, 9, num_clips, num_correct, accuracy, [1 - one for one in accuracy], {}, {'acc/top1': 0.6})
    append_lines(tmp_path / 'class_history.jsonl', Header('x', 3, NAMES, [9, 5, 1]), record)
    return tmp_path


def test_predicted_classes_alone_are_read_without_scores(tmp_path):
    found = read_table(write_all(tmp_path / 'a.csv', PLAIN))
    assert found.labels.tolist() == LABELS
    assert found.predicted.tolist() == PREDICTED
    assert found.clip_names == tuple('abcde')
    assert (found.num_classes, found.has_scores) == (3, False)
    assert read_table(tmp_path / 'a.csv', num_classes=7).num_classes == 7


def test_scores_stand_in_numbered_columns_in_any_order_or_under_the_names_of_classes(tmp_path):
    mixed = dict(reversed(NUMBERED.items()))
    named = {'label': [NAMES[c] for c in LABELS]} | {name: [row[c] for row in SCORES] for c, name in enumerate(NAMES)}
    for columns, names in ((NUMBERED, None), (mixed, None), (named, NAMES)):
        found = read_table(write_all(tmp_path / 'a.csv', columns), names)
        np.testing.assert_allclose(found.scores, SCORES)
        assert found.labels.tolist() == LABELS
        assert found.predicted.tolist() == PREDICTED
        assert found.are_probabilities
        assert found.has_scores
    assert found.paths is None


def test_a_byte_order_mark_blank_lines_and_spaces_are_no_matter(tmp_path):
    text = '\ufefflabel, predicted,name\r\n\r\n 0,1 ,"a, b"\r\n1,1,c\r\n'
    (tmp_path / 'a.csv').write_bytes(text.encode())
    found = read_table(tmp_path / 'a.csv')
    assert (found.labels.tolist(), found.predicted.tolist()) == ([0, 1], [1, 1])
    assert found.paths == ('a, b', 'c')


def test_a_page_is_made_of_a_history_and_the_table_beside_it(folder, capsys):
    write_all(folder / 'predictions.csv', NUMBERED)
    assert main([str(folder), '--no-thumbnails', '--bootstrap', '0']) == 0
    assert 'another' not in capsys.readouterr().out  # the counts are those of the last validation
    page = (folder / 'report.html').read_text()
    assert '<h2>Mistakes</h2>' in page
    assert 'score 0.600, own class 0.300' in page
    assert read_class_report(folder / 'class_report.json').dump == 'predictions.csv'
    assert main([str(folder), '--no-thumbnails', '--bootstrap', '0']) == 0  # finds it again


def test_a_page_without_scores_shows_mistakes_and_no_number_that_nobody_knows(folder):
    write_all(folder / 'predictions.csv', {'label': ['lift', 'wash'], 'predicted': ['cut', 'wash'], 'name': ['a', 'b']})
    assert main([str(folder), '--no-thumbnails', '--bootstrap', '0']) == 0
    page = (folder / 'report.html').read_text()
    mistakes = page[page.index('id="mistakes"') :]
    assert '<h2>Mistakes</h2>' in mistakes
    assert 'taken for <strong class="wrong">cut</strong>' in mistakes
    assert 'score' not in mistakes[: mistakes.index('</section>')]
    assert 'has no scores' in page


def test_no_top_5_is_made_up_where_there_are_no_scores(tmp_path):
    labels = np.arange(40) % 8
    path = write_all(tmp_path / 'a.csv', {'label': labels, 'predicted': (labels + (np.arange(40) % 3 == 0)) % 8})
    insight = build_insight(read_run(path), Options(repeats=0))
    assert 'top1' in insight.metrics
    assert 'top5' not in insight.metrics


def test_a_dump_goes_before_a_table_and_an_asked_table_before_both(folder):
    write_all(folder / 'predictions.csv', NUMBERED)
    (folder / 'predictions.pkl').write_bytes(b'')
    with pytest.raises(DumpError, match=r'predictions\.pkl'):
        read_run(folder)
    assert read_run(folder, folder / 'predictions.csv').predictions.num_classes == 3


def test_a_table_of_something_else_that_just_lies_there_is_left_out_with_a_note(folder):
    write(folder / 'predictions.csv', ['id', 'value'], [1, 2])
    run = read_run(folder)
    assert run.predictions is None
    assert any('Left out' in note and 'no column label, only id, value' in note for note in run.notes)
    with pytest.raises(ForeignDumpError, match='a table of predictions has the columns'):
        read_run(folder, folder / 'predictions.csv')


@pytest.mark.parametrize(
    ('columns', 'said'),
    [
        ({'label': [], 'predicted': []}, 'has a header and no rows'),
        ({'label': [0]}, 'neither a column predicted nor scores'),
        ({'label': [0, 3], 'predicted': [0, 1]}, "row 2 has the label '3': must be a whole number 0..2, or a name"),
        ({'label': [0, -1], 'predicted': [0, 1]}, "row 2 has the label '-1'"),
        ({'label': [0, 0.5], 'predicted': [0, 1]}, "row 2 has the label '0.5'"),
        ({'label': ['lift'], 'predicted': ['dry']}, "row 1 has the predicted 'dry'"),
        ({'label': [0], 'predicted': [0], 'scroe_0': [1]}, "column 'scroe_0', which is none of label, predicted"),
        ({'label': [0], 'score_0': [1], 'score_2': [0]}, 'the classes 0, 2: there must be one for every class'),
        ({'label': [0], 'lift': [1], 'cut': [0]}, 'scores of lift and none of wash'),
        ({'label': [0], 'score_0': ['nan'], 'score_1': [0]}, "row 1 has the score_0 'nan': a score is a finite number"),
        ({'label': [0], 'score_0': ['much'], 'score_1': [0]}, "score_0 'much'"),
        ({'label': [0], 'predicted': [1], 'score_0': [0.5], 'score_1': [0.5]}, 'predicted 1, and its highest score'),
    ],
)
def test_tables_with_a_fault_are_refused_by_column_and_row(tmp_path, columns, said):
    with pytest.raises(DumpError, match=said):
        read_table(write_all(tmp_path / 'a.csv', columns), NAMES)


@pytest.mark.parametrize(
    ('content', 'said'),
    [
        (b'', 'is empty: write a header line'),
        (b'label,predicted\n0\n', 'line 2 has 1 value, the header 2'),
        (b'label,label\n0,0\n', "the header has 'label' twice"),
        (b'label,predicted\n\xff,0\n', 'write it as CSV in UTF-8'),
        (b'label,predicted\n"0,0\n', 'write it as CSV in UTF-8'),
    ],
)
def test_what_is_no_csv_is_refused(tmp_path, content, said):
    (tmp_path / 'a.csv').write_bytes(content)
    with pytest.raises(DumpError, match=said):
        read_table(tmp_path / 'a.csv')


def test_a_class_that_cannot_be_meant_takes_no_memory(tmp_path):
    with pytest.raises(DumpError, match="label '999999999'"):
        read_table(write(tmp_path / 'a.csv', ['label', 'predicted'], [999999999, 0]))


def test_tables_of_other_classes_than_the_history_are_refused(folder):
    table = write_all(folder / 'other.csv', {'label': [0], 'score_0': [1], 'score_1': [0]})
    with pytest.raises(ValueError, match='different numbers of classes'):
        read_run(folder, table)
    with pytest.raises(FileNotFoundError, match='name a table of predictions'):
        read_run(folder, folder / 'absent.csv')


def test_parquet_is_read_by_pyarrow(tmp_path, monkeypatch):
    seen = []

    def read(path):
        seen.append(path)
        return SimpleNamespace(to_pydict=lambda: NUMBERED)

    path = tmp_path / 'a.parquet'
    path.write_bytes(b'PAR1')
    monkeypatch.setattr('cdb_video.report.sources.prediction_table.find_spec', lambda name: name)
    monkeypatch.setitem(sys.modules, 'pyarrow', SimpleNamespace())
    monkeypatch.setitem(sys.modules, 'pyarrow.parquet', SimpleNamespace(read_table=read))
    assert read_table(path).predicted.tolist() == PREDICTED
    assert seen == [path]


def test_parquet_without_a_reader_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / 'a.parquet').write_bytes(b'PAR1')
    monkeypatch.setattr('cdb_video.report.sources.prediction_table.find_spec', lambda name: None)
    with pytest.raises(DumpError, match='Parquet needs pyarrow: pip install pyarrow, or write the table as CSV'):
        read_table(tmp_path / 'a.parquet')


def test_a_label_that_is_a_number_and_the_name_of_another_class_is_refused(tmp_path):
    table = write_all(tmp_path / 'a.csv', PLAIN | {'label': ['3', '1', '2', '0', '1'], 'predicted': ['1'] * 5})
    with pytest.raises(
        DumpError, match="row 1 has the label '3', which is the name of class 0 and the number of class 3"
    ):
        read_table(table, ['3', '1', '2', '0'])
    names = ['7', '8', '9']  # none of them a number of a class
    found = read_table(
        write_all(tmp_path / 'b.csv', PLAIN | {'label': list('78987'), 'predicted': list('77777')}), names
    )
    assert found.labels.tolist() == [0, 1, 2, 1, 0]


@pytest.mark.parametrize(
    'text', ['label,predicted\nLift,cut\n', 'label,predicted\n0\n', 'when,what\n1,2\n', '\xe9t\xe9,x']
)
def test_a_table_of_something_else_that_lies_in_the_folder_is_left_out_and_named(folder, text):
    (folder / 'predictions.csv').write_text(text, encoding='latin-1')
    run = read_run(folder)
    assert run.predictions is None
    (note,) = [note for note in run.notes if note.startswith('Left out: ')]
    assert 'predictions.csv' in note
    with pytest.raises(ValueError, match=r'predictions\.csv'):
        read_run(folder, dump=folder / 'predictions.csv')


def test_a_table_without_names_is_told_which_column_it_needs(folder):
    write_all(folder / 'predictions.csv', {'label': LABELS, 'predicted': PREDICTED})
    insight = build_insight(read_run(folder), Options(repeats=0))
    notes = ' '.join([*insight.notes, *insight.lacks])
    assert 'Give the table a column name, or path.' in notes
    assert 'custom_imports' not in notes
