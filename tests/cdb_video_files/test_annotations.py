"""Lines and files: what is read, what is written, what is refused and how it is said."""

import random
import re

import pytest

from cdb_video_files.annotations import (
    format_annotation_line,
    parse_annotation_line,
    read_annotations,
    read_index,
    write_annotations,
    write_index,
)
from cdb_video_files.class_lists import read_class_names, write_class_names
from cdb_video_files.clip_names import ClipName, parse_clip_name
from cdb_video_files.lists import (
    FrameEntry,
    VideoEntry,
    frame_list_blocks,
    read_frame_list,
    read_video_list,
    video_list_blocks,
    write_frame_list,
    write_video_list,
)
from cdb_video_files.records import AnnotationError

CLIP = 'P04-R06-GreekSalad-682170-683940-F016368-F016419'
LINE = f'{CLIP} 12 3 40'


def test_clip_name_is_taken_apart_and_put_together_again():
    clip = parse_clip_name(CLIP)
    assert clip == ClipName('P04', 'R06', 'GreekSalad', 682170, 683940, 16368, 16419)
    assert clip.session == 'P04-R06-GreekSalad'
    assert clip.path == f'P04-R06-GreekSalad/{CLIP}'
    assert str(clip) == CLIP


def test_seven_digit_frame_numbers_are_kept():
    name = 'OP01-R01-PastaSalad-1-99999999-F000000-F2400000'
    assert str(parse_clip_name(name)) == name


@pytest.mark.parametrize(
    'name',
    [
        '',
        'P04',
        CLIP + '-1',
        CLIP.replace('F016368', 'F16368'),
        CLIP.replace('F016368', 'F0016368'),
        CLIP.replace('682170', '0682170'),
        CLIP.replace('GreekSalad', 'Greek/Salad'),
        CLIP.replace('GreekSalad', '..\\Salad'),
        CLIP.replace('P04', '..'),
        CLIP.replace('682170', '\uff1682170'),
    ],
)
def test_a_name_of_another_form_is_refused(name):
    with pytest.raises(AnnotationError, match=r'is not <subject>-R<nn>-<recipe>.*Give it the form'):
        parse_clip_name(name)


@pytest.mark.parametrize('name', [CLIP.replace('683940', '682170'), CLIP.replace('F016419', 'F016368')])
def test_a_clip_that_ends_before_it_starts_is_refused(name):
    with pytest.raises(AnnotationError, match='before it starts'):
        parse_clip_name(name)


@pytest.mark.parametrize('nouns', [(40,), (40, 2), (40, 2, 51)])
def test_one_to_three_nouns_are_read_and_written(nouns):
    line = f'{CLIP} 12 3 ' + ' '.join(map(str, nouns))
    record = parse_annotation_line(line)
    assert (record.action, record.verb, record.nouns) == (12, 3, nouns)
    assert format_annotation_line(record) == line


@pytest.mark.parametrize(
    ('line', 'rule'),
    [
        (f'{CLIP} 12 3', '2 ids after the clip name'),
        (f'{CLIP} 12 3 4 5 6 7', '6 ids after the clip name'),
        (f'{CLIP} 0 3 4', "id '0' is not a whole number >= 1"),
        (f'{CLIP} 12 -3 4', "id '-3' is not"),
        (f'{CLIP} 12 3 4.0', "id '4.0' is not"),
        (f'{CLIP} 12 03 4', "id '03' is not"),
        (f'{CLIP} 12 3 1_0', "id '1_0' is not"),
        (f'{CLIP} 12 3 {"9" * 5000}', 'is not a whole number'),
    ],
)
def test_a_line_with_wrong_ids_is_refused_with_file_line_rule_and_remedy(tmp_path, line, rule):
    path = tmp_path / 'train_split1.txt'
    path.write_text(f'{CLIP.replace("P04", "P05")} 1 1 1\n\n{line}\n')
    with pytest.raises(AnnotationError) as caught:
        read_annotations(path)
    message = str(caught.value)
    assert message.startswith(f"{path}:3: '{line[:40]}")
    assert rule in message
    assert caught.value.remedy in message
    assert caught.value.line_number == 3


def test_byte_order_mark_windows_line_ends_and_blank_lines_are_tolerated(tmp_path):
    path = tmp_path / 'train_split1.txt'
    path.write_bytes(f'\ufeff\r\n{LINE}  \r\n \r\n{LINE.replace("P04", "P05")}\r\n\r\n'.encode())
    assert [record.clip.subject for record in read_annotations(path)] == ['P04', 'P05']


def test_a_clip_listed_twice_is_refused_with_both_lines(tmp_path):
    path = tmp_path / 'train_split1.txt'
    path.write_text(f'{LINE}\n{CLIP} 12 4 40\n')
    with pytest.raises(AnnotationError, match=r'train_split1\.txt:2: .*stands in line 1 already'):
        read_annotations(path)


@pytest.mark.parametrize('content', [b'', b'\n \r\n', b'\xef\xbb\xbf'])
def test_an_empty_file_is_refused(tmp_path, content):
    path = tmp_path / 'list.txt'
    path.write_bytes(content)
    readers = [read_annotations, read_index, read_frame_list, read_video_list]
    for read in readers:
        with pytest.raises(AnnotationError, match='holds no entry'):
            read(path)
    with pytest.raises(AnnotationError, match='no class name'):
        read_class_names(path)


def test_a_file_that_is_not_text_is_refused(tmp_path):
    path = tmp_path / 'train_split1.txt'
    path.write_bytes(LINE.encode() + b'\n\xff\xfe\x00')
    with pytest.raises(AnnotationError, match=r'train_split1\.txt: not UTF-8 text \(byte 57\)'):
        read_annotations(path)


def test_index_names_keep_blanks_slashes_and_commas(tmp_path):
    path = tmp_path / 'action_idx.txt'
    path.write_bytes(b'Divide/Pull Apart lettuce 2\r\nInspect/Read recipe 1\r\nCut a, b 10\r\n')
    index = read_index(path)
    assert index == {1: 'Inspect/Read recipe', 2: 'Divide/Pull Apart lettuce', 10: 'Cut a, b'}
    assert list(index) == [1, 2, 10]
    write_index(path, index)
    expected = 'Inspect/Read recipe 1\nDivide/Pull Apart lettuce 2\nCut a, b 10\n'
    assert path.read_text() == expected


@pytest.mark.parametrize(
    ('text', 'rule'),
    [
        ('Read\n', 'no name, or no id'),
        ('1\n', 'no name, or no id'),
        ('Read one\n', "id 'one' is not a whole number >= 1"),
        ('Read 0\n', "id '0' is not"),
        ('Read 1\nTake 1\n', "'1' stands in line 1 already"),
    ],
)
def test_a_wrong_index_line_is_refused(tmp_path, text, rule):
    path = tmp_path / 'verb_idx.txt'
    path.write_text(text)
    with pytest.raises(AnnotationError, match=re.escape(rule)):
        read_index(path)


def test_frame_and_video_lists_are_read_as_they_were_written(tmp_path):
    frames = [FrameEntry('s/a', 45, 0), FrameEntry('s/b', 1, 18)]
    videos = [VideoEntry('s/a.mp4', 0), VideoEntry('s/b.mp4', 18)]
    write_frame_list(tmp_path / 'train.txt', frames)
    write_video_list(tmp_path / 'train_videos.txt', videos)
    assert (tmp_path / 'train.txt').read_bytes() == b's/a 45 0\ns/b 1 18\n'
    assert (tmp_path / 'train_videos.txt').read_bytes() == b's/a.mp4 0\ns/b.mp4 18\n'
    assert read_frame_list(tmp_path / 'train.txt', num_classes=19) == frames
    assert read_video_list(tmp_path / 'train_videos.txt', num_classes=19) == videos
    assert sorted(path.name for path in tmp_path.iterdir()) == ['train.txt', 'train_videos.txt']


@pytest.mark.parametrize(
    ('line', 'rule'),
    [
        ('s/a 45', '2 parts, expected 3'),
        ('s/a 10 45 0', "path 's/a 10' ends in a blank and a number"),
        ('s/a 45 3 1', "path 's/a 45' ends in a blank and a number"),
        ('s/a 0 0', "number of frames '0' is not a whole number >= 1"),
        ('s/a 45 -1', "label '-1' is not a whole number >= 0"),
        ('s/a 45 19', 'label 19 is outside 0..18, the 19 classes'),
        ('/s/a 45 0', "path '/s/a' is absolute"),
        ('s/../../a 45 0', "holds '..'"),
        ('..\\a 45 0', 'backslash'),
        ('C:/a 45 0', 'is absolute'),
        ('1:02 45 0', "path '1:02' has a colon second, which Windows takes for a drive. Rename the file"),
        ('C:a 45 0', 'has a colon second'),
    ],
)
def test_a_wrong_frame_line_is_refused(tmp_path, line, rule):
    path = tmp_path / 'train.txt'
    path.write_text(f's/ok 1 0\n{line}\n')
    with pytest.raises(AnnotationError, match=re.escape(rule)) as caught:
        read_frame_list(path, num_classes=19)
    assert str(caught.value).startswith(f'{path}:2: ')


@pytest.mark.parametrize('path', ['/s/a', '/s/a b/c', 'C:/a', '//host/a'])
def test_an_absolute_path_is_read_where_it_may_be(tmp_path, path):
    frames, videos = tmp_path / 'train.txt', tmp_path / 'train_videos.txt'
    frames.write_text(f's/ok 1 0\n{path} 45 1\n')
    videos.write_text(f's/ok.mp4 0\n{path}.mp4 1\n')
    remedy = 'is absolute. Write it relative to the data folder, or set allow_absolute=True in the dataset'
    for read, blocks, file, name in (
        (read_frame_list, frame_list_blocks, frames, path),
        (read_video_list, video_list_blocks, videos, f'{path}.mp4'),
    ):
        with pytest.raises(AnnotationError, match=re.escape(f'path {name!r} {remedy}')):
            read(file)
        with pytest.raises(AnnotationError, match='is absolute'):
            list(blocks(file))
        (_, entry) = read(file, allow_absolute=True)
        assert (getattr(entry, 'frame_dir', None) or entry.filename) == name
        (records,) = blocks(file, allow_absolute=True)
        assert [record[0] for record in records][1] == name


@pytest.mark.parametrize('path', ['/s/../a', '~/a', 'C:\\a', '../a', '~user/a'])
def test_a_path_that_is_no_plain_one_is_refused_where_absolute_ones_are_not(tmp_path, path):
    (tmp_path / 'train.txt').write_text(f'{path} 45 0\n')
    with pytest.raises(AnnotationError, match=re.escape(repr(path))):
        read_frame_list(tmp_path / 'train.txt', allow_absolute=True)
    with pytest.raises(AnnotationError):
        list(frame_list_blocks(tmp_path / 'train.txt', allow_absolute=True))


def test_a_wrong_video_line_is_refused(tmp_path):
    path = tmp_path / 'train_videos.txt'
    path.write_text('s/a.mp4 45 0\n')
    with pytest.raises(AnnotationError, match=r"path 's/a\.mp4 45' ends in a blank and a number"):
        read_video_list(path)
    path.write_text('s/a.mp4 2\n')
    with pytest.raises(AnnotationError, match=r'label 2 is outside 0\.\.1'):
        read_video_list(path, num_classes=2)


@pytest.mark.parametrize('folder', ['a ', ' a', 'a 10', 'a\nb', '/a', '../a', ''])
def test_what_a_reader_would_not_give_back_is_not_written(tmp_path, folder):
    with pytest.raises(AnnotationError):
        write_frame_list(tmp_path / 'train.txt', [FrameEntry(folder, 1, 0)])
    assert list(tmp_path.iterdir()) == []


def test_a_name_with_blanks_is_read_as_it_was_written(tmp_path):
    frames = [FrameEntry('pick up/take  two é', 45, 0)]
    videos = [VideoEntry('pick up/take  two é.mp4', 3)]
    write_frame_list(tmp_path / 'train.txt', frames)
    write_video_list(tmp_path / 'train_videos.txt', videos)
    assert read_frame_list(tmp_path / 'train.txt') == frames
    assert read_video_list(tmp_path / 'train_videos.txt') == videos


def test_an_index_name_with_a_line_end_is_not_written(tmp_path):
    with pytest.raises(AnnotationError, match='cannot be written as one line'):
        write_index(tmp_path / 'verb_idx.txt', {1: 'Take\n2'})


def test_an_empty_list_is_not_written(tmp_path):
    with pytest.raises(AnnotationError, match='nothing to write'):
        write_frame_list(tmp_path / 'train.txt', [])


def test_class_names_are_read_as_they_were_written(tmp_path):
    path = tmp_path / 'classes.txt'
    names = ['Inspect/Read', 'Divide/Pull Apart', 'Cut, slice']
    write_class_names(path, names)
    assert read_class_names(path) == names
    path.write_bytes(b'\xef\xbb\xbf' + '\r\n'.join([*names, '', '']).encode())
    assert read_class_names(path) == names


@pytest.mark.parametrize(
    ('text', 'message'),
    [('a\n\nb\n', ':2: .*blank line among'), ('a\nb\na\n', ":3: .*'a' stands in line 1 already")],
)
def test_class_names_with_a_gap_or_a_repetition_are_refused(tmp_path, text, message):
    path = tmp_path / 'classes.txt'
    path.write_text(text)
    with pytest.raises(AnnotationError, match=message):
        read_class_names(path)


@pytest.mark.parametrize('names', [['a', ''], ['a', 'a'], ['a\nb'], [' a'], ['a  b']])
def test_class_names_that_would_change_are_not_written(tmp_path, names):
    with pytest.raises(AnnotationError, match='class name'):
        write_class_names(tmp_path / 'classes.txt', names)


def test_ten_thousand_fuzzed_lines_give_a_record_or_a_clear_error():
    rng = random.Random(0)
    pieces = [
        CLIP,
        '12',
        '3',
        '40',
        '-',
        ' ',
        '\t',
        '0',
        'F',
        '/',
        '..',
        'é',
        '\u2028',
        '\x00',
        '\u0663',
    ]
    records = 0
    for _ in range(10_000):
        text = list(LINE)
        for _ in range(rng.randrange(4)):
            text[rng.randrange(len(text))] = rng.choice(pieces)
        line = ''.join(text)
        try:
            record = parse_annotation_line(line)
        except AnnotationError:
            continue
        records += 1
        assert format_annotation_line(record) == ' '.join(line.split())
    assert 1000 < records < 9000


@pytest.mark.parametrize(('part', 'clips'), [('train', 6372), ('val', 1927), ('test', 2022)])
def test_all_real_egtea_lines_come_back_byte_for_byte(shared_folder, tmp_path, part, clips):
    source = shared_folder / 'egtea' / f'{part}_split.txt'
    records = read_annotations(source)
    assert len(records) == clips
    write_annotations(tmp_path / 'copy.txt', records)
    assert (tmp_path / 'copy.txt').read_bytes() == source.read_bytes()
    assert all(1 <= len(record.nouns) <= 3 for record in records)
