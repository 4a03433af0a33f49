"""DifficultySchedule: which recorded step is in force when, and what is no schedule."""

import json

import pytest

from cdb_video.difficulty.schedule import read_schedule


def header(names=('cut', 'wash')):
    return {'kind': 'header', 'version': 1, 'run_id': 'r', 'class_names': names, 'train_counts': [3, 2]}


def record(iteration, **changes):
    return {
        'kind': 'validation',
        'epoch': iteration // 10,
        'iter': iteration,
        'num_clips': [4, 2],
        'num_correct': [1, 2],
        'difficulty': [0.75, 0.0],
        **changes,
    }


@pytest.fixture
def read(tmp_path):
    def write_and_read(*entries):
        path = tmp_path / 'class_history.jsonl'
        path.write_text(''.join((e if isinstance(e, str) else json.dumps(e)) + '\n' for e in entries))
        return read_schedule(path)

    return write_and_read


def test_step_is_in_force_from_its_iteration_until_the_next(read):
    schedule = read(header(), record(10), record(20))
    assert [schedule.at(i) for i in (-1, 0, 9, 10, 19, 20, 999)] == [None, None, None, 0, 0, 1, 1]
    assert schedule.class_names == ('cut', 'wash')
    assert schedule.steps[1].difficulty.tolist() == [0.75, 0.0]


@pytest.mark.parametrize(('stretch', 'due'), [(1, [10, 20]), (1.3, [13, 26]), (8299 / 6372, [14, 27]), (0.5, [5, 10])])
def test_stretch_moves_the_steps(read, stretch, due):
    schedule = read(header(), record(10), record(20))
    assert schedule.due(stretch) == due
    assert [schedule.at(due[0] - 1, stretch), schedule.at(due[0], stretch)] == [None, 0]


def test_validations_are_counted_as_the_recorded_run_did(read):
    plain = read(header(), record(10), record(20))
    assert ([plain.num_validations(place) for place in (0, 1)], plain.planned_validations) == ([1, 2], 2)
    cut = read(header() | {'planned_validations': 18}, record(10), record(20))
    assert ([cut.num_validations(place) for place in (0, 1)], cut.planned_validations) == ([1, 2], 18)
    later = read(header() | {'planned_validations': 4}, record(30, num_validations=3), record(40, num_validations=4))
    assert ([later.num_validations(place) for place in (0, 1)], later.planned_validations) == ([3, 4], 4)
    longer = read(header() | {'planned_validations': 1}, record(10, num_validations=1), record(20, num_validations=2))
    assert longer.planned_validations == 2
    with pytest.raises(ValueError, match=r'line 2: num_validations is -1'):
        read(header(), record(10, num_validations=-1))


def test_length_of_an_epoch_comes_from_the_last_record(read):
    assert read(header(), record(10), record(20)).iterations_per_epoch() == 10
    with pytest.raises(ValueError, match='trained by iteration'):
        read(header(), record(10, epoch=0)).iterations_per_epoch()


def test_torn_last_line_is_left_out_with_a_warning(read):
    with pytest.warns(UserWarning, match='1 line left out, being torn'):
        assert len(read(header(), record(10), '{"kind": "valid').steps) == 1


def test_history_without_names_is_a_schedule_without_names(read):
    assert read(record(10)).class_names is None


@pytest.mark.parametrize(
    ('entries', 'message'),
    [
        ([header()], 'holds no validation'),
        ([header(), record(20), record(20)], 'iteration 20 follows one of 20'),
        ([header(), record(20), record(10)], 'iteration 10 follows one of 20'),
        ([header(('a',)), record(10)], r'of \[1, 2\] classes'),
        ([header(), record(10, difficulty=[0.5])], 'one number in'),
        ([header(), record(10, difficulty=[0.5, 1.5])], r'line 2: difficulty is \[0.5, 1.5\]; it must be'),
        ([header(), record(10, difficulty=[0.5, None])], 'line 2: difficulty is'),
        ([header(), record(10, num_correct=[5, 0])], 'line 2: num_correct of class 0 is 5; it must be no more than'),
        ([header(), record(10, num_clips='x')], "line 2: num_clips is 'x'; it must be a list"),
        ([header(), record(10, num_clips=[10**400, 2])], 'line 2: num_clips is'),
        ([header(names=5), record(10)], 'line 1: class_names is 5; it must be a list'),
        ([header(), {'kind': 'validation', 'iter': 10}], "iteration 10 cannot be used.*'num_clips'"),
    ],
)
def test_what_is_no_schedule_is_refused_with_the_file(read, entries, message):
    with pytest.raises(ValueError, match=r'class_history\.jsonl: .*' + message):
        read(*entries)
