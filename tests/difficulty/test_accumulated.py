"""Accumulated difficulty: the law against a reference written apart, and what it keeps."""

from decimal import Decimal, getcontext

import numpy as np
import pytest

from cdb_video.difficulty.accumulated import accumulated_weights, default_strength, share_of_validations
from cdb_video.difficulty.state import DifficultyState

getcontext().prec = 40


def reference(difficulty, exponent):
    """The definition in decimal numbers of 40 digits."""
    powers = [(Decimal(float(exponent)) * Decimal(float(d))).exp() for d in difficulty]
    return [float(len(powers) * power / sum(powers)) for power in powers]


def test_weights_are_those_of_the_definition_in_1000_random_cases():
    rng = np.random.default_rng(0)
    for _ in range(1000):
        difficulty = rng.random(rng.integers(1, 12)) ** rng.integers(1, 4)
        exponent = rng.choice([0.0, rng.random(), 9 * rng.random(), 200 * rng.random()])
        np.testing.assert_allclose(
            accumulated_weights(difficulty, exponent), reference(difficulty, exponent), rtol=1e-9
        )


def test_a_permutation_of_the_classes_permutes_the_weights():
    rng = np.random.default_rng(1)
    difficulty, order = rng.random(1203), rng.permutation(1203)
    np.testing.assert_allclose(
        accumulated_weights(difficulty[order], 9.0), accumulated_weights(difficulty, 9.0)[order], rtol=1e-12
    )


@pytest.mark.parametrize('difficulty', [[0.1, 0.7, 1.0], [0.3] * 7, [0.0]])
def test_without_exponent_or_difference_every_weight_is_1_to_the_last_bit(difficulty):
    assert (accumulated_weights(difficulty, 0.0) == 1.0).all()
    assert (accumulated_weights([0.3] * len(difficulty), 9.0) == 1.0).all()


def test_the_largest_ratio_is_that_of_the_strength():
    assert accumulated_weights([0.0, 1.0], 9.0)[1] / accumulated_weights([0.0, 1.0], 9.0)[0] == pytest.approx(
        np.exp(9.0)
    )


@pytest.mark.parametrize(
    ('difficulty', 'exponent', 'message'),
    [
        ([0.5, 1.2], 1.0, r'^difficulty: values must be in \[0, 1\]'),
        ([0.5, np.nan], 1.0, r'^difficulty: values must be in \[0, 1\]'),
        ([], 1.0, r'^difficulty: must have shape \(C,\)'),
        ([0.5], -1.0, r'^exponent=-1.0: must be a finite number >= 0'),
        ([0.5], np.inf, r'^exponent=inf: must be a finite number >= 0'),
    ],
)
def test_values_out_of_range_are_refused(difficulty, exponent, message):
    with pytest.raises(ValueError, match=message):
        accumulated_weights(difficulty, exponent)


def test_share_of_the_validations():
    assert [share_of_validations(done, 4) for done in (0, 1, 4, 9)] == [0.0, 0.25, 1.0, 1.0]
    for done, planned in ((-1, 4), (0, 0)):
        with pytest.raises(ValueError, match=rf'done={done}, planned={planned}'):
            share_of_validations(done, planned)


def test_strength_follows_the_logit_adjustment():
    assert (default_strength(0.0), default_strength(1.0)) == (9.0, 3.0)


def test_300_validations_of_1203_classes_stay_finite_and_are_the_mean():
    """Also where classes come and go: those of LVIS, with few validation clips each."""
    rng = np.random.default_rng(2)
    state = DifficultyState.start(rng.integers(1, 500, 1203), None)
    measured = [[] for _ in range(1203)]
    for step in range(300):
        num_clips = rng.integers(0, 4, 1203)
        num_clips[7] = 0  # never measured
        num_correct = rng.binomial(num_clips, 0.4)
        state = state.updated(num_clips, num_correct, epoch=step, iteration=step, smoothing={'momentum': 'mean'})
        for label in np.flatnonzero(num_clips):
            measured[label].append(1 - num_correct[label] / num_clips[label])
    means = np.array([np.mean(values) if values else np.nan for values in measured])
    means[7] = np.nanmean(means)
    np.testing.assert_allclose(state.difficulty, means, rtol=1e-12)
    assert state.num_measured.tolist() == [len(values) for values in measured]
    assert state.num_validations == 300
    weights = accumulated_weights(state.difficulty, 30.0)
    assert np.isfinite(weights).all()
    assert weights.mean() == pytest.approx(1.0)
