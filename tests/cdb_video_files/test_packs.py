"""Packs: what is written is read, in any order, and nothing damaged is read as if it were whole."""

import struct
import zlib

import numpy as np
import pytest

from cdb_video_files.packs import PackError, PackReader, PackWriter

FRAMES = [b'first', b'', b'\x00' * 300, b'last frame']


@pytest.fixture
def path(tmp_path):
    """A pack of FRAMES."""
    return write(tmp_path / 'a.pack', FRAMES, {'name': 'caf\u00e9', 'frames': 4})


def write(path, frames, metadata=None):
    writer = PackWriter(path)
    for frame in frames:
        writer.add(frame)
    assert writer.finish(metadata or {}) == path.stat().st_size
    return path


def test_any_frame_is_read_in_any_order_with_the_metadata(path):
    with PackReader(path) as pack:
        assert len(pack) == 4
        assert [pack.read(index) for index in (3, 0, 2, 1, 3)] == [FRAMES[index] for index in (3, 0, 2, 1, 3)]
        assert pack.metadata == {'name': 'caf\u00e9', 'frames': 4}


def test_the_bytes_are_those_of_the_format_by_hand(tmp_path):
    content = write(tmp_path / 'a.pack', [b'ab', b'c'], {}).read_bytes()
    start = 24 + 3 * 8 + 2 * 4 + 2
    head = b'\x93cdbpack' + struct.pack('<III', 1, 2, 2)
    index = struct.pack('<QQQII', start, start + 2, start + 3, zlib.crc32(b'ab'), zlib.crc32(b'c')) + b'{}'
    assert content == head + struct.pack('<I', zlib.crc32(head + index)) + index + b'abc'


def test_frames_beyond_what_memory_should_hold_go_through_the_disk(tmp_path, monkeypatch):
    monkeypatch.setattr('cdb_video_files.packs._SPOOL_BYTES', 100)
    frames = [np.random.default_rng(index).bytes(90) for index in range(5)]
    with PackReader(write(tmp_path / 'a.pack', frames)) as pack:
        assert [pack.read(index) for index in range(5)] == frames
    assert [path.name for path in tmp_path.iterdir()] == ['a.pack']


@pytest.mark.parametrize('index', [-1, 4, 1000])
def test_a_frame_that_is_not_there_is_an_error(path, index):
    with PackReader(path) as pack, pytest.raises(IndexError, match=rf'frame {index} is not in 0\.\.3'):
        pack.read(index)


def test_a_pack_without_frames_is_not_written(tmp_path):
    writer = PackWriter(tmp_path / 'a.pack')
    with pytest.raises(ValueError, match='at least one frame'):
        writer.finish({})
    writer.close()
    assert not (tmp_path / 'a.pack').exists()


def test_a_pack_cut_off_at_any_byte_is_refused(path):
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(PackError, match=r'not a pack|cut off|its index says'):
            PackReader(path)


def test_a_pack_with_more_behind_it_is_refused(path):
    path.write_bytes(path.read_bytes() + b'x')
    with pytest.raises(PackError, match='bytes, its index says'):
        PackReader(path)


def test_no_changed_byte_goes_unnoticed(path):
    content = path.read_bytes()
    for position in range(len(content)):
        path.write_bytes(content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :])
        # Some damage shows on opening, some on reading.
        with pytest.raises(PackError), PackReader(path) as pack:
            _ = [pack.read(index) for index in range(len(pack))]


def test_a_huge_count_in_a_damaged_head_asks_for_no_memory(path):
    content = bytearray(path.read_bytes())
    content[12:16] = b'\xff\xff\xff\xff'
    path.write_bytes(content)
    with pytest.raises(PackError, match='cut off'):
        PackReader(path)


def test_a_pack_of_another_version_says_so(path):
    content = bytearray(path.read_bytes())
    content[8] = 2
    path.write_bytes(content)
    with pytest.raises(PackError, match='version 2, this reads 1'):
        PackReader(path)
