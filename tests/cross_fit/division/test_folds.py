"""Division of clips into folds: by clips within classes, and by whole groups."""

import itertools

import numpy as np
import pytest

from cdb_video.cross_fit.division.folds import (
    clips_per_fold,
    divide_by_clips,
    divide_by_groups,
    divide_images,
    known_to_scorer,
)


def random_labels(rng):
    """Long-tailed labels of up to nine classes, in any order; some numbers may have no clip."""
    counts = rng.integers(0, 30, rng.integers(1, 10)) // rng.integers(1, 8)
    counts[rng.integers(len(counts))] += 2
    return rng.permutation(np.repeat(np.arange(len(counts)), counts))


def test_a_division_by_hand():
    folds = divide_by_clips(np.array([0, 0, 0, 1, 1]), 2, 0)
    counts = clips_per_fold(np.array([0, 0, 0, 1, 1]), folds, 2, 2)
    assert sorted(counts.tolist()) == [[1, 1], [2, 1]]


def test_folds_are_disjoint_and_exhaustive_and_even_in_every_class_and_in_all():
    rng = np.random.default_rng(0)
    for seed in range(1000):
        labels = random_labels(rng)
        num_folds = int(rng.integers(2, min(6, len(labels)) + 1))
        folds = divide_by_clips(labels, num_folds, seed)
        assert folds.shape == labels.shape  # one fold for each clip
        assert set(folds.tolist()) == set(range(num_folds))
        counts = clips_per_fold(labels, folds, num_folds, int(labels.max()) + 1)
        assert counts.sum() == len(labels)
        assert (np.ptp(counts, axis=0) <= 1).all()
        assert np.ptp(counts.sum(axis=1)) <= 1


def test_groups_stay_whole_and_every_fold_gets_one():
    rng = np.random.default_rng(1)
    for seed in range(1000):
        labels = random_labels(rng)
        names = [f'g{number}' for number in range(rng.integers(2, 12))]
        groups = rng.choice(names, len(labels)).tolist()
        number = len(set(groups))
        if number < 2:
            continue
        num_folds = int(rng.integers(2, min(5, number) + 1))
        folds = divide_by_groups(labels, groups, num_folds, seed)
        assert set(folds.tolist()) == set(range(num_folds))
        of_group = {}
        for group, fold in zip(groups, folds.tolist(), strict=True):
            assert of_group.setdefault(group, fold) == fold


def unevenness(counts):
    """Chi squared of the counts of classes in folds, (K, C), against equal shares."""
    wanted = counts.sum(axis=0) / len(counts)
    return float(((counts - wanted) ** 2 / wanted)[:, wanted > 0].sum())


def test_no_group_could_move_for_a_more_even_spread():
    rng = np.random.default_rng(2)
    for seed in range(100):
        labels, groups = rng.integers(0, 4, 60), rng.integers(0, 8, 60).astype(str).tolist()
        folds = divide_by_groups(labels, groups, 2, seed)
        best = unevenness(clips_per_fold(labels, folds, 2, 4))
        for group in set(groups):
            moved = np.where(np.array(groups) == group, 1 - folds, folds)
            if len(set(moved.tolist())) == 2:
                assert unevenness(clips_per_fold(labels, moved, 2, 4)) >= best - 1e-9


def test_groups_are_spread_nearly_as_evenly_as_the_best_of_all_divisions():
    rng = np.random.default_rng(3)
    found, best, drawn = [], [], []
    for seed in range(30):
        labels, groups = rng.integers(0, 3, 50), rng.integers(0, 7, 50)
        folds = divide_by_groups(labels, groups.astype(str).tolist(), 2, seed)
        found.append(unevenness(clips_per_fold(labels, folds, 2, 3)))
        every = [
            unevenness(clips_per_fold(labels, np.array(chosen)[groups], 2, 3))
            for chosen in itertools.product((0, 1), repeat=7)
            if len(set(chosen)) == 2
        ]
        best.append(min(every))
        drawn.append(np.mean(every))
    assert np.mean(found) < 0.2 * np.mean(drawn)
    assert np.mean(found) < np.mean(best) + 0.1 * np.mean(drawn)


def test_the_division_is_that_of_the_seed():
    labels = np.repeat(np.arange(4), (9, 7, 5, 2))
    groups = [f'g{number % 6}' for number in range(len(labels))]
    for divide in (
        lambda seed: divide_by_clips(labels, 2, seed),
        lambda seed: divide_by_groups(labels, groups, 2, seed),
    ):
        assert divide(3).tolist() == divide(3).tolist()
    assert divide_by_clips(labels, 2, 3).tolist() != divide_by_clips(labels, 2, 4).tolist()


def test_groups_do_not_depend_on_the_order_of_the_clips():
    rng = np.random.default_rng(5)
    labels, groups = rng.integers(0, 4, 80), rng.integers(0, 9, 80).astype(str)
    order = rng.permutation(80)
    straight, shuffled = divide_by_groups(labels, groups, 3, 7), divide_by_groups(labels[order], groups[order], 3, 7)
    assert straight[order].tolist() == shuffled.tolist()


def test_a_class_is_unknown_to_its_scorer_exactly_if_one_fold_has_all_its_clips():
    rng = np.random.default_rng(4)
    for seed in range(200):
        labels = random_labels(rng)
        num_folds = int(rng.integers(2, min(5, len(labels)) + 1))
        folds = rng.integers(0, num_folds, len(labels)) if seed % 2 else divide_by_clips(labels, num_folds, seed)
        known = known_to_scorer(labels, folds, num_folds, int(labels.max()) + 1)
        for place, (label, fold) in enumerate(zip(labels, folds, strict=True)):
            assert known[place] == any(labels[folds != fold] == label)  # the model was trained on all other folds
            assert known[place] == (len(set(folds[labels == label].tolist())) > 1)


@pytest.mark.parametrize(
    ('num_folds', 'message'),
    [
        (1, r'folds=1: must be a whole number >= 2'),
        (True, r'folds=True: must be a whole number >= 2'),
        (2.0, r'folds=2\.0: must be a whole number >= 2'),
        (4, r'folds=4: there are only 3 clips, and each fold needs one: use fewer folds'),
    ],
)
def test_numbers_of_folds_that_cannot_be_are_refused(num_folds, message):
    with pytest.raises(ValueError, match=message):
        divide_by_clips(np.array([0, 0, 1]), num_folds, 0)


def test_fewer_groups_than_folds_are_refused():
    with pytest.raises(ValueError, match=r'folds=3: there are only 2 groups.*fewer folds, finer groups, or divide by'):
        divide_by_groups(np.array([0, 0, 1, 1]), ['a', 'b', 'a', 'b'], 3, 0)


def random_objects(rng, num_images=60):
    """Objects of a long tail of classes in images, of which some show none."""
    numbers = rng.integers(0, 6, num_images)
    labels = rng.choice(6, numbers.sum(), p=[0.5, 0.25, 0.13, 0.07, 0.03, 0.02])
    return labels, np.repeat(np.arange(num_images), numbers)


def names_of(number):
    return [f'{place:03d}.jpg' for place in range(number)]


def test_objects_of_every_class_and_images_without_any_are_spread_by_hand():
    labels, images = np.array([0, 0, 0, 0, 1, 1]), np.array([0, 0, 1, 1, 2, 3])
    folds = divide_images(labels, images, 2, 0, names_of(6))
    assert clips_per_fold(labels, folds[images], 2, 2).tolist() == [[2, 1], [2, 1]]
    assert sorted(folds[4:].tolist()) == [0, 1]


def test_images_stay_whole_and_their_objects_are_spread_better_than_by_chance():
    rng = np.random.default_rng(5)
    for seed in range(50):
        labels, images = random_objects(rng)
        num_folds = int(rng.integers(2, 5))
        folds = divide_images(labels, images, num_folds, seed, names_of(60))
        assert folds.shape == (60,)
        counts = clips_per_fold(labels, folds[images], num_folds, 6)
        assert np.ptp(np.bincount(folds, minlength=num_folds)) <= 4
        rare = np.flatnonzero([(np.unique(images[labels == label]).size >= num_folds) for label in range(6)])
        assert (counts[:, rare] > 0).all()
        by_chance = [
            unevenness(clips_per_fold(labels, rng.permutation(np.arange(60) % num_folds)[images], num_folds, 6))
            for _ in range(20)
        ]
        assert unevenness(counts) <= min(by_chance)
        assert divide_images(labels, images, num_folds, seed, names_of(60)).tolist() == folds.tolist()


def test_images_of_a_group_share_a_fold_those_without_objects_too():
    labels, images = random_objects(np.random.default_rng(6))
    groups = [f'scene{place % 7}' for place in range(60)]
    folds = divide_images(labels, images, 3, 0, groups)
    assert all(
        len({int(fold) for fold, own in zip(folds, groups, strict=True) if own == group}) == 1 for group in groups
    )
    with pytest.raises(ValueError, match='folds=8: there are only 7 groups'):
        divide_images(labels, images, 8, 0, groups)
