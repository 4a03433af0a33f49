"""A bar for every epoch and validation on a terminal, nothing of it anywhere else."""

import contextlib
import io
import os
import pty
import re
import sys
import threading
import uuid
from unittest import mock

import pytest

from cdb_video.hooks.progress_bar import Bar, ProgressBarHook
from cdb_video.hosts.mmengine.console import VARIABLE
from tests.support.runs import make_runner

pytestmark = pytest.mark.training


@contextlib.contextmanager
def terminal():
    """A terminal in the place of standard error; gives a list that has what was written to it, afterwards."""
    ours, theirs = pty.openpty()
    said, text = io.BytesIO(), []

    def read():
        with contextlib.suppress(OSError):  # that the other end is closed
            while part := os.read(ours, 4096):
                said.write(part)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    variables = {'TERM': 'xterm', 'COLUMNS': '100'}
    with os.fdopen(theirs, 'w') as file, mock.patch.object(sys, 'stderr', file), mock.patch.dict(os.environ, variables):
        yield text
    reader.join(10)
    os.close(ours)
    text.append(said.getvalue().decode())


def plain(text):
    """What a terminal is told, without its commands."""
    return re.sub(r'\x1b\[[0-9;?]*[A-Za-z]', '', text)


@pytest.fixture
def _all_drawn(monkeypatch):
    """Draw at every batch."""
    monkeypatch.setattr('cdb_video.hooks.progress_bar.SECONDS_BETWEEN', 0)


@pytest.mark.usefixtures('_all_drawn')
def test_every_epoch_and_validation_has_a_bar_on_a_terminal(tmp_path):
    runner = make_runner(tmp_path, uuid.uuid4().hex, train_cfg={'max_epochs': 2})
    with terminal() as text:
        runner.train()
    said = plain(text[0])
    for number in (1, 2):
        assert re.search(rf'epoch {number}/2 .* 5/10 ETA \d:\d\d:\d\d loss \d\S+  training 0:00:0\d', said), said
    assert re.search(r'validation .* 4/4 ', said)
    # The cursor is hidden, and comes back each time.
    assert text[0].count('\x1b[?25l') == text[0].count('\x1b[?25h') == 4
    assert sum(isinstance(hook, ProgressBarHook) for hook in runner.hooks) == 1


@pytest.mark.usefixtures('_all_drawn')
def test_training_by_iteration_has_one_bar_that_goes_on_after_validations(tmp_path):
    runner = make_runner(
        tmp_path,
        uuid.uuid4().hex,
        train_cfg={'_delete_': True, 'by_epoch': False, 'max_iters': 6, 'val_interval': 3},
        default_hooks={'checkpoint': {'by_epoch': False, 'interval': 3}},
        train_dataloader={'sampler': {'type': 'CDBSampler', 'infinite': True}},
    )
    with terminal() as text:
        runner.train()
    order = r'training .* 2/6 .*validation .* 4/4 .*training .* 5/6 '
    assert re.search(order, plain(text[0]), flags=re.DOTALL), plain(text[0])


def test_there_is_no_bar_without_a_terminal_and_where_all_is_asked_for(tmp_path, monkeypatch):
    runner = make_runner(tmp_path, uuid.uuid4().hex)
    runner.call_hook('before_run')
    monkeypatch.setenv(VARIABLE, 'full')
    with terminal() as text:
        runner.call_hook('before_run')
    assert not any(isinstance(hook, ProgressBarHook) for hook in runner.hooks)
    assert text == ['']


def test_lines_of_steps_are_left_to_the_bar_where_both_go_to_the_terminal(tmp_path):
    runner = make_runner(tmp_path, uuid.uuid4().hex, train_cfg={'max_epochs': 1})
    with terminal() as text, mock.patch.object(sys, 'stdout', sys.stderr):
        runner.train()
    said, kept = plain(text[0]), next(tmp_path.glob('*/*.log')).read_text()
    assert 'Epoch(train)' in kept
    assert 'Epoch(train)' not in said
    for shown in ('this training', 'class report (val)', 'Epoch(val)'):
        assert said.count(shown) == kept.count(shown) == 1


def test_a_bar_that_has_ended_is_wiped_off(tmp_path):
    with terminal() as text:
        bar = Bar('epoch 1/1', 3)
        bar.move('loss 1')
        print('a word meanwhile', file=sys.stderr)
        bar.end()
    assert re.search(r'a word meanwhile\r?\n', plain(text[0]))
    assert text[0].endswith('\x1b[1A\x1b[2K')
