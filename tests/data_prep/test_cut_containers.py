"""Clips in containers that count no frames: a cut shows by the duration they announce, or it is said that it cannot."""

import check_dataset
import extract_frames
import list_videos
import pytest

from tests.support.clips import cut, write_held
from tests.support.noise_clips import FRAMES, write

pytestmark = pytest.mark.slow

KINDS = [('mkv', 'libx264'), ('mkv', 'mpeg4'), ('webm', 'libvpx')]
UNKNOWN = '1 clips announce no frame count and no duration; a cut cannot be seen'


def extract(root):
    return extract_frames.main(['--data-root', str(root), '--workers', '1'])


def check(root, *options):
    """Check two lists of one video each, x and y."""
    lists = root / 'lists'
    lists.mkdir(exist_ok=True)
    (lists / 'classes.txt').write_text('one\n')
    for part, path in zip(('train', 'val'), sorted((root / 'cropped_clips/s').iterdir()), strict=True):
        (lists / f'{part}_videos.txt').write_text(f's/{path.name} 0\n')
    args = ['--data-root', root, '--lists', lists, '--workers', 1, *options]
    return check_dataset.main([str(arg) for arg in args])


@pytest.fixture(params=KINDS, ids=lambda kind: '-'.join(kind))
def whole(tmp_path, request):
    ending, codec = request.param
    return write(tmp_path / f'whole.{ending}', codec)


@pytest.mark.parametrize('share', [0.5, 0.8, 0.95])
def test_a_cut_clip_is_damaged_to_extract_frames_and_costs_only_itself(tmp_path, whole, share, capsys):
    clips = tmp_path / 'cropped_clips/s'
    clips.mkdir(parents=True)
    cut(whole, clips / f'x{whole.suffix}', share)
    cut(whole, clips / f'y{whole.suffix}', 1)
    assert extract(tmp_path) == 1
    output = capsys.readouterr()
    assert f'x{whole.suffix}: cut off after' in output.err
    assert 'its header announces 3.00 s' in output.err
    assert f'1 clips extracted ({FRAMES} frames' in output.out
    assert 'cannot be seen' not in output.err


@pytest.mark.parametrize('options', [(), ('--full',)])
@pytest.mark.parametrize('share', [0.5, 0.95])
def test_a_cut_clip_is_truncated_to_check_dataset(tmp_path, whole, share, options, capsys):
    clips = tmp_path / 'cropped_clips/s'
    clips.mkdir(parents=True)
    cut(whole, clips / f'x{whole.suffix}', share)
    cut(whole, clips / f'y{whole.suffix}', 1)
    assert check(tmp_path, *options) == 1
    assert f'wrong: truncated: train videos: s/x{whole.suffix}: its frames end at' in capsys.readouterr().err


def test_a_cut_clip_is_named_by_list_videos(tmp_path, whole, capsys):
    folder = tmp_path / 'videos/a class'
    folder.mkdir(parents=True)
    for name, share in (('x', 0.5), ('y', 1), ('z', 1)):
        cut(whole, folder / f'{name}{whole.suffix}', share)
    assert list_videos.main(['--videos', str(tmp_path / 'videos'), '--out', str(tmp_path / 'lists')]) == 2
    error = capsys.readouterr().err
    assert '1 of 3 clips cannot be used' in error
    assert 'cut off after' in error


@pytest.mark.parametrize(('name', 'codec'), [('x.mkv', 'libx264'), ('x.wmv', 'mpeg4')])
def test_sound_that_is_longer_than_the_pictures_is_no_cut(tmp_path, capsys, name, codec):
    write(tmp_path / 'cropped_clips/s' / name, codec, sound_seconds=8)
    assert extract(tmp_path) == 0
    output = capsys.readouterr()
    assert f'1 clips extracted ({FRAMES} frames' in output.out
    # Of WMV with sound nothing tells how long the pictures alone ought to be.
    assert ('cannot be seen' in output.err) == (name == 'x.wmv')


def test_a_fragmented_mp4_whose_header_counts_its_first_part_is_not_taken_for_whole(tmp_path, capsys):
    whole = write(tmp_path / 'whole.mp4', 'libx264', movflags='frag_keyframe+global_sidx')
    clips = tmp_path / 'cropped_clips/s'
    clips.mkdir(parents=True)
    cut(whole, clips / 'whole.mp4', 1)
    assert extract(tmp_path) == 0
    cut(whole, clips / 'part.mp4', 0.5)
    assert extract(tmp_path) == 1
    assert 'part.mp4: ' in capsys.readouterr().err


@pytest.mark.parametrize(('name', 'muxer'), [('x.ts', {}), ('x.mkv', {'live': '1'})])
def test_where_nothing_is_announced_it_is_said_once_that_a_cut_cannot_be_seen(tmp_path, capsys, name, muxer):
    write(tmp_path / 'cropped_clips/s' / name, 'libx264', **muxer)
    assert extract(tmp_path) == 0
    assert capsys.readouterr().err.count(UNKNOWN) == 1
    write(tmp_path / 'cropped_clips/s/y.mp4', 'mpeg4')
    assert check(tmp_path) == 0
    assert capsys.readouterr().err.count(UNKNOWN) == 1
    videos = tmp_path / 'cropped_clips'
    assert list_videos.main(['--videos', str(videos), '--out', str(tmp_path / 'own'), '--test-share', '0']) == 0
    assert capsys.readouterr().err.count(UNKNOWN) == 1


@pytest.mark.parametrize('name', ['a.mkv', 'a.mp4'])
def test_a_last_frame_that_is_held_long_is_no_cut(tmp_path, name):
    clips = tmp_path / 'cropped_clips/s'
    clips.mkdir(parents=True)
    for clip in ('x', 'y'):
        write_held(write(tmp_path / f'{clip}.mp4', 'libx264'), clips / f'{clip}{name[1:]}', 3)
    assert extract(tmp_path) == 0
    assert len(list((tmp_path / 'frames/s/x').glob('*.jpg'))) == FRAMES
