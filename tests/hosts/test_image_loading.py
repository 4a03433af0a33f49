"""mmcv's LoadImageFromFile, watched as beside mmpretrain: what it reads, and what an image ends with that it cannot."""

import copy
import logging
import pickle
import types

import cv2
import mmcv
import numpy as np
import pytest
from mmcv.transforms import LoadImageFromFile
from mmengine.registry import DefaultScope

from cdb_video.hosts.mmpretrain import mends
from cdb_video.hosts.mmpretrain.loading import ImageFileError, WatchedLoading, watch
from cdb_video.inference.image_reading import ImagePipeline
from tests.support.image_files import picture, turned_picture

ODD = {
    'palette': picture('PNG', 'P'),
    'one bit': picture('PNG', '1'),
    'grey PNG': picture('PNG', 'L'),
    'grey JPEG': picture(mode='L'),
    'transparent': picture('PNG', 'RGBA'),
    'CMYK': picture(mode='CMYK'),
    'turned': turned_picture(),
    'progressive': picture(progressive=True),
}


@pytest.fixture
def write(tmp_path):
    def write(content, name='a.png'):
        (tmp_path / name).write_bytes(content)
        return str(tmp_path / name)

    return write


def watched(**options):
    step = LoadImageFromFile(**options)
    watch(step)
    return step


def load(step, path):
    return step({'img_path': path})['img']


def pack(sample):
    return {'inputs': sample['img']}


@pytest.mark.parametrize('kind', ODD)
def test_odd_pictures_come_as_the_same_three_colours_of_8_bits_in_training_and_in_predictions(write, kind):
    path = write(ODD[kind])
    expected = cv2.imread(path, cv2.IMREAD_COLOR)
    read = load(watched(), path)
    assert (read.dtype, read.shape) == (np.uint8, (40, 24, 3) if kind == 'turned' else (24, 40, 3))
    assert (read == expected).all()
    assert (ImagePipeline([watched(), pack]).read(path).packed['inputs'] == expected).all()
    # A pipeline without a loader, as of sets that lie in an archive, takes RGB.
    assert (ImagePipeline([pack]).read(path).packed['inputs'] == expected[..., ::-1]).all()


FAULTS = [
    (b'', 'is empty'),
    (b'no picture at all', 'is no picture that OpenCV can read, or is cut off'),
    (picture()[: len(picture()) // 2], 'is cut off'),
    (picture()[:-2], 'is cut off'),
    (picture('PNG')[:-12], 'is cut off'),
    (picture('PNG')[:400] + b'\0' + picture('PNG')[401:], r'is damaged \(checksum of the part IDAT\)'),
    (picture('BMP')[:-100], 'is no picture that OpenCV can read, or is cut off'),
    (picture('WEBP')[:-100], 'is no picture that OpenCV can read, or is cut off'),
    (picture('TIFF')[:-100], 'is no picture that OpenCV can read, or is cut off'),
    (picture('PNG', 'I;16'), 'has 16 bits a channel, of which the upper 8, or none, would be kept'),
    (picture('TIFF', 'I;16'), 'has 16 bits a channel'),
]


@pytest.mark.parametrize('backend', ['cv2', 'pillow'])
@pytest.mark.parametrize(('content', 'fault'), FAULTS)
def test_a_picture_that_cannot_be_read_or_would_be_misread_is_named_with_the_rule_and_a_remedy(
    write, content, fault, backend
):
    path = write(content)
    with pytest.raises(ImageFileError, match=f'a.png: ({fault})') as caught:
        load(watched(imdecode_backend=backend), path)
    assert caught.value.path == path
    assert 'Mend or replace the file' in str(caught.value) or 'Convert it to 8 bits' in str(caught.value)
    assert 'cdb-video check --source images' in str(caught.value)


@pytest.mark.parametrize('content', [content for content, _ in FAULTS if content])
def test_predictions_refuse_what_training_refuses(write, content):
    path = write(content)
    for steps in ([watched(), pack], [pack]):
        with pytest.raises(ImageFileError):
            ImagePipeline(steps).read(path)


def test_half_a_jpeg_is_refused_even_where_opencv_fills_the_rest_with_grey(write, monkeypatch):
    # As OpenCV 4 does.
    monkeypatch.setattr(mmcv, 'imfrombytes', lambda *args, **options: np.full((24, 40, 3), 128, np.uint8))
    with pytest.raises(ImageFileError, match='is cut off'):
        load(watched(), write(picture()[:-300]))


def test_missing_images_and_folders_are_named(tmp_path):
    with pytest.raises(ImageFileError, match=r'none.png: there is no such file. Mend'):
        load(watched(), str(tmp_path / 'none.png'))
    with pytest.raises(ImageFileError, match='cannot be read'):
        load(watched(), str(tmp_path))


def test_16_bits_are_read_where_the_step_keeps_them(write):
    path = write(picture('PNG', 'I;16'))
    assert load(watched(color_type='unchanged'), path).dtype == np.uint16


def test_an_image_that_is_passed_over_is_named(write, caplog):
    step = watched(ignore_empty=True)
    with caplog.at_level(logging.WARNING, 'cdb_video'):
        assert step({'img_path': write(b'', 'empty.png')}) is None
    assert 'empty.png: missing or empty, and passed over' in caplog.text
    assert step.transform.passes_over_missing


def test_mistakes_in_a_pipeline_are_not_blamed_on_the_image(write):
    path = write(picture('PNG'))
    with pytest.raises(ValueError, match='not supported') as caught:
        load(watched(imdecode_backend='nonsense'), path)
    assert not isinstance(caught.value, ImageFileError)
    with pytest.raises(KeyError):
        watched()({'img': path})
    step = watched(color_type='nonsense')
    with pytest.raises(KeyError):
        load(step, path)


def test_what_decoders_raise_of_a_file_that_looks_sound_is_said_with_it(write, monkeypatch):
    def fails(*args, **options):
        raise RuntimeError('too many pixels\nand pages of more')

    monkeypatch.setattr(mmcv, 'imfrombytes', fails)
    with pytest.raises(ImageFileError, match=r'cannot be decoded \(RuntimeError: too many pixels\)'):
        load(watched(), write(picture('PNG')))


def test_too_little_memory_is_no_fault_of_an_image(write, monkeypatch):
    def fails(*args, **options):
        raise MemoryError

    monkeypatch.setattr(mmcv, 'imfrombytes', fails)
    with pytest.raises(MemoryError):
        load(watched(), write(picture('PNG')))


@pytest.mark.parametrize('carry', [copy.deepcopy, lambda step: pickle.loads(pickle.dumps(step))])
def test_a_step_is_watched_in_copies_and_in_spawned_workers_too(write, carry):
    step = watched()
    step.transform.find_all = 'Look there'
    carried = carry(step)
    assert carried.transform is not step.transform
    with pytest.raises(ImageFileError, match=r'is empty.*Look there'):
        load(carried, write(b''))


def test_images_that_are_not_on_a_disk_are_left_to_their_backend(write, monkeypatch):
    step = watched(backend_args={'backend': 'petrel'})
    monkeypatch.setattr(LoadImageFromFile, 'transform', lambda self, sample: {'img': 'theirs'})
    assert load(step, 's3://bucket/a.jpg') == 'theirs'
    assert load(step, 'a.jpg') == 'theirs'


def test_steps_of_mmpretrain_s_scope_are_watched_and_those_that_load_in_their_own_way_are_not():
    class Theirs(LoadImageFromFile):
        pass

    class Own(Theirs):
        def transform(self, results):
            return results

    module = types.SimpleNamespace(LoadImageFromFile=Theirs)
    assert mends._watch_loading(module)
    assert not mends._watch_loading(module)
    assert 'transform' not in vars(Theirs())
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        assert isinstance(Theirs().transform, WatchedLoading)
        assert 'transform' not in vars(Own())
    with DefaultScope.overwrite_default_scope('mmaction'):
        assert 'transform' not in vars(Theirs())


def test_the_mends_look_for_their_fault(monkeypatch):
    monkeypatch.setattr(mends, '_folder', lambda package: None)
    assert not mends.name_unreadable_images()
    assert not mends.check_image_lists()
    assert not mends.name_damaged_archives()
    assert not mends.name_missing_class_lists()
