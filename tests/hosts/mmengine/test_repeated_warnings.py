"""A warning of a library is on the console once; one of ours or of the user's is there each time."""

import os
import uuid
import warnings
from unittest import mock

import mmengine
import pytest
from mmengine.logging import MMLogger

import cdb_video
from cdb_video.hosts.mmengine.console import VARIABLE
from cdb_video.hosts.mmengine.repeated_warnings import SharedNotes, say_warnings_once, saying_once


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


def forks(test):
    """For a test that forks, of which newer Pythons warn where there are threads, as torch has them."""
    ignored = pytest.mark.filterwarnings('ignore:This process .* is multi-threaded:DeprecationWarning')
    return pytest.mark.skipif(not hasattr(os, 'fork'), reason='forks')(ignored(test))


def fork(act):
    """Call `act` in a forked process, as loaders have their workers; its exit status tells what it returned."""
    child = os.fork()
    if child == 0:
        os._exit(int(act()))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@forks
def test_what_one_forked_worker_has_said_no_other_one_says(show, tmp_path):
    MMLogger.get_instance(uuid.uuid4().hex, log_file=str(tmp_path / 'run.log'))
    once = saying_once(show)

    def work():
        warn(once, 'of a worker')
        return show.call_count

    assert [fork(work) for _ in range(3)] == [1, 0, 0]
    warn(once, 'of a worker')
    assert show.call_count == 0
    assert (tmp_path / 'run.log').read_text().count('UserWarning: of a worker') == 3


@forks
def test_of_workers_that_say_the_same_at_once_one_is_heard(tmp_path):
    """They are let go together, and each notes what the others do."""
    notes, (ready, gate) = SharedNotes(), os.pipe()
    children = []
    for _ in range(8):
        child = os.fork()
        if child == 0:
            os.close(gate)
            os.read(ready, 1)
            os._exit(sum(notes.add(str(note)) for note in range(25)))
        children.append(child)
    os.close(gate)
    os.close(ready)
    assert sum(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children) == 25


def test_without_a_file_to_share_each_process_keeps_its_own_notes(monkeypatch):
    monkeypatch.setattr('tempfile.TemporaryFile', mock.Mock(side_effect=OSError('no space left')))
    notes = SharedNotes()
    assert [notes.add('a'), notes.add('a'), notes.add('b')] == [True, False, True]


def test_python_shows_warnings_so_and_to_ask_again_changes_nothing():
    with warnings.catch_warnings():
        say_warnings_once()
        before = warnings.showwarning
        say_warnings_once()
        assert warnings.showwarning is before
        assert before.says_once
