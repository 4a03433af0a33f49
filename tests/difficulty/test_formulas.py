"""The formulas: hand-computed cases, limits, and properties."""

import math

import numpy as np
import pytest

from cdb_video.difficulty.formulas import (
    allocate_draws,
    class_accuracy,
    class_difficulty,
    class_probability,
    class_weights,
    resolve_tau,
)


def check_equal(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=0)


def test_accuracy_is_correct_over_total_and_nan_without_clips():
    check_equal(class_accuracy([1, 0, 0], [4, 2, 0]), [0.25, 0, math.nan])


@pytest.mark.parametrize(
    ('correct', 'total', 'message'),
    [
        ([3], [2], 'more correct clips than clips'),
        ([-1], [2], 'whole numbers >= 0'),
        ([0.5], [2], 'whole numbers >= 0'),
        ([1, 1], [2], 'has 1 classes, but 2'),
        ([], [], 'at least one class'),
    ],
)
def test_impossible_counts_are_refused(correct, total, message):
    with pytest.raises(ValueError, match=message):
        class_accuracy(correct, total)


def test_difficulty_is_one_minus_accuracy():
    check_equal(class_difficulty([0.25, 1.0, 0.0]), [0.75, 0, 1])


def test_absent_class_keeps_previous_difficulty():
    check_equal(class_difficulty([0.5, math.nan], previous=[0.1, 0.9]), [0.5, 0.9])


def test_class_never_measured_takes_the_mean_of_the_measured():
    check_equal(class_difficulty([0.5, math.nan, 0.9]), [0.5, 0.3, 0.1])
    check_equal(class_difficulty([0.5, math.nan, math.nan], previous=[1, 0.1, math.nan]), [0.5, 0.1, 0.3])


def test_nothing_measured_at_all_is_difficulty_one():
    check_equal(class_difficulty([math.nan, math.nan]), [1, 1])


def test_prior_count_shrinks_towards_the_overall_accuracy():
    # Overall accuracy 6/10; class 0: (0 + 10 * .6) / (2 + 10) = .5, class 1: (6 + 6) / (8 + 10) = 2/3.
    check_equal(class_difficulty([0.0, 0.75], total=[2, 8], prior_count=10), [0.5, 1 / 3])


def test_prior_count_leaves_an_absent_class_to_its_previous_difficulty():
    check_equal(class_difficulty([0.5, math.nan], [0.2, 0.9], total=[4, 0], prior_count=5), [0.5, 0.9])


def test_prior_count_needs_the_totals():
    with pytest.raises(ValueError, match='total'):
        class_difficulty([0.5], prior_count=1)


def test_momentum_blends_with_previous_but_takes_a_first_measurement_as_it_is():
    check_equal(class_difficulty([0.5, 0.5], [1.0, math.nan], momentum=0.8), [0.9, 0.5])


def test_min_difficulty_is_a_floor():
    check_equal(class_difficulty([1.0, 0.5], min_difficulty=0.1), [0.1, 0.5])


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'prior_count': -1}, 'prior_count=-1'),
        ({'momentum': 1.0}, r'momentum=1.0: must be in \[0, 1\)'),
        ({'min_difficulty': 2}, 'min_difficulty=2'),
        ({'momentum': math.nan}, 'momentum=nan'),
    ],
)
def test_smoothing_out_of_range_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        class_difficulty([0.5], **options)


@pytest.mark.parametrize(
    ('best', 'worst', 'paper', 'egtea'),
    [  # the check values of the two definitions, three decimals
        (0, 0, 0.538, 0.500),
        (0.5, 0.5, 0.990, 0.727),
        (0.9, 0.5, 1.365, 0.854),
        (0.9, 0.3, 1.741, 0.948),
        (0.95, 0.1, 1.999, 1.000),
        (0.9, 0, 2.000, 1.000),
    ],
)
def test_dynamic_tau_has_the_check_values(best, worst, paper, egtea):
    accuracy = [worst, math.nan, best, (best + worst) / 2]
    assert round(resolve_tau('dynamic', accuracy), 3) == paper
    assert round(resolve_tau('dynamic-egtea', accuracy), 3) == egtea


def test_dynamic_tau_before_any_validation_counts_as_accuracy_zero():
    assert resolve_tau('dynamic') == resolve_tau('dynamic', [math.nan]) == resolve_tau('dynamic', [0.0])


@pytest.mark.parametrize('tau', [-1, math.nan, math.inf, 'Dynamic', '1.0', None, True])
def test_unknown_tau_is_refused_with_the_rule(tau):
    with pytest.raises(ValueError, match=r"tau=.*must be a .*'dynamic', 'dynamic-egtea'"):
        resolve_tau(tau, [0.5])


def test_weights_by_hand():
    # d^2 = .25, 1, 0; the sum is 1.25, C = 3.
    check_equal(class_weights([0.5, 1, 0], 2), [0.6, 2.4, 0])


@pytest.mark.parametrize('difficulty', [[0.3] * 7, [1.0] * 7, [0.0] * 7])
@pytest.mark.parametrize('tau', [0, 0.5, 3, 400])
def test_equal_difficulties_weigh_exactly_one(difficulty, tau):
    assert class_weights(difficulty, tau).tolist() == [1.0] * 7


def test_tau_zero_weighs_a_perfect_class_like_the_others():
    assert class_weights([0.0, 0.4], 0).tolist() == [1.0, 1.0]


def test_large_tau_does_not_underflow():
    check_equal(class_weights([1e-3, 1e-4], 200), [2, 2e-200])


def test_weights_follow_a_permutation_of_the_classes():
    rng = np.random.default_rng(0)
    difficulty, order = rng.random(50), rng.permutation(50)
    np.testing.assert_allclose(class_weights(difficulty, 1.5)[order], class_weights(difficulty[order], 1.5))


@pytest.mark.parametrize('difficulty', [[0.5, math.nan], [1.5], [-0.1], [[0.5]], []])
def test_a_difficulty_that_is_none_is_refused(difficulty):
    with pytest.raises(ValueError, match='difficulty: '):
        class_weights(difficulty, 1)


def test_a_dynamic_tau_must_be_resolved_before_it_is_an_exponent():
    with pytest.raises(ValueError, match='resolve_tau'):
        class_weights([0.5], 'dynamic')


def test_probability_by_hand():
    # n^.5 d^2: 2 * .25, 3 * 1, 4 * 0, and a class without clips.
    check_equal(class_probability([0.5, 1, 0, 1], 2, [4, 9, 16, 0], 0.5), [0.5 / 3.5, 3 / 3.5, 0, 0])


@pytest.mark.parametrize(('power', 'expected'), [(1, [0.1, 0.9]), (0.5, [0.25, 0.75]), (0, [0.5, 0.5])])
def test_tau_zero_gives_the_frequency_laws(power, expected):
    check_equal(class_probability([0.2, 0.9], 0, [1, 9], power), expected)


def test_all_zero_difficulty_counts_as_equal_even_beside_an_empty_hard_class():
    check_equal(class_probability([0, 0, 1], 1, [1, 3, 0], 1), [0.25, 0.75, 0])


@pytest.mark.parametrize(
    ('counts', 'power', 'message'),
    [([0, 0], 1, 'no class has a clip'), ([1, -1], 1, 'counts'), ([1, 1], -1, 'frequency_power=-1')],
)
def test_impossible_laws_are_refused(counts, power, message):
    with pytest.raises(ValueError, match=message):
        class_probability([1, 1], 1, counts, power)


def test_draws_by_hand():
    # The classes end at 1.5, 1.75, 3; the draws fall at .4, 1.4, 2.4.
    assert allocate_draws([1.5, 0.25, 1.25], 3, 0.4).tolist() == [2, 0, 1]


@pytest.mark.parametrize('num_draws', [1, 7, 1000, 10**7])
def test_draws_are_within_one_of_the_law_and_add_up(num_draws):
    rng = np.random.default_rng(num_draws)
    for _ in range(50):
        mass = rng.random(rng.integers(1, 300)) ** 4
        draws = allocate_draws(mass, num_draws, rng.random())
        assert draws.sum() == num_draws
        assert (np.abs(draws - mass / mass.sum() * num_draws) < 1 + 1e-9 * num_draws).all()
        assert (draws >= 0).all()


@pytest.mark.parametrize('offset', [0.0, 1e-15, 0.5, 1 - 1e-16])
def test_whole_expectations_are_met_at_any_offset(offset):
    counts = np.random.default_rng(0).integers(1, 1000, 5000)
    assert (allocate_draws(counts, int(counts.sum()), offset) == counts).all()
    assert (allocate_draws(np.full(30, 0.1), 60, offset) == 2).all()


def test_draws_are_unbiased_over_the_offset():
    mass = np.array([0.3, 0.15, 0.55])
    draws = [allocate_draws(mass, 1, (k + 0.5) / 1000) for k in range(1000)]
    np.testing.assert_allclose(np.mean(draws, axis=0), mass, atol=1.1e-3)


def test_powers_that_underflow_together_still_give_a_law():
    # The frequent class is perfect: all draws go to the rare one, however small its frequency to the power q is.
    check_equal(class_probability([0, 0.5], 1, [9000, 5], 300), [0, 1])
    # 0.1^400 against (1/1000)^130 = 0.1^390.
    check_equal(class_probability([1, 0.1], 400, [1, 1000], 130), [1 / (1 + 1e-10), 1e-10 / (1 + 1e-10)])


@pytest.mark.parametrize(('mass', 'offset'), [([0, 0], 0.5), ([1, -1], 0.5), ([1, math.inf], 0.5), ([1], 1.0)])
def test_impossible_allocations_are_refused(mass, offset):
    with pytest.raises(ValueError, match=r'mass|offset'):
        allocate_draws(mass, 3, offset)
