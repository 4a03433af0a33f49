"""What the bytes of a picture file tell of it, without decoding it."""

import cv2
import numpy as np
import pytest
from PIL import Image

from cdb_video_files.images.faults import UNDECODABLE, picture_fault, stored_picture
from tests.support.image_files import picture, turned_picture

SOUND = {
    'jpeg': picture(),
    'progressive': picture(progressive=True),
    'turned': turned_picture(),
    'CMYK': picture(mode='CMYK'),
    'grey JPEG': picture(mode='L'),
    'png': picture('PNG'),
    'palette': picture('PNG', 'P'),
    'one bit': picture('PNG', '1'),
    'grey and transparent': picture('PNG', 'LA'),
    'webp': picture('WEBP'),
    'bmp': picture('BMP'),
    'tiff': picture('TIFF'),
    'more behind its end': picture() + bytes(100_000),
}


@pytest.mark.parametrize('kind', SOUND)
def test_a_whole_picture_of_8_bits_has_no_fault(kind):
    assert picture_fault(SOUND[kind], checksums=True) == ''


@pytest.mark.parametrize('kind', ['jpeg', 'progressive', 'turned', 'CMYK', 'png', 'palette'])
def test_a_picture_that_ends_anywhere_before_its_end_is_cut_off(kind):
    content = SOUND[kind]
    for length in {*range(3, 60), *range(60, len(content) - 1, 13), len(content) - 2, len(content) - 1}:
        assert picture_fault(content[:length]) in ('is cut off', UNDECODABLE), length


def test_the_end_of_the_small_picture_in_a_photograph_is_not_its_own():
    mark = Image.Exif()
    mark.get_ifd(0x8769)[0x927C] = picture()  # a JPEG among the notes of a camera
    content = picture(exif=mark)
    assert content.count(b'\xff\xd9') == 2
    half = content[: -len(picture()) // 4]
    assert b'\xff\xd9' in half
    assert (picture_fault(content), picture_fault(half)) == ('', 'is cut off')


@pytest.mark.parametrize(
    ('content', 'fault'),
    [
        (b'', 'is empty'),
        (b'no picture', UNDECODABLE),
        (
            b'\x89PNG\r\n\x1a\n' + bytes(4) + b'IEND\xae\x42\x60\x82' + bytes(30),
            'is damaged (its first part is not IHDR)',
        ),
        (picture('PNG', 'I;16'), 'has 16 bits a channel'),
        (picture('TIFF', 'I;16'), 'has 16 bits a channel'),
    ],
)
def test_what_is_none_or_has_16_bits_is_said(content, fault):
    assert picture_fault(content) == fault


def test_16_bits_are_no_fault_where_any_depth_will_do():
    for kind in ('PNG', 'TIFF'):
        content = picture(kind, 'I;16')
        assert picture_fault(content, any_depth=True) == ''
        assert stored_picture(content).dtype == np.uint16


def test_damage_within_a_png_shows_in_its_checksums():
    content = picture('PNG')[:400] + b'\0' + picture('PNG')[401:]
    assert picture_fault(content, checksums=True) == 'is damaged (checksum of the part IDAT)'
    assert picture_fault(content) == ''


def test_a_stored_picture_is_as_opencv_has_it_or_none():
    content = picture('PNG')
    assert (stored_picture(content) == cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)).all()
    assert stored_picture(b'') is None
    assert stored_picture(b'no picture') is None
