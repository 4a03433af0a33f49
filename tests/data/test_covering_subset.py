"""A part of a set that covers its classes: how evenly, with which seed, and against a search of all parts."""

from itertools import combinations

import numpy as np
import pytest

from cdb_video.data.covering_subset import covering_subset
from cdb_video.data.units import Units, dataset_units
from tests.support.scenes import DetectionScenes, long_tailed_scenes


def units_of(images):
    labels = [one for own in images for one in own]
    places = [index for index, own in enumerate(images) for _ in own]
    return Units(np.array(labels, np.int64), np.array(places, np.int64), len(images))


def shown_by(images, chosen):
    """How many chosen samples show each class of the set, counted one by one."""
    classes = sorted({one for own in images for one in own})
    return [sum(label in images[index] for index in chosen) for label in classes]


def test_one_sample_that_shows_both_classes_goes_before_those_that_show_one():
    for seed in range(10):
        assert covering_subset(units_of([[0], [0, 1], [0]]), 1, seed).tolist() == [1]


@pytest.mark.parametrize('size', [45, 100, 250])
def test_classes_are_covered_evenly_where_chance_would_leave_them_out(size):
    images = long_tailed_scenes()
    units = units_of(images)
    total = units.samples_per_class()
    chosen = covering_subset(units, size, seed=0)
    assert len(set(chosen.tolist())) == len(chosen) == size
    shown = np.array(shown_by(images, chosen))
    by_chance = [
        min(shown_by(images, np.random.default_rng(seed).permutation(len(images))[:size])) for seed in range(20)
    ]
    # A class has all its samples, or as many as a share of the places that all classes could have.
    least = np.minimum(total, size // len(total))
    assert (shown >= least).all()
    assert shown.min() >= 1
    assert np.mean(by_chance) < shown.min() or size == 250
    assert (shown[total <= size // len(total)] == total[total <= size // len(total)]).all()


def test_least_covered_class_is_not_far_from_the_best_of_all_parts():
    rng = np.random.default_rng(3)
    short = 0
    for _ in range(60):
        images = [rng.choice(4, rng.integers(0, 3), replace=False).tolist() for _ in range(8)]
        units = units_of(images)
        if not len(units.labels):
            continue
        found = min(shown_by(images, covering_subset(units, 4, seed=1)))
        best = max(min(shown_by(images, part)) for part in combinations(range(8), 4))
        assert found >= best - 1
        short += found < best
    assert short < 20


def test_same_seed_chooses_the_same_and_another_one_others():
    units = units_of(long_tailed_scenes())
    first, again, other = (covering_subset(units, 60, seed).tolist() for seed in (0, 0, 1))
    assert first == again == sorted(first)
    assert first != other


def test_choice_within_a_class_is_by_chance():
    units = Units(np.zeros(6, np.int64), None, 6)
    drawn = np.bincount(np.concatenate([covering_subset(units, 2, seed) for seed in range(300)]), minlength=6)
    assert drawn.sum() == 600
    assert (abs(drawn - 100) < 40).all()


def test_samples_with_one_label_are_taken_class_by_class():
    units = Units(np.repeat([0, 1, 2], [50, 5, 2]), None, 57)
    assert units.labels[covering_subset(units, 9, 0)].tolist() == [0] * 3 + [1] * 4 + [2] * 2  # the rarer one first
    assert units.labels[covering_subset(units, 3, 0)].tolist() == [0, 1, 2]
    assert units.labels[covering_subset(units, 50, 0)].tolist() == [0] * 43 + [1] * 5 + [2] * 2


def test_samples_without_objects_come_last_and_all_samples_are_all():
    dataset = DetectionScenes([[], [0], [], [1, 1], []])
    units = dataset_units(dataset)
    assert covering_subset(units, 2, 0).tolist() == [1, 3]
    four = {tuple(covering_subset(units, 4, seed).tolist()) for seed in range(20)}
    assert all({1, 3} < set(chosen) for chosen in four)
    assert len(four) == 3
    for size in (5, 9):
        assert covering_subset(units, size, 0).tolist() == [0, 1, 2, 3, 4]
    assert covering_subset(units_of([[], [], []]), 2, 0).size == 2
