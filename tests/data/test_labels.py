"""The labels of a dataset by each of the ways to them; what samplers refuse is in test_samplers."""

from unittest import mock

import numpy as np
import pytest
from mmengine.dataset import BaseDataset, ConcatDataset, RepeatDataset

from cdb_video.data import labels
from cdb_video.data.labels import dataset_labels
from cdb_video.hosts.mmaction.datasets import FrameListDataset, VideoListDataset
from cdb_video.samplers.cdb_sampler import CDBSampler
from tests.support.toys import LabelsOnly, ToyDataset


class WithLabels(LabelsOnly):
    """A dataset that hands its labels over in one array."""

    def get_labels(self):
        return np.asarray(self.labels)


class Halved(ToyDataset):
    """A dataset that changes the labels on the way out."""

    def get_data_info(self, index):
        info = super().get_data_info(index)
        return info | {'label': info['label'] // 2}


def test_labels_are_taken_from_get_labels_with_few_samples_looked_at():
    dataset = WithLabels(np.arange(5000) % 7)
    with mock.patch.object(dataset, 'get_data_info', wraps=dataset.get_data_info) as looked_at:
        found = dataset_labels(dataset)
    assert found.tolist() == dataset.labels
    assert found.dtype == np.int64
    assert 2 <= looked_at.call_count <= 20


def test_dataset_with_get_labels_needs_no_get_data_info():
    class Array:
        def __len__(self):
            return 4

        def get_labels(self):
            return np.array([0, 1, 1, 0], np.uint8)

    assert CDBSampler(Array(), seed=0).class_counts.tolist() == [2, 2]


@pytest.mark.parametrize(
    ('returned', 'message'),
    [
        ([0, 1], r'get_labels\(\) of WithLabels returned int64 of shape \(2,\): must be \(3,\) integers'),
        ([0.0, 1.0, 2.0], r'returned float64 of shape \(3,\)'),
        ([[0], [1], [2]], r'returned int64 of shape \(3, 1\)'),
        (['cut', 'lift', 'wash'], r'returned <U4 of shape'),
        ([0, 1, 1], r'sample 2 of WithLabels has label 1 in get_labels\(\) and 2 in get_data_info'),
    ],
)
def test_get_labels_that_does_not_serve_is_refused(returned, message):
    dataset = WithLabels([0, 1, 2])
    dataset.get_labels = lambda: returned
    with pytest.raises(ValueError, match=message):
        dataset_labels(dataset)


def test_negative_label_from_get_labels_is_refused():
    with pytest.raises(ValueError, match='sample 1 of WithLabels has label -1'):
        dataset_labels(WithLabels([0, -1]))


@pytest.mark.parametrize('options', [{}, {'serialize_data': False}, {'lazy_init': True}, {'indices': [2, 8, 0]}])
def test_kept_entries_give_the_labels_of_get_data_info(options):
    dataset = ToyDataset([4, 3, 2], **options)
    with mock.patch('cdb_video.data.labels.kept_labels', wraps=labels.kept_labels) as read:
        found = dataset_labels(dataset)
    assert read.call_count == 1
    assert found.tolist() == [dataset.get_data_info(i)['label'] for i in range(len(dataset))]


def test_labels_follow_a_subset_taken_later():
    dataset = ToyDataset([4, 3, 2])
    dataset.get_subset_([8, 4, 0])
    assert dataset_labels(dataset).tolist() == [2, 1, 0]


@pytest.mark.parametrize(
    ('kind', 'row', 'prefix'),
    [(FrameListDataset, 'clip{0} 16 {0}\n', 'img'), (VideoListDataset, 'clip{0}.mp4 {0}\n', 'video')],
)
def test_kept_entries_are_read_in_the_datasets_of_mmaction_too(tmp_path, kind, row, prefix):
    (tmp_path / 'list.txt').write_text(''.join(map(row.format, [3, 0, 2])))
    dataset = kind(str(tmp_path / 'list.txt'), [], data_prefix={prefix: 'nowhere'}, check_files=False)
    with mock.patch('cdb_video.data.labels.kept_labels', wraps=labels.kept_labels) as read:
        assert dataset_labels(dataset).tolist() == [3, 0, 2]
    assert read.call_count == 1


def test_dataset_that_changes_labels_on_the_way_out_is_asked_clip_by_clip():
    assert dataset_labels(Halved([1, 1, 1, 1])).tolist() == [0, 0, 1, 1]
    dataset = ToyDataset([2, 2])
    dataset.get_data_info = lambda index: {'label': 3}
    assert dataset_labels(dataset).tolist() == [3, 3, 3, 3]


def test_multi_label_dataset_is_refused_although_it_keeps_single_labels():
    class MultiLabel(ToyDataset):
        multi_class = True

    with pytest.raises(ValueError, match='multi-label data is not supported'):
        dataset_labels(MultiLabel([1, 1]))


def test_wrapped_datasets_are_read_part_by_part():
    wrapped = (ConcatDataset([ToyDataset([1, 2]), Halved([0, 0, 2])]), RepeatDataset(Halved([1, 1, 1]), 2))
    for dataset, expected in zip(wrapped, ([0, 1, 1, 1, 1], [0, 0, 1, 0, 0, 1]), strict=True):
        assert dataset_labels(dataset).tolist() == expected
        assert [dataset.get_data_info(i)['label'] for i in range(len(dataset))] == expected


def test_entry_without_a_label_is_refused_by_name():
    class Unlabelled(BaseDataset):
        def load_data_list(self):
            return [{'label': 0}, {'text': 'cut'}]

    with pytest.raises(ValueError, match='sample 1 of Unlabelled has no label; keys: text'):
        dataset_labels(Unlabelled())
