"""PackDecode, VideoInit and VideoDecode in pipelines of mmaction2: keys, indices, fusion, repeats, fallbacks."""

import copy
import gc
import os
import random
import subprocess
import sys
import textwrap

import cv2
import numpy as np
import pytest
from mmengine.registry import DATASETS, TRANSFORMS, init_default_scope

import cdb_video  # noqa: F401  (mends the hosts before mmaction is imported)
from cdb_video_files.packs import PackWriter
from cdb_video_files.video import fallbacks
from cdb_video_files.video.errors import ClipError
from cdb_video_files.video.fallbacks import open_video
from tests.support.clips import (
    cut,
    spoil_middle,
    turn_by_header,
    write_clip,
    write_lying_avi,
    write_picture_clip,
    write_with_two_sizes,
)

FRAMES, SIZE = 40, (128, 96)
FUSIBLE = {
    'random crop': [{'type': 'Resize', 'scale': (-1, 64)}, {'type': 'RandomCrop', 'size': 56}, {'type': 'Flip'}],
    'random resized crop': [
        {'type': 'Resize', 'scale': (-1, 64)},
        {'type': 'RandomResizedCrop'},
        {'type': 'Resize', 'scale': (56, 56), 'keep_ratio': False},
        {'type': 'Flip', 'flip_ratio': 1.0},
    ],
    'multi-scale crop': [
        {'type': 'RandomRescale', 'scale_range': (64, 80)},
        {'type': 'MultiScaleCrop', 'input_size': 56, 'scales': (1, 0.8), 'random_crop': True},
        {'type': 'Resize', 'scale': (56, 56), 'keep_ratio': False, 'interpolation': 'bicubic'},
    ],
    'centre crop': [{'type': 'Resize', 'scale': (-1, 64)}, {'type': 'CenterCrop', 'crop_size': 56}],
}


@pytest.fixture(autouse=True)
def mmaction_scope():
    from mmaction.utils import register_all_modules

    register_all_modules(init_default_scope=False)
    init_default_scope('mmaction')


@pytest.fixture(autouse=True)
def warn_anew(monkeypatch):
    monkeypatch.setattr(fallbacks, '_warned', set())


def smooth(number):
    rng = np.random.default_rng(number)
    return cv2.resize(rng.integers(0, 255, (6, 8, 3), dtype=np.uint8), SIZE, interpolation=cv2.INTER_CUBIC)


@pytest.fixture(scope='module')
def clip(tmp_path_factory):
    """A video of smooth pictures that follow each other slowly, and the same as JPEG files and as a pack."""
    import av

    root = tmp_path_factory.mktemp('clips')
    folder = root / 'frames'
    folder.mkdir()
    writer = PackWriter(root / 'frames.pack')
    with av.open(str(root / 'a.mp4'), 'w') as container:
        stream = container.add_stream('libx264', rate=24, options={'crf': '10', 'bf': '3', 'g': '12'})
        (stream.width, stream.height), stream.pix_fmt = SIZE, 'yuv420p'
        for number in range(FRAMES):
            share = number % 10 / 10
            image = cv2.addWeighted(smooth(number // 10), 1 - share, smooth(number // 10 + 1), share, 0)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image)))
            jpeg = cv2.imencode('.jpg', image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()
            writer.add(jpeg)
            (folder / f'img_{number + 1:05}.jpg').write_bytes(jpeg)
        container.mux(stream.encode())
    writer.finish({})
    return root


def sample(clip, kind):
    """What a dataset gives for the clip."""
    if kind == 'video':
        return {'filename': str(clip / 'a.mp4'), 'label': 1, 'start_index': 0, 'modality': 'RGB'}
    return {
        'frame_dir': str(clip / 'frames'),
        'total_frames': FRAMES,
        'label': 1,
        'start_index': 1,
        'modality': 'RGB',
        'filename_tmpl': 'img_{:05}.jpg',
    }


def run(results, *settings, seed=0):
    """Put a sample through transforms, seeded."""
    random.seed(seed)
    np.random.seed(seed)
    for setting in settings:
        results = TRANSFORMS.build(copy.deepcopy(setting))(results)
    return results


OURS = {'video': [{'type': 'VideoInit'}, {'type': 'VideoDecode'}], 'pack': [{'type': 'PackDecode'}]}
THEIRS = {'video': [{'type': 'DecordInit'}, {'type': 'DecordDecode'}], 'pack': [{'type': 'RawFrameDecode'}]}


def pipeline(decoders, *after, sampling=None, **options):
    *start, decode = decoders
    sampling = sampling or {'type': 'SampleFrames', 'clip_len': 8, 'frame_interval': 3, 'num_clips': 1}
    return [*start, sampling, decode | options, *after]


def mean_difference(images, others):
    assert len(images) == len(others)
    return np.mean([np.abs(one.astype(float) - other).mean() for one, other in zip(images, others, strict=True)])


@pytest.mark.parametrize('kind', ['video', 'pack'])
def test_the_keys_and_the_pictures_are_those_of_mmaction2(clip, kind):
    if kind == 'video':
        pytest.importorskip('decord')
    ours = run(sample(clip, kind), *pipeline(OURS[kind]))
    theirs = run(sample(clip, kind), *pipeline(THEIRS[kind]))
    assert set(ours) == set(theirs)
    for key in ('total_frames', 'frame_inds', 'img_shape', 'original_shape', 'label', 'num_clips', 'clip_len'):
        np.testing.assert_array_equal(ours[key], theirs[key])
    if kind == 'pack':
        np.testing.assert_array_equal(ours['imgs'], theirs['imgs'])
    else:
        assert ours['avg_fps'] == pytest.approx(theirs['avg_fps'])
        assert ours['video_reader'] is theirs['video_reader'] is None
        # By levels, for they convert colours differently; the frames before and after are others.
        assert (
            mean_difference(ours['imgs'], theirs['imgs'])
            < 4
            < 5
            < mean_difference(ours['imgs'][1:], theirs['imgs'][:-1])
        )
    assert all(image.dtype == np.uint8 and image.flags.writeable for image in ours['imgs'])


@pytest.mark.parametrize('kind', ['video', 'pack'])
@pytest.mark.parametrize('fusible', FUSIBLE)
def test_fused_transforms_draw_and_show_what_they_do_behind_the_decoder(clip, kind, fusible):
    for seed in range(4):
        steps = FUSIBLE[fusible]
        fused = run(sample(clip, kind), *pipeline(OURS[kind], fused=steps), seed=seed)
        drawn_next = np.random.random(), random.random()
        unfused = run(sample(clip, kind), *pipeline(OURS[kind], *steps), seed=seed)
        assert drawn_next == (np.random.random(), random.random())
        assert set(fused) == set(unfused)
        for key in ('img_shape', 'crop_bbox', 'crop_quadruple', 'scale_factor', 'frame_inds', 'original_shape'):
            np.testing.assert_array_equal(fused[key], unfused[key])
        assert fused.get('flip') == unfused.get('flip')
        if kind == 'pack':
            np.testing.assert_array_equal(fused['imgs'], unfused['imgs'])
        else:
            assert mean_difference(fused['imgs'], unfused['imgs']) < 1.5


@pytest.mark.parametrize('kind', ['video', 'pack'])
def test_a_repeated_frame_is_decoded_once_and_can_be_written_to_without_harm(clip, kind, monkeypatch):
    sampling = {'type': 'SampleFrames', 'clip_len': 32, 'frame_interval': 2, 'num_clips': 1}
    converted = []
    from cdb_video_files.video.pixels import RgbConverter

    honest = RgbConverter.rgb
    monkeypatch.setattr(RgbConverter, 'rgb', lambda *arguments: converted.append(1) or honest(*arguments))
    results = run(sample(clip, kind), *pipeline(OURS[kind], sampling=sampling))
    unique = len(np.unique(results['frame_inds']))
    assert len(results['imgs']) == 32 > unique == len(converted)
    before = [image.copy() for image in results['imgs']]
    flipped = run(results, {'type': 'Flip', 'flip_ratio': 1.0})['imgs']
    for image, original in zip(flipped, before, strict=True):
        np.testing.assert_array_equal(image, original[:, ::-1])


@pytest.mark.parametrize('kind', ['video', 'pack'])
def test_ten_views_in_three_crops_decode_each_frame_once(clip, kind, monkeypatch):
    from cdb_video_files.video.pixels import RgbConverter

    converted = []
    honest = RgbConverter.rgb
    monkeypatch.setattr(RgbConverter, 'rgb', lambda *arguments: converted.append(1) or honest(*arguments))
    sampling = {'type': 'SampleFrames', 'clip_len': 8, 'frame_interval': 2, 'num_clips': 10, 'test_mode': True}
    tail = [{'type': 'ThreeCrop', 'crop_size': 64}, {'type': 'FormatShape', 'input_format': 'NCTHW'}]
    resize = {'type': 'Resize', 'scale': (-1, 64)}
    options = {'sampling': sampling, 'share_repeats': True}
    fused = run(sample(clip, kind), *pipeline(OURS[kind], *tail, fused=[resize], **options))
    unique = len(np.unique(fused['frame_inds']))
    assert unique < 80
    assert len(converted) == unique
    assert fused['imgs'].shape == (30, 3, 8, 64, 64)
    unfused = run(sample(clip, kind), *pipeline(OURS[kind], resize, *tail, **options))
    assert mean_difference(fused['imgs'], unfused['imgs']) < 1
    # The views share their frames: one array of each.
    images = run(sample(clip, kind), *pipeline(OURS[kind], **options))['imgs']
    assert len({image.ctypes.data for image in images}) == unique
    if kind == 'pack':
        theirs = run(sample(clip, kind), *pipeline(THEIRS[kind], resize, *tail, sampling=sampling))
        np.testing.assert_array_equal(fused['imgs'], theirs['imgs'])


@pytest.mark.uncovered
def test_no_decoded_frame_waits_for_the_garbage_collector(clip):
    import av

    steps = pipeline(OURS['video'], fused=FUSIBLE['random crop'])
    gc.collect()
    gc.disable()
    try:
        results = run(sample(clip, 'video'), *steps)
        waiting = [found for found in gc.get_objects() if type(found) is av.VideoFrame]
    finally:
        gc.enable()
    assert len(results['imgs']) == 8
    # The one that was asked for its side data.
    assert len(waiting) <= 1


@pytest.mark.parametrize('kind', ['video', 'pack'])
@pytest.mark.parametrize('start_index', [0, 1, 7])
def test_indices_count_from_the_start_index(clip, kind, start_index):
    plain = run(sample(clip, kind), *pipeline(OURS[kind]))
    shifted = run(sample(clip, kind) | {'start_index': start_index}, *pipeline(OURS[kind]))
    assert shifted['frame_inds'].min() >= start_index
    np.testing.assert_array_equal(plain['imgs'], shifted['imgs'])


def test_an_offset_moves_into_the_pack(clip):
    whole = run(sample(clip, 'pack') | {'frame_inds': np.array([11, 12])}, {'type': 'PackDecode'})
    part = sample(clip, 'pack') | {'offset': 10, 'total_frames': 30, 'frame_inds': np.array([[1, 2]])}
    np.testing.assert_array_equal(run(part, {'type': 'PackDecode'})['imgs'], whole['imgs'])


def test_what_cannot_be_fused_or_read_is_refused_by_name(clip):
    with pytest.raises(ValueError, match=r'ThreeCrop cannot be fused.*Put it behind the decoder'):
        TRANSFORMS.build({'type': 'PackDecode', 'fused': [{'type': 'ThreeCrop', 'crop_size': 64}]})
    with pytest.raises(ValueError, match='RandomCrop with lazy=True'):
        TRANSFORMS.build({'type': 'VideoDecode', 'fused': [{'type': 'RandomCrop', 'size': 64, 'lazy': True}]})
    with pytest.raises(ValueError, match=r"backends=\['gif'\]: must be some of 'pyav'"):
        TRANSFORMS.build({'type': 'VideoInit', 'backends': ['gif']})
    crop = [{'type': 'CenterCrop', 'crop_size': 100}]
    with pytest.raises(ValueError, match='a crop of 100x100 does not lie in a frame of 128x96'):
        run(sample(clip, 'pack'), *pipeline(OURS['pack'], fused=crop))
    with pytest.raises(ValueError, match='gt_bboxes'):
        run(sample(clip, 'pack') | {'gt_bboxes': np.zeros((1, 4))}, *pipeline(OURS['pack']))
    with pytest.raises(ValueError, match="modality='Flow'"):
        run(sample(clip, 'pack') | {'modality': 'Flow'}, *pipeline(OURS['pack']))


def test_a_pack_with_fewer_frames_than_the_list_says_is_an_error(clip):
    with pytest.raises(ClipError, match=r'frames\.pack: it holds 40 frames, the list says 41\. Mend'):
        run(sample(clip, 'pack') | {'total_frames': 41}, *pipeline(OURS['pack']))


def test_damaged_packs_are_named_with_the_rule(clip, tmp_path):
    content = (clip / 'frames.pack').read_bytes()
    spoilt = bytearray(content)
    spoilt[len(content) // 2] ^= 255
    writer = PackWriter(tmp_path / 'text.pack')
    writer.add(b'no picture')
    writer.finish({})
    cases = {
        'short': (content[:-100], 'Make it anew'),
        'spoilt': (bytes(spoilt), r'frame \d+ is damaged \(wrong checksum\)'),
        'other': (b'no pack', 'is not a pack'),
        'text': ((tmp_path / 'text.pack').read_bytes(), 'frame 0 is no JPEG file'),
    }
    for name, (data, rule) in cases.items():
        (tmp_path / f'{name}.pack').write_bytes(data)
        damaged = sample(clip, 'pack') | {'frame_dir': str(tmp_path / name), 'frame_inds': np.arange(1, 41)}
        damaged['total_frames'] = 1
        with pytest.raises(ClipError, match=rf'{name}\.pack: .*{rule}'):
            run(damaged, {'type': 'PackDecode'})


def test_a_video_whose_frames_change_their_size_is_named(tmp_path):
    path = write_with_two_sizes(tmp_path / 'two.mkv')
    results = {'filename': str(path), 'start_index': 0, 'modality': 'RGB', 'frame_inds': np.arange(8)}
    with pytest.raises(ClipError, match=r'two\.mkv: its frames change their size, from \(64, 48\) to \(96, 64\)'):
        run(results, {'type': 'VideoInit'}, {'type': 'VideoDecode'})


@pytest.mark.parametrize('backend', ['decord', 'opencv'])
def test_a_fallback_warns_once_and_gives_the_same_frames(clip, backend, monkeypatch):
    pytest.importorskip('decord' if backend == 'decord' else 'cv2')
    chain = ['pyav', backend]
    real = fallbacks._READERS

    def missing(path):
        raise ImportError('No module named av')

    expected = run(sample(clip, 'video'), *pipeline(OURS['video']))
    monkeypatch.setattr(fallbacks, '_READERS', real | {'pyav': missing})
    steps = [{'type': 'VideoInit', 'backends': chain}, {'type': 'VideoDecode'}]
    with pytest.warns(UserWarning, match=f'pyav cannot read videos here .*: {backend} is used') as caught:
        found = [run(sample(clip, 'video'), *pipeline(steps)) for _ in range(2)]
    assert len(caught) == 1
    for results in found:
        assert results['total_frames'] == FRAMES
        assert mean_difference(results['imgs'], expected['imgs']) < 4


class Unmoved:
    """An open video of OpenCV that fails when it is moved to another frame."""

    def __init__(self, capture):
        self.capture = capture

    def __getattr__(self, name):
        assert name != 'set', 'a seek'
        return getattr(self.capture, name)


def test_decord_is_asked_for_rising_unique_frames_and_opencv_never_seeks(clip, monkeypatch):
    decord = pytest.importorskip('decord')
    asked = []
    honest = decord.VideoReader.get_batch
    monkeypatch.setattr(
        decord.VideoReader, 'get_batch', lambda self, part: asked.append(list(part)) or honest(self, part)
    )
    sampling = {'type': 'SampleFrames', 'clip_len': 16, 'frame_interval': 4, 'num_clips': 4, 'test_mode': True}
    for backend in ('decord', 'opencv'):
        steps = [{'type': 'VideoInit', 'backends': [backend]}, {'type': 'VideoDecode'}]
        if backend == 'opencv':
            monkeypatch.setattr(cv2, 'VideoCapture', lambda path, open_it=cv2.VideoCapture: Unmoved(open_it(path)))
        results = run(sample(clip, 'video'), *pipeline(steps, sampling=sampling))
        assert len(results['imgs']) == 64
    assert [number for part in asked for number in part] == np.unique(results['frame_inds']).tolist()


def test_damaged_files_are_named_by_the_fallbacks_too(tmp_path):
    pytest.importorskip('decord')
    whole = write_clip(tmp_path / 'whole.mp4', frames=72, size=(160, 120))
    half = cut(whole, tmp_path / 'half.mp4', 0.5)
    for backend in ('decord', 'opencv'):
        with pytest.raises(ClipError, match=r'half\.mp4: '):
            list(open_video(str(half), [backend]).frames(range(72)))
    (tmp_path / 'text.mp4').write_text('no video')
    for backend in ('decord', 'opencv'):
        with pytest.raises(ClipError, match=r'text\.mp4: '):
            open_video(str(tmp_path / 'text.mp4'), [backend])


def test_without_any_backend_the_error_says_what_each_lacks(clip, monkeypatch):
    def missing(path):
        raise ImportError('not here')

    monkeypatch.setattr(fallbacks, '_READERS', dict.fromkeys(fallbacks.BACKENDS, missing))
    with pytest.warns(UserWarning, match='is used, more slowly'), pytest.raises(ClipError, match='opencv: not here'):
        open_video(str(clip / 'a.mp4'))
    with pytest.raises(FileNotFoundError, match='there is no such file'):
        open_video(str(clip / 'absent.mp4'))


@pytest.mark.skipif(os.name != 'posix', reason='names that other systems do not have')
def test_forty_damaged_files_are_named(tmp_path):
    from tests.data_prep.test_damaged_clips import write_damaged_codec, write_no_videos

    clips, work = tmp_path / 'clips', tmp_path / 'work'
    clips.mkdir()
    work.mkdir()
    rules = {**write_no_videos(clips), **write_damaged_codec(clips, work, 'libx264')}
    rules |= write_damaged_codec(clips, work, 'mpeg4')
    write_lying_avi(clips / 'announces more.mp4', 14)
    turn_by_header(write_clip(clips / 'aslant.mp4'), (0.7071, 0.7071, -0.7071, 0.7071))
    found = {}
    for path in sorted(clips.iterdir()):
        results = {'filename': str(path), 'start_index': 0, 'modality': 'RGB'}
        steps = [{'type': 'VideoInit'}, {'type': 'SampleFrames', 'clip_len': 72}, {'type': 'VideoDecode'}]
        with pytest.raises(ClipError) as caught:
            run(results, *steps)
        found[path.stem] = caught.value
    assert sorted(found) == sorted([*rules, 'announces more', 'aslant'])
    assert len(found) >= 40
    assert all(error.path == str(clips / f'{name}.mp4') and error.rule for name, error in found.items())


@pytest.mark.parametrize('damage', ['cut', 'spoilt', 'text', 'empty'])
def test_no_damaged_video_is_read_in_silence(tmp_path, damage):
    whole = write_clip(tmp_path / 'whole.mp4', frames=72, size=(160, 120))
    path = tmp_path / 'clip.mp4'
    if damage == 'cut':
        cut(whole, path, 0.95)
    elif damage == 'spoilt':
        spoil_middle(whole, path, 6000)
    else:
        path.write_bytes(b'no video' if damage == 'text' else b'')
    results = {'filename': str(path), 'start_index': 0, 'modality': 'RGB', 'frame_inds': np.arange(72)}
    with pytest.raises(ClipError, match=r'clip\.mp4: .*Mend or replace the file'):
        run(results, {'type': 'VideoInit'}, {'type': 'VideoDecode'})


@pytest.fixture
def ycgco(tmp_path):
    """A clip whose header states a colour matrix that swscale does not know."""
    return write_clip(tmp_path / 'a.mp4', shade=[90] * 12, **{'x264-params': 'colormatrix=YCgCo'})


def test_colours_of_an_unknown_matrix_are_left_to_decord_and_nothing_is_drawn_twice(ycgco):
    pytest.importorskip('decord')
    steps = [{'type': 'VideoInit'}, {'type': 'VideoDecode', 'fused': FUSIBLE['random resized crop'][1:]}]
    results = {'filename': str(ycgco), 'start_index': 0, 'modality': 'RGB', 'frame_inds': np.arange(4)}
    with pytest.warns(UserWarning, match=r'colour matrix 8, YCgCo\): decord is used'):
        found = run(results, *steps)
    assert mean_difference(found['imgs'], [np.full((56, 56, 3), 90)] * 4) < 3
    plain = write_clip(ycgco.with_name('b.mp4'), shade=[90] * 12)
    expected = run(results | {'filename': str(plain)}, *steps)
    np.testing.assert_array_equal(found['crop_bbox'], expected['crop_bbox'])


@pytest.mark.parametrize('backends', [['pyav'], ['pyav', 'opencv'], ['pyav', 'decord']])
def test_where_nothing_converts_the_colours_the_file_and_the_matrix_are_named(ycgco, backends, monkeypatch):
    def missing(path):
        raise ImportError('No module named decord')

    monkeypatch.setattr(fallbacks, '_READERS', fallbacks._READERS | {'decord': missing})
    results = {'filename': str(ycgco), 'start_index': 0, 'modality': 'RGB', 'frame_inds': np.arange(4)}
    with pytest.raises(ClipError, match=r'a\.mp4: .*\(yuv420p, colour matrix 8, YCgCo\).*Encode it with BT\.709'):
        run(results, {'type': 'VideoInit', 'backends': backends}, {'type': 'VideoDecode'})


@pytest.mark.parametrize('pix_fmt', ['yuv420p', 'yuv444p', 'yuv420p10le'])
def test_a_still_clip_gives_the_same_picture_in_every_format(tmp_path, pix_fmt):
    image = smooth(3)
    path = write_picture_clip(tmp_path / 'a.mp4', image, pix_fmt)
    results = {'filename': str(path), 'start_index': 0, 'modality': 'RGB', 'frame_inds': np.arange(3)}
    found = run(results, {'type': 'VideoInit'}, {'type': 'VideoDecode'})
    assert mean_difference(found['imgs'], [image] * 3) < 4


def test_without_mmaction2_the_names_say_what_is_missing_and_decord_is_not_loaded():
    code = """
        import sys
        sys.modules['mmaction'] = None
        from mmengine.registry import TRANSFORMS
        import cdb_video
        print([name for name in ('decord', 'av') if name in sys.modules])
        TRANSFORMS.build(dict(type='VideoInit'))
    """
    done = subprocess.run([sys.executable, '-c', textwrap.dedent(code)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == '[]\n'
    assert 'PackDecode, VideoInit and VideoDecode need mmaction2' in done.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize('kind', ['video', 'pack'])
@pytest.mark.parametrize('fused', [[], [{'type': 'Resize', 'scale': (-1, 64)}]])
def test_several_clips_of_a_training_sample_can_be_written_to(clip, kind, fused):
    # Two frames, each of which is asked for eight times.
    asked = {'frame_inds': np.array([3, 4] * 8), 'num_clips': 16, 'clip_len': 1}
    *start, decode = OURS[kind]
    plain, flipped, erased = (
        run(sample(clip, kind) | asked, *start, decode | {'fused': fused}, *behind)['imgs']
        for behind in ([], [{'type': 'Flip', 'flip_ratio': 1.0}], [{'type': 'RandomErasing', 'erase_prob': 1.0}])
    )
    for image, original in zip(flipped, plain, strict=True):
        np.testing.assert_array_equal(image, original[:, ::-1])
    assert mean_difference(erased, plain) > 1


@pytest.mark.parametrize('options', [{}, {'share_repeats': True}])
def test_a_clip_can_be_built_of_a_single_image(clip, options):
    decode = {'type': 'PackDecode', 'fused': [{'type': 'Resize', 'scale': (-1, 64)}], **options}
    tail = [{'type': 'BuildPseudoClip', 'clip_len': 4}, {'type': 'FormatShape', 'input_format': 'NCTHW'}]
    asked = {'frame_inds': np.array([3]), 'num_clips': 1, 'clip_len': 1}
    assert run(sample(clip, 'pack') | asked, decode, *tail)['imgs'].shape == (1, 3, 4, 64, 85)


def test_shared_repeats_refuse_to_be_written_to_even_where_nothing_is_repeated(clip):
    asked = {'frame_inds': np.array([3, 4]), 'num_clips': 1, 'clip_len': 2}
    shared = {'type': 'PackDecode', 'share_repeats': True}
    results = run(sample(clip, 'pack') | asked, shared)
    assert not any(image.flags.writeable for image in results['imgs'])
    with pytest.raises((cv2.error, ValueError)):
        run(results, {'type': 'Flip', 'flip_ratio': 1.0})
    for step in (
        {'type': 'ThreeCrop', 'crop_size': 96},
        {'type': 'TenCrop', 'crop_size': 64},
        {'type': 'CenterCrop', 'crop_size': 64},
        {'type': 'Resize', 'scale': (-1, 64)},
        {'type': 'FormatShape', 'input_format': 'NCTHW'},
    ):
        found = run(sample(clip, 'pack') | asked, shared, step)['imgs']
        np.testing.assert_array_equal(found, run(sample(clip, 'pack') | asked, {'type': 'PackDecode'}, step)['imgs'])


@pytest.mark.parametrize('kind', ['video', 'pack'])
def test_a_clip_that_is_missing_or_a_folder_is_named_and_replaced(clip, tmp_path, kind):
    (tmp_path / f'folder.{"mp4" if kind == "video" else "pack"}').mkdir()
    name = 'a.mp4' if kind == 'video' else 'frames.pack'
    (tmp_path / name).write_bytes((clip / name).read_bytes())
    lines = (
        ['a.mp4 0', 'gone.mp4 0', 'folder.mp4 0'] if kind == 'video' else ['frames 40 0', 'gone 40 0', 'folder 40 0']
    )
    (tmp_path / 'list.txt').write_text('\n'.join(lines) + '\n')
    settings = {
        'type': 'VideoListDataset' if kind == 'video' else 'FrameListDataset',
        'ann_file': str(tmp_path / 'list.txt'),
        'data_prefix': {'video' if kind == 'video' else 'img': str(tmp_path)},
        'pipeline': pipeline(OURS[kind]),
        'check_files': False,
    }
    dataset = DATASETS.build(settings)
    for index, rule in ((1, 'there is no such'), (2, r'cannot be read \(Is a directory\)')):
        with pytest.raises(ClipError, match=rf'{lines[index].split(".")[0].split()[0]}\.\w+: {rule}'):
            dataset[index]
    dataset = DATASETS.build(settings | {'on_error': 'resample'})
    for index in (1, 2):
        np.testing.assert_array_equal(dataset[index]['original_shape'], SIZE[::-1])


def test_arguments_of_the_readers_whose_place_they_take_are_taken(clip):
    plain = run(sample(clip, 'video'), *pipeline(OURS['video']))['imgs']
    local = {'backend_args': {'backend': 'local'}}
    steps = [{'type': 'VideoInit', 'io_backend': 'disk', 'num_threads': 4, **local}, {'type': 'VideoDecode'}]
    found = run(sample(clip, 'video'), *pipeline(steps, mode='accurate', multi_thread=True))['imgs']
    np.testing.assert_array_equal(found, plain)
    options = {'io_backend': 'local', 'decoding_backend': 'cv2', **local}
    found = run(sample(clip, 'pack'), *pipeline(OURS['pack'], **options))['imgs']
    np.testing.assert_array_equal(found, run(sample(clip, 'pack'), *pipeline(OURS['pack']))['imgs'])


@pytest.mark.parametrize(
    ('setting', 'message'),
    [
        ({'type': 'VideoInit', 'io_backend': 'petrel'}, "io_backend='petrel': VideoInit reads local files only.*Copy"),
        ({'type': 'PackDecode', 'backend_args': {'backend': 'http'}}, "'http': PackDecode reads local files only"),
        ({'type': 'PackDecode', 'backend_args': {'enable_mc': True}}, 'PackDecode knows no enable_mc.*Leave them out'),
        ({'type': 'PackDecode', 'decoding_backend': 'turbojpeg'}, "'turbojpeg': PackDecode decodes with OpenCV"),
        ({'type': 'VideoInit', 'num_threads': -1}, 'num_threads=-1: must be a whole number of at least 0'),
        ({'type': 'VideoDecode', 'mode': 'efficient'}, "mode='efficient' would show the key frames.*Leave mode out"),
        ({'type': 'VideoDecode', 'mode': 'fast'}, "mode='fast': must be 'accurate'"),
    ],
)
def test_arguments_that_cannot_be_followed_are_refused_with_a_remedy(setting, message):
    with pytest.raises(ValueError, match=message):
        TRANSFORMS.build(setting)


def test_mp4_may_be_left_out_of_a_name(clip, tmp_path):
    (tmp_path / 'list.txt').write_text('a 1\n')
    settings = {'ann_file': str(tmp_path / 'list.txt'), 'data_prefix': {'video': str(clip)}}
    dataset = DATASETS.build({'type': 'VideoListDataset', 'pipeline': pipeline(OURS['video']), **settings})
    assert dataset[0]['total_frames'] == FRAMES
    assert dataset[0]['filename'].endswith('/a')
    (clip / 'bare').write_bytes((clip / 'a.mp4').read_bytes())
    bare = run(sample(clip, 'video') | {'filename': str(clip / 'bare')}, {'type': 'VideoInit'})['video_reader']
    assert bare.path.endswith('/bare')
    bare.close()
    with pytest.raises(ClipError, match=r'absent\.mp4: there is no such file'):
        run({'filename': str(clip / 'absent')}, {'type': 'VideoInit'})


def test_pack_that_is_missing_or_holds_an_empty_frame_is_named(clip, tmp_path):
    absent = sample(clip, 'pack') | {'frame_dir': str(tmp_path / 'absent')}
    with pytest.raises(ClipError, match=r'absent\.pack: there is no such pack'):
        run(absent, *pipeline(OURS['pack']))
    writer = PackWriter(tmp_path / 'empty.pack')
    for _ in range(3):
        writer.add(b'')
    writer.finish({})
    empty = sample(clip, 'pack') | {'frame_dir': str(tmp_path / 'empty'), 'total_frames': 3}
    with pytest.raises(ClipError, match='is no JPEG file'):
        run(empty, *pipeline(OURS['pack']))
