"""The sentence that several processes end with is that of the one that failed first."""

import json

import pytest
from torch.distributed.elastic.multiprocessing.errors import ProcessFailure

from cdb_video.launch.failure_note import leaves_note
from tools.torchrun import first_cause


@pytest.fixture
def failed(tmp_path, monkeypatch):
    """A process as torchrun sees it, after `error` was raised in it; None = it left no note."""

    def failure(rank, error=None, exitcode=1):
        path = tmp_path / f'{rank}.json'

        @leaves_note
        def act():
            raise error

        if error is not None:
            monkeypatch.setenv('TORCHELASTIC_ERROR_FILE', str(path))
            with pytest.raises(type(error)):
                act()
        return ProcessFailure(rank, 100 + rank, exitcode, str(path))

    return failure


def test_the_first_of_the_same_second_is_named_whatever_its_rank(failed):
    failures = {1: failed(1, ValueError('labels.txt, line 3: no such class')), 0: failed(0, RuntimeError('peer gone'))}
    failures = dict(sorted(failures.items()))
    assert first_cause(failures) == 'process 1 failed first: ValueError: labels.txt, line 3: no such class'


def test_one_that_was_killed_comes_before_those_that_miss_it(failed):
    failures = {0: failed(0, RuntimeError('peer gone')), 1: failed(1, exitcode=-9)}
    assert first_cause(failures) == 'process 1 failed first: it was ended by SIGKILL'


def test_one_that_died_of_its_error_while_it_was_taken_down_is_named_by_the_error(failed):
    assert first_cause({0: failed(0, ValueError('bad'), exitcode=-6)}) == 'process 0 failed first: ValueError: bad'


def test_one_without_a_note_is_named_by_its_exit_code(failed):
    assert first_cause({0: failed(0, exitcode=2)}) == (
        'process 0 failed first: it ended with exit code 2; what it said is above'
    )


def test_the_note_has_the_form_of_torch(failed, tmp_path):
    failure = failed(0, ValueError('bad'))
    note = json.loads((tmp_path / '0.json').read_text())
    assert failure.message == note['message']
    assert 'in act' in failure.message['extraInfo']['py_callstack']
    assert failure.timestamp == note['message']['extraInfo']['nanoseconds'] // 10**9


def test_without_torchrun_the_error_goes_on_alone(monkeypatch, tmp_path):
    monkeypatch.delenv('TORCHELASTIC_ERROR_FILE', raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ZeroDivisionError):
        leaves_note(lambda: 1 / 0)()
    assert leaves_note(lambda: 3)() == 3
    assert list(tmp_path.iterdir()) == []


def test_a_note_that_cannot_be_written_does_not_hide_the_error(monkeypatch, tmp_path):
    monkeypatch.setenv('TORCHELASTIC_ERROR_FILE', str(tmp_path / 'no folder/error.json'))
    with pytest.raises(ZeroDivisionError):
        leaves_note(lambda: 1 / 0)()
