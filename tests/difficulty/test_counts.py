"""Counts per class, ranks of the true class, shot groups."""

from fractions import Fraction

import numpy as np
import pytest

from cdb_video.difficulty.counts import (
    CLASS_NUMBERS,
    SHOT_GROUPS,
    ClassCounts,
    accuracy_numbers,
    confusion_counts,
    label_ranks,
    shot_group,
    shot_groups,
)


def slow_rank(scores, label):
    """By sorting: higher scores first, the lower class of a tie first."""
    return sorted(range(len(scores)), key=lambda number: (-scores[number], number)).index(label)


def test_ranks_by_hand_with_a_tie():
    scores = np.array([[0.3, 0.5, 0.3], [0.3, 0.5, 0.3], [1.0, 0.0, 0.0]])
    assert label_ranks(scores, np.array([2, 0, 0])).tolist() == [2, 1, 0]


@pytest.mark.parametrize('dtype', [np.float32, np.float64])
def test_ranks_equal_a_sort_and_rank_zero_is_argmax(dtype):
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 4, (200, 7)).astype(dtype)  # many ties
    labels = rng.integers(0, 7, 200)
    ranks = label_ranks(scores, labels)
    assert ranks.dtype == np.int64
    assert ranks.tolist() == [slow_rank(row, label) for row, label in zip(scores.tolist(), labels, strict=True)]
    assert ((ranks == 0) == (scores.argmax(axis=1) == labels)).all()


def test_counts_by_hand():
    labels, predicted = np.array([0, 0, 1, 3]), np.array([0, 1, 1, 0])
    counts = ClassCounts.of(labels, predicted, labels == predicted, 5)
    assert counts.num_clips.tolist() == [2, 1, 0, 1, 0]
    assert counts.num_correct.tolist() == [1, 1, 0, 0, 0]
    assert counts.num_predicted.tolist() == [2, 2, 0, 0, 0]
    means = counts.means({'first': np.arange(5) < 2, 'empty': np.arange(5) == 4})
    assert means == {
        'mean1': 0.5,
        'hmean': pytest.approx(3 / (3 / 1.5 + 2 / 1.5 + 2 / 0.5)),
        'worst': 0.0,
        'mean_precision': 1 / 3,
        'macro_f1': pytest.approx((0.5 + 2 / 3 + 0) / 3),
        'first': 0.75,
    }
    assert list(means) == [*CLASS_NUMBERS, 'first']


def exact_numbers(clips, correct):
    """In fractions and loops: one class after the other."""
    accuracies, inverses = [], []
    for n, k in zip(clips.tolist(), correct.tolist(), strict=True):
        if n == 0:
            continue
        accuracies.append(Fraction(k, n))
        inverses.append(1 / (Fraction(2 * k + 1, 2) / (n + 1)))
    return {
        'mean1': sum(accuracies) / len(accuracies),
        'hmean': len(inverses) / sum(inverses),
        'worst': sorted(accuracies)[0],
    }


def test_mean_harmonic_mean_and_worst_equal_exact_ones_in_a_thousand_cases():
    rng = np.random.default_rng(18)
    for _ in range(1000):
        size = int(rng.integers(1, 40))
        clips = rng.integers(0, int(rng.choice([2, 20, 5000])), size)
        clips[rng.integers(size)] = rng.integers(1, 60)  # some class has clips
        correct = rng.binomial(clips, rng.choice([0.0, 0.1, 0.6, 1.0], size))
        expected = {name: float(value) for name, value in exact_numbers(clips, correct).items()}
        assert accuracy_numbers(clips, correct) == pytest.approx(expected, rel=1e-13, abs=0)


def test_harmonic_mean_stands_on_its_floor_and_below_its_ceiling():
    number = accuracy_numbers([15] * 7, [15] * 7)['hmean']
    assert number == pytest.approx(15.5 / 16)
    assert accuracy_numbers([15, 0], [0, 0]) == {'mean1': 0.0, 'hmean': pytest.approx(0.5 / 16), 'worst': 0.0}
    uneven = accuracy_numbers([100, 100], [100, 20])
    assert uneven['worst'] < uneven['hmean'] < uneven['mean1'] == 0.6
    # The same accuracies on more clips: another number, so it is to be compared on one set alone.
    assert accuracy_numbers([10, 10], [10, 2])['hmean'] > uneven['hmean']


@pytest.mark.parametrize('name', ['hmean', 'mean1'])
def test_one_more_right_answer_counts_most_where_fewest_are_right_in_the_harmonic_mean_alone(name):
    clips, correct = np.array([20, 20, 20]), np.array([2, 10, 19])
    gains = [accuracy_numbers(clips, correct + one)[name] for one in np.eye(3, dtype=int)]
    gains = np.array(gains) - accuracy_numbers(clips, correct)[name]
    assert (gains > 0).all()
    assert (np.diff(gains) < -1e-6).all() == (name == 'hmean')


@pytest.mark.parametrize(
    ('clips', 'correct', 'message'),
    [
        ([0, 0], [0, 0], 'none of the 2 classes has samples'),
        ([3], [4], 'cannot have more correct clips'),
        ([-1], [0], 'whole numbers >= 0'),
        ([2], [1, 1], 'total: has 1 classes, but 2 are expected'),
    ],
)
def test_counts_of_nothing_and_impossible_counts_are_refused(clips, correct, message):
    with pytest.raises(ValueError, match=message):
        accuracy_numbers(clips, correct)


def test_counts_of_permuted_classes_are_permuted():
    rng = np.random.default_rng(1)
    labels, predicted, other = rng.integers(0, 6, 100), rng.integers(0, 6, 100), rng.permutation(6)
    counts = ClassCounts.of(labels, predicted, labels == predicted, 6)
    moved = ClassCounts.of(other[labels], other[predicted], labels == predicted, 6)
    assert (moved.num_clips[other] == counts.num_clips).all()
    assert (moved.num_predicted[other] == counts.num_predicted).all()
    assert moved.means({}) == pytest.approx(counts.means({}))


def test_bounds_of_the_shot_groups_belong_to_the_medium_one():
    train_counts = [0, 19, 20, 100, 101]
    groups = shot_groups(train_counts, (20, 100))
    assert [name for name in SHOT_GROUPS for _ in range(groups[name].sum())] == [
        *['many_shot'],
        *['medium_shot'] * 2,
        *['few_shot'] * 2,
    ]
    assert np.sum(list(groups.values()), axis=0).tolist() == [1] * 5
    names = [shot_group(count, (20, 100)) for count in train_counts]
    assert names == ['few_shot', 'few_shot', 'medium_shot', 'medium_shot', 'many_shot']


def test_missed_objects_are_counted_apart_by_hand():
    labels, answers = np.array([0, 0, 0, 2, 2]), np.array([0, 3, 2, 3, 2])  # of three classes, 3 = missed
    counts = ClassCounts.of_answers(labels, answers, 3)
    assert (counts.num_clips.tolist(), counts.num_correct.tolist()) == ([3, 0, 2], [1, 0, 1])
    assert (counts.num_predicted.tolist(), counts.num_missed.tolist()) == ([1, 0, 2], [1, 0, 1])
    table = confusion_counts(labels, answers, 3, 4)
    assert table.tolist() == [[1, 0, 1, 1], [0, 0, 0, 0], [0, 0, 1, 1]]
    assert (table.sum(axis=1) == counts.num_clips).all()
    assert confusion_counts(labels, np.array([0, 1, 2, 1, 2]), 3).tolist() == [[1, 1, 1], [0, 0, 0], [0, 1, 1]]


def test_without_missed_objects_the_counts_are_those_of_samples():
    rng = np.random.default_rng(5)
    labels, answers = rng.integers(0, 4, 50), rng.integers(0, 4, 50)
    objects, clips = ClassCounts.of_answers(labels, answers, 4), ClassCounts.of(labels, answers, labels == answers, 4)
    for name in ('num_clips', 'num_correct', 'num_predicted', 'precision', 'f1'):
        assert (getattr(objects, name) == getattr(clips, name)).all()
    assert objects.num_missed.tolist() == [0] * 4
    assert clips.num_missed is None
