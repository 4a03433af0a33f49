"""What a report says of a run whose classes swing from validation to validation, and of one that is calm."""

import json
from dataclasses import replace

import pytest

from cdb_video.difficulty.history import append_lines
from cdb_video.difficulty.records import Derived, Header, Record
from cdb_video.report.insight.insight import Options, build_insight
from cdb_video.report.insight.restless_runs import restless_remarks, restlessness_of
from cdb_video.report.pages.files import write_live_page, write_report
from cdb_video.report.sources.source import read_run

SWINGING = ((4, 18), (18, 4), (3, 17), (18, 3), (4, 17))
CALM = ((8, 10), (10, 12), (11, 13), (11, 12), (12, 13))
FOLLOWED, ALONE = 'feeds back with a delay', 'No weight or probability follows'


def records(course, sources=(), weight=lambda difficulty: difficulty):
    """Validations of 20 clips of each of two classes; `weight` makes weights of the difficulty, None = none."""
    found = []
    for number, correct in enumerate(course):
        difficulty = [1 - right / 20 for right in correct]
        record = Record(
            epoch=number + 1,
            iteration=10 * (number + 1),
            num_clips=[20, 20],
            num_correct=list(correct),
            accuracy=[right / 20 for right in correct],
            difficulty=difficulty,
            consumers={} if weight is None else {'CDBLoss': Derived(1.0, weight=weight(difficulty))},
            metrics={},
            source=sources[number] if sources else 'val',
        )
        found.append(record)
    return found


def remarks(found):
    return restless_remarks(restlessness_of(found), found)


def test_a_restless_run_is_warned_of_with_the_options_that_calm_it():
    (warning,) = remarks(records(SWINGING))
    assert warning.startswith('The classes are restless: their accuracies change by 0.71 a validation, where counting')
    for words in ("momentum='mean'", "measure='probability'", 'ClassDifficultyHook', FOLLOWED):
        assert words in warning
    assert remarks(records(CALM)) == remarks([]) == remarks(records(SWINGING[:2])) == []


@pytest.mark.parametrize('weight', [None, lambda _: [1.0, 1.0]], ids=['observed only', 'constant weights'])
def test_where_nothing_follows_the_difficulty_the_warning_looks_elsewhere_first(weight):
    (warning,) = remarks(records(SWINGING, weight=weight))
    assert ALONE in warning
    assert FOLLOWED not in warning
    assert "momentum='mean'" in warning


def test_where_the_difficulty_is_smoothed_already_the_warning_says_what_is_left():
    found = [
        replace(
            record, difficulty=[0.4, 0.4 + record.epoch / 50], consumers={'CDBLoss': Derived(weight=[1, record.epoch])}
        )
        for record in records(SWINGING)
    ]
    (warning,) = remarks(found)
    assert 'The recorded difficulty changes by 0.01 only, as one that is smoothed' in warning
    assert "momentum='mean'" in warning
    assert 'a later begin' in warning


@pytest.mark.parametrize('source', ['train', 'replay'])
def test_records_that_are_no_validations_of_this_run_are_left_out(source):
    assert restlessness_of(records(SWINGING, [source] * 5)) is None
    mixed = records(SWINGING, ['val', 'val', source, 'val', 'val'])
    # Two pairs are left, from the first to the second record and from the fourth to the fifth.
    found = restlessness_of(mixed)
    assert found.num_changes == 2
    assert found.change == pytest.approx(4 * 14 / 80)


@pytest.fixture
def history(tmp_path):
    path = tmp_path / 'class_history.jsonl'

    def write(course):
        append_lines(path, Header('run', 2, ('lift', 'cut'), [40, 20]), *records(course))
        return path

    return write


def test_every_file_of_the_report_says_how_restless_the_run_is(history, tmp_path):
    insight = build_insight(read_run(history(SWINGING)), Options(repeats=0))
    _, document, text, page = write_report(insight, tmp_path / 'out')
    stated = json.loads(document.read_text())['restlessness']
    assert stated['change'] == insight.restlessness.change == pytest.approx(113 / 160)
    assert stated['is_restless'] is True
    assert list(stated) == [
        'change', 'noise', 'one_way', 'recorded_change', 'num_classes', 'num_changes', 'is_restless'
    ]  # fmt: skip
    sentence = (
        'Restlessness 0.706: so much does the accuracy of a class change from validation to validation, in the mean '
        'over 2 classes with at least 10 clips and 4 changes. Counting alone gives '
        f'{stated["noise"]:.3f}; 0.006 is not taken back later; the recorded difficulty changes by 0.706.'
    )
    for file in (text, page):
        assert sentence in file.read_text()
        assert 'The classes are restless' in file.read_text()
    assert "measure='probability'" in text.read_text()


def test_a_calm_run_has_its_number_and_no_warning_in_the_live_page_too(history, tmp_path):
    page = write_live_page(history(CALM), tmp_path / 'report.html').read_text()
    assert '<p class="small" id="restlessness">Restlessness 0.056' in page
    assert 'The classes are restless' not in page


def test_where_there_is_no_course_nothing_is_said(history, tmp_path):
    insight = build_insight(read_run(history(CALM[:1])), Options(repeats=0))
    assert insight.restlessness is None
    document = write_report(insight, tmp_path / 'out', page=False)[1]
    assert json.loads(document.read_text())['restlessness'] is None
