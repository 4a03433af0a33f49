"""Labels, class names and paths of mmpretrain's datasets, with the files that they read made up."""

import pickle
import struct

import numpy as np
import pytest
from mmengine.registry import DATASETS

from cdb_video.data.labels import dataset_class_names, dataset_labels, name_sample, sample_path
from tests.support.images import CLASSES, COUNTS, make_images


@pytest.fixture(autouse=True)
def _scope():
    from mmpretrain.utils import register_all_modules

    register_all_modules(init_default_scope=True)


@pytest.fixture
def images(tmp_path):
    return make_images(tmp_path / 'images')


EXPECTED = np.repeat(np.arange(4), COUNTS['train']).tolist()


def slow_labels(dataset):
    return [int(dataset.get_data_info(index)['gt_label']) for index in range(len(dataset))]


@pytest.mark.parametrize('serialize', [True, False])
def test_a_folder_a_class_has_labels_names_and_paths(images, serialize):
    dataset = DATASETS.build(
        {'type': 'CustomDataset', 'data_root': str(images), 'data_prefix': 'train', 'serialize_data': serialize}
    )
    assert dataset_labels(dataset).tolist() == EXPECTED
    assert dataset_class_names(dataset) == CLASSES
    assert sample_path(dataset.get_data_info(0)) == str(images / 'train/ant/ant_0.png')
    assert name_sample(dataset, 33) == f'sample 33 ({images}/train/dog/dog_3.png)'


def test_a_list_with_a_class_list_has_the_same(images):
    dataset = DATASETS.build(
        {
            'type': 'CustomDataset',
            'data_root': str(images),
            'data_prefix': 'train',
            'ann_file': 'train.txt',
            'classes': str(images / 'classes.txt'),
        }
    )
    assert dataset_labels(dataset).tolist() == EXPECTED
    assert dataset_class_names(dataset) == CLASSES


def test_imagenet_s_list_of_paths_and_labels_is_read_with_its_thousand_names(images):
    settings = {'type': 'ImageNet', 'data_root': str(images), 'data_prefix': 'train', 'ann_file': 'train.txt'}
    dataset = DATASETS.build({**settings, 'split': ''})
    assert dataset_labels(dataset).tolist() == EXPECTED
    assert len(dataset_class_names(dataset)) == 1000


def wrapped(images, kind, **options):
    inner = {'type': 'CustomDataset', 'data_root': str(images), 'data_prefix': 'train'}
    if kind == 'ConcatDataset':
        return DATASETS.build({'type': kind, 'datasets': [inner, inner], **options})
    return DATASETS.build({'type': kind, 'dataset': inner, **options})


@pytest.mark.parametrize(
    ('kind', 'options'),
    [
        ('ConcatDataset', {}),
        ('RepeatDataset', {'times': 3}),
        ('ClassBalancedDataset', {'oversample_thr': 0.4}),
        ('KFoldDataset', {'num_splits': 3, 'fold': 1, 'seed': 0}),
        ('KFoldDataset', {'num_splits': 3, 'fold': 1, 'test_mode': True}),
    ],
)
def test_labels_are_found_through_wrappers_as_entry_by_entry(images, kind, options):
    dataset = wrapped(images, kind, **options)
    assert dataset_labels(dataset).tolist() == slow_labels(dataset)
    assert dataset_class_names(dataset) == CLASSES


def test_a_subset_has_the_labels_of_its_indices(images):
    dataset = DATASETS.build(
        {'type': 'CustomDataset', 'data_root': str(images), 'data_prefix': 'train', 'indices': [0, 20, 33]}
    )
    assert dataset_labels(dataset).tolist() == [EXPECTED[index] for index in (0, 20, 33)]


def write_cifar(root, folder, files, meta, labels_key, names_key, num_classes):
    (root / folder).mkdir(parents=True)
    generator = np.random.default_rng(0)
    labels = []
    for file in files:
        own = generator.integers(0, num_classes, 7).tolist()
        labels += own
        images = generator.integers(0, 256, (7, 3072), dtype=np.uint8)
        (root / folder / file).write_bytes(pickle.dumps({'data': images, labels_key: own}))
    names = [f'thing {index}' for index in range(num_classes)]
    (root / folder / meta).write_bytes(pickle.dumps({names_key: names}))
    return labels


@pytest.mark.parametrize('kind', ['CIFAR10', 'CIFAR100'])
def test_cifar_has_the_labels_of_its_archive_and_names(tmp_path, monkeypatch, kind):
    from mmpretrain import datasets

    made = getattr(datasets, kind)
    ten = kind == 'CIFAR10'
    files = [file for file, _ in made.train_list]
    keys = ('labels', 'label_names', 10) if ten else ('fine_labels', 'fine_label_names', 100)
    labels = write_cifar(tmp_path, made.base_folder, files, made.meta['filename'], *keys)
    monkeypatch.setattr(made, '_check_integrity', lambda self: True)
    dataset = DATASETS.build({'type': kind, 'data_root': str(tmp_path), 'split': 'train', 'pipeline': []})
    assert dataset_labels(dataset).tolist() == labels
    assert dataset_class_names(dataset)[:2] == (('airplane', 'automobile') if ten else ('apple', 'aquarium_fish'))
    assert sample_path(dataset.get_data_info(0)) is None
    assert name_sample(dataset, 3) == 'sample 3'


# mmpretrain's reader of IDX files has torch and numpy warn.
@pytest.mark.filterwarnings('ignore:The given NumPy array is not writable', 'ignore:__array__ implementation')
def test_fashion_mnist_has_labels_and_names(tmp_path):
    labels = [9, 0, 3, 3]
    images = struct.pack('>IIII', 2051, 4, 28, 28) + bytes(4 * 28 * 28)
    for part in ('train', 't10k'):  # the set looks for all of its files
        (tmp_path / f'{part}-images-idx3-ubyte').write_bytes(images)
        (tmp_path / f'{part}-labels-idx1-ubyte').write_bytes(struct.pack('>II', 2049, 4) + bytes(labels))
    dataset = DATASETS.build({'type': 'FashionMNIST', 'data_root': str(tmp_path), 'split': 'train', 'pipeline': []})
    assert dataset_labels(dataset).tolist() == labels
    assert dataset_class_names(dataset)[0] == 'T-shirt/top'
