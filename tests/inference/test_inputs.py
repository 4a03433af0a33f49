import pytest

from cdb_video.inference.inputs import find_inputs


@pytest.fixture
def folder(tmp_path):
    for name in ('a.mp4', 'b/c.MKV', 'b/d 12.mp4', 'b/notes.txt', 'b/._c.mp4', 'e.jpg'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text('.')
    return tmp_path


def test_videos_folders_and_lists_may_be_mixed_and_a_clip_comes_once(folder):
    (folder / 'list.txt').write_text('\ufeffa.mp4 3\r\n\nb/d 12.mp4 0\n')
    found = find_inputs([folder / 'a.mp4', folder / 'b', folder / 'list.txt'])
    assert found.paths == tuple(str(folder / name) for name in ('a.mp4', 'b/c.MKV', 'b/d 12.mp4'))
    assert found.labels == {str(folder / 'a.mp4'): 3, str(folder / 'b/d 12.mp4'): 0}
    assert found.notes == (f'{folder / "b"}: 1 file with other endings than those of videos passed over (1 of .txt)',)


def test_a_number_at_the_end_of_a_name_is_no_label_where_the_file_is_there(folder):
    (folder / 'clip 7').write_text('.')
    (folder / 'list.txt').write_text('clip 7\na.mp4\n')
    found = find_inputs([folder / 'list.txt'])
    assert found.paths == (str(folder / 'clip 7'), str(folder / 'a.mp4'))
    assert found.labels == {}


def test_paths_of_a_list_are_relative_to_the_root(folder, tmp_path):
    (folder / 'b/list.txt').write_text('a.mp4 1\nmissing.mp4 2\n')
    assert find_inputs([folder / 'b/list.txt'], folder).paths[0] == str(folder / 'a.mp4')
    with pytest.raises(FileNotFoundError, match=r'of the 2 videos in .*list\.txt none is there, as .*--root'):
        find_inputs([folder / 'b/list.txt'])
    with pytest.raises(FileNotFoundError, match=r'--root .*nowhere is no folder'):
        find_inputs([folder / 'b/list.txt'], folder / 'nowhere')
    with pytest.raises(ValueError, match=r'--root .* goes with a list .*, and none is named'):
        find_inputs([folder / 'a.mp4'], folder)


def test_what_holds_no_video_is_refused(folder):
    (folder / 'empty').mkdir()
    (folder / 'pictures').mkdir()
    (folder / 'pictures/1.jpg').write_text('.')
    (folder / 'empty.txt').write_text('\n')
    for place, words in (
        ('empty', r'holds no video \(\.mp4, .*: it is empty'),
        ('pictures', r'it holds 1 file \(1 of \.jpg\)'),
        ('empty.txt', 'holds no entry'),
    ):
        with pytest.raises(ValueError, match=words):
            find_inputs([folder / place])
    with pytest.raises(FileNotFoundError, match=r'gone\.mp4 does not exist: name a video, a folder'):
        find_inputs([folder / 'gone.mp4'])


def test_a_file_with_an_unknown_ending_that_is_named_is_tried(folder):
    assert find_inputs([folder / 'e.jpg']).paths == (str(folder / 'e.jpg'),)


def test_an_ending_may_be_left_out_in_a_list_as_in_training(folder):
    (folder / 'list.txt').write_text('a 2\nb/d 12.mp4 0\n')
    found = find_inputs([folder / 'list.txt'])
    assert found.labels == {str(folder / 'a.mp4'): 2, str(folder / 'b/d 12.mp4'): 0}


def test_a_label_stays_whatever_names_the_clip_again(folder):
    (folder / 'list.txt').write_text('a.mp4 3\nb/c.MKV 0\n')
    (folder / 'bare.txt').write_text('a.mp4\n')
    places = [folder / name for name in ('list.txt', 'a.mp4', 'b', 'bare.txt')]
    for named in (places, places[::-1]):
        assert find_inputs(named).labels == {str(folder / 'a.mp4'): 3, str(folder / 'b/c.MKV'): 0}
