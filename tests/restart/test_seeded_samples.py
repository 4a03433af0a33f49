"""Random numbers of samples and of the model: what they depend on and what they leave alone."""

import pickle
import random

import numpy as np
import pytest
import torch
from torch.utils.data import BatchSampler, DataLoader, IterableDataset

from cdb_video.restart.sample_seed_hook import number_and_seed
from cdb_video.restart.seeded_samples import Draw, NumberedBatches, SeededDataset, seed_model
from cdb_video.run.generators import kept_generators


def take():
    """A number of each of the three generators."""
    return random.random(), float(np.random.random_sample()), float(torch.rand(()))


class Noise:
    """Every sample is its index and three random numbers."""

    def __init__(self, size=12):
        self.metainfo = {'classes': ('a', 'b')}
        self.pipeline = 'old'
        self.size = size

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        if index == 99:
            raise KeyError(index)
        return index, take()

    def __getitems__(self, indices):
        assert all(isinstance(index, int) for index in indices), 'whole batches would not be seeded'
        return [self[index] for index in indices]


@pytest.fixture
def dataset():
    return SeededDataset(Noise(), seed=5)


def test_sample_depends_on_seed_epoch_and_position_alone(dataset):
    samples = [
        one[draw][1]
        for one in (dataset, SeededDataset(Noise(), seed=6))
        for draw in (Draw(3, 0, 0), Draw(3, 0, 1), Draw(3, 1, 0))
    ]
    assert len(set(samples)) == 6
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    assert dataset[Draw(7, 0, 1)] == (7, samples[1])


def test_each_generator_gets_its_own_numbers_and_the_model_others_than_any_sample(dataset):
    seen = set()
    for number in range(50):
        seen.update(dataset[Draw(0, 2, number)][1])
        with kept_generators():
            seed_model(5, 2, number)
            seen.update(take())
    assert len(seen) == 300


def test_reading_a_sample_leaves_the_generators_where_they_were(dataset):
    seed_model(1, 0, 0)
    expected = [take() for _ in range(2)]
    seed_model(1, 0, 0)
    assert take() == expected[0]
    _ = dataset[Draw(0, 0, 0)]
    with pytest.raises(KeyError):
        _ = dataset[Draw(99, 0, 0)]
    assert take() == expected[1]


def test_plain_index_is_read_as_ever(dataset):
    seed_model(1, 0, 0)
    expected = take()
    seed_model(1, 0, 0)
    assert dataset[4] == (4, expected)


def test_wrapper_passes_for_the_dataset(dataset):
    assert (len(dataset), dataset.metainfo, hasattr(dataset, 'nothing')) == (12, {'classes': ('a', 'b')}, False)
    dataset.pipeline = 'new'
    assert vars(dataset)['_dataset'].pipeline == 'new'
    copy = pickle.loads(pickle.dumps(dataset))
    assert copy.pipeline == 'new'
    assert copy[Draw(1, 2, 3)] == dataset[Draw(1, 2, 3)]


def test_ranks_number_the_draws_of_one_epoch_together():
    whole = NumberedBatches([list(range(10, 18))])
    halves = [NumberedBatches([list(range(10 + rank, 18, 2))], rank, 2) for rank in range(2)]
    for batches in (whole, *halves):
        batches.epoch = 4
    expected = [Draw(10 + position, 4, position) for position in range(8)]
    assert next(iter(whole)) == expected
    assert sorted(draw for half in halves for draw in next(iter(half))) == expected


def test_pass_that_has_begun_keeps_its_epoch():
    batches = NumberedBatches(BatchSampler(range(4), 2, False))
    begun = iter(batches)
    batches.epoch = 1
    assert [draw.epoch for batch in begun for draw in batch] == [0] * 4
    assert (len(batches), batches.batch_size) == (2, 2)


@pytest.mark.parametrize('batch_size', [3, 5])
@pytest.mark.parametrize('workers', [{}, {'num_workers': 1}, {'num_workers': 2, 'persistent_workers': True}])
def test_loader_gives_the_same_samples_for_any_workers(workers, batch_size):
    reference = [SeededDataset(Noise(), 5)[Draw(index, epoch, index)] for epoch in (0, 1) for index in range(12)]
    loader = DataLoader(Noise(), batch_size=batch_size, collate_fn=list, **workers)
    list(loader)  # workers that are kept would read on without seeds
    batches = number_and_seed(loader, 5)
    assert number_and_seed(loader, 5) is batches
    seen = []
    for epoch in (0, 1):
        batches.epoch = epoch
        seen += [sample for batch in loader for sample in batch]
    assert seen == reference


class Stream(IterableDataset):
    def __iter__(self):
        return iter(range(3))


@pytest.mark.parametrize('loader', [DataLoader(Stream()), DataLoader(Noise(), batch_size=None)])
def test_loader_without_indices_or_batches_is_refused(loader):
    with pytest.raises(ValueError, match=r'cannot number the samples of (Stream|Noise)'):
        number_and_seed(loader, 5)
