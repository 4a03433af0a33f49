"""The choice among evaluations: a new RunData, while the one that was given stays as it is."""

from dataclasses import FrozenInstanceError, fields

import pytest

from cdb_video.report.class_report.file import read_class_report
from cdb_video.report.insight.insight import Options, build_insight
from cdb_video.report.sources.checked_history import read_checked_history
from cdb_video.report.sources.choice import choose_evaluation
from cdb_video.report.sources.dump import read_dump
from cdb_video.report.sources.run_data import RunData
from cdb_video.report.sources.run_files import find_files
from cdb_video.report.sources.source import read_run
from tests.report.dumps import make_samples, write_dump, write_history, write_report


@pytest.fixture
def run(tmp_path):
    """A run whose dump is of other predictions than its class report."""
    report = write_report(tmp_path / 'class_report.json', make_samples())
    dump = write_dump(tmp_path / 'predictions.pkl', make_samples(seed=5))
    history = read_checked_history(write_history(tmp_path / 'class_history.jsonl'))
    return RunData(
        name='run', folder=tmp_path, num_classes=5, records=history.records, report=read_class_report(report),
        predictions=read_dump(dump), dump=dump, history=history.path,
    )  # fmt: skip


@pytest.mark.parametrize(('explicit', 'lost'), [(False, {'predictions', 'dump'}), (True, {'report'})])
def test_what_is_not_shown_is_missing_in_the_new_run_only(run, explicit, lost):
    before = {field.name: getattr(run, field.name) for field in fields(run)}
    chosen = choose_evaluation(run, [], explicit=explicit)
    assert {name for name in before if getattr(run, name) is not before[name]} == set()
    assert {name for name in before if before[name] is not None and getattr(chosen, name) is None} == lost
    assert 'of another evaluation than class_report.json' in chosen.notes[0]
    assert run.notes == ()


def test_lists_are_read_only_for_a_dump_that_is_in_doubt(run):
    def lists():
        raise AssertionError('read')
        yield

    assert choose_evaluation(run, lists(), explicit=False).report is run.report
    with pytest.raises(AssertionError, match='read'):
        choose_evaluation(run, lists(), explicit=True)


def test_runs_and_insights_do_not_change(run):
    insight = build_insight(run, Options(repeats=2))
    for part, name in ((run, 'report'), (insight, 'metrics')):
        with pytest.raises(FrozenInstanceError):
            setattr(part, name, None)


def test_files_of_a_run_are_those_that_there_are(tmp_path):
    found = find_files(tmp_path)
    assert (found.history, found.report, found.dump, found.is_folder) == (None, None, None, True)
    path = write_history(tmp_path / 'class_history.jsonl')
    assert find_files(tmp_path).history == path
    alone = find_files(path)
    assert (alone.name, alone.folder, alone.history, alone.is_folder) == (tmp_path.name, tmp_path, path, False)
    dump = write_dump(tmp_path / 'some', make_samples())
    assert find_files(dump).dump == dump
    assert read_run(dump).history is None
