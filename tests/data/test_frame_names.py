"""What the frames of a clip are called, and the settings by which a dataset finds them."""

import pytest

from cdb_video.data.frame_names import FrameNames, frame_names, what_is_there

EXPECTED = (1, 'img_{:05}.jpg')


def fill(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return str(folder)


@pytest.mark.parametrize(
    ('template', 'first', 'settings'),
    [
        ('img_{:05}.jpg', 1, {}),
        ('img_{:05}.jpg', 0, {'start_index': 0}),
        ('img_{:05}.jpg', 100_007, {'start_index': 100_007}),
        ('frame_{:010}.jpg', 1, {'filename_tmpl': 'frame_{:010}.jpg'}),
        ('{:05}.jpg', 1, {'filename_tmpl': '{:05}.jpg'}),
        ('{}.jpeg', 0, {'filename_tmpl': '{}.jpeg', 'start_index': 0}),
        ('img_{:05}.JPG', 1, {'filename_tmpl': 'img_{:05}.JPG'}),
        ('clip 12.{:02}.left.png', 1, {'filename_tmpl': 'clip 12.{:02}.left.png'}),
        ('rgb/img_{:05}.jpg', 1, {'filename_tmpl': 'rgb/img_{:05}.jpg'}),
        ('{{a}}_{:03}.webp', 7, {'filename_tmpl': '{{a}}_{:03}.webp', 'start_index': 7}),
    ],
)
@pytest.mark.parametrize('length', [1, 12])
def test_the_settings_that_are_named_find_every_frame(tmp_path, template, first, settings, length):
    names = [template.format(number) for number in range(first, first + length)]
    found = frame_names(fill(tmp_path, *names))
    assert (found.first, found.last, found.count) == (first, first + length - 1, length)
    assert found.has(length)
    assert found.settings(*EXPECTED) == settings or length == 1
    start, tmpl = (
        found.settings(*EXPECTED).get(key, default)
        for key, default in zip(('start_index', 'filename_tmpl'), EXPECTED, strict=True)
    )
    assert [tmpl.format(start + step) for step in range(length)] == names


def test_the_longest_of_several_series_counts_and_other_files_do_not(tmp_path):
    frames = [f'img_{number:05}.jpg' for number in range(4)]
    fill(tmp_path, *frames, 'mask_1.png', 'mask_2.png', 'Thumbs.db', 'notes_1.txt', 'audio/1.wav')
    assert frame_names(str(tmp_path)) == FrameNames('img_{:05}.jpg', 0, 3, 4)


@pytest.mark.parametrize(
    'names', [(), ('clip.mp4',), ('cover.jpg',), ('a1_t10.jpg', 'a2_t20.jpg'), ('01.jpg', '001.jpg')]
)
def test_what_no_template_describes_is_no_series(tmp_path, names):
    assert frame_names(fill(tmp_path, *names)) is None
    said, helps = what_is_there([('c', str(tmp_path), 2)], 1, *EXPECTED)
    assert not helps
    assert (', '.join(sorted(names)) or 'nothing') in said


def test_a_folder_that_is_not_there_has_no_frames(tmp_path):
    assert frame_names(str(tmp_path / 'no')) is None


@pytest.mark.parametrize(
    ('numbers', 'said'),
    [
        ((1, 2, 3), r'c holds img_00001.jpg to img_00003.jpg (3 frames), and the list says 4 frames from number 1 on'),
        ((0, 1, 2, 4), 'c holds img_00000.jpg to img_00004.jpg (4 frames), and'),
    ],
)
def test_frames_that_no_setting_finds_are_told_of_all_the_same(tmp_path, numbers, said):
    folder = fill(tmp_path, *(f'img_{number:05}.jpg' for number in numbers))
    found, helps = what_is_there([('c', folder, 4)], 1, *EXPECTED)
    assert found.startswith(said)
    assert not helps


def test_clips_that_are_named_in_two_ways_are_told_of_with_what_to_do(tmp_path):
    one = fill(tmp_path / 'a', '0.png', '1.png')
    other = fill(tmp_path / 'b', 'img_00000.jpg', 'img_00001.jpg')
    said, helps = what_is_there([('a', one, 2), ('b', other, 2)], 2, *EXPECTED)
    assert helps
    assert "(2 frames): set filename_tmpl='{}.png' and start_index=0 in the dataset. Those of b are img_00000" in said
    assert 'ConcatDataset' in said
    said, _ = what_is_there([('b', other, 2)], 5, *EXPECTED)
    assert 'set start_index=0 in the dataset. Other clips have the names that it expects.' in said
    assert what_is_there([('b', other, 2)], 1, *EXPECTED)[0].endswith('set start_index=0 in the dataset')


def test_a_template_that_is_none_is_taken_for_another_name(tmp_path):
    folder = fill(tmp_path, 'img_00001.jpg')
    assert frame_names(folder).settings(1, 'img_{number}.jpg') == {'filename_tmpl': 'img_{:05}.jpg'}
