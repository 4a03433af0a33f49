"""Pictures by their names, and in their order."""

import pytest

from cdb_video_files.images.pictures import by_number, is_picture


def test_a_picture_is_told_by_its_ending_in_any_case():
    assert all(map(is_picture, ('a.jpg', 'a.JPEG', '1.png', 'a.b.webp')))
    assert not any(map(is_picture, ('a.mp4', 'jpg', 'a.jpg.txt', 'Thumbs.db')))


@pytest.mark.parametrize(
    'names',
    [
        ['1.jpg', '2.jpg', '10.jpg'],
        ['img_00009.jpg', 'img_00010.jpg', 'img_100000.jpg'],
        ['a1_t9.png', 'a1_t10.png', 'a2_t1.png', 'b.png'],
    ],
)
def test_names_are_sorted_by_what_their_numbers_count(names):
    assert sorted(reversed(names), key=by_number) == names
