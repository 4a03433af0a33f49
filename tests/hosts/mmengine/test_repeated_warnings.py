"""A warning of a library is on the console once; one of ours or of the user's is there each time."""

import uuid
import warnings
from unittest import mock

import mmengine
import pytest
from mmengine.logging import MMLogger

import cdb_video
from cdb_video.hosts.mmengine.console import VARIABLE
from cdb_video.hosts.mmengine.repeated_warnings import say_warnings_once, saying_once
from tests.support.forks import fork, forks


@pytest.fixture
def show():
    return mock.Mock(wraps=lambda *_: None, __name__='show', __doc__='')


def warn(show, text='old way', filename=mmengine.__file__, lineno=1):
    show(UserWarning(text), UserWarning, filename, lineno)


def test_a_library_is_heard_once_from_wherever_it_says_the_same(show, tmp_path):
    MMLogger.get_instance(uuid.uuid4().hex, log_file=str(tmp_path / 'run.log'))
    once = saying_once(show)
    for lineno in (1, 2, 3):
        warn(once, lineno=lineno)
    warn(once, 'another')
    assert [str(call.args[0]) for call in show.call_args_list] == ['old way', 'another']
    kept = (tmp_path / 'run.log').read_text()
    assert kept.count('UserWarning: old way') == 2
    assert f'{mmengine.__file__}:3' in kept


def test_libraries_of_an_environment_that_this_one_builds_on_are_libraries_too(show, tmp_path):
    MMLogger.get_instance(uuid.uuid4().hex, log_file=str(tmp_path / 'run.log'))
    once = saying_once(show)
    for _ in range(2):
        warn(once, filename='/usr/lib/python3/dist-packages/torch/utils/data/dataloader.py')
    assert show.call_count == 1


def test_where_there_is_no_log_file_a_repeated_warning_is_shown_again(show, monkeypatch):
    monkeypatch.setattr(MMLogger, '_instance_dict', {})
    once = saying_once(show)
    for _ in range(3):
        warn(once)
    assert show.call_count == 3


@pytest.mark.parametrize('filename', [cdb_video.__file__, '/home/me/my_head.py'])
def test_what_we_or_the_user_say_is_never_held_back(show, filename):
    once = saying_once(show)
    for _ in range(3):
        warn(once, filename=filename)
    assert show.call_count == 3


def test_the_first_process_speaks_for_the_libraries_of_all(show, monkeypatch):
    monkeypatch.setenv('TORCHELASTIC_RUN_ID', 'x')
    once = saying_once(show)
    for rank, expected in (('1', 0), ('0', 1)):
        monkeypatch.setenv('RANK', rank)
        warn(once, f'said by {rank}')
        assert show.call_count == expected
    monkeypatch.setenv('RANK', '1')
    warn(once, filename=cdb_video.__file__)
    assert show.call_count == 2


def test_nothing_is_held_back_where_all_is_asked_for(show, monkeypatch):
    monkeypatch.setenv(VARIABLE, 'full')
    once = saying_once(show)
    for _ in range(2):
        warn(once)
    assert show.call_count == 2


@forks
def test_what_one_worker_has_said_no_other_one_says(show, tmp_path):
    MMLogger.get_instance(uuid.uuid4().hex, log_file=str(tmp_path / 'run.log'))
    once = saying_once(show)

    def work():
        warn(once, 'of a worker')
        return show.call_count

    assert [fork(work) for _ in range(3)] == [1, 0, 0]
    warn(once, 'of a worker')
    assert show.call_count == 0
    assert (tmp_path / 'run.log').read_text().count('UserWarning: of a worker') == 3


def test_python_shows_warnings_so_and_to_ask_again_changes_nothing():
    with warnings.catch_warnings():
        say_warnings_once()
        before = warnings.showwarning
        say_warnings_once()
        assert warnings.showwarning is before
        assert before.says_once
