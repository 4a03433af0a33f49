"""What a report says of a work directory, a history or a dump, and what it says it lacks."""

import json

import numpy as np
import pytest
import torch
from sklearn import metrics as sk

from cdb_video.report.class_report.metrics import METRIC_LABELS
from cdb_video.report.class_report.text import format_summary
from cdb_video.report.insight.insight import Options, build_insight
from cdb_video.report.pages.files import class_report_of
from cdb_video.report.sources.source import read_run
from tests.report.dumps import NAMES, make_samples, write_dump, write_history, write_report

QUICK = Options(repeats=50, head_threshold=100)


@pytest.fixture
def work_dir(tmp_path):
    samples = make_samples()
    write_history(tmp_path / 'class_history.jsonl')
    write_dump(tmp_path / 'predictions.pkl', samples)
    write_report(tmp_path / 'class_report.json', samples)
    return tmp_path


def test_work_dir_gives_every_part(work_dir):
    insight = build_insight(read_run(work_dir), QUICK)
    assert (insight.split, insight.epoch, insight.resampled) == ('test', 2, 'sessions')
    # The minimum of draws tells no interval of the worst class; its row has Wilson's.
    assert insight.metrics.keys() - insight.intervals.keys() == {'worst'}
    assert insight.metrics['worst'] == insight.rows[0].accuracy
    assert insight.group_sizes == {'many_shot': 2, 'medium_shot': 1, 'few_shot': 2, 'head': 2, 'tail': 3}
    for name in ('mean1', 'hmean'):
        low, high = insight.intervals[name]
        assert low < insight.metrics[name] < high
    assert insight.notes == ('1 class has no clips here, so the means are over the others: never.',)


def test_rows_equal_scikit_learn_and_the_history(work_dir):
    run = read_run(work_dir)
    insight = build_insight(run, QUICK)
    labels, predicted = run.predictions.labels, run.predictions.predicted
    options = {'labels': range(5), 'average': None, 'zero_division': 0}
    recall, precision = sk.recall_score(labels, predicted, **options), sk.precision_score(labels, predicted, **options)
    confusion = sk.confusion_matrix(labels, predicted, labels=range(5))
    course = np.array([record.difficulty for record in run.records])
    for row in insight.rows:
        label = row.label
        if row.name == 'never':
            assert row.accuracy is row.accuracy_low is None
        else:
            np.testing.assert_allclose(row.accuracy, recall[label], rtol=0, atol=1e-12)
            assert row.accuracy_low < row.accuracy < row.accuracy_high
        np.testing.assert_allclose(row.precision, precision[label], rtol=0, atol=1e-12)
        wrong = sorted((-confusion[label, c], c) for c in range(5) if c != label and confusion[label, c])
        assert [(c.clips, c.label) for c in row.confused_with] == [(-n, c) for n, c in wrong[:2]]
        assert row.peak_difficulty == course[:, label].max()
        assert row.peak_epoch == 1 + course[:, label].argmax()
        assert row.weight == 2 * course[-1, label]


def test_history_alone_says_what_it_lacks(tmp_path):
    insight = build_insight(read_run(write_history(tmp_path / 'class_history.jsonl', epochs=1)), QUICK)
    assert (insight.split, insight.epoch) == ('val', 1)
    counted = ['top1', 'mean1', 'hmean', 'worst', 'many_shot', 'medium_shot', 'few_shot', 'head', 'tail']
    assert list(insight.metrics) == counted
    assert not insight.intervals
    assert any('mim test --dump' in note for note in insight.notes)


def test_dump_alone_has_numbers_but_no_names_and_no_course(tmp_path):
    insight = build_insight(read_run(write_dump(tmp_path / 'some.pkl', make_samples())), QUICK)
    assert insight.name_of(1) == 'class 1'
    assert insight.metrics.keys() == {'top1', 'mean1', 'hmean', 'worst', 'mean_precision', 'macro_f1'}
    assert any('names of the classes' in note for note in insight.notes)
    assert any('no class_history.jsonl' in note for note in insight.notes)
    named = read_run(tmp_path / 'some.pkl', class_names=NAMES)
    assert build_insight(named, QUICK).name_of(0) == 'lift'


def test_confusions_in_the_class_report_stand_in_for_a_dump(tmp_path):
    samples = make_samples()
    write_dump(tmp_path / 'some.pkl', samples)
    dumped = build_insight(read_run(tmp_path / 'some.pkl'), QUICK)
    cells = [[t, p, int(dumped.confusion[t, p])] for t, p in zip(*np.nonzero(dumped.confusion), strict=True)]
    write_report(tmp_path / 'class_report.json', samples, confusions=np.array(cells).tolist())
    reported = build_insight(read_run(tmp_path), QUICK)
    np.testing.assert_array_equal(reported.confusion, dumped.confusion)
    assert reported.metrics == pytest.approx({k: v for k, v in dumped.metrics.items() if k != 'top5'}, abs=1e-12)
    assert reported.resampled == 'clips'
    assert any('Misclassified clips need a dump' in note for note in reported.notes)


def test_scores_that_are_no_probabilities_and_missing_names_are_noted(tmp_path):
    samples = [
        {'gt_label': s['gt_label'], 'pred_score': s['pred_score'] * 9, 'unknown': torch.zeros(1)}
        for s in make_samples()
    ]
    insight = build_insight(read_run(write_dump(tmp_path / 'some.pkl', samples)), QUICK)
    assert any('not probabilities' in note for note in insight.notes)
    assert any('does not name every clip' in note for note in insight.notes)
    assert insight.resampled == 'clips'


def test_torn_and_foreign_lines_of_the_history_are_noted(tmp_path):
    path = write_history(tmp_path / 'class_history.jsonl')
    with path.open('a') as file:
        file.write('{"kind": "validation", "iter": 99, "strange": 1}\n{"kind": "valid')
    run = read_run(path)
    assert len(run.records) == 3
    assert any('left out 1 torn line.' in note for note in run.notes)
    assert any('left out 1 record without all of' in note for note in run.notes)


def test_two_class_lists_in_one_history_are_an_error(tmp_path):
    path = write_history(tmp_path / 'class_history.jsonl')
    write_history(path, counts=(9, 8, 7), names=('a', 'b', 'c'))
    with pytest.raises(ValueError, match=r'speak of \[3, 5\] classes'):
        read_run(path)


def test_dump_of_another_dataset_is_an_error(work_dir):
    write_dump(work_dir / 'predictions.pkl', make_samples(num_classes=4))
    with pytest.raises(ValueError, match=r'class_history\.jsonl has 5, class_report\.json has 5, the dump has 4'):
        read_run(work_dir)


def test_report_of_other_class_names_is_an_error(work_dir):
    write_report(work_dir / 'class_report.json', make_samples(), names=('lift', 'x', 'wash', 'pour', 'never'))
    with pytest.raises(ValueError, match=r"class 1 is 'x' in class_report\.json"):
        read_run(work_dir)


def test_dump_of_another_evaluation_is_left_out_unless_it_is_asked_for(work_dir):
    write_dump(work_dir / 'predictions.pkl', make_samples(seed=5))
    run = read_run(work_dir)
    assert run.predictions is None
    assert any('left out' in note for note in run.notes)
    asked = read_run(work_dir, dump=work_dir / 'predictions.pkl')
    assert asked.report is None
    assert build_insight(asked, QUICK).split == 'dump'


def test_validation_report_that_is_older_than_the_history_gives_way_to_it(work_dir):
    write_report(work_dir / 'class_report.json', make_samples(), split='val', iter=20)
    (work_dir / 'predictions.pkl').unlink()
    insight = build_insight(read_run(work_dir), QUICK)
    assert (insight.split, insight.epoch) == ('val', 3)


@pytest.mark.parametrize('content', ['{"split', '{}', '[]', '{"classes": [{"label": 1}]}', '{"classes": []}'])
def test_class_report_that_cannot_be_read_is_an_error(tmp_path, content):
    (tmp_path / 'class_report.json').write_text(content)
    with pytest.raises(ValueError, match='Run mim test to write it anew'):
        read_run(tmp_path)


def test_nothing_to_report_on_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'class_report\.json does not exist, nor do'):
        read_run(tmp_path)
    with pytest.raises(FileNotFoundError, match='does not exist'):
        read_run(tmp_path / 'nowhere')
    (tmp_path / 'class_history.jsonl').write_text(json.dumps({'kind': 'header', 'version': 1}) + '\n')
    with pytest.raises(ValueError, match='first validation'):
        read_run(tmp_path)


@pytest.mark.parametrize(
    'options', [Options(shot_thresholds=(9, 3)), Options(head_threshold=-1), Options(repeats=-1)], ids=repr
)
def test_options_out_of_range_are_an_error(work_dir, options):
    with pytest.raises(ValueError, match='must be'):
        build_insight(read_run(work_dir), options)


@pytest.mark.parametrize('parts', ['work_dir', 'history'])
def test_groups_are_of_the_thresholds_that_the_report_states(work_dir, parts):
    path = work_dir / 'class_report.json'
    recorded = json.loads(path.read_text())
    recorded['metrics']['acc/few_shot'] = 0.123
    path.write_text(json.dumps(recorded))
    run = read_run(work_dir if parts == 'work_dir' else work_dir / 'class_history.jsonl')
    if parts == 'history':
        run.records[-1].metrics['acc/few_shot'] = 0.123
    insight = build_insight(run, Options(shot_thresholds=(13, 100), head_threshold=5, repeats=20))
    said = class_report_of(insight, work_dir)
    accuracy = {row.train_count: row.accuracy for row in insight.rows}
    # Of the two classes with fewer than 13 training clips, one has no clips here.
    assert said.metrics['acc/few_shot'] == accuracy[12] != 0.123
    assert said.metrics['acc/head'] == pytest.approx(np.mean([accuracy[n] for n in (400, 150, 90, 12)]))
    assert 'acc/tail' not in said.metrics
    assert said.analysis.intervals.keys() <= said.metrics.keys()


def test_report_that_was_written_without_harmonic_mean_and_worst_class_tells_them_from_its_counts(tmp_path):
    recorded = {'acc/top1': 0.9, 'acc/mean1': 0.9, 'acc/mean_precision': 0.8, 'acc/macro_f1': 0.7, 'loss/x': 2.5}
    write_report(tmp_path / 'class_report.json', make_samples(), metrics=recorded)
    run = read_run(tmp_path)
    insight = build_insight(run, QUICK)
    accuracies = [right / clips for clips, right in run.report.counts if clips]
    assert insight.metrics['worst'] == min(accuracies)
    weak = [(right + 0.5) / (clips + 1) for clips, right in run.report.counts if clips]
    assert insight.metrics['hmean'] == pytest.approx(len(weak) / sum(1 / value for value in weak))
    # Beside the mean, and before what is taken over as it was recorded.
    keys = ['top1', 'mean1', 'hmean', 'worst', 'mean_precision', 'macro_f1']
    assert list(insight.all_metrics) == [*(f'acc/{key}' for key in keys), 'loss/x']


def test_every_metric_of_a_report_is_printed_in_percent():
    assert format_summary({f'acc/{name}': 0.5 for name in METRIC_LABELS}).count('50.0%') == len(METRIC_LABELS)
