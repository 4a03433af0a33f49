"""The group of every clip: by its name, or by a file."""

from pathlib import Path

import pytest

from cdb_video.cross_fit.division.groups import clip_groups, read_group_file
from cdb_video_files.records import AnnotationError

EGTEA = (
    'P04-R06-GreekSalad/P04-R06-GreekSalad-682170-683940-F016368-F016419',
    'OP01-R01-PastaSalad/OP01-R01-PastaSalad-1000-2000-F000024-F000048.mp4',
    'P04-R01-Pizza-1000-2000-F000024-F000048.pack',
)
LIST = Path('lists/train.txt')


def test_sessions_and_subjects_are_read_off_the_names_of_egtea():
    assert clip_groups(EGTEA, EGTEA, 'session', LIST) == ('P04-R06-GreekSalad', 'OP01-R01-PastaSalad', 'P04-R01-Pizza')
    assert clip_groups(EGTEA, EGTEA, 'subject', LIST) == ('P04', 'OP01', 'P04')


@pytest.mark.parametrize('by', ['session', 'subject'])
def test_a_name_that_does_not_say_its_group_is_named_with_the_remedy(by):
    with pytest.raises(
        ValueError, match=rf"--group {by}: the clip 'kitchen/7\.mp4' of lists/train\.txt does not say its"
    ):
        clip_groups(*[[*EGTEA, 'kitchen/7.mp4']] * 2, by, LIST)


def test_a_file_names_clips_as_the_list_does_or_by_their_last_part(tmp_path):
    path = tmp_path / 'groups.txt'
    path.write_text('\n'.join(['cam1/a.mp4 anna', 'cam2/a bert', 'b c.mp4\tcleo', '  d  dora ', '', 'other anna']))
    names = ['cam1/a.mp4', 'cam2/a.mp4', 'x/y/b c.mp4', 'cam1/d.mp4']
    assert clip_groups(names, names, str(path), LIST) == ('anna', 'bert', 'cleo', 'dora')


def test_a_short_name_that_two_clips_have_serves_neither(tmp_path):
    path = tmp_path / 'groups.txt'
    path.write_text('a.mp4 anna\n')
    with pytest.raises(
        ValueError, match=r"groups\.txt has no line for 2 clips of lists/train\.txt: 'u/a\.mp4', 'v/a\.mp4'"
    ):
        clip_groups(*[['u/a.mp4', 'v/a.mp4']] * 2, str(path), LIST)


def test_missing_clips_are_named_and_counted(tmp_path):
    path = tmp_path / 'groups.txt'
    path.write_text('a anna\n')
    with pytest.raises(
        ValueError, match=r"no line for 7 clips of .*: '0', '1', '2', '3', '4', \.\.\.\. Add a line '<clip> <g"
    ):
        clip_groups(*[['a', *map(str, range(7))]] * 2, str(path), LIST)


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('a\n', r"groups\.txt:1: 'a': one word, expected two\. Write <clip> <group>"),
        ('a x\nb y\na z\n', r"groups\.txt:3: 'a z': 'a' stands in line 1 already, with another content"),
        ('\n', 'the file holds no entry'),
    ],
)
def test_a_file_of_groups_that_breaks_a_rule_is_refused_with_its_place(tmp_path, text, message):
    path = tmp_path / 'groups.txt'
    path.write_text(text)
    with pytest.raises(AnnotationError, match=message):
        read_group_file(path)


def test_segments_have_the_group_that_the_name_of_their_video_says():
    names = [f'{EGTEA[0]} 0', f'{EGTEA[0]} 24', f'{EGTEA[1]} 3']
    paths = [EGTEA[0], EGTEA[0], EGTEA[1]]
    assert clip_groups(names, paths, 'session', LIST) == (
        'P04-R06-GreekSalad',
        'P04-R06-GreekSalad',
        'OP01-R01-PastaSalad',
    )


def test_segments_are_named_by_their_video_or_each_by_its_offset(tmp_path):
    path = tmp_path / 'groups.txt'
    path.write_text('\n'.join(['a.mp4 anna', 'b 24 cleo', 'cam1/b.mp4 bert', 'cam2/c 7 dora', 'c eve']))
    names = ['cam1/a.mp4 0', 'cam1/a.mp4 24', 'cam1/b.mp4 0', 'cam1/b.mp4 24', 'cam2/c.mp4 7', 'cam2/c.mp4 8']
    paths = [name.rpartition(' ')[0] for name in names]
    assert clip_groups(names, paths, str(path), LIST) == ('anna', 'anna', 'bert', 'cleo', 'dora', 'eve')
