"""What was noted once is new to no other process that was forked."""

import os
from unittest import mock

from cdb_video.hosts.mmengine.shared_notes import SharedNotes
from tests.support.forks import fork, forks


@forks
def test_a_note_is_new_to_the_first_process_alone():
    notes = SharedNotes()
    assert [fork(lambda: notes.add('a')) for _ in range(3)] == [1, 0, 0]
    assert [notes.add('a'), notes.add('b'), notes.add('b')] == [False, True, False]
    assert fork(lambda: notes.add('b')) == 0


@forks
def test_of_processes_that_note_the_same_at_once_one_is_the_first():
    """They are let go together."""
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
