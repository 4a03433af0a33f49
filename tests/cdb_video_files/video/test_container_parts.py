"""AVI with gaps in time is read, and none that was cut between frames; Matroska that lacks its last bytes is named."""

import struct

import check_dataset
import extract_frames
import pytest

from cdb_video_files.video.container_parts import avi_chunks, gif_ends, matroska_end
from cdb_video_files.video.errors import ClipError
from cdb_video_files.video.reader import Video
from tests.support.clips import cut, write_avi
from tests.support.noise_clips import write

FRAMES = 24
GAPS = {'amid': {'gap': 10}, 'at the end': {'empty_end': 4}, 'both': {'gap': 3, 'empty_end': 4}, 'none': {}}


def extract(path):
    return extract_frames.main(['--data-root', str(path.parents[2]), '--workers', '1'])


def check(path, *options):
    root = path.parents[2]
    (root / 'list.txt').write_text(f'{path.parent.name}/{path.name} 0\n')
    (root / 'lists').mkdir(exist_ok=True)
    (root / 'lists/train_videos.txt').write_text(f'{path.parent.name}/{path.name} 0\n')
    (root / 'lists/classes.txt').write_text('one\n')
    arguments = ['--data-root', root, '--lists', root / 'lists', '--workers', 1, *options]
    return check_dataset.main([str(argument) for argument in arguments])


@pytest.fixture
def clip(tmp_path):
    (tmp_path / 'cropped_clips/s').mkdir(parents=True)
    return tmp_path / 'cropped_clips/s/x.avi'


@pytest.mark.parametrize('kind', GAPS)
def test_an_avi_with_gaps_in_time_is_read(clip, kind, capsys):
    gaps = GAPS[kind]
    write_avi(clip, FRAMES, **gaps)
    there = FRAMES - gaps.get('empty_end', 0)
    assert avi_chunks(clip, 0) == FRAMES + gaps.get('gap', 0)
    with Video(clip) as video:
        assert video.total_frames == there
        assert len(list(video.frames(range(there)))) == there
    assert extract(clip) == 0
    assert f'1 clips extracted ({there} frames' in capsys.readouterr().out
    for options in ((), ('--full',)):
        assert check(clip, *options) == 0


@pytest.mark.parametrize('kind', ['none', 'amid'])
@pytest.mark.parametrize('share', [0.3, 0.9])
def test_an_avi_that_was_cut_is_refused_wherever_it_was_cut(clip, kind, share, capsys):
    whole = write_avi(clip.parent / 'whole', FRAMES, **GAPS[kind])
    starts = [at for at, _ in chunks(whole.read_bytes())]
    between = starts[round(len(starts) * share)]
    for length in (between, between + 4, between + 8, between + 300):
        clip.write_bytes(whole.read_bytes()[:length])
        with pytest.raises(ClipError, match=r'x\.avi: .*cut off'):
            Video(clip)
    whole.unlink()
    assert extract(clip) == 1
    for options in ((), ('--full',)):
        assert check(clip, *options) == 1
    capsys.readouterr()


def chunks(content):
    """Place and length of the chunks of the first stream."""
    place = content.index(b'movi') + 4
    found = []
    while content[place : place + 4] != b'idx1':
        (length,) = struct.unpack('<I', content[place + 4 : place + 8])
        if content[place : place + 4] == b'00dc':
            found.append((place, length))
        place += 8 + length + length % 2
    return found


def test_chunks_of_all_parts_of_an_avi_are_counted_and_those_of_other_streams_are_not(tmp_path):
    def chunk(kind, content=b''):
        return kind + struct.pack('<I', len(content)) + content + b'\0' * (len(content) % 2)

    def group(kind, form, *parts):
        return chunk(kind, form + b''.join(parts))

    picture, empty, sound = chunk(b'01dc', b'abc'), chunk(b'01dc'), chunk(b'00wb', b'01dc....' * 4)
    record = group(b'LIST', b'rec ', picture, sound, empty)
    first = group(b'RIFF', b'AVI ', group(b'LIST', b'hdrl', picture), group(b'LIST', b'movi', record, picture, sound))
    second = group(b'RIFF', b'AVIX', group(b'LIST', b'movi', chunk(b'ix01', picture), chunk(b'01db', b'a'), empty))
    path = tmp_path / 'a.avi'
    path.write_bytes(first + second)
    assert avi_chunks(path, 1) == 5
    assert avi_chunks(path, 0) == avi_chunks(path, 2) == 0
    for lacking, count in ((8, 4), (9, 4), (10, 3), (len(second), 3), (len(second) + len(first) - 4, 0)):
        path.write_bytes((first + second)[:-lacking])
        assert avi_chunks(path, 1) == count


@pytest.fixture(scope='module', params=[('mkv', 'libx264'), ('webm', 'libvpx')], ids=lambda kind: kind[0])
def matroska(tmp_path_factory, request):
    return write(tmp_path_factory.mktemp('whole') / f'whole.{request.param[0]}', request.param[1])


@pytest.mark.parametrize('share', [0.97, 0.985, 0.9999])
def test_matroska_that_lacks_its_last_bytes_is_named(tmp_path, matroska, share, capsys):
    clip = cut(matroska, tmp_path / f'x{matroska.suffix}', share)
    with pytest.raises(ClipError, match=r'x\.\w+: .*(cut off|announces|cannot|damaged)'):
        Video(clip)
    video = tmp_path / 'root/cropped_clips/s' / clip.name
    video.parent.mkdir(parents=True)
    clip.rename(video)
    assert extract(video) == 1
    assert 'cut off after' in capsys.readouterr().err
    for options in ((), ('--full',)):
        assert check(video, *options) == 1
        assert 'wrong: truncated' in capsys.readouterr().err


def test_what_comes_after_the_end_of_matroska_does_no_harm(tmp_path, matroska, capsys):
    clip = tmp_path / 'root/cropped_clips/s' / f'x{matroska.suffix}'
    clip.parent.mkdir(parents=True)
    for more in (b'', b'\0' * 1000, b'trailing data'):
        clip.write_bytes(matroska.read_bytes() + more)
        assert matroska_end(clip) == len(matroska.read_bytes())
        with Video(clip) as video:
            assert video.total_frames == 72
    assert extract(clip) == 0


def test_matroska_without_a_duration_for_each_stream_is_bounded_by_its_bytes(tmp_path, capsys):
    whole = write(tmp_path / 'whole.mkv', 'libx264', sound_seconds=8)
    content = whole.read_bytes()
    assert content.count(b'DURATION') == 2
    clip = tmp_path / 'cropped_clips/s/x.mkv'
    clip.parent.mkdir(parents=True)
    clip.write_bytes(content.replace(b'DURATION', b'OTHERTAG'))
    assert extract(clip) == 0
    assert 'a cut cannot be seen' not in capsys.readouterr().err
    cut(clip, clip.with_name('y.mkv'), 0.9)
    clip.unlink()
    assert extract(clip) == 1
    with pytest.raises(ClipError, match=r'y\.mkv: (damaged|cut off)'):
        Video(clip.with_name('y.mkv'))
    capsys.readouterr()


def test_matroska_of_unknown_length_is_read_as_far_as_it_goes(tmp_path):
    live = write(tmp_path / 'live.mkv', 'libx264', live='1')
    for share in (1, 0.5, 0.01):
        assert matroska_end(cut(live, tmp_path / 'x.mkv', share)) is None
    with Video(live) as video:
        assert video.total_frames == 72


@pytest.mark.parametrize(
    ('content', 'found'),
    [
        (b'', None),
        (b'\0' * 99, None),
        (b'\x1a\x45\xdf\xa3', None),
        (b'\x1a\x45\xdf\xa3\x82ab\x18\x53\x80\x67\x84abcd', 16),
        (b'\x1a\x45\xdf\xa3\x82ab\x18\x53\x80\x67\x84abc', 16),
        (
            b'\x1a\x45\xdf\xa3\x82ab\xec\x81v\x18\x53\x80\x67\x40\x04abc',
            20,
        ),
        (b'\x1a\x45\xdf\xa3\x82ab\x18\x53\x80\x67\xffabc', None),
        (b'\x1a\x45\xdf\xa3\x82ab\x18\x53\x80\x67\x01' + b'\xff' * 7, None),
        (b'\x1a\x45\xdf\xa3\x82ab\x18\x53\x80\x67\x01\0\0', None),
        (b'\x1a\x45\xdf\xa3\x82ab' + b'\xec\x80' * 20 + b'\x18\x53\x80\x67\x84abc', None),
    ],
)
def test_headers_of_all_kinds(tmp_path, content, found):
    (tmp_path / 'x.mkv').write_bytes(content)
    assert matroska_end(tmp_path / 'x.mkv') == found


SCREEN = b'GIF89a\x40\0\x30\0\x00\0\0'  # no table of colours
COMMENT, IMAGE = b'!\xfe\x02hi\0', b',' + bytes(8) + b'\x80' + bytes(6) + b'\x02\x01x\x03;;;\0'


@pytest.mark.parametrize(
    ('content', 'ends'),
    [
        (SCREEN + COMMENT + IMAGE + b';', True),
        (SCREEN + IMAGE + b'\0\0' + IMAGE + b';behind the end', True),
        (SCREEN[:10] + b'\x81\0\0' + bytes(12) + IMAGE + b';', True),
        (SCREEN + COMMENT + IMAGE, False),
        (SCREEN + IMAGE[:-2], False),
        (SCREEN + IMAGE[:5], False),
        (SCREEN[:8], False),
        (b'', False),
    ],
)
def test_a_gif_ends_where_its_blocks_do(tmp_path, content, ends):
    (tmp_path / 'x.gif').write_bytes(content)
    assert gif_ends(tmp_path / 'x.gif') == ends
