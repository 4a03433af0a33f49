"""IDX files: what is read, and what is refused with its length and its magic number."""

import gzip
import tracemalloc

import numpy as np
import pytest

from cdb_video_files.images.idx import IdxError, read_idx
from tests.support.image_files import idx_bytes

IMAGES = np.arange(2 * 3 * 4).reshape(2, 3, 4)


@pytest.mark.parametrize('pack', [bytes, gzip.compress])
def test_images_are_read_packed_or_not_whatever_the_name_says(tmp_path, pack):
    path = tmp_path / 'images.gz'
    path.write_bytes(pack(idx_bytes(IMAGES)))
    read = read_idx(path, 3)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, IMAGES)


@pytest.mark.parametrize(
    ('content', 'why'),
    [
        (idx_bytes(IMAGES)[:-1], r'states 2 x 3 x 4 numbers, 24 bytes, and holds 23'),
        (idx_bytes(IMAGES) + b'\0', r'24 bytes, and holds more'),
        (idx_bytes(IMAGES)[:9], r'holds 0'),
        (idx_bytes(IMAGES[:0]), r'states 0 x 3 x 4'),
        (idx_bytes(IMAGES[0, 0]), r'magic number 0x00000801, an IDX file of images with 0x00000803'),
        (idx_bytes(IMAGES, kind=13), r'magic number 0x00000d03'),
        (b'', r'magic number'),
        (b'<html>not found</html>', r'magic number 0x3c68746d'),
        (gzip.compress(idx_bytes(IMAGES), mtime=0)[:-9], r'cut off or damaged'),
        (gzip.compress(idx_bytes(IMAGES), mtime=0)[:-8] + b'\0' * 8, r'cut off or damaged .*CRC'),
        (b'\x1f\x8bnot gzip', r'cut off or damaged'),
    ],
    ids=lambda value: value if isinstance(value, str) else 'bytes',
)
def test_what_is_no_idx_file_is_refused_with_what_it_has(tmp_path, content, why):
    path = tmp_path / 'images'
    path.write_bytes(content)
    with pytest.raises(IdxError, match=why):
        read_idx(path, 3)


def test_a_header_of_an_exabyte_takes_no_memory(tmp_path):
    path = tmp_path / 'images'
    path.write_bytes(bytes((0, 0, 8, 3)) + b'\x7f\xff\xff\xff' * 3 + b'few')
    tracemalloc.start()
    with pytest.raises(IdxError, match='and holds 3'):
        read_idx(path, 3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000
