"""Counts per class, ranks of the true class, shot groups."""

import numpy as np
import pytest

from cdb_video.difficulty.counts import SHOT_GROUPS, ClassCounts, label_ranks, shot_group, shot_groups


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
        'mean_precision': 1 / 3,
        'macro_f1': pytest.approx((0.5 + 2 / 3 + 0) / 3),
        'first': 0.75,
    }


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
