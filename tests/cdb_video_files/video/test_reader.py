"""Chosen frames of real encoded videos: the same bits as a full decode, the true count, no file left open."""

import gc
import os
import sys

import av
import cv2
import numpy as np
import pytest

from cdb_video_files.video import reader as video_module
from cdb_video_files.video.errors import ClipError
from cdb_video_files.video.pixels import RgbConverter
from cdb_video_files.video.reader import Video
from tests.support.clips import (
    cut,
    spoil_middle,
    write_audio,
    write_clip,
    write_from_second_key_packet,
    write_held,
    write_lying_avi,
    write_paced,
    write_packed,
    write_shortened_by_edit_list,
)
from tests.support.joined_clips import show_pieces
from tests.support.noise_clips import FRAMES as NOISE_FRAMES
from tests.support.noise_clips import write as write_noise

# Noise would get no B-frames, unless they are forced. Of three, two are referenced by no other frame.
B_FRAMES = {'x264-params': 'mbtree=0:scenecut=0:bframes=3:b-adapt=0'}
ENCODINGS = {
    'H.264': ('libx264', B_FRAMES),
    'H.264, groups of 12': ('libx264', {'g': '12', **B_FRAMES}),
    'H.264, open groups': ('libx264', {'x264-params': 'mbtree=0:scenecut=0:open-gop=1:keyint=12:bframes=3:b-adapt=0'}),
    'H.264, no B-frames': ('libx264', {'bf': '0', 'x264-params': 'mbtree=0'}),
    'H.264, intra refresh': ('libx264', {'x264-params': 'mbtree=0:intra-refresh=1:keyint=16'}),
    'HEVC': ('libx265', {'g': '20', 'x265-params': 'log-level=error'}),
    'MPEG-4': ('mpeg4', {}),
    'MPEG-4, B-frames': ('mpeg4', {'bf': '2', 'g': '15'}),
}


def full_decode(path):
    """Every frame, in order, by a loop that skips nothing."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray() for frame in container.decode(video=0)]


def read(path, wanted):
    with Video(path) as video:
        return {number: frame.to_ndarray() for number, frame in video.frames(wanted)}


def check_against_full_decode(path, draws=8, seed=0):
    """Random choices of frames, few and many, are bit for bit those of a full decode."""
    frames = full_decode(path)
    rng = np.random.default_rng(seed)
    with Video(path) as video:
        assert video.total_frames == len(frames)
    for _ in range(draws):
        wanted = np.unique(rng.integers(0, len(frames), rng.integers(1, len(frames)))).tolist()
        found = read(path, wanted)
        assert list(found) == wanted
        for number, image in found.items():
            np.testing.assert_array_equal(image, frames[number])
    return len(frames)


@pytest.mark.parametrize('encoding', ENCODINGS)
def test_chosen_frames_are_bit_equal_to_a_full_decode(tmp_path, encoding):
    codec, options = ENCODINGS[encoding]
    if codec not in av.codecs_available:
        pytest.skip(f'this PyAV has no {codec}')
    clip = write_clip(tmp_path / 'a.mp4', frames=50, size=(96, 64), codec=codec, **options)
    assert check_against_full_decode(clip) == 50


@pytest.mark.parametrize('stride', [2, 7])
def test_frames_that_nobody_wants_are_not_decoded(tmp_path, monkeypatch, stride):
    clip = write_clip(tmp_path / 'a.mp4', frames=48, size=(96, 64), **B_FRAMES)
    decoded = []
    honest = Video._decoded
    monkeypatch.setattr(
        Video, '_decoded', lambda self, *arguments: [decoded.append(f) or f for f in honest(self, *arguments)]
    )
    wanted = list(range(0, 30, stride))
    assert list(read(clip, wanted)) == wanted
    # The rest are referenced by others: every second frame of three B-frames is, besides the P-frames.
    assert len(wanted) <= len(decoded) < 30


def test_long_clips_are_entered_at_a_key_packet(tmp_path, monkeypatch):
    clip = write_clip(tmp_path / 'a.mp4', frames=300, size=(64, 48), g='24', **B_FRAMES)
    seen = []
    honest = Video._decoded
    monkeypatch.setattr(Video, '_decoded', lambda self, c, p: seen.append(p) or honest(self, c, p))
    read(clip, [250, 252, 254])
    assert len([packet for packet in seen if packet is not None]) <= 24 + 4
    frames = full_decode(clip)
    np.testing.assert_array_equal(read(clip, [250])[250], frames[250])


def test_clips_too_big_to_keep_are_read_again_with_the_same_result(tmp_path, monkeypatch):
    monkeypatch.setattr(video_module, '_KEPT_BYTES', 1000)
    mp4 = write_clip(tmp_path / 'a.mp4', frames=40, size=(96, 64), g='12', **B_FRAMES)
    check_against_full_decode(mp4, draws=4)
    with Video(mp4) as video:
        assert video._packets is None
    avi = write_lying_avi(tmp_path / 'a.avi', 12)
    check_against_full_decode(avi, draws=3)
    with Video(avi) as video:
        assert video._frames is None


@pytest.mark.parametrize(
    ('name', 'codec'),
    [
        ('a.mkv', 'libx264'),
        ('a.ts', 'libx264'),
        ('a.avi', 'mpeg4'),
        ('a.webm', 'libvpx'),
        ('a.webm', 'libvpx-vp9'),
        ('a.mov', 'mjpeg'),
        ('a.flv', 'flv'),
    ],
)
def test_frames_of_other_containers_are_counted_and_found(tmp_path, name, codec):
    if codec not in av.codecs_available:
        pytest.skip(f'this PyAV has no {codec}')
    clip = write_noise(tmp_path / name, codec) if codec != 'mjpeg' else write_mjpeg(tmp_path / name)
    assert check_against_full_decode(clip, draws=3) == (NOISE_FRAMES if codec != 'mjpeg' else 12)


def write_mjpeg(path):
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('mjpeg', rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, 'yuvj420p'
        for number in range(12):
            image = np.random.default_rng(number).integers(0, 255, (48, 64, 3), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image).reformat(format='yuvj420p')))
        container.mux(stream.encode())
    return path


def test_an_edit_list_hides_frames_and_what_is_left_is_counted(tmp_path):
    whole = write_clip(tmp_path / 'whole.mp4', frames=72, size=(96, 64), **B_FRAMES)
    clip = write_shortened_by_edit_list(whole, tmp_path / 'a.mp4', skip_seconds=1)
    with av.open(str(clip)) as container:
        assert container.streams.video[0].frames == 72, 'what the header says'
    assert check_against_full_decode(clip) == 48


@pytest.mark.parametrize('pieces', [[(3, 13), (25, 35)], [(25, 35), (3, 13)], [(5, 15), (5, 15)], [(6, 18), (30, 40)]])
def test_frames_of_pieces_do_not_depend_on_which_others_are_asked_for(tmp_path, pieces):
    settings = {'x264-params': 'mbtree=0:scenecut=0:keyint=10:bframes=2:b-adapt=0'}
    whole = write_clip(tmp_path / 'whole.mp4', frames=40, **settings)
    clip = show_pieces(whole, tmp_path / 'a.mp4', *pieces)
    expected = full_decode(clip)
    assert len(expected) in (20, 21, 22, 23)
    for number in range(len(expected)):
        np.testing.assert_array_equal(read(clip, [number])[number], expected[number])
    found = read(clip, range(len(expected)))
    np.testing.assert_array_equal(list(found.values()), expected)


def test_a_clip_of_variable_rate_has_its_frames_in_order(tmp_path):
    clip = write_paced(tmp_path / 'a.mp4', [0, 0.04, 0.08, 0.12, 0.5, 0.52, 1.3])
    assert check_against_full_decode(clip) == 7
    with Video(clip) as video:
        assert video.rate > 0


def test_packets_that_lie_about_being_key_ones_cost_time_and_not_frames(tmp_path, monkeypatch):
    clip = write_clip(tmp_path / 'a.mp4', frames=40, size=(96, 64), **B_FRAMES)
    honest = Video._demuxed

    class Lying:
        def __init__(self, packet):
            self.packet, self.is_keyframe = packet, True

        def __getattr__(self, name):
            return getattr(self.packet, name)

        def __bytes__(self):
            return bytes(self.packet)

    def demuxed(video, *arguments):
        return (Lying(packet) for packet in honest(video, *arguments))

    monkeypatch.setattr(Video, '_demuxed', demuxed)
    monkeypatch.setattr(
        Video, '_decoded', lambda self, c, p, honest=Video._decoded: honest(self, c, getattr(p, 'packet', p))
    )
    frames = full_decode(clip)
    try:
        found = read(clip, [20, 33])
    except ClipError:
        return  # the decoder noticed
    for number, image in found.items():
        np.testing.assert_array_equal(image, frames[number])


@pytest.mark.parametrize('codec', ['libx264', 'mpeg4'])
@pytest.mark.parametrize('share', [0.5, 0.95, 0.999])
def test_a_clip_that_was_cut_off_is_named_before_a_frame_is_decoded(tmp_path, codec, share):
    whole = write_clip(tmp_path / 'whole.mp4', frames=72, size=(160, 120), codec=codec)
    clip = cut(whole, tmp_path / 'clip.mp4', share)
    with pytest.raises(ClipError, match=r'clip\.mp4: (damaged or )?cut off.*Mend or replace the file'):
        Video(clip)


@pytest.mark.parametrize('codec', ['libx264', 'mpeg4'])
def test_noise_in_the_middle_is_named_when_a_frame_needs_it(tmp_path, codec):
    whole = write_clip(tmp_path / 'whole.mp4', frames=72, size=(160, 120), codec=codec)
    clip = spoil_middle(whole, tmp_path / 'clip.mp4', count=6000)
    with Video(clip) as video, pytest.raises(ClipError, match=r'clip\.mp4: (cannot be decoded|damaged)'):
        list(video.frames(range(video.total_frames)))


def test_files_that_are_no_video_are_named_with_the_reason(tmp_path):
    contents = {'empty': b'', 'text': b'no video\n' * 99, 'playlist': b'#EXTM3U\n#EXTINF:1,\na.mp4\n#EXT-X-ENDLIST\n'}
    for name, content in contents.items():
        path = tmp_path / f'{name}.mp4'
        path.write_bytes(content)
        with pytest.raises(ClipError, match=rf'{name}\.mp4: not a readable video file'):
            Video(path)
    with pytest.raises(ClipError, match='holds no video stream'):
        Video(write_audio(tmp_path / 'sound.mp4'))
    with pytest.raises(FileNotFoundError):
        Video(tmp_path / 'absent.mp4')


def test_matroska_that_was_cut_off_is_named_by_its_duration(tmp_path):
    whole = write_noise(tmp_path / 'whole.mkv', 'libx264')
    clip = cut(whole, tmp_path / 'clip.mkv', 0.6)
    with pytest.raises(ClipError, match=r'clip\.mkv: .*(cut off|damaged|cannot)'), Video(clip) as video:
        list(video.frames(range(video.total_frames)))


@pytest.mark.parametrize(('name', 'codec'), [('a.mkv', 'libx264'), ('a.asf', 'mpeg4')])
def test_sound_that_outlasts_the_picture_is_no_cut(tmp_path, name, codec):
    clip = write_noise(tmp_path / name, codec, sound_seconds=5)
    with av.open(str(clip)) as container:
        assert container.duration > 4.9e6 > 1.5e6 * NOISE_FRAMES / 24
    assert check_against_full_decode(clip, draws=2) == NOISE_FRAMES
    if name == 'a.mkv':
        with pytest.raises(ClipError, match='cut off'):
            Video(cut(clip, tmp_path / f'cut_{name}', 0.5))


@pytest.mark.parametrize(
    ('name', 'frames', 'muxer'),
    [('a.mkv', 30, {}), ('a.mkv', 2, {}), ('a.mp4', 30, {}), ('a.mp4', 30, {'movflags': 'frag_keyframe+empty_moov'})],
)
def test_a_last_frame_that_is_held_long_is_no_cut(tmp_path, name, frames, muxer):
    whole = write_clip(tmp_path / 'whole.mp4', frames, **B_FRAMES)
    clip = write_held(whole, tmp_path / name, 3, **muxer)
    with av.open(str(clip)) as container:
        assert container.duration > 2.9e6 > 2e6 * frames / 24
    assert check_against_full_decode(clip, draws=2) == frames


def test_frames_beyond_the_last_are_an_error(tmp_path):
    clip = write_clip(tmp_path / 'a.mp4', frames=12)
    with Video(clip) as video, pytest.raises(IndexError, match=r'a\.mp4: frames 3\.\.12 are not all in 0\.\.11'):
        list(video.frames([3, 12]))


@pytest.mark.skipif(sys.platform != 'linux', reason='open files are listed as Linux does')
def test_no_file_stays_open_whatever_happens(tmp_path):
    clip = write_clip(tmp_path / 'a.mp4', frames=24)
    damaged = cut(clip, tmp_path / 'cut.mp4', 0.5)
    spoilt = spoil_middle(write_clip(tmp_path / 'b.mp4', frames=72, size=(160, 120)), tmp_path / 'spoilt.mp4', 6000)
    before = sorted(os.listdir('/proc/self/fd'))
    for _ in range(3):
        read(clip, [2, 9])
        with Video(clip):
            pass
        with Video(clip) as video:
            next(video.frames([2, 9]))
        with pytest.raises(ClipError):
            Video(damaged)
        with pytest.raises(ClipError):
            read(spoilt, [71])
    assert sorted(os.listdir('/proc/self/fd')) == before


@pytest.mark.skipif(sys.platform != 'linux', reason='open files are listed as Linux does')
def test_a_reader_that_nobody_closes_is_closed_when_it_is_dropped(tmp_path):
    from cdb_video_files.video.fallbacks import open_video

    clip = write_clip(tmp_path / 'a.mp4', frames=24)
    before = sorted(os.listdir('/proc/self/fd'))
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            results = {'video_reader': open_video(str(clip))}
            with pytest.raises(ZeroDivisionError):
                results['total_frames'] = 1 // 0
            del results
        assert sorted(os.listdir('/proc/self/fd')) == before
    finally:
        gc.enable()


def test_counts_that_took_decoding_are_remembered_until_the_file_changes(tmp_path, monkeypatch):
    clip = write_lying_avi(tmp_path / 'a.avi', 12)
    monkeypatch.setattr(video_module, '_counts', {})
    with Video(clip) as video:
        assert video.total_frames == 12
    monkeypatch.setattr(Video, '_all_decoded', lambda video: pytest.fail('decoded again'))
    with Video(clip) as video:
        assert video.total_frames == 12
    os.utime(clip, ns=(1, 1))
    with pytest.raises(pytest.fail.Exception, match='decoded again'):
        Video(clip)


def test_frames_do_not_wait_for_the_garbage_collector(tmp_path):
    """A frame and its side data hold each other in PyAV: were it read from every frame, all would stay in memory."""
    write_clip(tmp_path / 'clip.mp4', 40)
    converter = RgbConverter()
    gc.collect()
    gc.disable()
    before = count_frames_in_memory()  # those that an earlier test left behind
    try:
        with Video(tmp_path / 'clip.mp4') as video:
            for _, frame in video.frames(range(40)):
                assert converter.shown_size(frame) == (64, 48)
                converter.rgb(frame)
        alive = count_frames_in_memory() - before
    finally:
        gc.enable()
    assert alive <= 3


def count_frames_in_memory():
    return sum(type(thing) is av.VideoFrame for thing in gc.get_objects())


@pytest.mark.parametrize('keyint', [20, 30])
def test_a_stream_that_is_refreshed_bit_by_bit_is_entered_at_its_start(tmp_path, keyint):
    options = {'x264-params': f'mbtree=0:scenecut=0:intra-refresh=1:keyint={keyint}:bframes=2:b-adapt=0'}
    path = write_clip(tmp_path / 'clip.mp4', 90, **options)
    expected = full_decode(path)
    for number in range(0, 90, 4):
        with Video(path) as video:
            ((_, frame),) = video.frames([number])
            np.testing.assert_array_equal(frame.to_ndarray(), expected[number])


def test_what_moves_in_a_stream_that_is_refreshed_bit_by_bit_is_read_from_its_start(tmp_path):
    path = tmp_path / 'clip.mp4'
    large = np.random.default_rng(0).integers(0, 255, (110, 400, 3), dtype=np.uint8)
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('libx264', rate=24)
        stream.options = {'x264-params': 'scenecut=0:intra-refresh=1:keyint=20:bframes=0'}
        stream.width, stream.height, stream.pix_fmt = 96, 64, 'yuv420p'
        large = cv2.GaussianBlur(large, (0, 0), 2)
        for number in range(90):
            top, left = round(20 + 10 * np.sin(number / 3)), round(3.3 * number)
            image = np.ascontiguousarray(large[top : top + 64, left : left + 96])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image)))
        container.mux(stream.encode())
    with av.open(str(path)) as container:
        assert sum(packet.is_keyframe for packet in container.demux(video=0) if packet.size) > 1
    expected = full_decode(path)
    for number in range(0, 90, 2):
        np.testing.assert_array_equal(read(path, [number])[number], expected[number])


@pytest.mark.parametrize('seconds', [0.3, 1.1, 2.0])
def test_whole_groups_that_an_edit_list_hides_are_not_missed(tmp_path, seconds):
    write_clip(tmp_path / 'whole.mp4', 120, g='24')
    path = tmp_path / 'shown.mp4'
    write_shortened_by_edit_list(tmp_path / 'whole.mp4', path, seconds)
    expected = full_decode(path)
    with Video(path) as video:
        assert video.total_frames == len(expected) < 120
        for number, frame in video.frames(range(0, len(expected), 7)):
            np.testing.assert_array_equal(frame.to_ndarray(), expected[number])


def test_a_title_in_another_encoding_does_no_harm(tmp_path):
    with av.open(str(tmp_path / 'clip.avi'), 'w') as container:
        container.metadata['title'] = 'cafe_'
        stream = container.add_stream('mpeg4', rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, 'yuv420p'
        for _ in range(8):
            image = np.full((48, 64, 3), 90, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format='rgb24')))
        container.mux(stream.encode())
    content = (tmp_path / 'clip.avi').read_bytes()
    assert b'cafe_' in content
    (tmp_path / 'clip.avi').write_bytes(content.replace(b'cafe_', b'caf\xe9\xe9'))
    with Video(tmp_path / 'clip.avi') as video:
        assert video.total_frames == 8


OPEN_GROUPS = {
    'libx264': {'x264-params': 'mbtree=0:scenecut=0:open-gop=1:keyint=12:bframes=3:b-adapt=0'},
    'libx265': {'x265-params': 'log-level=error:open-gop=1:keyint=12:min-keyint=12:bframes=3:b-adapt=0:scenecut=0'},
    'mpeg4': {'bf': '2', 'g': '12'},
}


@pytest.mark.parametrize('container', ['mkv', 'mp4'])
@pytest.mark.parametrize('codec', OPEN_GROUPS)
def test_a_stream_that_begins_with_pictures_that_cannot_be_decoded_is_counted_by_decoding(tmp_path, codec, container):
    if codec not in av.codecs_available:
        pytest.skip(f'this PyAV has no {codec}')
    whole = write_clip(tmp_path / 'whole.mp4', 48, (96, 64), codec, **OPEN_GROUPS[codec])
    clip = write_from_second_key_packet(whole, tmp_path / f'clip.{container}')
    with av.open(str(clip)) as opened:
        packets = sum(packet.size > 0 for packet in opened.demux(video=0))
    assert check_against_full_decode(clip) < packets


@pytest.mark.parametrize('container', ['mkv', 'mp4'])
def test_packets_of_two_frames_with_empty_ones_between_are_counted_by_decoding(tmp_path, container):
    whole = write_clip(tmp_path / 'whole.mp4', 24, codec='mpeg4', bf='1', g='12')
    clip = write_packed(whole, tmp_path / f'clip.{container}')
    with av.open(str(clip)) as opened:
        assert min(packet.size for packet in opened.demux(video=0) if packet.size) < 16
    assert check_against_full_decode(clip) == 24


def test_a_decoder_that_gives_its_last_frame_twice_does_no_harm(tmp_path, monkeypatch):
    clip = write_clip(tmp_path / 'a.mp4', 12)
    honest = Video._run

    def run(video, *arguments):
        frames = list(honest(video, *arguments))
        yield from [*frames, frames[-1]]

    monkeypatch.setattr(Video, '_run', run)
    assert list(read(clip, [3, 11])) == [3, 11]
