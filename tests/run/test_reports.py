"""`Reports`: the last validation of a training, and whether it is reported."""

import uuid
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pytest

from cdb_video.difficulty.counts import ClassCounts
from cdb_video.difficulty.state import DifficultyState
from cdb_video.run.reporting import reports as reports_module
from cdb_video.run.reporting.reports import Reports
from tests.support.runs import make_runner

START = DifficultyState.start(np.array([9, 5]), None)
MEASURED = START.updated(np.array([4, 2]), np.array([3, 2]), epoch=1, iteration=10)
COUNTS = ClassCounts(np.array([4, 2]), np.array([1, 2]), np.array([1, 5]))
RUNNER = SimpleNamespace(logger=mock.Mock(), val_loop=SimpleNamespace(evaluator='the evaluator'))


def loop(epoch=2, iteration=20, due=False):
    return SimpleNamespace(epoch=epoch, iteration=iteration, validation_is_due=due)


def metric(counts=COUNTS):
    return SimpleNamespace(counts_=counts)


def handover(state=MEASURED, metrics=None):
    """What a hook hands on, as far as a report needs it."""
    vectors = {'CDBLoss': {'tau': 1.0}}
    return SimpleNamespace(state=state, metrics=metrics or {}, vectors=vectors, parts=SimpleNamespace(work_dir='DIR'))


@pytest.fixture
def written():
    """The evaluations that are reported; a fuller report is in the work directory if `fuller` returns one."""
    found = []
    with (
        mock.patch.object(reports_module, 'report_classes', lambda runner, one, evaluator: found.append(one)),
        mock.patch.object(reports_module, 'fuller_report', return_value=None) as fuller,
    ):
        yield SimpleNamespace(found=found, fuller=fuller)


@pytest.mark.parametrize(
    ('due', 'validated_at', 'missing'), [(True, 10, True), (True, 20, False), (True, None, True), (False, 10, False)]
)
def test_validation_is_missing_if_one_was_due_and_the_checkpoint_has_an_earlier_one(due, validated_at, missing):
    reports = Reports(metric())
    reports.begin(loop(iteration=20, due=due), validated_at)
    assert (reports.is_training, reports.is_missing, reports.validated_at) == (True, missing, validated_at)


def test_validation_is_taken_with_its_place_counts_and_plain_metrics():
    reports = Reports(metric())
    reports.begin(loop(due=True), 10)
    validation = reports.take(loop(), {'acc/mean1': np.float32(0.5), 'acc/top1': float('nan')})
    assert (validation.epoch, validation.iteration, validation.counts) == (2, 20, COUNTS)
    assert validation.metrics == {'acc/mean1': 0.5, 'acc/top1': None}
    assert (reports.validated_at, reports.is_missing) == (20, False)


@pytest.mark.parametrize('of', [None, metric(counts=None)])
def test_validation_that_counts_nothing_is_noted_only(written, of):
    reports = Reports(of)
    reports.begin(loop(due=True), 10)
    assert reports.take(loop(), None) is None
    assert (reports.validated_at, reports.is_missing) == (20, False)
    assert reports.validation is None


def test_last_validation_is_reported_once_with_its_own_epoch(written):
    reports = Reports(metric())
    reports.begin(loop(), None)
    reports.take(loop(), {'acc/mean1': 0.5})
    for _ in range(2):
        reports.write(RUNNER, handover())
    (one,) = written.found
    assert (one.split, one.source, one.metrics) == ('val', 'val', {'acc/mean1': 0.5})
    assert (one.num_clips.tolist(), one.num_correct.tolist()) == ([4, 2], [1, 2])
    assert (one.state.epoch, one.state.iteration) == (2, 20)
    assert one.state.difficulty is MEASURED.difficulty
    assert one.consumers == {'CDBLoss': {'tau': 1.0}}
    reports.take(loop(3, 30), {})
    reports.write(RUNNER, handover())
    assert [one.state.epoch for one in written.found] == [2, 3]


def test_run_that_validated_nothing_since_its_checkpoint_reports_what_that_knows(written):
    reports = Reports(metric())
    reports.begin(loop(), 10)
    reports.write(RUNNER, handover(metrics={'acc/mean1': 0.75}))
    (one,) = written.found
    assert one.state is MEASURED
    assert (one.num_clips.tolist(), one.num_correct.tolist(), one.metrics) == ([4, 2], [3, 2], {'acc/mean1': 0.75})


def test_fuller_report_of_the_same_validation_stays(written):
    written.fuller.return_value = 'class_report.json'
    reports = Reports(metric())
    reports.begin(loop(), 10)
    reports.write(RUNNER, handover())
    assert written.found == []
    assert written.fuller.call_args.args == ('DIR', MEASURED)
    # One that was made since then is always written.
    reports.take(loop(), {})
    reports.write(RUNNER, handover())
    assert len(written.found) == 1


@pytest.mark.parametrize(('source', 'state'), [('train', MEASURED), ('replay', MEASURED), ('val', START)])
def test_difficulty_that_is_of_no_validation_is_not_reported_as_one(written, source, state):
    reports = Reports(metric(), source)
    reports.begin(loop(), 10)
    reports.write(RUNNER, handover(state))
    assert written.found == []


@pytest.mark.parametrize('reports', [Reports(), Reports(metric())])
def test_nothing_validated_is_nothing_reported(written, reports):
    reports.write(RUNNER, handover())
    assert written.found == []


def test_fault_in_a_report_is_logged_and_raised_when_it_is_tried_again(written):
    reports = Reports(metric())
    reports.begin(loop(), None)
    reports.take(loop(), {})
    logger = mock.Mock()
    runner = SimpleNamespace(logger=logger, val_loop=RUNNER.val_loop)
    with mock.patch.object(reports_module, 'report_classes', side_effect=RuntimeError('a fault')):
        reports.try_to_write(runner, handover())
        assert logger.exception.call_count == 1
        with pytest.raises(RuntimeError, match='a fault'):
            reports.write(runner, handover())
    reports.take(loop(3, 30), {})
    reports.try_to_write(runner, handover())
    assert len(written.found) == 1


def test_training_ends():
    reports = Reports()
    assert not reports.is_training
    reports.begin(loop(), None)
    reports.end()
    assert not reports.is_training


@pytest.mark.training
def test_the_table_of_the_last_validation_is_shown_once_and_kept_twice(tmp_path, capsys):
    runner = make_runner(tmp_path, uuid.uuid4().hex, train_cfg={'max_epochs': 2})
    runner.train()
    shown, kept = capsys.readouterr().out, next(tmp_path.glob('*/*.log')).read_text()
    assert [text.count('hardest and easiest classes') for text in (shown, kept)] == [1, 2]
    assert [text.count('class report (val)') for text in (shown, kept)] == [1, 1]
    assert [text.count('label  class') for text in (shown, kept)] == [2, 3]
