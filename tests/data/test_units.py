"""What bears a label in a dataset: samples or objects, how many of each class, and what is said of a wrong one."""

from types import SimpleNamespace

import numpy as np
import pytest
from mmengine.dataset import ClassBalancedDataset, ConcatDataset, RepeatDataset

from cdb_video.data.units import count_training, dataset_units, has_objects, shown_once
from cdb_video.samplers.cdb_image_sampler import CDBImageSampler
from tests.support.scenes import DetectionScenes, Scenes
from tests.support.toys import LabelsOnly, ToyDataset

IMAGES = [[0, 1, 1], [], [2], [1, 0, 2, 2]]


class Categories:
    """Classes by image, and nothing else."""

    def __len__(self):
        return len(IMAGES)

    def get_cat_ids(self, index):
        return IMAGES[index]


class GivenLabels(LabelsOnly):
    """Labels in one array, of images whose entries have instances too."""

    def get_labels(self):
        return np.array(self.labels)

    def get_data_info(self, index):
        return super().get_data_info(index) | {'instances': []}


@pytest.mark.parametrize(
    ('dataset', 'expected'),
    [
        (DetectionScenes(IMAGES), True),
        (DetectionScenes(IMAGES[1:]), True),  # the first image is empty
        (ConcatDataset([DetectionScenes(IMAGES), DetectionScenes(IMAGES)]), True),
        (RepeatDataset(DetectionScenes(IMAGES), 2), True),
        (Categories(), True),
        (Scenes(IMAGES), False),  # its images have a label beside their objects
        (ToyDataset([2, 1]), False),
        (LabelsOnly([0, 1]), False),
        (GivenLabels([0, 1]), False),
        (LabelsOnly([]), False),
        (object(), False),
    ],
)
def test_an_entry_tells_whether_samples_show_objects(dataset, expected):
    assert has_objects(dataset) is expected


def test_objects_are_counted_once_each_and_images_once_for_each_class_they_show():
    units = dataset_units(DetectionScenes(IMAGES, ignored=[(0, 0)]))
    assert units.are_objects
    assert (units.labels.tolist(), units.places.tolist()) == ([1, 1, 2, 1, 0, 2, 2], [0, 0, 2, 3, 3, 3, 3])
    assert units.per_class(5).tolist() == [1, 3, 3, 0, 0]
    assert units.samples_per_class(5).tolist() == [1, 2, 2, 0, 0]
    assert units.samples_per_class().tolist() == [1, 2, 2]
    assert units.by_sample() == [(1, 1), (), (2,), (0, 1, 2, 2)]


def test_of_samples_with_one_label_both_counts_are_the_same():
    units = dataset_units(LabelsOnly([2, 0, 2]))
    assert not units.are_objects
    assert units.per_class(4).tolist() == units.samples_per_class(4).tolist() == [1, 0, 2, 0]
    assert units.places.tolist() == [0, 1, 2]
    assert units.by_sample() == [2, 0, 2]


@pytest.mark.parametrize('images', [[[0], [1]], [[0, 1], []], [[1], [0]]])
def test_what_is_hashed_tells_where_an_object_is(images):
    contents = [dataset_units(DetectionScenes(one)).content for one in ([[0], [1]], [[0], [1], []], images)]
    same = [
        all(np.array_equal(one, other) for one, other in zip(contents[0], content, strict=True))
        for content in contents[1:]
    ]
    assert same == [False, images == [[0], [1]]]


def test_images_without_any_object_have_counts_too():
    units = dataset_units(DetectionScenes([[], []]))
    assert units.per_class(2).tolist() == units.samples_per_class(2).tolist() == [0, 0]
    assert units.by_sample() == [(), ()]


def test_a_class_beyond_the_list_is_named_by_its_image():
    dataset = DetectionScenes(IMAGES)
    dataset_units(dataset).check(3, dataset)
    message = r'sample 2 of DetectionScenes has an object of class 2, but the head states 2 classes.*0..1 \(3 such\)'
    with pytest.raises(ValueError, match=message):
        dataset_units(dataset).check(2, dataset, 'the head')
    labels = LabelsOnly([0, 2])
    with pytest.raises(ValueError, match='sample 1 of LabelsOnly has label 2, but there are 2 classes'):
        dataset_units(labels).check(2, labels)


@pytest.mark.parametrize('has_sampler', [False, True])
def test_training_is_counted_by_objects_and_shot_groups_by_images(has_sampler):
    dataset = DetectionScenes(IMAGES, classes=('a', 'b', 'c'))
    sampler = CDBImageSampler(dataset, law='repeat', seed=0) if has_sampler else None
    counts, images = count_training(dataset, sampler)
    assert (counts.tolist(), images.tolist()) == ([2, 3, 3], [2, 2, 2])
    counts, images = count_training(LabelsOnly([0, 0, 1]), None)
    assert (counts.tolist(), images) == ([2, 1], None)
    assert count_training(None, SimpleNamespace(class_counts=[5, 6]))[0].tolist() == [5, 6]


@pytest.mark.parametrize('has_sampler', [False, True])
def test_an_image_that_is_repeated_makes_no_rare_class_common(has_sampler):
    scenes = DetectionScenes(IMAGES, classes=('a', 'b', 'c'))
    for dataset in (ClassBalancedDataset(scenes, oversample_thr=1.0), RepeatDataset(scenes, 3)):
        assert shown_once(dataset) is scenes
        sampler = CDBImageSampler(dataset, law='repeat', seed=0) if has_sampler else None
        counts, images = count_training(dataset, sampler)
        assert images.tolist() == [2, 2, 2]
        seen = [one for index in range(len(dataset)) for one in IMAGES[index % 4]] if len(dataset) == 12 else None
        assert counts.sum() > 8
        assert seen is None or counts.tolist() == np.bincount(seen).tolist()
    assert shown_once(scenes) is scenes
