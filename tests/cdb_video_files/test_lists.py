"""Which names a line of a list can hold: the writer refuses what the reader would not give back."""

import os

import pytest

from cdb_video_files.class_lists import is_class_name, write_class_names
from cdb_video_files.lists import (
    FrameEntry,
    VideoEntry,
    check_listed_name,
    frame_list_blocks,
    is_listed_name,
    packed_name,
    read_frame_list,
    read_video_list,
    slashed_name,
    write_frame_list,
    write_video_list,
)
from cdb_video_files.records import AnnotationError

NOT_UTF_8 = os.fsdecode(b'cut/\xff.mp4')


@pytest.mark.parametrize(
    ('name', 'why'),
    [
        (' a.mp4', 'begins or ends with a blank'),
        ('a.mp4\u00a0', 'begins or ends with a blank'),
        ('', 'it is empty'),
        ('a\nb.mp4', 'holds a line break'),
        ('a\rb.mp4', 'holds a line break'),
        ('\ufeffa.mp4', 'begins with a byte order mark'),
        (NOT_UTF_8, 'it is not UTF-8'),
        ('take 2', 'ends in a blank and a number'),
        ('take\u00a02', 'ends in a blank and a number'),
        ('/a.mp4', 'is absolute'),
        ('~a.mp4', 'is absolute'),
        ('a\\b.mp4', 'a backslash'),
        ('1:02.mp4', 'has a colon second'),
    ],
)
def test_a_name_that_no_list_can_hold_is_refused_with_the_remedy_of_who_has_the_file(tmp_path, name, why):
    with pytest.raises(AnnotationError, match=why) as caught:
        check_listed_name(name)
    assert str(caught.value).startswith('no list can hold the name ')
    assert caught.value.remedy == 'Rename the file or its folder'
    assert not is_listed_name(name)
    with pytest.raises(AnnotationError, match='Rename it'):
        write_frame_list(tmp_path / 'train.txt', [FrameEntry(name, 24, 0)])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('name', ['take 2.mp4', '2', 'take  two é', 'a 1/b.mp4', 'it\'s, "a".mp4', '#a.mp4', '...mp4'])
def test_a_name_that_is_listed_comes_back(tmp_path, name):
    assert check_listed_name(name) == name
    write_frame_list(tmp_path / 'train.txt', [FrameEntry(name, 24, 0)])
    write_video_list(tmp_path / 'train_videos.txt', [VideoEntry(name, 3)])
    assert read_frame_list(tmp_path / 'train.txt') == [FrameEntry(name, 24, 0)]
    assert read_video_list(tmp_path / 'train_videos.txt') == [VideoEntry(name, 3)]


@pytest.mark.parametrize('name_of', [packed_name, slashed_name])
@pytest.mark.parametrize('clip', ['take 2', 'cut/take 2 ', 'a 1 2'])
def test_frames_of_a_name_with_a_number_at_its_end_are_listed_as_pack_or_folder(tmp_path, name_of, clip):
    entries = [FrameEntry(name_of(clip), 24, 0), FrameEntry('plain', 24, 1)]
    write_frame_list(tmp_path / 'train.txt', entries)
    assert read_frame_list(tmp_path / 'train.txt') == entries
    fast = [line for block in frame_list_blocks(tmp_path / 'train.txt') for line in block]
    assert fast == [(entry.frame_dir, '24', str(entry.label)) for entry in entries]


@pytest.mark.parametrize('name', ['', 'a  b', ' a', 'a\u00a0b', '\ufeffa', NOT_UTF_8])
def test_a_class_name_that_would_change_is_refused(tmp_path, name):
    assert not is_class_name(name)
    with pytest.raises(AnnotationError, match='class name'):
        write_class_names(tmp_path / 'classes.txt', ['cut', name])
