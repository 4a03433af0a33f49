"""Videos of cameras (.mts, .m2ts), discs (.vob) and the web (.ogv, .gif), from extraction to the reader of training."""

import check_dataset
import cv2
import extract_frames
import list_videos
import numpy as np
import pytest

from cdb_video_files.lists import read_frame_list, read_video_list
from cdb_video_files.video.errors import ClipError
from cdb_video_files.video.pixels import RgbConverter
from cdb_video_files.video.reader import Video
from tests.support.clips import cut
from tests.support.video_kinds import FRAMES, KINDS, shade, write_kind

WANTED = [0, 3, FRAMES - 1]


@pytest.fixture(params=KINDS)
def root(tmp_path, request):
    clips = tmp_path / 'cropped_clips/walk'
    if write_kind(clips / f'clip{request.param}') is None:
        pytest.skip(f'this PyAV encodes no {request.param}')
    return tmp_path


def video_of(root):
    (path,) = (root / 'cropped_clips/walk').iterdir()
    return path


def test_it_goes_the_whole_path(root, capsys):
    run = ['--data-root', str(root), '--workers', '1']
    assert extract_frames.main(run) == 0
    assert 'left out' not in capsys.readouterr().err
    frames = sorted((root / 'frames/walk/clip').glob('*.jpg'))
    levels = [cv2.imread(str(frame)).mean() for frame in frames]
    # GIF has eight levels of red and green, four of blue.
    np.testing.assert_allclose(levels, [shade(number) for number in range(FRAMES)], atol=25)
    assert levels == sorted(levels)
    options = ['--videos', str(root / 'cropped_clips'), '--frames', str(root / 'frames'), '--out', str(root / 'lists')]
    assert list_videos.main([*options, '--val-share', '0', '--test-share', '0']) == 0
    assert [entry.filename for entry in read_video_list(root / 'lists/train_videos.txt')] == [
        f'walk/{video_of(root).name}'
    ]
    assert [entry.total_frames for entry in read_frame_list(root / 'lists/train.txt')] == [FRAMES]
    assert check_dataset.main([*run, '--lists', str(root / 'lists'), '--full']) == 0
    assert 'nothing is wrong' in capsys.readouterr().out


def test_its_frames_are_counted_and_shown_by_the_reader_of_training(root):
    converter = RgbConverter()
    with Video(video_of(root)) as video:
        assert video.total_frames == FRAMES
        levels = [float(converter.rgb(frame).mean()) for _, frame in video.frames(WANTED)]
    np.testing.assert_allclose(levels, [shade(number) for number in WANTED], atol=25)


def test_a_dataset_lists_it_and_decodes_it(root):
    pytest.importorskip('mmaction')
    from cdb_video.hosts.mmaction.datasets import VideoListDataset

    (root / 'list.txt').write_text(f'walk/{video_of(root).name} 0\n')
    pipeline = [{'type': 'VideoInit'}, {'type': 'mmaction.SampleFrames', 'clip_len': FRAMES}, {'type': 'VideoDecode'}]
    prefix = {'video': str(root / 'cropped_clips')}
    dataset = VideoListDataset(str(root / 'list.txt'), pipeline, data_prefix=prefix, test_mode=True)
    assert [image.shape for image in dataset[0]['imgs']] == [(48, 64, 3)] * FRAMES


@pytest.mark.parametrize('share', [0.99, 0.7, 0.4])
def test_of_a_gif_it_shows_that_it_was_cut_off(tmp_path, capsys, share):
    whole = write_kind(tmp_path / 'whole.GIF')
    clip = tmp_path / 'cropped_clips/s/x.gif'
    clip.parent.mkdir(parents=True)
    cut(whole, clip, share)
    assert extract_frames.main(['--data-root', str(tmp_path), '--workers', '1']) == 1
    error = capsys.readouterr().err
    assert 'x.gif: ' in error
    assert 'cannot be seen' not in error
    with pytest.raises(ClipError, match='it lacks the end of a GIF'):
        Video(clip)
