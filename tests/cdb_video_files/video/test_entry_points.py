"""Where decoding can start in files whose parameter sets change: checked against full decodes of joined videos."""

import av
import numpy as np
import pytest

from cdb_video_files.video.entry_points import EntryPoints
from cdb_video_files.video.errors import ClipError
from cdb_video_files.video.reader import Video
from tests.support.clips import write_clip
from tests.support.joined_clips import join_in_band, join_with_two_descriptions

X264 = 'mbtree=0:scenecut=0:keyint=8:bframes=2:b-adapt=0'
# Such that a decoder which knows the first ones notices an error, or none and shows other colours.
SETTINGS = {'an error': f'{X264}:cabac=0:8x8dct=0', 'other colours': f'{X264}:chroma-qp-offset=12:cqm=jvt'}
X265 = 'log-level=none:open-gop=0:keyint=8:bframes=2'
FRAMES = 24


@pytest.fixture(scope='module')
def halves(tmp_path_factory):
    """A first half, and second ones of other settings."""
    root = tmp_path_factory.mktemp('halves')
    first = write_clip(root / 'first.mp4', FRAMES, **{'x264-params': X264})
    others = {
        name: write_clip(root / f'{number}.mp4', FRAMES, **{'x264-params': settings})
        for number, (name, settings) in enumerate(SETTINGS.items())
    }
    return first, others


def check(path, key_packets):
    """Each frame alone, and some with gaps, are those of a full decode; `key_packets` can be entered at."""
    with av.open(str(path)) as container:
        container.streams.video[0].codec_context.thread_count = 1
        expected = [frame.to_ndarray() for frame in container.decode(video=0)]
    assert len(expected) == 2 * FRAMES
    for wanted in [*([number] for number in range(0, 2 * FRAMES, 3)), [0, FRAMES + 18], [2, FRAMES - 1, FRAMES + 9]]:
        with Video(path) as video:
            assert video._index._keys.tolist() == key_packets
            for number, frame in video.frames(wanted):
                np.testing.assert_array_equal(frame.to_ndarray(), expected[number])


@pytest.mark.parametrize('settings', SETTINGS)
@pytest.mark.parametrize('end', ['mp4', 'mkv'])
def test_parameter_sets_that_change_in_the_stream_are_not_skipped(tmp_path, halves, settings, end):
    first, others = halves
    check(join_in_band(first, others[settings], tmp_path / f'a.{end}'), [0, 8, 16, 24])


def test_parameter_sets_that_are_repeated_at_each_key_picture_let_it_be_entered_at(tmp_path, halves):
    first, others = halves
    check(join_in_band(first, others['an error'], tmp_path / 'a.mp4', repeat=True), [0, 8, 16, 24, 32, 40])
    check(join_in_band(first, first, tmp_path / 'same.mp4'), [0, 8, 16, 24, 32, 40])


@pytest.mark.parametrize('settings', SETTINGS)
def test_a_second_sample_description_is_not_skipped(tmp_path, halves, settings):
    first, others = halves
    path = join_with_two_descriptions(first, others[settings], tmp_path / 'a.mp4')
    with av.open(str(path)) as container:
        assert [n for n, p in enumerate(container.demux(video=0)) if p.has_sidedata('new_extradata')] == [FRAMES]
    check(path, [0, 8, 16, 24])


def test_parameter_sets_of_hevc_that_change_are_not_skipped(tmp_path):
    if 'libx265' not in av.codecs_available:
        pytest.skip('this PyAV has no libx265')
    first, second = (
        write_clip(tmp_path / f'{number}.mp4', FRAMES, codec='libx265', **{'x265-params': f'{X265}:{more}'})
        for number, more in enumerate(('sao=1', 'no-sao=1:cbqpoffs=10:no-weightp=1:ref=1:scaling-list=default'))
    )
    path = join_in_band(first, second, tmp_path / 'a.mp4', codec='hevc')
    with av.open(str(path)) as container:
        keys = [number for number, packet in enumerate(container.demux(video=0)) if packet.is_keyframe]
    check(path, [key for key in keys if key <= FRAMES])


def test_what_the_decoder_starts_with_counts_as_known():
    start = b'\0\0\1'
    entries = EntryPoints('h264', start + b'\x67old' + start + b'\x68old')
    idr, other = start + b'\x65a', start + b'\x41a'
    assert entries.add(start + b'\x67old\0' + start + b'\x68old' + idr, True)
    assert entries.add(idr, True)
    assert not entries.add(idr, False)
    assert not entries.add(other, True)
    assert not entries.add(start + b'\x68new' + other, True)
    assert not entries.add(idr, True)
    assert entries.add(start + b'\x68new' + idr, True)
    assert not entries.add(idr, True)
    assert entries.add(idr, True, start + b'\x67third' + start + b'\x68third')
    assert not entries.add(idr, True)


def test_mpeg4_with_another_header_amid_the_stream_is_entered_before_it():
    picture, header = b'\0\0\1\xb6\x10\0\0\1\x20', b'\0\0\1\x20'
    entries = EntryPoints('mpeg4', header + b'old')
    found = [entries.add(packet, True) for packet in (picture, header + b'old' + picture, header + b'new' + picture)]
    assert found == [True, True, True]
    assert not entries.add(picture, True)
    assert entries.add(header + b'new' + picture, True)


def test_a_packet_that_cannot_be_entered_at_is_decoded_from_the_start(tmp_path, halves, monkeypatch):
    first, others = halves
    path = join_in_band(first, others['an error'], tmp_path / 'a.mp4')
    with av.open(str(path)) as container:
        expected = [frame.to_ndarray() for frame in container.decode(video=0)]
    # As if a change went unnoticed.
    monkeypatch.setattr(EntryPoints, 'add', lambda self, packet, is_key, new: is_key)
    with Video(path) as video:
        for number, frame in video.frames([5, FRAMES + 18]):
            np.testing.assert_array_equal(frame.to_ndarray(), expected[number])
    with Video(path) as video:
        video._packets = None  # as of a long file
        with pytest.raises(ClipError, match='cannot be decoded'):
            list(video.frames([FRAMES + 18]))
