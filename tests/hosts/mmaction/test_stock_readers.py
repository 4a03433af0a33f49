"""mmaction2's own readers in our datasets: damaged clips are named and replaced, mistakes in a pipeline are not."""

import re
import shutil

import cv2
import numpy as np
import pytest
from mmengine.dataset import Compose
from mmengine.registry import DATASETS, init_default_scope

import cdb_video  # noqa: F401  (mends the hosts before mmaction is imported)
from cdb_video.hosts.mmaction.stock_readers import read, why_not_replaced
from cdb_video_files.lists import FrameEntry, VideoEntry, write_frame_list, write_video_list
from cdb_video_files.video.errors import ClipError
from tests.support.clips import (
    cut,
    spoil_middle,
    write_audio,
    write_clip,
    write_lying_avi,
    write_shortened_by_edit_list,
)

FRAMES = 6
SAMPLING = {'type': 'SampleFrames', 'clip_len': 4, 'frame_interval': 1, 'test_mode': True}
PACKING = [
    {'type': 'FormatShape', 'input_format': 'NCTHW'},
    {'type': 'PackActionInputs', 'meta_keys': ('filename', 'frame_dir')},
]
READERS = {
    'frames': [SAMPLING, {'type': 'RawFrameDecode'}],
    'decord': [{'type': 'DecordInit'}, SAMPLING, {'type': 'DecordDecode'}],
    'pyav': [{'type': 'PyAVInit'}, SAMPLING, {'type': 'PyAVDecode'}],
    'ours': [{'type': 'VideoInit'}, SAMPLING, {'type': 'VideoDecode'}],
}
VIDEO_READERS = [name for name in READERS if name != 'frames']
JPEG = cv2.imencode('.jpg', np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8))[1].tobytes()
DAMAGED_FRAMES = {
    'missing': (None, 'there is no such file'),
    'text': (b'no picture', r'cannot be decoded \('),
    'empty': (b'', r'cannot be decoded \('),
    'cut': (JPEG[: len(JPEG) // 2], 'cut off: it lacks the mark'),
}


@pytest.fixture(autouse=True)
def mmaction_scope():
    from mmaction.utils import register_all_modules

    register_all_modules(init_default_scope=False)
    init_default_scope('mmaction')


@pytest.fixture
def frames(tmp_path):
    """A list of three clips of one class, as folders of frames."""
    names = ['a', 'b', 'c']
    for name in names:
        (tmp_path / name).mkdir()
        for number in range(1, FRAMES + 1):
            (tmp_path / name / f'img_{number:05}.jpg').write_bytes(JPEG)
    write_frame_list(tmp_path / 'list.txt', [FrameEntry(name, FRAMES, 0) for name in names])
    return tmp_path


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    return write_clip(tmp_path_factory.mktemp('whole') / 'whole.mp4', 48, (96, 64))


@pytest.fixture
def videos(tmp_path, whole):
    """A list of three clips of one class, as videos."""
    names = ['a.mp4', 'b.mp4', 'c.mp4']
    for name in names:
        shutil.copy(whole, tmp_path / name)
    write_video_list(tmp_path / 'list.txt', [VideoEntry(name, 0) for name in names])
    return tmp_path


def build(root, reader, pipeline=None, **options):
    if reader == 'decord':
        pytest.importorskip('decord')
    kind, key = ('FrameListDataset', 'img') if reader == 'frames' else ('VideoListDataset', 'video')
    settings = {'type': kind, 'data_root': str(root), 'ann_file': 'list.txt', 'data_prefix': {key: ''}}
    pipeline = [*READERS[reader], *PACKING] if pipeline is None else pipeline
    return DATASETS.build(settings | {'pipeline': pipeline, 'check_files': False} | options)


def spoil_frame(root, number, content):
    path = root / 'b' / f'img_{number:05}.jpg'
    path.unlink() if content is None else path.write_bytes(content)


@pytest.mark.parametrize('backend', ['cv2', 'pillow'])
@pytest.mark.parametrize('place', [2, 4])
@pytest.mark.parametrize('damage', DAMAGED_FRAMES)
def test_a_frame_that_is_missing_or_broken_is_named(frames, damage, place, backend):
    content, rule = DAMAGED_FRAMES[damage]
    spoil_frame(frames, place, content)
    pipeline = [SAMPLING, {'type': 'RawFrameDecode', 'decoding_backend': backend}, *PACKING]
    with pytest.raises(ClipError, match=rf"b/img_0000{place}\.jpg: {rule}.*on_error='resample'"):
        build(frames, 'frames', pipeline)[1]
    dataset = build(frames, 'frames', pipeline, on_error='resample')
    assert dataset[1]['data_samples'].frame_dir[-1] in 'ac'


def test_a_broken_picture_of_flow_is_named_where_opencv_gives_none_for_it(frames):
    for number in range(1, FRAMES + 1):
        for axis in 'xy':
            (frames / 'b' / f'{axis}_{number:05}.jpg').write_bytes(b'no picture' if number == 3 else JPEG)
    dataset = build(frames, 'frames', modality='Flow', filename_tmpl='{}_{:05}.jpg')
    with pytest.raises(ClipError, match=r'b/[xy]_00003\.jpg: cannot be decoded'):
        dataset[1]


def test_errors_that_no_frame_is_to_blame_for_pass(frames, monkeypatch):
    import mmcv

    def raise_(error):
        raise error

    def backend_of_jpeg_alone(content, flag='color', **options):
        if flag == 'unchanged':
            raise ValueError('as turbojpeg does')
        return decode(content, flag=flag, **options)

    dataset, decode = build(frames, 'frames'), mmcv.imfrombytes
    opencv = cv2.error('Insufficient memory')
    opencv.code = -4
    for error in (MemoryError('out of memory'), opencv):
        monkeypatch.setattr(mmcv, 'imfrombytes', lambda *_, error=error, **__: raise_(error))
        with pytest.raises(type(error), match=r'(?i)memory'):
            dataset[1]
    monkeypatch.setattr(mmcv, 'imfrombytes', backend_of_jpeg_alone)
    decoder = dataset.pipeline.transforms[1]
    step = decoder.transform

    def mistaken(results):
        step(results)
        raise TypeError('a mistake')

    monkeypatch.setattr(decoder, 'transform', mistaken)
    with pytest.raises(TypeError, match='a mistake'):
        dataset[1]


OPENCV = [{'type': 'OpenCVInit'}, SAMPLING, {'type': 'OpenCVDecode'}, *PACKING]


@pytest.mark.parametrize(
    ('reader', 'pipeline', 'error'),
    [
        ('opencv', OPENCV, ValueError('bad credentials')),  # of a file client
        ('decord', None, RuntimeError("can't start new thread")),
    ],
)
def test_what_is_no_fault_of_a_file_passes(videos, monkeypatch, reader, pipeline, error):
    dataset = build(videos, reader, pipeline)

    def refuse(results):
        raise error

    monkeypatch.setattr(dataset.pipeline.transforms[0], 'transform', refuse)
    with pytest.raises(type(error), match=re.escape(str(error))) as caught:
        dataset[1]
    assert caught.type is type(error)


def spoil_video(root, damage):
    path = root / 'b.mp4'
    match damage:
        case 'missing':
            path.unlink()
        case 'cut':
            cut(root / 'a.mp4', path, 0.3)
        case 'noise':
            spoil_middle(root / 'a.mp4', path, 3000)
        case 'sound':
            write_audio(path)
        case _:
            path.write_bytes(b'' if damage == 'empty' else b'no video\n' * 99)


@pytest.mark.parametrize('reader', VIDEO_READERS)
@pytest.mark.parametrize('damage', ['missing', 'cut', 'noise', 'sound', 'empty', 'text'])
def test_a_damaged_video_is_named_and_replaced(videos, reader, damage):
    spoil_video(videos, damage)
    sampling = {**SAMPLING, 'clip_len': 48}
    pipeline = [sampling if step is SAMPLING else step for step in READERS[reader]] + PACKING
    with pytest.raises(ClipError, match=r'b\.mp4: '):
        build(videos, reader, pipeline)[1]
    dataset = build(videos, reader, pipeline, on_error='resample', max_damaged=1)
    assert [dataset[index]['data_samples'].filename[-5] for index in (0, 2)] == ['a', 'c']
    assert dataset[1]['data_samples'].filename[-5] in 'ac'


def test_pyav_names_a_file_that_holds_fewer_frames_than_its_header_says(videos):
    write_lying_avi(videos / 'b.mp4', 60)
    sampling = {**SAMPLING, 'clip_len': 60}
    dataset = build(videos, 'pyav', [{'type': 'PyAVInit'}, sampling, {'type': 'PyAVDecode'}, *PACKING])
    with pytest.raises(ClipError, match=r'b\.mp4: only 12 of the 60 frames that its header announces can be decoded'):
        dataset[1]
    write_shortened_by_edit_list(videos / 'a.mp4', videos / 'b.mp4', 1)
    assert dataset[1]['inputs'].shape == (1, 3, 60, 64, 96)


@pytest.mark.parametrize('content', [b'', b'no video\n' * 99, None])
def test_a_file_that_opencv_cannot_open_is_named(videos, content):
    (videos / 'b.mp4').unlink() if content is None else (videos / 'b.mp4').write_bytes(content)
    pipeline = [{'type': 'OpenCVInit'}, SAMPLING, {'type': 'OpenCVDecode'}, *PACKING]
    with pytest.raises(ClipError, match=r'b\.mp4: (OpenCV|there is no such file)'):
        build(videos, 'opencv', pipeline)[1]


@pytest.mark.parametrize('reader', READERS)
def test_samples_of_whole_clips_are_those_of_the_host(reader, request):
    dataset = build(request.getfixturevalue('frames' if reader == 'frames' else 'videos'), reader)
    sample = dataset[0]
    theirs = Compose([*READERS[reader], *PACKING])(dataset.get_data_info(0))
    assert sample['inputs'].equal(theirs['inputs'])
    assert sample['data_samples'].all_keys() == theirs['data_samples'].all_keys()
    for step in dataset.pipeline.transforms:
        assert 'NotedFiles' not in repr(vars(step))


@pytest.mark.parametrize('reader', READERS)
def test_a_mistake_in_the_pipeline_is_not_taken_for_damage(reader, request):
    root = request.getfixturevalue('frames' if reader == 'frames' else 'videos')
    dataset = build(root, reader, [step for step in READERS[reader] if step is not SAMPLING], on_error='resample')
    with pytest.raises(KeyError, match='frame_inds'):
        dataset[0]
    mistaken = [no_sampling if step is SAMPLING else step for step in READERS[reader]]
    with pytest.raises((AttributeError, TypeError)):
        build(root, reader, mistaken, on_error='resample')[0]


def no_sampling(results):
    return results | {'frame_inds': None}


def test_what_the_machine_lacks_is_no_fault_of_a_clip(frames, monkeypatch):
    dataset = build(frames, 'frames', on_error='resample', max_damaged=0)

    def refuse(path):
        raise OSError(24, 'Too many open files')

    dataset[0]
    monkeypatch.setattr(dataset.pipeline.transforms[1].file_client, 'get', refuse)
    with pytest.raises(OSError, match='Too many open files'):
        dataset[0]
    monkeypatch.undo()
    pipeline = [SAMPLING, {'type': 'RawFrameDecode', 'decoding_backend': 'no such'}]
    with pytest.raises(
        ValueError, match=r'RawFrameDecode.*decoding_backend=no such.*assert backend in supported'
    ) as met:
        build(frames, 'frames', pipeline, on_error='resample')[0]
    assert type(met.value) is ValueError


@pytest.mark.parametrize(
    ('pipeline', 'rule'),
    [
        (
            [{'type': 'OpenCVInit'}, SAMPLING, {'type': 'OpenCVDecode'}],
            'OpenCVDecode says nothing of damage: it repeats',
        ),
        (
            [{'type': 'PyAVInit'}, SAMPLING, {'type': 'PyAVDecode', 'mode': 'efficient'}],
            "PyAVDecode says nothing of damage: with mode='efficient' it shows key frames",
        ),
        ([{'type': 'PyAVInit'}, SAMPLING, {'type': 'PyAVDecodeMotionVector'}], r'PyAVInit, SampleFrames, PyAVDecodeM'),
        ([], r'no step of the pipeline \(Compose\) is known to tell damaged clips.*`raises_clip_error = True`'),
    ],
)
def test_readers_that_do_not_tell_of_damage_are_refused_before_training(videos, pipeline, rule):
    with pytest.raises(ValueError, match=rf"on_error='resample': .*{rule}.*"):
        build(videos, 'ours', pipeline, on_error='resample')
    build(videos, 'ours', pipeline)


class OwnReader:
    raises_clip_error = True

    def __call__(self, results):
        if 'b.mp4' in results['filename']:
            raise ClipError(results['filename'], 'damaged')
        return results


def test_a_reader_of_ones_own_can_say_that_it_names_damaged_clips(videos):
    dataset = build(videos, 'ours', [OwnReader()], on_error='resample')
    assert dataset[1]['filename'][-5] in 'ac'
    assert why_not_replaced(OwnReader()) is None
    assert why_not_replaced(Compose([Compose([OwnReader()])])) is None
    assert 'known to tell' in why_not_replaced(lambda results: results)


def test_pipelines_may_be_any_function_and_may_give_up_a_sample():
    assert read(lambda results: results | {'a': 1}, {'b': 2}) == {'a': 1, 'b': 2}
    assert read(Compose([lambda results: None, lambda results: results['a']]), {}) is None
