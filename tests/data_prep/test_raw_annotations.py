"""The list of everything annotated in the recordings, and the names that clips get from it."""

import re

import pytest
from prep.cut import raw_annotations

from cdb_video_files.annotations import read_annotations
from cdb_video_files.records import AnnotationError

HEADER = (
    '# Clip ID (Unique, used only internally); Clip Prefix (Unique); Video Session; Starting Time (ms);  '
    'Ending Time (ms); Action Label; Verb Label; Noun Label(s)'
)
ROW = '7; P03-R01-PastaSalad-1000-3000; P03-R01-PastaSalad; 1000; 3000; Transfer cup,bowl; Transfer; cup,bowl'


def test_a_row_gives_a_clip_with_padded_frames(tmp_path):
    path = tmp_path / 'action_labels.csv'
    path.write_bytes(f'\ufeff{HEADER}\r\n\r\n{ROW}\r\n# a comment\r\n'.encode())
    (action,) = raw_annotations.read_raw_actions(path)
    # Frames 24 to 72: 49 with both ends, a tenth of which is 4.
    assert str(action.clip) == 'P03-R01-PastaSalad-1000-3000-F000020-F000076'
    assert (action.action, action.verb, action.nouns) == ('Transfer cup,bowl', 'Transfer', ('cup', 'bowl'))
    assert action.prefix == 'P03-R01-PastaSalad-1000-3000'


def test_times_between_frames_are_rounded_outwards_and_the_start_is_no_less_than_0():
    # 30 ms is frame 0.72, 1030 ms is frame 24.72: 0 to 25.
    assert raw_annotations.padded_frames(30, 1030) == (0, 27)
    assert raw_annotations.padded_frames(1000, 1001) == (24, 25)


@pytest.mark.parametrize(
    ('line', 'rule'),
    [
        (ROW.replace(';', ','), '1 columns between semicolons, expected 8'),
        (f'{ROW}; more', '9 columns between semicolons, expected 8'),
        (ROW.replace(' 1000;', ' 1001;'), 'is not session, start and end'),
        (ROW.replace('P03', '../P03'), "clip name '../P03"),
        (ROW.replace('3000', '500'), 'before it starts'),
        (ROW.replace('1000', '1e3'), "starting time '1e3' is not a whole number"),
        (ROW.replace('; Transfer;', ';;'), 'the action or the verb is empty'),
    ],
)
def test_a_row_that_contradicts_itself_is_refused_with_file_and_line(tmp_path, line, rule):
    path = tmp_path / 'action_labels.csv'
    path.write_text(f'{HEADER}\n{line}\n')
    with pytest.raises(AnnotationError, match=re.escape(rule)) as caught:
        raw_annotations.read_raw_actions(path)
    assert str(caught.value).startswith(f'{path}:2: ')


def test_another_header_and_a_repeated_action_are_refused(tmp_path):
    path = tmp_path / 'action_labels.csv'
    path.write_text(f'{HEADER.replace("Starting Time", "First Frame")}\n{ROW}\n')
    with pytest.raises(AnnotationError, match=r':1: .*Video Session, First Frame, .*, expected Clip ID'):
        raw_annotations.read_raw_actions(path)
    path.write_text(f'{HEADER}\n{ROW}\n{ROW.replace("Transfer", "Take")}\n')
    with pytest.raises(AnnotationError, match=r':3: .*stands in line 2 already, with another content'):
        raw_annotations.read_raw_actions(path)


@pytest.mark.parametrize(('part', 'clips'), [('train', 6372), ('val', 1927), ('test', 2022)])
def test_the_rule_gives_the_frames_of_every_real_egtea_name(shared_folder, part, clips):
    records = read_annotations(shared_folder / f'egtea/{part}_split.txt')
    assert len(records) == clips
    for clip in (record.clip for record in records):
        assert raw_annotations.padded_frames(clip.start_ms, clip.end_ms) == (clip.start_frame, clip.end_frame)
