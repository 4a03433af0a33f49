"""The sampling law, the walk through a class, ranks, epochs, and what is refused."""

import itertools
from unittest import mock

import numpy as np
import pytest
import torch
from mmengine.dataset import ConcatDataset, RepeatDataset
from mmengine.registry import DATA_SAMPLERS

from cdb_video.difficulty.formulas import class_probability
from cdb_video.samplers.cdb_sampler import CDBSampler
from cdb_video.samplers.class_sampler import ClassSampler
from tests.support.toys import LabelsOnly, ToyDataset


def long_tailed_labels(num_classes=50, seed=0):
    rng = np.random.default_rng(seed)
    counts = np.maximum(1, (400 * np.exp(-np.arange(num_classes) / 10)).astype(int))
    return rng.permutation(np.repeat(np.arange(num_classes), counts))


def as_rank(rank, world_size):
    return mock.patch('cdb_video.samplers.class_sampler.get_dist_info', return_value=(rank, world_size))


@pytest.mark.parametrize('power', [0, 0.5, 1])
@pytest.mark.parametrize('tau', [0, 1, 2])
def test_draws_are_within_one_of_the_law_and_unbiased_over_epochs(power, tau):
    labels = long_tailed_labels()
    difficulty = np.random.default_rng(1).random(50)
    sampler = CDBSampler(LabelsOnly(labels), tau=tau, frequency_power=power, num_samples=2000, seed=3)
    sampler.set_class_difficulty(difficulty)
    expected = 2000 * class_probability(difficulty, tau, np.bincount(labels), power)
    draws = []
    for epoch in range(100):
        sampler.set_epoch(epoch)
        draws.append(np.bincount(labels[list(sampler)], minlength=50))
        assert (np.abs(draws[-1] - expected) < 1 + 1e-9).all()
    # Each is 0 or 1 above its floor: a standard deviation of at most 0.05 over 100 epochs.
    assert np.abs(np.mean(draws, axis=0) - expected).max() < 0.25


def test_a_class_is_walked_through_before_any_clip_repeats():
    labels = long_tailed_labels()
    order = list(CDBSampler(LabelsOnly(labels), num_samples=3000, seed=0))
    for label in range(50):
        walk = [clip for clip in order if labels[clip] == label]
        size = int((labels == label).sum())
        for start in range(0, len(walk), size):
            one_pass = walk[start : start + size]
            assert len(set(one_pass)) == len(one_pass)


def test_passes_of_one_epoch_are_shuffled_differently():
    order = list(CDBSampler(LabelsOnly([0] * 20), num_samples=40, seed=0))
    assert sorted(order[:20]) == sorted(order[20:]) == list(range(20))
    assert order[:20] != order[20:]


def test_which_clips_of_a_large_class_are_drawn_is_uniform():
    sampler = ClassSampler(LabelsOnly([0] * 10 + [1] * 10), frequency_power=0, num_samples=6, seed=0)
    drawn = np.zeros(20)
    for epoch in range(2000):
        sampler.set_epoch(epoch)
        drawn[list(sampler)] += 1
    np.testing.assert_allclose(drawn / 2000, 0.3, atol=0.05)  # 5 standard deviations of sqrt(.21 / 2000)


@pytest.mark.parametrize('epoch', range(5))
def test_natural_sampling_gives_every_clip_exactly_once(epoch):
    labels = long_tailed_labels()
    sampler = ClassSampler(LabelsOnly(labels), seed=0)
    sampler.set_epoch(epoch)
    assert sorted(sampler) == list(range(len(labels)))
    assert list(sampler) != list(range(len(labels)))


def test_classes_are_spread_over_the_epoch():
    labels = np.repeat([0, 1], 500)
    order = labels[list(ClassSampler(LabelsOnly(labels), seed=0))]
    assert abs(order[:500].mean() - 0.5) < 0.1


def test_same_seed_and_epoch_give_the_same_order_and_others_do_not():
    def order(seed, epoch):
        sampler = CDBSampler(LabelsOnly(long_tailed_labels()), seed=seed)
        sampler.set_epoch(epoch)
        return list(sampler)

    assert order(1, 2) == order(1, 2)
    assert order(1, 2) != order(1, 3)
    assert order(1, 2) != order(2, 2)
    assert order(1, 2) != order(2, 1)  # seed and epoch are not merely added


@pytest.mark.parametrize('world_size', [1, 2, 3, 4])
@pytest.mark.parametrize('num_samples', [None, 1001])
def test_ranks_partition_one_draw(world_size, num_samples):
    labels = long_tailed_labels()
    single = CDBSampler(LabelsOnly(labels), num_samples=num_samples, seed=5)
    draw = list(single)
    slices = []
    for rank in range(world_size):
        with as_rank(rank, world_size):
            sampler = CDBSampler(LabelsOnly(labels), num_samples=num_samples, seed=5, round_up=False)
        slices.append(list(sampler))
        assert len(slices[-1]) == len(sampler)
        assert slices[-1] == draw[rank::world_size]
    assert sorted(itertools.chain(*slices)) == sorted(draw)


@pytest.mark.parametrize('num_samples', [1, 3, 10])
def test_round_up_pads_from_the_start_of_the_epoch(num_samples):
    labels = [0, 1, 2]
    draw = list(CDBSampler(LabelsOnly(labels), num_samples=num_samples, seed=5))
    padded = {}
    for rank in range(4):
        with as_rank(rank, 4):
            sampler = CDBSampler(LabelsOnly(labels), num_samples=num_samples, seed=5)
        clips = list(sampler)
        assert len(clips) == len(sampler) == -(-num_samples // 4)
        padded.update({rank + 4 * i: clip for i, clip in enumerate(clips)})
    whole = [padded[i] for i in range(len(padded))]
    assert whole[:num_samples] == draw
    assert all(clip == draw[i % num_samples] for i, clip in enumerate(whole))


def test_length_stays_when_the_difficulty_changes():
    sampler = CDBSampler(LabelsOnly(long_tailed_labels()), seed=0)
    length = len(sampler)
    sampler.set_class_difficulty(np.linspace(0, 1, 50))
    assert len(sampler) == len(list(sampler)) == length


def test_new_difficulty_changes_the_draw_and_a_perfect_class_gets_none():
    labels = np.repeat([0, 1, 2], 100)
    sampler = CDBSampler(LabelsOnly(labels), tau=2, seed=0)
    sampler.set_class_difficulty([0, 0.5, 1])
    drawn = np.bincount(labels[list(sampler)], minlength=3)
    assert drawn.tolist() == [0, 60, 240]
    np.testing.assert_allclose(sampler.class_probability, [0, 0.2, 0.8])


def test_dynamic_tau_is_resolved_from_the_accuracy():
    sampler = CDBSampler(LabelsOnly([0, 1]), tau='dynamic', seed=0)
    sampler.set_class_difficulty([0.1, 0.5], [0.9, 0.5])
    assert round(sampler.tau_, 3) == 1.365


def test_counts_come_through_wrappers():
    dataset = ToyDataset([5, 3, 2, 1])
    assert ClassSampler(RepeatDataset(dataset, 3), seed=0).class_counts.tolist() == [15, 9, 6, 3]
    both = ConcatDataset([dataset, ToyDataset([1, 1, 1, 1])])
    assert ClassSampler(both, seed=0).class_counts.tolist() == [6, 4, 3, 2]


def test_empty_class_is_an_error_naming_it_unless_allowed():
    dataset = LabelsOnly([0, 0, 2], classes=('lift', 'cut', 'wash', 'spread'))
    with pytest.raises(ValueError, match=r'2 of 4 classes have no clip.*: cut, spread\..*allow_empty=True'):
        CDBSampler(dataset)
    with pytest.raises(ValueError, match=r'1 of 2 classes has no clip.*: cut\. Remove them from the class list'):
        CDBSampler(LabelsOnly([0], classes=('lift', 'cut')))
    sampler = CDBSampler(dataset, allow_empty=True, num_samples=10, seed=0)
    assert sampler.class_probability.tolist() == [0.5, 0, 0.5, 0]
    sampler.set_class_difficulty([0, 1, 0, 1])
    assert set(sampler) == {0, 1, 2}


@pytest.mark.parametrize(
    ('labels', 'error', 'message'),
    [
        ([0, [1, 2]], ValueError, 'multi-label'),
        ([0, -1], ValueError, 'sample 1 of LabelsOnly has label -1'),
        ([0, 0.5], ValueError, 'has label 0.5'),
        ([], ValueError, 'LabelsOnly is empty'),
    ],
)
def test_labels_that_do_not_serve_are_refused(labels, error, message):
    with pytest.raises(error, match=message):
        ClassSampler(LabelsOnly(labels))


def test_without_a_class_list_a_gap_is_put_down_to_the_largest_label_and_its_clip():
    dataset = LabelsOnly([0, 7, 1, 2])
    dataset.get_data_info = lambda index: {'label': dataset.labels[index], 'filename': f'{index}.mp4'}
    message = (
        r'4 of 8 classes have no clip .*The largest is 7, of sample 1 \(1\.mp4\)\. Is that label wrong, .*allow_empty'
    )
    with pytest.raises(ValueError, match=message):
        ClassSampler(dataset)


def test_label_beyond_the_class_list_is_refused():
    with pytest.raises(
        ValueError, match=r'has label 2 \(sample 2\), but its class list has 2 names: labels must be 0..1'
    ):
        ClassSampler(LabelsOnly([0, 1, 2], classes=('lift', 'cut')))


def test_dataset_without_labels_is_refused():
    with pytest.raises(TypeError, match='list has no get_data_info'):
        ClassSampler([1, 2, 3])
    dataset = LabelsOnly([0])
    dataset.get_data_info = lambda index: {'text': 'cut'}
    with pytest.raises(ValueError, match='sample 0 of LabelsOnly has no label; keys: text'):
        ClassSampler(dataset)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'tau': -1}, 'tau=-1'),
        ({'tau': 'hard'}, "tau='hard'"),
        ({'frequency_power': -0.5}, 'frequency_power=-0.5'),
        ({'num_samples': 0}, 'num_samples=0'),
        ({'shuffle': False}, 'shuffle=False: CDBSampler draws at random'),
        ({'seed': -1}, 'seed=-1: must be a whole number >= 0'),
        ({'infinite': 1}, 'infinite=1: must be True or False'),
        ({'infinite': True, 'round_up': False}, 'drift apart'),
        ({'round_up': 3}, 'round_up=3'),
        ({'allow_empty': 'no'}, "allow_empty='no': must be True or False"),
    ],
)
def test_bad_arguments_are_refused_with_their_value(arguments, message):
    with pytest.raises(ValueError, match=message):
        CDBSampler(LabelsOnly([0, 1]), **arguments)


def test_difficulty_of_another_number_of_classes_is_refused():
    sampler = CDBSampler(LabelsOnly([0, 1]))
    with pytest.raises(ValueError, match=r'difficulty has 3 classes, LabelsOnly has 2'):
        sampler.set_class_difficulty([1, 1, 1])


def test_recipe_merges_over_the_default_sampler_of_a_base_config():
    merged = {'type': 'CDBSampler', 'shuffle': True}
    sampler = DATA_SAMPLERS.build(merged, default_args={'dataset': LabelsOnly([0, 1]), 'seed': 0})
    assert isinstance(sampler, CDBSampler)


def test_more_ranks_than_draws_are_refused_unless_padded():
    with as_rank(0, 4), pytest.raises(ValueError, match='num_samples=3 is less than the 4 processes'):
        CDBSampler(LabelsOnly([0, 1, 2]), round_up=False)


def test_large_frequency_power_does_not_overflow():
    sampler = ClassSampler(LabelsOnly([0] * 300 + [1] * 200), frequency_power=500, seed=0)
    assert set(sampler) <= set(range(300))


def test_without_a_seed_one_is_agreed_on():
    assert isinstance(ClassSampler(LabelsOnly([0, 1])).seed, int)


def test_infinite_sampler_goes_on_with_the_draws_of_the_next_epochs():
    labels = [0] * 5 + [1] * 3
    infinite = iter(ClassSampler(LabelsOnly(labels), seed=3, infinite=True))
    finite = ClassSampler(LabelsOnly(labels), seed=3)
    for epoch in range(3):
        finite.set_epoch(epoch)
        assert [next(infinite) for _ in range(8)] == list(finite)


def test_difficulty_that_changes_nothing_lets_an_infinite_sampler_finish_its_pass():
    sampler = CDBSampler(LabelsOnly([0] * 5 + [1] * 3), seed=3, infinite=True)
    stream = iter(sampler)
    drawn = [next(stream) for _ in range(3)]
    sampler.set_class_difficulty([1, 1])  # what the hook hands on before the first validation
    assert drawn + [next(stream) for _ in range(5)] == sampler.draw_epoch().tolist()


@pytest.mark.parametrize('taken', [1, 3, 4])
def test_ranks_of_an_infinite_sampler_turn_to_a_new_law_at_the_same_draw(taken):
    labels, difficulty = [0] * 5 + [1] * 3, [0.1, 0.9]
    ranks = []
    for rank in range(2):
        with as_rank(rank, 2):
            ranks.append(CDBSampler(LabelsOnly(labels), seed=3, infinite=True))
    streams = [iter(sampler) for sampler in ranks]
    before = [[next(stream) for _ in range(taken)] for stream in streams]
    for sampler in ranks:
        sampler.set_class_difficulty(difficulty)
        sampler.set_epoch(0)  # comes late, as in mmengine's iteration-based loop; it turns nothing back
    after = [[next(stream) for _ in range(4)] for stream in streams]
    single = CDBSampler(LabelsOnly(labels), seed=3)
    first = single.draw_epoch().tolist()
    single.set_class_difficulty(difficulty)
    single.set_epoch(1)
    second = single.draw_epoch().tolist()
    assert before == [first[0 : 2 * taken : 2], first[1 : 2 * taken : 2]]
    assert after == [second[0::2], second[1::2]]


class Plain(torch.utils.data.Dataset):
    """A dataset as torch has it: nothing but a length and samples."""

    def __init__(self, number):
        self.number = number

    def __len__(self):
        return self.number

    def __getitem__(self, index):
        return torch.tensor(index)


@pytest.mark.parametrize('kind', [ClassSampler, CDBSampler])
@pytest.mark.parametrize('form', [list, np.asarray, torch.as_tensor])
def test_given_labels_draw_as_those_of_the_dataset_do_with_a_plain_dataloader(kind, form):
    labels = long_tailed_labels()
    known = kind(LabelsOnly(labels.tolist()), seed=3)
    given = kind(Plain(len(labels)), labels=form(labels), seed=3)
    assert given.class_counts.tolist() == known.class_counts.tolist()
    loader = torch.utils.data.DataLoader(given.dataset, batch_size=16, sampler=given)
    assert torch.cat(list(loader)).tolist() == list(known)


def test_class_names_beside_given_labels_say_how_many_classes_there_are():
    data = Plain(3)
    data.metainfo = {'classes': ('a', 'b', 'c')}
    assert CDBSampler(data, labels=[0, 1, 1], allow_empty=True, seed=0).num_classes == 3


@pytest.mark.parametrize(
    ('labels', 'said'),
    [
        ([0, 1], 'labels has 2 numbers, Plain 3 samples'),
        ([0, 1, -1], 'labels: sample 2 has -1'),
        ([0.0, 1.0, 1.0], 'labels: float64 of shape'),
        ([[0], [1], [1]], 'must be .N,. whole numbers'),
        ([], 'the label of every sample'),
        ([0, 2, 2], '1 of 3 classes has no clip in Plain: class 1'),
    ],
)
def test_given_labels_that_are_none_of_this_dataset_are_refused(labels, said):
    with pytest.raises(ValueError, match=said):
        CDBSampler(Plain(3), labels=labels, seed=0)


def test_labels_of_a_dataset_without_length_are_refused():
    with pytest.raises(TypeError, match='has no len'):
        CDBSampler(iter([1, 2]), labels=[0, 1], seed=0)
