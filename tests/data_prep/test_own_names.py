"""list_videos and the names of own videos: numbers at their end, no ending, Kinetics, folders that may be misread."""

import json
import os
import shutil
import unicodedata

import check_dataset
import cv2
import extract_frames
import list_videos
import numpy as np
import pytest
from prep.own_data import listing

from cdb_video_files.lists import read_frame_list, read_video_list
from tests.support.clips import tree, write_clip

FRAMES = 3


@pytest.fixture(scope='module')
def one(tmp_path_factory):
    return write_clip(tmp_path_factory.mktemp('one') / 'one.mp4', frames=FRAMES)


@pytest.fixture
def root(tmp_path):
    (tmp_path / 'cropped_clips').mkdir()
    return tmp_path


def put(root, one, *names):
    for name in names:
        path = root / 'cropped_clips' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(one, path)


def run(root, *options, csv=None, header='path,label'):
    if csv is not None:
        (root / 'labels.csv').write_text('\n'.join([header, *csv]) + '\n', encoding='utf-8')
        options = ('--csv', root / 'labels.csv', *options)
    args = [
        '--videos',
        root / 'cropped_clips',
        '--out',
        root / 'lists',
        '--val-share',
        '0',
        '--test-share',
        '0',
        *options,
    ]
    return list_videos.main([str(arg) for arg in args])


def listed(root):
    return [entry.filename for entry in read_video_list(root / 'lists/train_videos.txt')]


def extract(root, *options):
    return extract_frames.main(['--data-root', str(root), '--workers', '1', *options])


@pytest.mark.parametrize(('form', 'folder', 'name'), [(('--pack',), 'packs', '{}.pack'), ((), 'frames', '{}/')])
def test_names_that_end_in_numbers_or_blanks_go_the_whole_path(root, one, capsys, form, folder, name):
    put(root, one, 'cut/take 1.mp4', 'cut/take 2.mp4', 'cut/end .mp4', 'cut/plain.mp4')
    assert extract(root, *form) == 0
    assert run(root, '--frames', root / folder) == 0
    expected = [name.format('cut/end '), 'cut/plain', *(name.format(f'cut/take {number}') for number in (1, 2))]
    assert [entry.frame_dir for entry in read_frame_list(root / 'lists/train.txt')] == expected
    args = ['--data-root', str(root), '--lists', str(root / 'lists'), '--frames', str(root / folder), '--workers', '1']
    assert check_dataset.main(args) == 0
    assert 'nothing is wrong' in capsys.readouterr().out


@pytest.mark.parametrize('form', ['packs', 'frames'])
def test_datasets_read_the_frames_of_names_that_end_in_numbers(root, one, form):
    pytest.importorskip('mmaction')
    from cdb_video.hosts.mmaction.datasets import FrameListDataset
    from cdb_video.report.sources.dump import clip_name

    put(root, one, 'cut/take 1.mp4', 'cut/take 2.mp4')
    assert extract(root, *(['--pack'] if form == 'packs' else [])) == 0
    assert run(root, '--frames', root / form) == 0
    reader = 'PackDecode' if form == 'packs' else 'mmaction.RawFrameDecode'
    pipeline = [{'type': 'mmaction.SampleFrames', 'clip_len': 2}, {'type': reader}]
    dataset = FrameListDataset(
        str(root / 'lists/train.txt'), pipeline, data_prefix={'img': str(root / form)}, test_mode=True
    )
    assert [clip_name(dataset.get_data_info(index)['frame_dir']) for index in (0, 1)] == ['take 1', 'take 2']
    assert [len(dataset[index]['imgs']) for index in (0, 1)] == [2, 2]


def test_all_names_that_no_list_can_hold_are_said_with_their_place_before_a_video_is_opened(
    root, one, capsys, monkeypatch
):
    monkeypatch.setattr(listing, 'announced_frames', lambda _: pytest.fail('a video was opened'))
    put(root, one, ' cut/a.mp4', 'wash/a\nb.mp4', 'wash/a\\b.mp4', 'wash/fine.mp4')
    shutil.copy(one, os.fsencode(root / 'cropped_clips/wash') + b'/\xff.mp4')
    assert run(root) == 2
    error = capsys.readouterr().err
    for place, why in (
        (f'{root}/cropped_clips/ cut/a.mp4', 'it begins or ends with a blank'),
        (f'{root}/cropped_clips/wash/a\\nb.mp4', 'it holds a line break'),
        (f'{root}/cropped_clips/wash/a\\b.mp4', 'a backslash'),
        (f'{root}/cropped_clips/wash/\\udcff.mp4', 'it is not UTF-8'),
    ):
        assert place in error
        assert why in error
    assert 'fine.mp4' not in error
    assert not (root / 'lists').exists()


def test_kinetics_csv_is_read_as_it_is(root, one):
    put(
        root,
        one,
        'train/eating_cake/-0IErS_cisg_000017_000027.mp4',
        'b/_1b_000000_000010.WEBM',
        'ab1_123456_123466.mkv',
    )
    rows = ['eating cake,-0IErS_cisg,17,27,train,0', 'sailing,_1b,0,10.0,train,0', 'sailing,ab1,123456,123466,train,1']
    assert run(root, csv=rows, header='label,youtube_id,time_start,time_end,split,is_cc') == 0
    assert listed(root) == [
        'ab1_123456_123466.mkv', 'b/_1b_000000_000010.WEBM', 'train/eating_cake/-0IErS_cisg_000017_000027.mp4'
    ]  # fmt: skip


def test_rows_of_kinetics_that_fit_no_file_several_or_no_time_are_named_by_line(root, one, capsys):
    header = 'label;youtube_id;time_start;time_end;split'
    put(root, one, 'a/two_000001_000011.mp4', 'b/two_000001_000011.avi', 'c/one_000001_000011.mp4')
    assert run(root, csv=['x;two;1;11;validate', 'x;one;1;soon;train'], header=header) == 2
    error = capsys.readouterr().err
    assert "labels.csv:2: 'two_000001_000011' could be any of 2 videos: a/two_000001_000011.mp4; b/two_" in error
    assert "labels.csv:3: time_end 'soon' is not a whole number of seconds" in error
    rows = ['x;one;1;11;train', 'x;gone;1;11;train']
    assert run(root, csv=rows, header=header) == 2
    gone = f'{root}/labels.csv:3: gone_000001_000011 (no video of that name, with any ending)'
    assert gone in capsys.readouterr().err
    assert run(root, '--allow-missing', csv=rows, header=header) == 0
    assert listed(root) == ['c/one_000001_000011.mp4']
    assert list(json.loads((root / 'lists/summary.json').read_text())['missing_clips']) == ['gone_000001_000011']


def test_a_path_without_an_ending_is_the_one_video_of_that_name(root, one, capsys):
    put(root, one, 'a/1.mp4', 'b/1.mp4', 'b/deep/take v1.2.MTS', 'c/3.avi', 'c/3.mp4')
    rows = ['a/1,x', 'b/deep/take v1.2,x', 'c/3.avi,x', 'b/1.mp4,x']
    assert run(root, csv=rows) == 0
    assert listed(root) == ['a/1.mp4', 'b/1.mp4', 'b/deep/take v1.2.MTS', 'c/3.avi']
    assert run(root, csv=['1,x', 'c/3,x', 'a/1,x', 'a/1.mp4,x', 'a/1.docx,x']) == 2
    error = capsys.readouterr().err
    assert "labels.csv:2: '1' could be any of 2 videos: a/1.mp4; b/1.mp4" in error
    assert "labels.csv:3: 'c/3' could be any of 2 videos: c/3.avi; c/3.mp4" in error
    assert "labels.csv:5: 'a/1.mp4' ('x') stands at" in error
    assert "labels.csv:6: 'a/1.docx' is no video by its extension" in error


def test_a_named_column_of_ids_is_a_column_of_names(root, one):
    put(root, one, 'a/id7.mp4')
    header = 'label,youtube_id,time_start,time_end'
    assert run(root, '--path-column', 'youtube_id', csv=['x,id7,1,11'], header=header) == 0
    assert listed(root) == ['a/id7.mp4']


@pytest.mark.parametrize(
    ('there', 'wanted'),
    [
        ('a/Clip.MP4', 'a/clip.mp4'),
        ('a/clip.avi', 'a/clip.mp4'),
        (unicodedata.normalize('NFD', 'a/café.mp4'), 'a/café.mp4'),
        ('a/one\u00a0two.mp4', 'a/one two.mp4'),
        ('a/clip.mp4', 'cropped_clips/a/clip.mp4'),
        ('a/clip.mp4', 'clip.mp4'),
    ],
)
def test_a_video_that_is_there_under_nearly_the_name_is_named(root, one, capsys, there, wanted):
    put(root, one, there)
    assert run(root, csv=[f'{wanted},x']) == 2
    error = capsys.readouterr().err
    assert f'labels.csv:2: {wanted} (no video, but {there!r}' in error
    assert 'is there)' in error


def test_files_that_are_missing_are_said_before_a_video_is_opened(root, one, capsys, monkeypatch):
    monkeypatch.setattr(listing, 'announced_frames', lambda _: pytest.fail('a video was opened'))
    put(root, one, 'a.mp4')
    assert run(root, csv=['a.mp4,x', 'b.mp4,x']) == 2
    assert '1 of 2 clips cannot be used' in capsys.readouterr().err


def test_a_folder_of_lists_that_holds_something_else_is_refused_before_a_video_is_opened(
    root, one, capsys, monkeypatch
):
    monkeypatch.setattr(listing, 'announced_frames', lambda _: pytest.fail('a video was opened'))
    put(root, one, 'cut/a.mp4')
    (root / 'lists').mkdir()
    (root / 'lists/notes.txt').touch()
    assert run(root) == 2
    assert 'holds something else: notes.txt' in capsys.readouterr().err


@pytest.mark.parametrize(
    'content', [b'#EXTM3U\n#EXTINF:1,\nb.mp4\n', cv2.imencode('.png', np.zeros((8, 8, 3)))[1].tobytes()]
)
def test_what_no_reader_of_training_opens_is_not_listed(root, one, capsys, content):
    put(root, one, 'cut/b.mp4')
    (root / 'cropped_clips/cut/a.mp4').write_bytes(content)
    assert run(root) == 2
    assert 'cut/a.mp4 (not a readable video file' in capsys.readouterr().err


def test_what_a_file_browser_leaves_among_lists_and_videos_does_not_matter(root, one, capsys):
    put(root, one, 'cut/a.mp4')
    assert run(root) == 0
    for name in ('lists/.DS_Store', 'cropped_clips/cut/Thumbs.db', 'cropped_clips/.DS_Store'):
        (root / name).touch()
    assert run(root) == 0
    assert 'these lists were there already' in capsys.readouterr().out
    put(root, one, 'cut/._a.mp4')
    assert run(root) == 0
    assert (
        f'1 video is left out, whose names or those of their folders begin with a dot: {root}'
        in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ('names', 'said'),
    [
        (('train/a.mp4', 'test/a.mp4'), 'all classes are called as parts of a split are: test (1 clip'),
        (('Train/a.mp4',), 'all classes are called as parts of a split are: Train'),
        (
            ('train/cut/a.mp4', 'extra/cut/a.mp4'),
            'parts of a split only where all folders beside them are: extra is none',
        ),
        (('train/cut/a.mp4', 'training/cut/b.mp4'), 'train and '),
        (('train/train/a.mp4', 'train/val/a.mp4'), 'all classes are called as parts of a split are'),
        (('cut/a.mp4', 'Cut/b.mp4'), "the labels 'Cut' (1 clip: "),
        (('cut/a.mp4', 'wash/'), 'wash holds no video'),
        (('train/cut/a.mp4', 'val/'), 'val holds no video'),
        (('train/cut/a.mp4', 'train/wash/', 'val/cut/a.mp4', 'val/wash/'), 'train/wash holds no video'),
        (('cut/a.mp4', 'cut/readme.txt'), 'readme.txt is no video by its extension'),
    ],
)
def test_folders_that_are_hardly_meant_are_refused(root, one, capsys, names, said):
    for name in names:
        if name.endswith('/'):
            (root / 'cropped_clips' / name).mkdir(parents=True)
        else:
            put(root, one, name)
    assert run(root) == 2
    assert said in capsys.readouterr().err
    assert not (root / 'lists').exists()


def test_a_class_folder_under_two_names_is_refused(root, one, capsys):
    put(root, one, 'cut/a.mp4')
    (root / 'cropped_clips/slice').symlink_to('cut')
    assert run(root) == 2
    assert f'{root}/cropped_clips/slice is the same folder as {root}/cropped_clips/cut' in capsys.readouterr().err


def test_folders_of_parts_may_be_written_in_any_case_and_lack_a_class(root, one, capsys):
    put(root, one, 'Train/cut/a.mp4', 'Train/wash/b.mp4', 'VAL/cut/c.mp4', 'Test/cut/d.mp4')
    (root / 'cropped_clips/VAL/wash').mkdir()
    args = ['--videos', root / 'cropped_clips', '--out', root / 'lists']
    assert list_videos.main([str(arg) for arg in args]) == 0
    assert sorted(tree(root / 'lists')) == sorted(
        ['classes.txt', 'summary.json', *(f'{part}_videos.txt' for part in ('train', 'val', 'test'))]
    )
    error = capsys.readouterr().err
    assert 'no validation clip: wash' in error
    assert 'no test clip: wash. A test says nothing of them' in error


def test_a_folder_called_train_beside_other_classes_is_a_class_and_that_is_said(root, one, capsys):
    put(root, one, 'train/a.mp4', 'swim/a.mp4')
    assert run(root) == 0
    assert 'the folder train is taken for a class' in capsys.readouterr().err


def test_one_file_under_two_names_and_groups_in_two_spellings_are_warned_of(root, one, capsys):
    put(root, one, 'a.mp4', 'b.mp4')
    (root / 'cropped_clips/link.mp4').symlink_to('a.mp4')
    assert run(root, csv=['a.mp4,x,Anna', 'b.mp4,x,anna', 'link.mp4,x,Ben'], header='path,label,group') == 0
    error = capsys.readouterr().err
    assert '1 video is listed under two names, one file each: a.mp4 and link.mp4' in error
    assert "are taken for different ones: 'Anna' and 'anna'" in error


def check(root, *options):
    args = ['--data-root', root, '--lists', root / 'lists', '--workers', 1, *options]
    return check_dataset.main([str(arg) for arg in args])


def test_text_files_that_are_no_list_by_their_names_are_named(root, one, capsys):
    put(root, one, 'cut/a.mp4')
    assert run(root) == 0
    (root / 'lists/validation_videos.txt').write_text('cut/a.mp4 0\n')
    assert check(root) == 0
    assert 'warning: list: lists: validation_videos.txt not read: lists are called train.txt' in capsys.readouterr().err
    (root / 'lists/train_videos.txt').rename(root / 'lists/training.txt')
    assert check(root) == 2
    assert '; there are training.txt; validation_videos.txt. Build the lists' in capsys.readouterr().err


def test_a_listed_name_without_its_ending_is_checked_as_training_reads_it(root, one, capsys):
    put(root, one, 'cut/a.mp4')
    assert run(root) == 0
    (root / 'lists/train_videos.txt').write_text('cut/a 0\n')
    assert check(root) == 0
    assert 'nothing is wrong' in capsys.readouterr().out
