"""Signed difficulty against exact fractions, by hand, and its interval against theory and a slow bootstrap."""

import time
from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import binom

from cdb_video.difficulty.diagnosis.signed import signed_difficulty, signed_interval

CLOSE = {'rtol': 0, 'atol': 2e-12}


def reference(confusion):
    """e_c = 1 - K q_c in fractions, by the definition; None where a class has no clip."""
    size = len(confusion)
    measured = [c for c in range(size) if sum(map(int, confusion[c]))]
    signs = []
    for c in range(size):
        shares = [Fraction(int(confusion[t][c]), sum(map(int, confusion[t]))) for t in measured]
        q = sum(shares) / len(measured) if measured else None
        signs.append(1 - len(measured) * q if c in measured else None)
    return signs


def random_confusion(generator, size=None):
    """Counts of some classes, sparse or dense, of which some have no clips."""
    size = size or int(generator.integers(1, 9))
    counts = generator.poisson(generator.choice([0.3, 2, 30]), (size, size)) * (generator.random((size, size)) < 0.7)
    counts[generator.random(size) < 0.2] = 0
    return counts


def test_a_thousand_random_cases_equal_the_reference_in_fractions():
    generator = np.random.default_rng(0)
    unmeasured = 0
    for _ in range(1000):
        confusion = random_confusion(generator)
        expected = reference(confusion)
        unmeasured += expected.count(None)
        found = signed_difficulty(confusion)
        np.testing.assert_allclose(found, [np.nan if e is None else float(e) for e in expected], **CLOSE)
        # Zeros are exact, and so is which sign there is.
        assert [np.sign(e) for e in found if not np.isnan(e)] == [np.sign(e) for e in expected if e is not None]
    assert unmeasured > 500


def test_never_predicted_is_1_as_often_as_there_are_clips_0_and_more_below_0():
    assert signed_difficulty([[0, 10], [0, 10]]).tolist() == [1, -1]
    assert signed_difficulty([[6, 4], [4, 6]]).tolist() == [0, 0]
    assert signed_difficulty(np.eye(3, dtype=int) * 7).tolist() == [0, 0, 0]
    # Class 0 loses 2 of 10 and takes 30 of 60: 0.2 - 0.5. Classes count alike, however many clips they have.
    assert signed_difficulty([[8, 2], [30, 30]]).tolist() == [-0.3, 0.3]


def test_it_is_what_is_lost_less_what_is_taken():
    confusion = np.array([[6, 3, 1], [2, 8, 0], [5, 5, 10]])
    lost = [0.4, 0.2, 0.5]
    taken = [2 / 10 + 5 / 20, 3 / 10 + 5 / 20, 1 / 10]
    np.testing.assert_allclose(signed_difficulty(confusion), np.subtract(lost, taken), **CLOSE)


def test_predictions_of_a_class_without_clips_make_the_others_lose_and_it_has_none():
    found = signed_difficulty([[5, 0, 5], [0, 10, 0], [0, 0, 0]])
    np.testing.assert_array_equal(found, [0.5, 0, np.nan])


def test_a_permutation_of_the_classes_permutes_the_signs():
    generator = np.random.default_rng(1)
    for _ in range(100):
        confusion = random_confusion(generator, 12)
        order = generator.permutation(12)
        np.testing.assert_array_equal(
            signed_difficulty(confusion[order][:, order]), signed_difficulty(confusion)[order]
        )


def test_interval_is_that_of_binomial_clips():
    # Class 1 is always right, so K q_0 is X / 200 with X of 200 draws at 0.7.
    low, high = signed_interval([[140, 60], [0, 50]], repeats=20_000)
    expected = 1 - binom.ppf([0.975, 0.025], 200, 0.7) / 200
    np.testing.assert_allclose([low[0], high[0]], expected, rtol=0, atol=0.006)
    np.testing.assert_allclose([low[1], high[1]], -expected[::-1], rtol=0, atol=0.006)


def test_interval_equals_a_slow_bootstrap_over_the_clips_of_each_class():
    generator = np.random.default_rng(2)
    confusion = np.array([[7, 2, 1, 0], [4, 12, 0, 4], [0, 0, 0, 0], [1, 0, 2, 3]])
    draws = []
    for _ in range(4000):
        drawn = np.zeros_like(confusion)
        for true, row in enumerate(confusion):
            clips = np.repeat(np.arange(4), row)
            if clips.size:
                drawn[true] = np.bincount(generator.choice(clips, clips.size), minlength=4)
        draws.append(signed_difficulty(drawn))
    slow = np.quantile(draws, [0.025, 0.975], axis=0)
    np.testing.assert_allclose(signed_interval(confusion, repeats=4000), slow, rtol=0, atol=0.04)


def test_interval_is_seeded_and_holds_the_sign():
    generator = np.random.default_rng(3)
    for _ in range(50):
        confusion = random_confusion(generator)
        low, high = signed_interval(confusion, repeats=300, seed=5)
        sign = signed_difficulty(confusion)
        measured = ~np.isnan(sign)
        assert (low[measured] <= sign[measured]).all()
        assert (sign[measured] <= high[measured]).all()
        np.testing.assert_array_equal([np.isnan(low), np.isnan(high)], [~measured] * 2)
        np.testing.assert_array_equal(signed_interval(confusion, repeats=300, seed=5), [low, high])
    confusion = [[60, 40], [30, 70]]
    assert signed_interval(confusion)[0][0] != signed_interval(confusion, seed=1)[0][0]


def test_draws_of_what_cannot_vary_are_all_alike():
    low, high = signed_interval([[0, 1], [0, 30]])
    assert (low.tolist(), high.tolist()) == ([1, -1], [1, -1])


@pytest.mark.parametrize(('size', 'seconds'), [(106, 1), (1203, 10)])
def test_interval_of_many_classes_is_cheap_and_finite(size, seconds):
    generator = np.random.default_rng(4)
    labels = np.repeat(np.arange(size), 20)
    predicted = np.where(generator.random(labels.size) < 0.4, labels, generator.integers(size, size=labels.size))
    confusion = np.bincount(labels * size + predicted, minlength=size**2).reshape(size, size)
    start = time.process_time()
    found = np.array([signed_difficulty(confusion), *signed_interval(confusion)])
    assert time.process_time() - start < seconds
    assert np.isfinite(found).all()


@pytest.mark.parametrize(
    ('confusion', 'message'),
    [
        ([[1, 2, 3, 4], [4, 5, 6, 7]], r'confusion: has shape \(2, 4\); it must be \(C, C\)'),
        ([[1], [4]], r'confusion: has shape \(2, 1\); it must be \(C, C\)'),
        ([], r'has shape \(0,\)'),
        ([[1, -2], [0, 1]], r'class 0 has -2 clips predicted as class 1; counts are whole numbers >= 0'),
        ([[1, 2], [0.5, 1]], r'class 1 has 0\.5 clips predicted as class 0'),
        ([[1, float('nan')], [0, 1]], r'class 0 has nan clips predicted as class 1'),
    ],
)
def test_what_are_no_counts_are_refused(confusion, message):
    for compute in (signed_difficulty, signed_interval):
        with pytest.raises(ValueError, match=message):
            compute(confusion)


def test_an_interval_without_draws_is_refused():
    with pytest.raises(ValueError, match='repeats=0: an interval needs 1 draw or more'):
        signed_interval([[1]], repeats=0)
