"""Scores of clips and windows: the same by every road, and of each clip by itself."""

import copy
import dataclasses
import uuid

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

import cdb_video
from cdb_video.inference.results import Failure, Prediction
from cdb_video_files.class_lists import read_class_names
from cdb_video_files.video.errors import ClipError
from tests.support.clips import cut, spoil_middle, write_audio, write_clip, write_paced
from tests.support.work_dirs import CLASSES, FUSED, config_of, make_work_dir, pipeline, save_checkpoint

PACK = {'start': [], 'decoder': 'PackDecode'}


def scores(prediction):
    """(C,) in the order of the labels."""
    return np.array([one.score for one in sorted(prediction.ranked, key=lambda one: one.label)])


@pytest.fixture(scope='module')
def clips(tmp_path_factory):
    """Three clips of noise, of which each looks otherwise."""
    folder = tmp_path_factory.mktemp('clips')
    return [str(write_clip(folder / f'{frames}.mp4', frames=frames, size=(64, 48))) for frames in (12, 13, 14)]


@pytest.fixture(scope='module')
def predictor(tmp_path_factory):
    return cdb_video.load(make_work_dir(tmp_path_factory.mktemp('run')), device='cpu')


def test_all_classes_are_ranked_by_name(predictor, clips):
    found = predictor.predict(clips[0])
    assert {one.name for one in found.ranked} == set(CLASSES)
    assert all(CLASSES[one.label] == one.name for one in found.ranked)
    assert [one.score for one in found.ranked] == sorted((one.score for one in found.ranked), reverse=True)
    assert found.best is found.ranked[0]
    assert sum(one.score for one in found.ranked) == pytest.approx(1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.path = 'other'


def test_a_clip_has_the_same_scores_alone_and_among_others_of_other_sizes(tmp_path, clips):
    whole = pipeline(fused=(), behind=[{'type': 'Resize', 'scale': (-1, 24)}])
    predictor = cdb_video.load(make_work_dir(tmp_path / 'run', whole), device='cpu', batch_size=4)
    wide = str(write_clip(tmp_path / 'wide.mp4', size=(96, 48)))
    together = list(predictor.predict_all([clips[0], wide, *clips[1:]]))
    assert [one.path for one in together] == [clips[0], wide, *clips[1:]]
    for one in together:
        np.testing.assert_allclose(scores(one), scores(predictor.predict(one.path)), atol=1e-6)


def test_a_clip_that_fails_is_named_with_the_cause_and_costs_the_others_nothing(predictor, clips, tmp_path):
    good = tmp_path / 'good.mp4'
    write_clip(good, frames=30)
    text = tmp_path / 'text.mp4'
    text.write_text('no video')
    bad = {
        text: 'not a readable video file',
        cut(good, tmp_path / 'cut.mp4', 0.6): 'cut off',
        spoil_middle(good, tmp_path / 'spoiled.mp4', 4000): 'cannot be decoded|damaged',
        write_audio(tmp_path / 'sound.mp4'): 'holds no video stream',
        tmp_path / 'missing.mp4': 'there is no such file',
        tmp_path: f'{tmp_path}.mp4: there is no such file',
        write_clip(tmp_path / 'small.mp4', size=(32, 16)): '16',
    }
    found = list(predictor.predict_all([clips[0], *bad, clips[1]]))
    assert [type(one) for one in found] == [Prediction, *[Failure] * len(bad), Prediction]
    for failure, (path, cause) in zip(found[1:-1], bad.items(), strict=True):
        assert failure.path == str(path)
        assert not failure.cause.startswith(f'{path}: ')
        assert any(words in failure.cause for words in cause.split('|')), failure
    with pytest.raises(ClipError, match='not a readable video file'):
        predictor.predict(text)


def test_a_clip_that_is_shorter_than_a_view_says_what_becomes_of_it(predictor, tmp_path):
    short = write_clip(tmp_path / 'short.mp4', frames=5)
    note = predictor.predict(short).note
    assert note.startswith('5 frames, fewer than the 7 that a view spans: it starts over at its first frame')
    assert note.endswith("(SampleFrames, out_of_bound_opt='loop'), as in training")
    assert predictor.predict(write_clip(tmp_path / 'just.mp4', frames=7)).note is None


def test_a_test_that_treats_short_clips_otherwise_than_the_training_is_told_of(tmp_path):
    other = pipeline(out_of_bound_opt='repeat_last')
    folder = make_work_dir(tmp_path / 'run')
    config = Config.fromfile(folder / 'toy.py')
    config.test_dataloader.dataset.pipeline = other
    config.dump(folder / 'toy.py')
    note = cdb_video.load(folder, device='cpu').predict(write_clip(tmp_path / 'short.mp4', frames=5)).note
    assert 'its last frame is repeated' in note
    assert 'in training it starts over' in note


def test_scores_that_are_no_numbers_are_no_prediction(predictor, clips, tmp_path):
    folder = make_work_dir(tmp_path / 'run')
    content = torch.load(folder / 'best_acc_mean1_epoch_2.pth', weights_only=False)
    content['state_dict']['cls_head.fc_cls.weight'][:] = float('nan')
    torch.save(content, folder / 'best_acc_mean1_epoch_2.pth')
    (found,) = cdb_video.load(folder, device='cpu').predict_all(clips[:1])
    assert 'not finite numbers' in found.cause


@pytest.mark.parametrize('start', ['PyAV', 'Decord'])
def test_readers_of_mmaction2_stay_and_their_errors_name_the_clip(tmp_path, clips, start):
    steps = pipeline([{'type': f'{start}Init'}], f'{start}Decode', fused=(), behind=FUSED)
    predictor = cdb_video.load(make_work_dir(tmp_path / 'run', steps), device='cpu')
    text = tmp_path / 'text.mp4'
    text.write_text('no video')
    good, bad = predictor.predict_all([clips[0], text])
    assert good.best.score > 0
    assert f'{start.lower()} cannot' in bad.cause.lower()


def test_several_views_differ_from_the_single_one_which_is_their_middle(tmp_path, clips):
    crops = [{'type': 'ThreeCrop', 'crop_size': 32}]
    many = pipeline(fused=[{'type': 'Resize', 'scale': (-1, 32)}], behind=crops, num_clips=3)
    middle = [{'type': 'CenterCrop', 'crop_size': 32}]
    one = pipeline(fused=[{'type': 'Resize', 'scale': (-1, 32)}], behind=middle)
    folder = make_work_dir(tmp_path / 'many', many)
    expected = cdb_video.load(make_work_dir(tmp_path / 'one', one), device='cpu').predict(clips[2])
    single = cdb_video.load(folder, device='cpu', views='single').predict(clips[2])
    full = cdb_video.load(folder, device='cpu').predict(clips[2])
    np.testing.assert_allclose(scores(single), scores(expected), atol=1e-6)
    assert np.abs(scores(full) - scores(single)).max() > 1e-4


@pytest.fixture(scope='module')
def mini_run(tiny_mini, tmp_path_factory):
    """A work directory whose config reads packs of EGTEA-mini, and the videos of its test list."""
    lists = tiny_mini / 'lists/verb_split1_subjects-P20-P26'
    names = read_class_names(lists / 'classes.txt')
    steps = pipeline(**PACK, fused=[{'type': 'CenterCrop', 'crop_size': 40}, FUSED[1]])
    folder = make_work_dir(tmp_path_factory.mktemp('mini_run'), steps, classes=names, dataset='FrameListDataset')
    listed = (lists / 'test_videos.txt').read_text().split('\n')[:6]
    return folder, lists, [str(tiny_mini / 'cropped_clips' / line.split()[0]) for line in listed]


def scores_of_test(folder, lists, tiny_mini, tmp_path):
    """The scores that the test of mmengine's Runner gives the videos of the list."""
    config = Config.fromfile(folder / 'toy.py')
    dataset = config.test_dataloader.dataset
    (tmp_path / 'six.txt').write_text('\n'.join((lists / 'test_videos.txt').read_text().split('\n')[:6]) + '\n')
    steps = copy.deepcopy(dataset.pipeline)
    steps[1].type = 'VideoDecode'
    dataset.update(
        type='VideoListDataset',
        ann_file=str(tmp_path / 'six.txt'),
        data_prefix={'video': str(tiny_mini / 'cropped_clips')},
        pipeline=[{'type': 'VideoInit'}, *steps],
        test_mode=True,
    )
    dump = tmp_path / 'dump.pkl'
    evaluator = [{'type': 'ClassAccuracy'}, {'type': 'DumpResults', 'out_file_path': str(dump)}]
    checkpoint = str(folder / 'best_acc_mean1_epoch_2.pth')
    name = uuid.uuid4().hex
    config.merge_from_dict({'work_dir': str(tmp_path / 'test'), 'experiment_name': name, 'load_from': checkpoint})
    config.update(test_cfg={}, test_evaluator=evaluator)
    config.pop('train_dataloader')
    Runner.from_cfg(config).test()
    from mmengine.fileio import load

    return np.array([one['pred_score'].numpy() for one in load(dump)])


def test_single_views_recognizer_inferencer_and_test_agree(mini_run, tiny_mini, tmp_path):
    from mmaction.apis import inference_recognizer, init_recognizer
    from mmaction.apis.inferencers import MMAction2Inferencer

    folder, lists, paths = mini_run
    ours = np.array([scores(one) for one in cdb_video.load(folder, device='cpu', views='single').predict_all(paths)])
    config, checkpoint = str(folder / 'toy.py'), str(folder / 'best_acc_mean1_epoch_2.pth')
    model = init_recognizer(config, checkpoint, device='cpu')
    recognizer = np.array([inference_recognizer(model, path).pred_score.numpy() for path in paths])
    inferencer = MMAction2Inferencer(rec=config, rec_weights=checkpoint, device='cpu')
    by_inferencer = np.array([one['rec_scores'][0] for one in inferencer(paths)['predictions']])
    for others in (recognizer, by_inferencer, scores_of_test(folder, lists, tiny_mini, tmp_path)):
        np.testing.assert_allclose(ours, others, atol=1e-6)
    assert np.ptp(ours, axis=0).max() > 1e-3  # or equal scores would say nothing


def test_packs_and_videos_differ_by_what_jpeg_takes(mini_run, tiny_mini):
    """A pack holds JPEG files of the frames."""
    from mmaction.apis import inference_recognizer, init_recognizer

    folder, lists, paths = mini_run
    model = init_recognizer(str(folder / 'toy.py'), str(folder / 'best_acc_mean1_epoch_2.pth'), device='cpu')
    name, frames, _ = (lists / 'test.txt').read_text().splitlines()[0].split()
    pack = {'frame_dir': str(tiny_mini / 'packs' / name), 'total_frames': int(frames), 'start_index': 1, 'label': -1}
    by_pack = inference_recognizer(model, pack).pred_score.numpy()
    by_video = inference_recognizer(model, paths[0]).pred_score.numpy()
    assert 0 < np.abs(by_pack - by_video).max() < 0.1


def test_windows_are_clips_of_their_own_and_the_video_is_decoded_once(tmp_path, monkeypatch):
    """Frame k is of one grey, and the network is replaced by what it is shown."""
    from cdb_video_files.video.reader import Video

    path = write_paced(tmp_path / 'long.mp4', [number / 24 for number in range(24)])
    predictor = cdb_video.load(make_work_dir(tmp_path / 'run'), device='cpu')
    opened = []
    monkeypatch.setattr(Video, '__init__', counted_init(opened, Video.__init__))
    reads = list(predictor.pipeline.windows(str(path), 0.5, 0.25))
    assert len(opened) == 1
    # Its header has one frame in 41.65 ms.
    assert [read.seconds for read in reads] == [pytest.approx((at, at + 0.5), abs=1e-3) for at in (0, 0.25, 0.5)]
    for read, first in zip(reads, (0, 6, 12), strict=True):
        greys = read.packed['inputs'].float().mean((0, 1, 3, 4))
        # The middle of 12 frames: 7 frames from the third on, every second one.
        np.testing.assert_allclose(greys, [10 + 8 * (first + 2 + step) for step in (0, 2, 4, 6)], atol=2.5)


def counted_init(opened, original):
    def init(self, path):
        opened.append(path)
        original(self, path)

    return init


@pytest.mark.parametrize('start', ['PyAV', 'Decord'])
def test_windows_by_other_readers_are_the_same_clips(tmp_path, start):
    path = write_paced(tmp_path / 'long.mp4', [number / 24 for number in range(24)])
    steps = pipeline([{'type': f'{start}Init'}], f'{start}Decode', fused=(), behind=FUSED)
    predictor = cdb_video.load(make_work_dir(tmp_path / 'run', steps), device='cpu')
    for read, first in zip(predictor.pipeline.windows(str(path), 0.5, 0.25), (0, 6, 12), strict=True):
        greys = read.packed['inputs'].float().mean((0, 1, 3, 4))
        np.testing.assert_allclose(greys, [10 + 8 * (first + 2 + step) for step in (0, 2, 4, 6)], atol=4)


def test_a_timeline_has_the_scores_of_its_windows(predictor, tmp_path):
    path = str(write_clip(tmp_path / 'long.mp4', frames=30))
    whole = predictor.timeline(path, 10)
    (window,) = whole.windows
    assert (window.start, window.end) == (0, 30 / 24)
    np.testing.assert_allclose(scores(window), scores(predictor.predict(path)), atol=1e-6)
    timeline = predictor.timeline(path, 0.5, 0.25)
    assert [window.start for window in timeline.windows] == [0, 0.25, 0.5, 0.75]
    assert timeline.fault is None
    assert timeline.note is None
    assert 'fewer than the 7' in predictor.timeline(path, 0.2).note


def test_a_video_that_is_damaged_further_on_keeps_the_windows_before(predictor, tmp_path):
    good = write_clip(tmp_path / 'good.mp4', frames=72, g='12')
    bad = spoil_middle(good, tmp_path / 'bad.mp4', 4000)
    timeline = predictor.timeline(bad, 0.25)
    assert 0 < len(timeline.windows) < 12
    assert str(bad) in timeline.fault
    np.testing.assert_allclose(
        scores(timeline.windows[0]), scores(predictor.timeline(good, 0.25).windows[0]), atol=1e-6
    )


@pytest.mark.parametrize(('window', 'stride'), [(0, 1), (-1, None), (1, 0), (float('nan'), None), ('1', None)])
def test_windows_of_no_length_are_refused(predictor, clips, window, stride):
    with pytest.raises(ValueError, match=r'must be a finite number > 0'):
        predictor.timeline(clips[0], window, stride)


def test_clips_go_one_by_one_where_memory_does_not_do_for_all(tmp_path, clips, monkeypatch):
    predictor = cdb_video.load(make_work_dir(tmp_path / 'run'), device='cpu', batch_size=3)
    original, sizes = predictor.model.test_step, []

    def test_step(data):
        sizes.append(len(data['inputs']))
        if len(data['inputs']) > 1:
            raise RuntimeError('CUDA out of memory. Tried to allocate 1 GiB')
        return original(data)

    monkeypatch.setattr(predictor.model, 'test_step', test_step)
    assert all(isinstance(one, Prediction) for one in predictor.predict_all(clips))
    assert sizes == [3, 1, 1, 1]


def test_names_come_from_the_checkpoint_the_config_or_the_numbers(tmp_path, clips):
    steps = pipeline()
    for name, classes, kept in (('both', CLASSES, CLASSES), ('config', CLASSES, None), ('none', None, None)):
        config = config_of(steps)
        if classes is None:
            for loader in ('train_dataloader', 'test_dataloader'):
                config[loader].dataset.pop('classes')
        (tmp_path / name).mkdir()
        config.dump(tmp_path / name / 'toy.py')
        save_checkpoint(tmp_path / name / 'epoch_1.pth', config, kept)
    found = [cdb_video.load(tmp_path / name, device='cpu').class_names for name in ('both', 'config', 'none')]
    assert found == [CLASSES, CLASSES, ('class 0', 'class 1', 'class 2', 'class 3')]
