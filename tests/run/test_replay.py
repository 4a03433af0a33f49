"""`Replay`: the steps of a recorded course on the iterations of another run."""

from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pytest

from cdb_video.difficulty.schedule import DifficultySchedule, Step
from cdb_video.difficulty.state import DifficultyState
from cdb_video.run.replay import Replay, check_replayed_classes, epochs_aligned

HISTORY = Path('history.jsonl')
START = DifficultyState.start(np.array([9, 5]), ('lift', 'cut'))


def step(iteration, epoch, clips, correct):
    clips, correct = np.array(clips), np.array(correct)
    return Step(iteration, epoch, clips, correct, 1 - correct / np.maximum(clips, 1))


SCHEDULE = DifficultySchedule((step(10, 1, [4, 0], [1, 0]), step(20, 2, [4, 2], [2, 1])), ('lift', 'cut'), 'id')


def parts(max_iterations=40, by_epoch=True):
    loop = SimpleNamespace(max_iterations=max_iterations, by_epoch=by_epoch)
    return SimpleNamespace(loop=loop, logger=mock.Mock(), train_loader=range(15))


def test_steps_are_in_force_from_their_stretched_iteration_on():
    replay = Replay(SCHEDULE, 1.5, START)
    assert [replay.at(iteration) for iteration in (0, 14, 15, 29, 30, 99)] == [None, None, 0, 0, 1, 1]


def test_state_has_iterations_of_this_run_and_epochs_and_counts_as_recorded():
    first, second = (Replay(SCHEDULE, 1.5, START).state(position) for position in (0, 1))
    assert (first.iteration, first.epoch, second.iteration, second.epoch) == (15, 1, 30, 2)
    assert (first.measured.tolist(), second.measured.tolist()) == ([True, False], [True, True])
    assert second.difficulty.tolist() == [0.5, 0.5]
    assert (second.train_counts, second.class_names) == (START.train_counts, START.class_names)
    assert Replay(SCHEDULE, 1.5, START).state(None) is START


def test_class_that_was_measured_before_stays_measured():
    schedule = DifficultySchedule((step(10, 1, [4, 2], [1, 0]), step(20, 2, [4, 0], [2, 0])), None, 'id')
    assert Replay(schedule, 1.0, START).state(1).measured.tolist() == [True, True]


def test_epochs_are_aligned_by_their_lengths():
    assert epochs_aligned(parts(), SCHEDULE, HISTORY) == 1.5
    with pytest.raises(ValueError, match=r"^stretch='epoch': this run is trained by iteration"):
        epochs_aligned(parts(by_epoch=False), SCHEDULE, HISTORY)
    by_iteration = DifficultySchedule((step(10, 0, [1, 1], [0, 0]),), None, 'id')
    with pytest.raises(ValueError, match=r'^history\.jsonl: the recorded run was trained by iteration'):
        epochs_aligned(parts(), by_iteration, HISTORY)


def test_other_classes_are_refused():
    check_replayed_classes(SCHEDULE, START, HISTORY)
    more = DifficultyState.start(np.array([1, 1, 1]), None)
    with pytest.raises(ValueError, match=r'^history\.jsonl is of 2 classes, this run has 3: replay'):
        check_replayed_classes(SCHEDULE, more, HISTORY)
    with pytest.raises(ValueError, match="'cut'"):
        check_replayed_classes(SCHEDULE, DifficultyState.start(np.array([1, 1]), ('lift', 'wash')), HISTORY)


def test_what_is_replayed_is_said_and_warned_of_if_it_comes_too_late():
    run = parts(max_iterations=40)
    Replay(SCHEDULE, 1.0, START).announce(run, HISTORY)
    run.logger.info.assert_called_once_with('replaying 2 validations of history.jsonl, from iteration 10 to 20 of 40')
    assert run.logger.warning.call_count == 0
    Replay(SCHEDULE, 4.0, START).announce(run, HISTORY)
    (message,) = run.logger.warning.call_args.args
    assert 'is due at iteration 40, and this run has 40' in message
