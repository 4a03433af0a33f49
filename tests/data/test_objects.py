"""Objects of a dataset: by the entries that it keeps, entry by entry, through wrappers, and what is refused."""

from unittest import mock

import numpy as np
import pytest
import torch
from mmengine.dataset import BaseDataset, ClassBalancedDataset, ConcatDataset, RepeatDataset

from cdb_video.data import objects
from cdb_video.data.objects import dataset_objects, joined, taken
from tests.support.scenes import Scenes, scenes_of
from tests.support.toys import ToyDataset

IMAGES = [[0, 1, 1], [], [2], [1, 0, 2, 2]]
CLASSES, OWNERS = [0, 1, 1, 2, 1, 0, 2, 2], [0, 0, 0, 2, 3, 3, 3, 3]


class OneByOne(Scenes):
    """A dataset with a `get_data_info` of its own, which names every class one higher."""

    def get_data_info(self, index):
        info = super().get_data_info(index)
        for instance in info['instances']:
            instance['bbox_label'] += 1
        return info


class Categories:
    """The least there may be: classes by image, and nothing else."""

    def __init__(self, images):
        self.images = images

    def __len__(self):
        return len(self.images)

    def get_cat_ids(self, index):
        return self.images[index]


def found(dataset):
    classes, images = dataset_objects(dataset)
    assert classes.dtype == images.dtype == np.int64
    return classes.tolist(), images.tolist()


def one_by_one(dataset):
    """What an independent loop over `get_data_info` finds."""
    pairs = [
        (instance['bbox_label'], index)
        for index in range(len(dataset))
        for instance in dataset.get_data_info(index)['instances']
        if not instance['ignore_flag']
    ]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


@pytest.mark.parametrize('options', [{}, {'serialize_data': False}, {'lazy_init': True}])
def test_kept_entries_give_the_instances_of_get_data_info(options):
    dataset = Scenes(IMAGES, **options)
    with mock.patch('cdb_video.data.objects.kept_objects', wraps=objects.kept_objects) as read:
        assert found(dataset) == (CLASSES, OWNERS)
    assert read.call_count == 1
    assert one_by_one(dataset) == (CLASSES, OWNERS)


def test_subset_and_filter_of_the_dataset_come_first():
    class Filled(Scenes):
        def filter_data(self):
            return [entry for entry in self.data_list if entry['instances']]

    assert found(Filled(IMAGES)) == (CLASSES, [0, 0, 0, 1, 2, 2, 2, 2])
    assert found(Scenes(IMAGES, indices=[3, 1, 0])) == ([1, 0, 2, 2, 0, 1, 1], [0, 0, 0, 0, 2, 2, 2])
    dataset = Scenes(IMAGES)
    dataset.get_subset_([2, 2])
    assert found(dataset) == ([2, 2], [0, 1])


def test_ignored_instances_are_no_examples():
    dataset = Scenes(IMAGES, ignored=[(0, 1), (2, 0)])
    assert found(dataset) == ([0, 1, 1, 0, 2, 2], [0, 0, 3, 3, 3, 3])
    assert one_by_one(dataset) == found(dataset)


def test_dataset_that_changes_its_entries_on_the_way_out_is_asked_image_by_image():
    assert found(OneByOne(IMAGES)) == ([c + 1 for c in CLASSES], OWNERS)


@pytest.mark.parametrize('kind', [list, tuple, np.array, torch.tensor])
def test_dataset_with_category_ids_alone_will_do(kind):
    assert found(Categories([kind(own) if own else [] for own in IMAGES])) == (CLASSES, OWNERS)


def test_instances_count_where_there_are_category_ids_too():
    class Both(Scenes):
        def get_cat_ids(self, index):
            raise AssertionError('asked')

    assert found(Both(IMAGES)) == (CLASSES, OWNERS)


def test_entry_without_instances_is_asked_for_its_category_ids():
    class Mixed(Scenes):
        def load_data_list(self):
            return [*super().load_data_list(), {'text': 'elsewhere'}]

        def get_cat_ids(self, index):
            return [7]

    assert found(Mixed(IMAGES)) == ([*CLASSES, 7], [*OWNERS, 4])


def wrapped():
    """Every wrapper, of datasets of both kinds."""

    class OwnConcat(ConcatDataset):
        """As mmdet derives one."""

    class Halves:
        """A wrapper of somebody's own."""

        def __init__(self, dataset):
            self.dataset = dataset

        def __len__(self):
            return len(self.dataset) // 2

        def get_data_info(self, index):
            return self.dataset.get_data_info(2 * index)

    # Where a factor is 4 ** 0.5 = 2, images of class 2 come twice.
    balanced = ClassBalancedDataset(scenes_of([0] * 14 + [2] * 2), 0.5)
    assert len(balanced) == 18
    empty = Scenes([], serialize_data=False)
    yield ConcatDataset([Scenes(IMAGES), OneByOne([[], [0]]), Scenes([[1]])])
    yield OwnConcat([Scenes([[], []]), Scenes(IMAGES)])
    yield RepeatDataset(Scenes(IMAGES), 3)
    yield RepeatDataset(OneByOne(IMAGES), 2)
    yield balanced
    yield Halves(Scenes(IMAGES))
    yield ConcatDataset([empty, Scenes(IMAGES)])
    yield ConcatDataset([{'type': 'RepeatDataset', 'times': 2, 'dataset': {'type': 'Scenes', 'images': IMAGES}}])


@pytest.mark.parametrize('place', range(8))
def test_wrapped_datasets_give_what_they_hand_on(place):
    dataset = list(wrapped())[place]
    assert found(dataset) == one_by_one(dataset)
    assert len(found(dataset)[0]) > 3


def test_no_image_may_have_an_object():
    assert found(Scenes([[], []])) == ([], [])


def test_taken_and_joined_by_hand():
    own = np.array([4, 5, 6]), np.array([0, 0, 2])
    classes, images = taken(own, 3, np.array([2, 1, 0, 0]))
    assert (classes.tolist(), images.tolist()) == ([6, 4, 5, 4, 5], [0, 2, 2, 3, 3])
    classes, images = joined([(own, 3), (own, 5)])
    assert (classes.tolist(), images.tolist()) == ([4, 5, 6, 4, 5, 6], [0, 0, 2, 3, 3, 5])


class Listed(BaseDataset):
    def __init__(self, entries):
        self.entries = entries
        super().__init__()

    def load_data_list(self):
        return self.entries


@pytest.mark.parametrize(
    ('dataset', 'error', 'message'),
    [
        ([1, 2], TypeError, 'list has neither get_data_info.* nor get_cat_ids.*give yours one of these'),
        (Categories([]), ValueError, 'Categories is empty: check its ann_file, and what its filter_cfg leaves'),
        (Categories([[0], [1, -1]]), ValueError, r'sample 1 of Categories has an object of class -1: .* 0\.\.C-1'),
        (Categories([[0], [1, 2.5]]), ValueError, r'sample 1 of Categories has an object of class 2\.5'),
        (Categories([['cup']]), ValueError, "sample 0 of Categories has an object of class 'cup'"),
        (Categories([[None]]), ValueError, 'of class None'),
        (Categories([[0], 3]), ValueError, 'sample 1 of Categories has an object of class 3'),
        (Listed([{'instances': [{'bbox': [0, 0, 1, 1]}]}]), ValueError, 'sample 0 of Listed has an instance without a'),
        (Listed([{'instances': [3]}]), ValueError, 'sample 0 of Listed has an instance without a bbox_label'),
        (Listed([{'instances': []}, {'instances': None}]), ValueError, 'sample 1 of Listed has an instance without'),
        (
            Listed([{'instances': []}, {'image': 'a.png'}]),
            ValueError,
            r'sample 1 .* no get_cat_ids.*keys: image, sample',
        ),
        (ToyDataset([1, 1]), ValueError, r'sample 0 of ToyDataset has no instances.*label.*or CDBSampler where'),
    ],
)
def test_what_has_no_objects_to_read_is_refused(dataset, error, message):
    with pytest.raises(error, match=message):
        dataset_objects(dataset)
