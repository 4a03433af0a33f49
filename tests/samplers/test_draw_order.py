"""The distribution of an epoch's draw: every admissible order is equally likely, epoch after epoch."""

import itertools
import math

import numpy as np
import pytest
from scipy.stats import chi2

from cdb_video.samplers import draw_order
from cdb_video.samplers.cdb_sampler import CDBSampler
from cdb_video.samplers.class_sampler import ClassSampler
from cdb_video.samplers.draw_order import clips_by_class, draw_clips
from tests.support.toys import LabelsOnly

# Each test has fixed seeds; a sound draw fails the first run of one with this probability.
SIGNIFICANCE = 1e-4


def admissible_orders(labels, draws):
    """All orders of an epoch, by trying every sequence: right numbers, and no repeat within a pass."""
    labels = np.asarray(labels)
    counts = np.bincount(labels)
    orders = []
    for order in itertools.product(range(len(labels)), repeat=sum(draws)):
        walks = [[clip for clip in order if labels[clip] == label] for label in range(len(counts))]
        if [len(walk) for walk in walks] != list(draws):
            continue
        passes = [
            walk[start : start + count]
            for walk, count in zip(walks, counts, strict=True)
            for start in range(0, len(walk), count)
        ]
        if all(len(set(one_pass)) == len(one_pass) for one_pass in passes):
            orders.append(order)
    return orders


def check_uniform(outcomes, num_possible):
    """Chi-square test that the outcomes are uniform over `num_possible` values."""
    _, observed = np.unique(outcomes, axis=0, return_counts=True)
    expected = len(outcomes) / num_possible
    statistic = ((observed - expected) ** 2).sum() / expected + (num_possible - len(observed)) * expected
    assert statistic < chi2.isf(SIGNIFICANCE, num_possible - 1)


def draw_many(labels, draws, number, seed=0):
    labels, draws = np.asarray(labels), np.asarray(draws)
    counts = np.bincount(labels)
    clips = clips_by_class(labels, len(counts))
    rng = np.random.default_rng(seed)
    return np.stack([draw_clips(clips, counts, draws, rng) for _ in range(number)])


@pytest.mark.parametrize(
    ('labels', 'draws'),
    [
        ([0, 0, 0, 0], [4]),  # each clip once
        ([0, 0, 0, 0], [2]),  # a choice of clips
        ([0, 0], [5]),  # two passes and a half
        ([0, 1, 0], [3, 1]),  # a repeat between two positions of another class
        ([1, 0, 0, 2, 1], [1, 2, 1]),  # a choice beside classes taken whole
        ([0, 0, 1, 1], [3, 2]),
        ([0, 1, 1, 0], [3, 3]),  # two classes of one size, drawn together
        ([0, 1, 2], [0, 3, 1]),
    ],
)
def test_every_admissible_order_is_equally_likely(labels, draws):
    orders = admissible_orders(labels, draws)
    drawn = draw_many(labels, draws, 100 * len(orders) if len(orders) < 40 else 40 * len(orders))
    assert set(map(tuple, drawn.tolist())) <= set(orders)
    check_uniform(drawn, len(orders))


@pytest.mark.parametrize(('bucket_entries', 'chunk'), [(1, 1 << 20), (2, 1 << 20), (1, 3)])
def test_shuffle_by_buckets_gives_every_order_equally_often(monkeypatch, bucket_entries, chunk):
    monkeypatch.setattr(draw_order, 'BUCKET_ENTRIES', bucket_entries)
    monkeypatch.setattr(draw_order, '_CHUNK', chunk)
    rng = np.random.default_rng(1)
    orders = [draw_order._shuffled_range(5, rng) for _ in range(6000)]
    assert set(map(tuple, orders)) == set(itertools.permutations(range(5)))
    check_uniform(orders, 120)


@pytest.mark.parametrize('total', [0, 1, (1 << 20) - 1, (1 << 21) + 3])
def test_shuffle_holds_every_number_once_and_spreads_it(total):
    shuffled = draw_order._shuffled_range(total, np.random.default_rng(0))
    assert (np.sort(shuffled) == np.arange(total)).all()
    if total > 1:
        # A shuffle moves a number by a third of the length, on average.
        assert abs(np.abs(shuffled - np.arange(total)).mean() / total - 1 / 3) < 0.002


def test_every_clip_is_equally_likely_at_every_position():
    # Classes of 7 clips that take 3, of 5 that take 5, and of 2 that take 7: expectations 3/7, 1 and 7/2.
    labels = np.repeat([0, 1, 2], [7, 5, 2])
    drawn = draw_many(labels, [3, 5, 7], 6000)
    for clips, share in ((range(7), 3 / 7), (range(7, 12), 1), (range(12, 14), 7 / 2)):
        for clip in clips:
            at_position = (drawn == clip).mean(axis=0)
            # 5 standard deviations, over 15 positions and 14 clips.
            error = 5 * math.sqrt(share / 15 * (1 - share / 15) / 6000)
            np.testing.assert_allclose(at_position, share / 15, atol=error)


def test_which_clips_are_chosen_together_is_uniform():
    drawn = np.sort(draw_many([0] * 6, [3], 4000), axis=1)
    check_uniform(drawn, math.comb(6, 3))


@pytest.mark.parametrize('num_samples', [2, 3, 5])
def test_epochs_are_independent_of_each_other(num_samples):
    sampler = ClassSampler(LabelsOnly([0, 0, 0]), num_samples=num_samples, seed=4)
    epochs = []
    for epoch in range(3000):
        sampler.set_epoch(epoch)
        epochs.append(list(sampler))
    # The first two clips of an epoch, 6 ordered pairs, and those of the next and of the one after.
    firsts = np.asarray(epochs)[:, :2]
    check_uniform(np.hstack([firsts[:-1], firsts[1:]]), 36)
    check_uniform(np.hstack([firsts[:-2], firsts[2:]]), 36)


def test_seeds_are_independent_of_each_other():
    pairs = [[list(ClassSampler(LabelsOnly([0, 0, 0]), seed=seed + i)) for i in range(2)] for seed in range(1500)]
    check_uniform(np.reshape(pairs, (1500, 6)), 36)


def test_a_skewed_draw_is_caught_by_the_uniformity_test():
    drawn = draw_many([0] * 4, [2], 1200)
    drawn[:300] = np.sort(drawn[:300], axis=1)  # a quarter of the epochs in ascending order
    with pytest.raises(AssertionError):
        check_uniform(drawn, 12)


def test_size_of_the_blocks_does_not_change_the_draw(monkeypatch):
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat(np.arange(60), rng.integers(1, 9, 60)))
    draws = rng.integers(0, 20, 60)
    whole = draw_many(labels, draws, 1)
    monkeypatch.setattr(draw_order, 'BLOCK_ENTRIES', 1)
    assert (draw_many(labels, draws, 1) == whole).all()


def test_the_type_that_is_shuffled_does_not_change_the_draw(monkeypatch):
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat(np.arange(60), rng.integers(1, 900, 60)))
    draws = rng.integers(0, 2000, 60)
    wide = draw_many(labels, draws, 1)
    monkeypatch.setattr(draw_order, '_FAST', np.int32)
    assert (draw_many(labels, draws, 1) == wide).all()


@pytest.mark.parametrize('num_classes', [3, 1 << 16, (1 << 16) + 1])
def test_clips_are_in_the_order_of_their_class_whatever_the_number_of_classes(num_classes):
    labels = np.array([2, 0, num_classes - 1, 1, 0, num_classes - 1])
    clips = clips_by_class(labels, num_classes)
    assert clips.tolist() == sorted(range(6), key=lambda clip: labels[clip])
    assert clips.dtype == np.int32


def test_large_draw_walks_through_every_class_across_blocks_and_buckets():
    rng = np.random.default_rng(0)
    counts = np.concatenate([rng.integers(1, 3000, 200), np.full(300, 1000), [400_000]])
    draws = np.concatenate([rng.integers(0, 5000, 200), rng.integers(900, 1100, 300), [300_000]])
    labels = rng.permutation(np.repeat(np.arange(501), counts))
    order = draw_clips(clips_by_class(labels, 501), counts, draws, rng)
    assert (np.bincount(labels[order], minlength=501) == draws).all()
    # Clips class after class, in the order in which they were drawn, with the number of the pass they are in.
    walks = order[np.argsort(labels[order], kind='stable')]
    of_class = labels[walks]
    one_pass = (np.arange(len(walks)) - (np.cumsum(draws) - draws)[of_class]) // counts[of_class]
    assert one_pass.max() > 100
    assert len(np.unique(one_pass * len(labels) + walks)) == len(walks)


def test_indices_beyond_int32_get_int64():
    assert draw_order._index_type((1 << 31) - 1) is np.int32
    assert draw_order._index_type(1 << 31) is np.int64


def test_epoch_is_fixed_when_its_iteration_starts():
    sampler = CDBSampler(LabelsOnly([0] * 30 + [1] * 30), seed=0)
    whole = list(sampler)
    started = iter(sampler)
    sampler.set_epoch(1)
    sampler.set_class_difficulty([0, 1])
    assert list(started) == whole


def test_iteration_gives_python_integers_across_chunks(monkeypatch):
    monkeypatch.setattr('cdb_video.samplers.class_sampler._CHUNK', 4)
    sampler = ClassSampler(LabelsOnly([0] * 10), seed=0)
    clips = list(sampler)
    assert clips == sampler.draw_epoch().tolist()
    assert {type(clip) for clip in clips} == {int}
