"""Cross-fitted difficulty: the formula, what counts, and classes that cannot be measured."""

import numpy as np
import pytest

from cdb_video.cross_fit.pooling import cross_fit, cross_fit_objects, pooled_difficulty


def reference(num_clips, num_correct, prior):
    """d_c = (errors_c + prior dbar) / (n_c + prior), class by class in plain Python."""
    rates = [(clips - right) / clips for clips, right in zip(num_clips, num_correct, strict=True) if clips]
    mean = sum(rates) / len(rates)
    return [
        (clips - right + prior * mean) / (clips + prior) if clips + prior else mean
        for clips, right in zip(num_clips, num_correct, strict=True)
    ], mean


def test_the_formula_by_hand():
    difficulty, mean = pooled_difficulty(np.array([10, 2, 0]), np.array([9, 1, 0]))
    assert mean == pytest.approx((0.1 + 0.5) / 2)
    np.testing.assert_allclose(difficulty, [(1 + 1.5) / 15, (1 + 1.5) / 7, 0.3])


def test_pooled_difficulty_equals_a_reference_in_random_cases():
    rng = np.random.default_rng(0)
    for _ in range(1000):
        num_clips = rng.integers(0, 40, rng.integers(1, 12))
        num_clips[rng.integers(len(num_clips))] += 1
        num_correct = rng.integers(0, num_clips + 1)
        prior = float(rng.choice([0, 1, 5, 7.5]))
        difficulty, mean = pooled_difficulty(num_clips, num_correct, prior)
        expected, expected_mean = reference(num_clips.tolist(), num_correct.tolist(), prior)
        np.testing.assert_allclose(difficulty, expected, rtol=1e-12, atol=1e-12)
        assert mean == pytest.approx(expected_mean)


def test_a_class_of_many_clips_has_its_own_error_and_one_of_none_the_mean():
    difficulty, mean = pooled_difficulty(np.array([10**9, 100, 0]), np.array([10**9 // 4, 100, 0]))
    np.testing.assert_allclose(difficulty, [0.75, 5 * mean / 105, mean], rtol=1e-6)


def random_folds(rng, num_classes=5, num_clips=40):
    labels = rng.integers(0, num_classes, num_clips)
    folds = rng.integers(0, 3, num_clips)
    return labels, rng.normal(size=(num_clips, num_classes)).astype(np.float32), folds


def test_a_permutation_of_the_classes_permutes_the_difficulties():
    rng = np.random.default_rng(1)
    for _ in range(50):
        labels, scores, folds = random_folds(rng)
        order = rng.permutation(5)
        straight = cross_fit(labels, scores, folds, 3)
        permuted = cross_fit(np.argsort(order)[labels], scores[:, order], folds, 3)
        np.testing.assert_allclose(permuted.difficulty, straight.difficulty[order])
        assert set(permuted.unmeasured.tolist()) == set(np.argsort(order)[straight.unmeasured].tolist())


def test_clips_count_if_and_only_if_the_model_that_scored_them_had_one_of_their_class():
    rng = np.random.default_rng(2)
    for _ in range(200):
        labels, scores, folds = random_folds(rng, num_classes=9, num_clips=20)
        found = cross_fit(labels, scores, folds, 3)
        errors, clips = np.zeros(9), np.zeros(9)
        for label, row, fold in zip(labels, scores, folds, strict=True):
            if any(label == other for other, place in zip(labels, folds, strict=True) if place != fold):
                clips[label] += 1
                errors[label] += row.argmax() != label
        assert found.counts.num_clips.tolist() == clips.tolist()
        assert (found.counts.num_clips - found.counts.num_correct).tolist() == errors.tolist()
        assert found.is_counted.sum() == clips.sum()
        assert set(found.unmeasured.tolist()) == {c for c in range(9) if not clips[c] and c in labels}
        assert (found.difficulty[clips == 0] == found.mean_difficulty).all()


def test_classes_of_one_clip_are_not_measured_and_do_not_enter_the_mean():
    labels, folds = np.array([0, 0, 0, 0, 1, 2, 2]), np.array([0, 1, 0, 1, 0, 0, 1])
    scores = np.eye(3)[[0, 0, 0, 1, 0, 2, 2]]  # one error in class 0; class 1 is told wrongly, of necessity
    found = cross_fit(labels, scores, folds, 2)
    assert found.unmeasured.tolist() == [1]
    assert found.mean_difficulty == pytest.approx(0.25 / 2)
    np.testing.assert_allclose(found.difficulty, [(1 + 0.625) / 9, 0.125, 0.625 / 7])
    assert found.counts.num_clips.tolist() == [4, 0, 2]


def test_if_no_class_can_be_measured_that_is_said():
    with pytest.raises(ValueError, match=r'no class has clips in two folds.*divide by clips'):
        cross_fit(np.array([0, 1]), np.eye(2), np.array([0, 1]), 2)


@pytest.mark.parametrize('prior', [-1.0, float('nan'), True])
def test_a_prior_that_cannot_be_is_refused(prior):
    with pytest.raises(ValueError, match=r'prior_clips=.*: must be a finite number >= 0'):
        pooled_difficulty(np.array([1]), np.array([0]), prior)


def test_of_objects_those_that_are_missed_are_wrong_and_those_of_unknown_classes_do_not_count():
    # Class 2 is shown by images of fold 1 alone, which a model without it scored.
    labels, answers = np.array([0, 0, 0, 1, 1, 2, 2]), np.array([0, 3, 1, 1, 1, 2, 3])
    found = cross_fit_objects(labels, answers, np.array([0, 0, 1, 0, 1, 1, 1]), 2, 3)
    assert found.counts.num_clips.tolist() == [3, 2, 0]
    assert found.counts.num_correct.tolist() == [1, 2, 0]
    assert found.counts.num_missed.tolist() == [1, 0, 0]
    expected, mean = reference([3, 2, 0], [1, 2, 0], 5.0)
    np.testing.assert_allclose(found.difficulty, expected)
    assert (found.mean_difficulty, found.unmeasured.tolist()) == (pytest.approx(mean), [2])
