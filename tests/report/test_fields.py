"""Histories and class reports with values that are not what they must be: one kind of error, which says what to do."""

import copy
import json
import math

import numpy as np
import pytest

from cdb_video.report.compare.files import format_comparison
from cdb_video.report.compare.methods import compare
from cdb_video.report.compare.runs import read_methods
from cdb_video.report.figures.all_figures import build_figures
from cdb_video.report.insight.insight import Options, build_insight
from cdb_video.report.pages.files import write_report
from cdb_video.report.sources.source import read_run
from tests.report.dumps import make_samples, write_history
from tests.report.dumps import write_report as write_json

QUICK = Options(repeats=2)
WRONG = (None, -1, 1.5, 10**30, 'x', '', '\ud800', True, [], [None], {}, {'a': None}, math.nan, math.inf, [[1, 2, 3]])


def confusions_of(samples):
    counts = np.zeros((5, 5), int)
    for sample in samples:
        counts[int(sample['gt_label']), int(sample['pred_score'].argmax())] += 1
    return [[int(t), int(p), int(counts[t, p])] for t, p in np.argwhere(counts)]


@pytest.fixture
def work_dir(tmp_path):
    samples = make_samples(20)
    write_history(tmp_path / 'class_history.jsonl')
    confusions = confusions_of(samples)
    write_json(tmp_path / 'class_report.json', samples, confusions=confusions, shot_thresholds=[20, 100])
    return tmp_path


def places(value, path=()):
    """The way to every value inside, containers too; of long lists the first two entries."""
    if path:
        yield path
    entries = (
        value.items() if isinstance(value, dict) else list(enumerate(value))[:2] if isinstance(value, list) else ()
    )
    for key, inner in entries:
        yield from places(inner, (*path, key))


def changed(document, path, value=None, *, remove=False):
    document = copy.deepcopy(document)
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    if remove:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return document


def changes(document):
    """All changes of one value: another in its place, or none."""
    for path in places(document):
        yield path, changed(document, path, remove=True)
        for value in WRONG:
            yield path, changed(document, path, value)


def outcome(work_dir):
    """What comes of a report and of a comparison: None, or the message."""
    try:
        insight = build_insight(read_run(work_dir), QUICK)
        write_report(insight, work_dir / 'out', page=False)
        json.dumps(build_figures(insight), allow_nan=False)
        format_comparison(compare(read_methods([work_dir], {}, QUICK)))
    except ValueError as error:
        return str(error)
    return None


def test_any_changed_value_of_a_class_report_is_borne_or_refused(work_dir):
    path = work_dir / 'class_report.json'
    document = json.loads(path.read_text())
    messages = []
    for place, other in changes(document):
        path.write_text(json.dumps(other))
        message = outcome(work_dir)
        if message is not None:
            assert '\n' not in message, place
            assert 'class_report.json' in message, (place, message)
            messages.append(message)
    assert len(messages) > 200
    assert outcome_of(path, document) is None


def outcome_of(path, document):
    path.write_text(json.dumps(document))
    return outcome(path.parent)


def test_any_changed_value_of_a_history_is_borne_or_refused(work_dir):
    path = work_dir / 'class_history.jsonl'
    (work_dir / 'class_report.json').unlink()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    messages = []
    for number in (0, 1, 3):
        for place, other in changes(lines[number]):
            path.write_text(''.join(json.dumps(other if n == number else line) + '\n' for n, line in enumerate(lines)))
            message = outcome(work_dir)
            if message is not None:
                assert '\n' not in message, place
                assert 'class_history.jsonl' in message, (place, message)
                messages.append(message)
    assert len(messages) > 300


@pytest.mark.parametrize(
    ('field', 'value', 'message'),
    [
        (('split',), {'a': 1}, "split is {'a': 1}; it must be one of val, test, train, cross-fit, dump, none"),
        (('epoch',), [2], r'epoch is \[2\]; it must be a whole number >= 0, or null'),
        (('metrics',), {'acc/top1': math.nan}, 'metrics is .*; it must be a dict of metrics, without NaN'),
        (('confusions',), 7, 'confusions is 7; it must be a list'),
        (('confusions', 0), [0, 9, 1], r'confusions has \[0, 9, 1\]; its classes must be 0\.\.4'),
        (('confusions', 0, 2), 10**9, 'confusions adds up to'),
        (('shot_thresholds',), 'x', "shot_thresholds is 'x'; it must be two whole numbers, few and many"),
        (('shot_thresholds',), [9, 3], r'shot_thresholds is \[9, 3\]'),
        (('classes', 1, 'num_clips'), None, r'classes\[1\]: num_clips is None; it must be a whole number >= 0'),
        (('classes', 1, 'num_correct'), 'x', r"classes\[1\]: num_correct is 'x'"),
        (('classes', 1, 'num_correct'), 10**6, 'num_correct of class 1 is 1000000; it must be no more than'),
        (('classes', 1, 'name'), 'lift', "classes 0 and 1 are both named 'lift'; names must differ"),
        (('classes', 1, 'label'), 0, 'the labels are .*; they must be 0..4, each once'),
    ],
    ids=lambda value: '.'.join(map(str, value)) if isinstance(value, tuple) else '',
)
def test_what_is_wrong_in_a_class_report_is_said_with_field_rule_and_remedy(work_dir, field, value, message):
    path = work_dir / 'class_report.json'
    path.write_text(json.dumps(changed(json.loads(path.read_text()), field, value)))
    with pytest.raises(ValueError, match=f'{message}.*Run mim test to write it anew'):
        read_run(work_dir)


@pytest.mark.parametrize(
    ('line', 'field', 'value', 'message'),
    [
        (0, 'class_names', ['a', 'b', 'c', 'd', 'a'], "classes 0 and 4 are both named 'a'"),
        (0, 'train_counts', {'a': 1}, "line 1: train_counts is {'a': 1}; it must be a list, each entry a whole number"),
        (0, 'train_counts', [5, 4, 3, 2, -1], 'line 1: train_counts is'),
        (2, 'difficulty', [None] * 5, 'line 3: difficulty is .*; it must be a list, each entry a number in'),
        (2, 'difficulty', [math.nan] * 5, 'line 3: difficulty is'),
        (2, 'num_correct', [99, 0, 0, 0, 0], 'line 3: num_correct of class 0 is 99; it must be no more than'),
        (2, 'consumers', {'CDBLoss': {'weight': [1, None, 1, 1, 1]}}, 'line 3: consumers is'),
        (2, 'consumers', {'CDBLoss': {'weight': [1]}}, r'speak of \[1, 5\] classes'),
    ],
)
def test_what_is_wrong_in_a_history_is_said_with_line_field_and_rule(work_dir, line, field, value, message):
    path = work_dir / 'class_history.jsonl'
    lines = [json.loads(text) for text in path.read_text().splitlines()]
    lines[line][field] = value
    path.write_text(''.join(json.dumps(entry) + '\n' for entry in lines))
    with pytest.raises(ValueError, match=r'class_history\.jsonl: .*' + message):
        read_run(work_dir)


def test_nesting_that_python_cannot_read_is_an_error(work_dir):
    (work_dir / 'class_report.json').write_text('[' * 100_000)
    with pytest.raises(ValueError, match='cannot be read'):
        read_run(work_dir)
    (work_dir / 'class_report.json').unlink()
    with (work_dir / 'class_history.jsonl').open('a') as file:
        file.write('[' * 100_000)
    assert any('1 torn line' in note for note in read_run(work_dir).notes)
