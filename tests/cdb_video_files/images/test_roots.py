"""Where else the files of a list may lie."""

import pytest

from cdb_video_files.images.roots import OtherRoot, find_other_root


@pytest.fixture
def data(tmp_path):
    for name in ('set/train/ant/1.png', 'set/val/ant/1.png', 'set/val/bee/2.png'):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path / 'set'


def test_a_folder_above_below_or_beside_is_found(data):
    assert find_other_root(data / 'train/ant', 'ant/1.png') == OtherRoot(data / 'train')
    assert find_other_root(data, 'bee/2.png') == OtherRoot(data / 'val')
    assert find_other_root(data / 'vla', 'bee/2.png') == OtherRoot(data / 'val')


def test_folders_before_the_names_that_are_not_on_the_disk_are_found(data):
    assert find_other_root(data / 'train', 'a/b/ant/1.png') == OtherRoot(lead='a/b/')


def test_nothing_is_guessed_where_two_folders_would_do_or_none(data):
    assert find_other_root(data / 'trian', 'ant/1.png') is None
    assert find_other_root(data, 'cow/1.png') is None
