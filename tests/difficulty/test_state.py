"""DifficultyState: its memory over validations, and its entry in a checkpoint."""

import io

import numpy as np
import pytest
import torch

from cdb_video.difficulty.state import DifficultyState

START = DifficultyState.start(np.array([40, 20, 5]), ('a', 'b', 'c'))
CLIPS, CORRECT = np.array([4, 2, 0]), np.array([3, 0, 0])


def saved_and_read(state):
    """The state after a checkpoint of torch that loads with weights_only."""
    file = io.BytesIO()
    torch.save(state.to_checkpoint(), file)
    file.seek(0)
    return DifficultyState.from_checkpoint(torch.load(file, weights_only=True))


def assert_equal(one, other):
    for name in ('difficulty', 'measured', 'num_measured', 'num_clips', 'num_correct', 'train_counts'):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    for name in ('class_names', 'epoch', 'iteration', 'num_validations', 'measure'):
        assert getattr(one, name) == getattr(other, name)


@pytest.mark.parametrize('probability', [None, np.array([0.6, 0.3, np.nan])])
def test_a_state_in_a_checkpoint_goes_on_as_one_that_was_not_saved(probability):
    rng = np.random.default_rng(0)
    straight = saved = START
    for step in range(5):
        clips = rng.integers(0, 5, 3)
        correct = rng.binomial(clips, 0.5)
        own = None if probability is None else np.where(clips > 0, rng.random(3), np.nan)
        new = {'epoch': step, 'iteration': 10 * step, 'smoothing': {'momentum': 'mean', 'prior_count': 2.0}}
        straight, saved = (
            straight.updated(clips, correct, own, **new),
            saved_and_read(saved).updated(clips, correct, own, **new),
        )
        assert_equal(straight, saved)


def test_probability_takes_the_place_of_accuracy_in_the_difficulty_alone():
    own = np.array([0.6, 0.3, np.nan])
    state = START.updated(CLIPS, CORRECT, own, epoch=1, iteration=10)
    np.testing.assert_allclose(state.difficulty, [0.4, 0.7, 0.55])  # the third takes the mean
    np.testing.assert_array_equal(state.accuracy, [0.75, 0.0, np.nan])
    assert (state.measure, START.measure) == ('probability', 'accuracy')


def test_the_first_measurement_of_a_class_is_taken_as_it_is_however_late():
    state = START.updated(CLIPS, CORRECT, epoch=1, iteration=10, smoothing={'momentum': 'mean'})
    later = state.updated(
        np.array([4, 0, 2]), np.array([1, 0, 1]), epoch=2, iteration=20, smoothing={'momentum': 'mean'}
    )
    np.testing.assert_allclose(later.difficulty, [(0.25 + 0.75) / 2, 1.0, 0.5])
    assert later.num_measured.tolist() == [2, 1, 1]


@pytest.mark.parametrize('order', [(10, 4), (4, 10)])
def test_a_mean_with_a_floor_does_not_depend_on_the_order_of_the_validations(order):
    state, clips = DifficultyState.start(np.array([9]), None), np.array([10])
    for step, correct in enumerate(order):
        new = {'epoch': step, 'iteration': step, 'smoothing': {'momentum': 'mean', 'min_difficulty': 0.3}}
        state = state.updated(clips, np.array([correct]), **new)
    np.testing.assert_allclose(state.difficulty, [(0.3 + 0.6) / 2])


def test_images_that_show_a_class_are_kept_where_there_are_such():
    assert 'train_images' not in START.to_checkpoint()
    assert saved_and_read(START).train_images is None
    state = DifficultyState.start(START.train_counts, START.class_names, np.array([7, 5, 2]))
    assert saved_and_read(state.updated(CLIPS, CORRECT, epoch=1, iteration=10)).train_images.tolist() == [7, 5, 2]


def test_an_entry_of_an_early_version_counts_as_one_validation():
    entry = START.updated(CLIPS, CORRECT, epoch=1, iteration=10).to_checkpoint()
    for key in ('num_measured', 'num_validations'):
        del entry[key]
    state = DifficultyState.from_checkpoint(entry)
    assert state.num_measured.tolist() == [1, 1, 0]
    assert state.num_validations == 1
    entry = START.to_checkpoint()
    del entry['num_validations']
    assert DifficultyState.from_checkpoint(entry).num_validations == 0


@pytest.mark.parametrize(
    ('key', 'value'),
    [
        ('num_validations', -1),
        ('num_measured', torch.tensor([1, -1, 0])),
        ('num_measured', torch.tensor([1, 1])),
        ('mean_probability', torch.tensor([1, 1, 1])),
        ('train_images', torch.tensor([1, -1, 1])),
        ('train_images', torch.tensor([1, 1])),
    ],
)
def test_an_impossible_entry_is_refused(key, value):
    entry = START.updated(CLIPS, CORRECT, epoch=1, iteration=10).to_checkpoint() | {key: value}
    with pytest.raises(ValueError, match=r"the checkpoint's entry 'class_difficulty' cannot be read"):
        DifficultyState.from_checkpoint(entry)
