"""Bad input on mmpretrain's own classes: what a training ends with, and when."""

import logging
import pickle
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import DATASETS

from cdb_video.commands import predict, train
from cdb_video.hosts.host import applied_mends
from cdb_video.hosts.mmpretrain import HOST
from cdb_video.hosts.mmpretrain.loading import ImageFileError
from cdb_video_files.images.idx import IdxError
from cdb_video_files.records import AnnotationError
from tests.support.image_files import idx_bytes, picture, turned_picture
from tests.support.images import CLASSES, image_config, make_images

pytestmark = pytest.mark.filterwarnings('ignore:.pin_memory. argument is set as true')
LOAD = [{'type': 'LoadImageFromFile'}, {'type': 'PackInputs'}]


@pytest.fixture(autouse=True)
def _scope():
    from mmpretrain.utils import register_all_modules

    register_all_modules(init_default_scope=True)


@pytest.fixture
def data(tmp_path):
    return make_images(tmp_path / 'data')


def built(data, part='train', **options):
    own = {'data_root': str(data), 'data_prefix': part, 'ann_file': f'{part}.txt', 'pipeline': LOAD}
    return DATASETS.build({'type': 'CustomDataset', **own, **options})


def run(data, folder, **changes):
    Config(image_config(data, **changes)).dump(folder / 'c.py')
    return train.main([str(folder / 'c.py'), '--work-dir', str(folder / 'run')])


def test_the_faults_of_the_host_are_mended_here():
    from cdb_video.hosts.mmpretrain import mends

    ours = (
        mends.name_unreadable_images,
        mends.check_image_lists,
        mends.name_damaged_archives,
        mends.name_missing_class_lists,
    )
    assert {mend.__name__ for mend in ours} <= set(applied_mends())


@pytest.mark.parametrize('kind', ['CustomDataset', 'ImageNet', 'ImageNet21k'])
def test_missing_images_of_a_list_are_named_when_it_is_read(data, kind):
    (data / 'train/dog/dog_3.png').unlink()
    with pytest.raises(FileNotFoundError, match=r'1 of the 34 images in \S+train.txt is missing in \S+: dog/dog_3.png'):
        built(data, type=kind, **({} if kind == 'ImageNet' else {'classes': list(CLASSES)}))


def test_another_root_or_class_list_is_named(data):
    with pytest.raises(FileNotFoundError, match=r'34 of the 34 images .*\(no such folder\)'):
        built(data, data_prefix='trian')
    with pytest.raises(FileNotFoundError, match='there is no such folder'):
        built(data, data_prefix='trian', ann_file='')
    with pytest.raises(FileNotFoundError, match=r"ann_file='\S+none.txt'"):
        built(data, ann_file='none.txt')
    with pytest.raises(FileNotFoundError, match=r"classes='none.txt': there is no such file"):
        built(data, classes='none.txt')


@pytest.mark.parametrize(
    ('line', 'rule'),
    [('dog/dog_1.png', 'no label'), ('dog/dog_1.png 3,1', 'several labels'), ('dog/dog_1.png x', 'no.* whole number')],
)
def test_lines_that_are_none_are_named(data, line, rule):
    (data / 'train.txt').write_text(f'ant/ant_0.png 0\n{line}\n')
    with pytest.raises(AnnotationError, match=rf'train.txt:2: .*{rule}'):
        built(data)


def test_folders_without_images_and_images_that_are_left_out_are_named(data, caplog):
    (data / 'train/eel').mkdir()
    (data / 'train/dog/x.webp').write_bytes(picture('WEBP'))
    (data / 'train/loose.png').write_bytes(picture('PNG'))
    with caplog.at_level(logging.WARNING):
        dataset = built(data, ann_file='')
    assert len(dataset) == 34
    assert 'left out, whose endings are none of extensions' in caplog.text
    assert ': x.webp. Name all of them there' in caplog.text
    assert 'in no folder of a class: loose.png' in caplog.text


@pytest.mark.parametrize(
    'content', [b'', b'no picture', picture()[:-300], picture('PNG')[:600], picture('PNG', 'I;16')]
)
def test_the_dataset_names_an_image_that_cannot_be_read_and_the_command_that_finds_all(data, content):
    (data / 'train/dog/dog_3.png').write_bytes(content)
    with pytest.raises(ImageFileError) as caught:
        built(data)[33]
    said = str(caught.value)
    assert said.startswith(f'{data}/train/dog/dog_3.png: ')
    assert said.endswith(f'cdb-video check --source images --images {data}/train --lists {data}/train.txt')


def test_odd_pictures_reach_the_network_alike_from_the_list_of_training_and_of_validation(data):
    odd = {'P': ('PNG', 'P'), 'CMYK': ('JPEG', 'CMYK'), 'L': ('PNG', 'L'), 'RGBA': ('PNG', 'RGBA')}
    contents = [turned_picture(), *(picture(kind, mode) for kind, mode in odd.values())]
    for index, content in enumerate(contents):
        for part in ('train', 'val'):
            (data / part / f'ant/odd_{index}.png').write_bytes(content)
    for part in ('train', 'val'):
        lines = ''.join(f'ant/odd_{index}.png 0\n' for index in range(len(contents)))
        (data / f'{part}.txt').write_text(lines)
    training, validation = built(data, 'train'), built(data, 'val')
    for index in range(len(contents)):
        images = [dataset[index]['inputs'] for dataset in (training, validation)]
        assert (images[0] == images[1]).all()
        assert images[0].dtype.is_floating_point is False
        assert tuple(images[0].shape) == ((3, 40, 24) if index == 0 else (3, 24, 40))


# mmpretrain's reader of IDX files has torch and numpy warn.
@pytest.mark.filterwarnings('ignore:The given NumPy array is not writable', 'ignore:__array__ implementation')
@pytest.mark.parametrize(
    ('images', 'labels', 'said'),
    [
        (b'<html>not found</html>', None, 'begins with the magic number'),
        (idx_bytes(np.zeros((4, 28, 28)))[:-100], None, 'states 4 x 28 x 28 numbers'),
        (None, idx_bytes(np.arange(3)), 'has 4 images, .* 3 labels'),
    ],
)
def test_damaged_files_of_the_mnist_family_are_named(tmp_path, images, labels, said):
    for part in ('train', 't10k'):
        (tmp_path / f'{part}-images-idx3-ubyte').write_bytes(images or idx_bytes(np.zeros((4, 28, 28))))
        (tmp_path / f'{part}-labels-idx1-ubyte').write_bytes(labels or idx_bytes(np.arange(4)))
    settings = {'type': 'FashionMNIST', 'data_root': str(tmp_path), 'split': 'train', 'pipeline': [], 'download': False}
    with pytest.raises(IdxError, match=rf'train-images-idx3-ubyte {said}'):
        DATASETS.build(settings)


def test_a_poisoned_pickle_in_the_place_of_cifar_s_is_named_and_not_executed(tmp_path):
    class Poison:
        def __reduce__(self):
            return Path.touch, (tmp_path / 'executed',)

    folder = tmp_path / 'cifar-10-batches-py'
    folder.mkdir()
    for name in (*[f'data_batch_{number}' for number in range(1, 6)], 'test_batch', 'batches.meta'):
        (folder / name).write_bytes(pickle.dumps(Poison()))
    settings = {'type': 'CIFAR10', 'data_root': str(tmp_path), 'split': 'train', 'pipeline': [], 'download': False}
    with pytest.raises(ValueError, match=r'data_batch_1, .*: not as released, by the MD5, so nothing of it was read'):
        DATASETS.build(settings)
    assert not (tmp_path / 'executed').exists()


@pytest.mark.training
@pytest.mark.parametrize(('part', 'workers'), [('train', 0), ('val', 0), ('train', 1)])
def test_a_training_that_meets_an_image_it_cannot_read_ends_with_a_sentence_on_it(data, tmp_path, capfd, part, workers):
    path = data / part / 'dog/dog_3.png'
    path.write_bytes(b'no picture at all')
    loader = {'num_workers': workers, 'persistent_workers': bool(workers)}
    assert run(data, tmp_path, **{f'{part}_dataloader': loader}) == 2
    last = capfd.readouterr().err.strip().splitlines()[-1]
    assert last.startswith(
        f'train: {path}: is no picture that OpenCV can read, or is cut off. Mend or replace the file'
    )
    assert last.endswith(f'--images {data}/{part} --lists {data}/{part}.txt')


@pytest.mark.training
def test_a_training_on_a_list_for_another_root_is_refused_before_its_first_step(data, tmp_path, capfd):
    assert run(data, tmp_path, train_dataloader={'dataset': {'data_prefix': ''}}) == 2
    last = capfd.readouterr().err.strip().splitlines()[-1]
    assert last.startswith(f'train: 34 of the 34 images in {data}/train.txt are missing')
    assert not list((tmp_path / 'run').glob('*.pth'))


@pytest.mark.training
def test_predictions_refuse_16_bits_by_name_and_go_on(data, tmp_path, capsys):
    assert run(data, tmp_path) == 0
    (tmp_path / 'new').mkdir()
    (tmp_path / 'new/deep.png').write_bytes(picture('PNG', 'I;16'))
    (tmp_path / 'new/palette.png').write_bytes(picture('PNG', 'P'))
    assert predict.main([str(tmp_path / 'run'), str(tmp_path / 'new'), '--device', 'cpu']) == 1
    said = capsys.readouterr()
    assert 'deep.png: has 16 bits a channel' in said.err
    assert 'palette.png: ' in said.out


def test_pipelines_that_read_a_file_as_two_images_are_warned_of(data, caplog):
    from mmengine.dataset import RepeatDataset
    from mmengine.registry import MODELS

    model = MODELS.build({'type': 'ImageClassifier', 'backbone': {'type': 'CIFARResNet'}, 'head': {'type': 'ClsHead'}})
    other = built(data, 'val', pipeline=[{'type': 'LoadImageFromFile', 'imdecode_backend': 'pillow'}])
    with caplog.at_level(logging.WARNING, 'cdb_video'):
        HOST.refuse(model, RepeatDataset(built(data), 2), built(data, 'val'))
        assert not caplog.text
        HOST.refuse(model, RepeatDataset(built(data), 2), other)
    assert "imdecode_backend='cv2'), the validation with LoadImageFromFile(" in caplog.text
