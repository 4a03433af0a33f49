"""Restlessness against a slow reference; the noise of counting against exact sums; restless and calm courses."""

import numpy as np
import pytest
from scipy.stats import binom

from cdb_video.difficulty.diagnosis.restlessness import LIMIT, Restlessness, counting_noise, restlessness


def reference(clips, correct, difficulty, follows):
    """By loops over pairs and classes."""
    changes, noises, recorded, net = [], [], [], {}
    for t in range(1, len(clips)):
        for c in range(len(clips[0])):
            n, m = clips[t][c], clips[t - 1][c]
            if n < 10 or m < 10 or not follows[t - 1]:
                continue
            change = correct[t][c] / n - correct[t - 1][c] / m
            p = (correct[t][c] + correct[t - 1][c]) / (n + m)
            changes.append(abs(change))
            noises.append((2 / np.pi) ** 0.5 * (p * (1 - p) / n + p * (1 - p) / m) ** 0.5)
            recorded.append(abs(difficulty[t][c] - difficulty[t - 1][c]))
            net.setdefault(c, []).append((t, change))
    if not changes:
        return None
    one_way = sum(abs(sum(change for _, change in found)) for found in net.values()) / len(changes)
    pairs = {t for found in net.values() for t, _ in found}
    return (*(float(np.mean(found)) for found in (changes, noises)), one_way, np.mean(recorded), len(net), len(pairs))


def values(found):
    return None if found is None else tuple(getattr(found, name) for name in Restlessness.__slots__)


def test_a_thousand_random_cases_equal_the_reference():
    generator = np.random.default_rng(0)
    nothing = 0
    for _ in range(1000):
        shape = tuple(generator.integers(1, 7, 2))
        clips = generator.integers(0, 25, shape)
        correct = generator.binomial(clips, generator.random(shape))
        difficulty = generator.random(shape)
        follows = generator.random(shape[0] - 1) < 0.8
        expected = reference(clips.tolist(), correct.tolist(), difficulty.tolist(), follows)
        found = values(restlessness(clips, correct, difficulty, follows))
        nothing += expected is None
        assert (found is None) == (expected is None)
        if expected is not None:
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    assert 100 < nothing < 900


def course(accuracy, clips=20):
    """A course with these accuracies, (T,) or (T, C), and the difficulty as measured."""
    accuracy = np.array(accuracy, np.float64)
    accuracy = accuracy[:, None] if accuracy.ndim == 1 else accuracy
    correct = np.round(accuracy * clips)
    return restlessness(np.full(accuracy.shape, clips), correct, 1 - correct / clips)


def test_a_case_by_hand():
    found = course([0.5, 0.7, 0.5, 0.5])
    assert values(found)[4:] == (1, 3)
    np.testing.assert_allclose(values(found)[:4], [0.4 / 3, found.noise, 0, 0.4 / 3])
    # p is 12 + 12 of 40 for the first two and 0.5 for the last pair.
    noise = [np.sqrt(2 * p * (1 - p) * 0.1 / np.pi) for p in (0.6, 0.6, 0.5)]
    np.testing.assert_allclose(found.noise, np.mean(noise))


def test_noise_of_counting_is_at_most_a_fifth_above_the_exact_sum_for_the_same_clips():
    for n, m in ((10, 10), (15, 15), (20, 33), (10, 60), (80, 80)):
        for right in range(1, n + m):
            share = right / (n + m)
            first, second = (binom.pmf(np.arange(size + 1), size, share) for size in (n, m))
            apart = np.abs(np.arange(n + 1)[:, None] / n - np.arange(m + 1) / m)
            exact = first @ apart @ second
            taken = min(right, n)
            ratio = counting_noise(n, taken, m, right - taken) / exact
            assert 0.97 < ratio < (1.2 if n == m else 1.4), (n, m, right)
    np.testing.assert_array_equal(counting_noise([0, 10, 10], [0, 0, 10], [10, 10, 10], [5, 0, 10]), 0)


def test_a_run_that_swings_is_restless_and_one_that_only_learns_is_not():
    swinging = course([0.2, 0.9, 0.1, 0.8, 0.2, 0.9])
    assert swinging.change > 0.5
    assert swinging.is_restless
    learning = course([0.0, 0.3, 0.6, 0.9])
    assert learning.change == pytest.approx(0.3)
    assert learning.change > 2 * learning.noise
    assert learning.one_way == pytest.approx(learning.change)
    assert not learning.is_restless
    assert not course([0.1, 0.9]).is_restless  # one change alone does not tell which it is


def test_a_run_that_stays_is_calm_though_counting_moves_it():
    generator = np.random.default_rng(0)
    counts = generator.binomial(10, 0.5, (20, 30))
    found = restlessness(np.full((20, 30), 10), counts, 1 - counts / 10)
    assert found.change > LIMIT
    np.testing.assert_allclose(found.change, found.noise, rtol=0.1)
    assert not found.is_restless
    steady = course([0.50, 0.52, 0.49, 0.51, 0.50], clips=100_000)
    assert steady.change > 2 * steady.noise
    assert not steady.is_restless  # it is no more than LIMIT


def test_a_smoothed_difficulty_does_not_hide_that_the_accuracies_swing():
    correct = np.array([[4], [18], [4], [18], [4]])
    found = restlessness(np.full((5, 1), 20), correct, np.full((5, 1), 0.45))
    assert found.recorded_change == 0
    assert found.is_restless


def test_classes_with_under_10_clips_in_one_of_two_validations_do_not_count():
    clips = [[10, 9, 50], [10, 50, 50], [10, 50, 9]]
    found = restlessness(clips, [[5, 0, 0], [5, 50, 50], [5, 50, 0]], np.zeros((3, 3)))
    assert (found.num_classes, found.num_changes) == (3, 2)
    assert found.change == pytest.approx((0 + 0 + 1 + 0) / 4)  # 0: twice, 1: the second change, 2: the first
    assert restlessness([[9], [9]], [[0], [9]], [[1], [0]]) is None
    assert restlessness([[50]], [[9]], [[1]]) is None
    assert restlessness([[50], [50]], [[0], [9]], [[1], [0]], [False]) is None


def test_300_validations_of_1203_classes_are_finite():
    generator = np.random.default_rng(1)
    clips = generator.integers(0, 40, (300, 1203))
    found = restlessness(clips, generator.binomial(clips, 0.3), generator.random((300, 1203)))
    assert np.isfinite(values(found)).all()


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (([[1, 2]], [[1]], [[0, 0]]), r'num_correct \(1, 1\), difficulty \(1, 2\); all must be \(T, C\)'),
        (([1], [1], [1]), r'num_clips has shape \(1,\)'),
        (
            ([[1], [1]], [[1], [1]], [[1], [1]], [True, True]),
            r'successive has shape \(2,\); it must have one entry less',
        ),
    ],
)
def test_shapes_that_do_not_fit_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        restlessness(*arguments)
