"""list_videos: a CSV or class folders of your own videos become lists; what is wrong is named by line."""

import json
import shutil
from collections import Counter
from unittest import mock

import check_dataset
import extract_frames
import list_videos
import numpy as np
import pytest
from prep.frames.manifest import FolderError
from prep.own_data import clips, csv_lines
from prep.own_data.stored_videos import StoredVideos

from cdb_video_files.class_lists import read_class_names, write_class_names
from cdb_video_files.lists import read_frame_list, read_video_list
from tests.support.clips import tree, write_audio, write_clip

FRAMES = 4
CLIPS = {'cut': 8, 'pick up': 12, 'wash': 2}


@pytest.fixture(scope='module')
def one(tmp_path_factory):
    return write_clip(tmp_path_factory.mktemp('one') / 'one.mp4', frames=FRAMES)


@pytest.fixture
def root(tmp_path, one):
    """22 videos of three classes in class folders, and a CSV that says the same and whose they are."""
    lines = ['label,path,subject']
    for name, count in CLIPS.items():
        for number in range(count):
            path = f'{name.replace(" ", "_")}/{number}.mp4'
            video = tmp_path / 'videos' / path
            video.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(one, video)
            lines.append(f'{name},{path},S{number % 5}')
    (tmp_path / 'labels.csv').write_text('\n'.join(lines) + '\n')
    return tmp_path


def run(root, *options, csv='labels.csv'):
    args = ['--videos', root / 'videos', '--out', root / 'lists', *options]
    return list_videos.main([str(arg) for arg in args + (['--csv', root / csv] if csv else [])])


def write_csv(root, *lines, header='path,label'):
    (root / 'labels.csv').write_text('\n'.join([header, *lines]) + '\n')


def listed(root):
    paths = {part: root / f'lists/{part}_videos.txt' for part in ('train', 'val', 'test')}
    return {part: read_video_list(path) for part, path in paths.items() if path.exists()}


def test_every_video_of_the_csv_is_listed_once_with_the_label_of_its_name(root):
    assert run(root) == 0
    names = read_class_names(root / 'lists/classes.txt')
    assert names == ['cut', 'pick up', 'wash']
    entries = [entry for part in listed(root).values() for entry in part]
    assert Counter(names[entry.label] for entry in entries) == CLIPS
    assert len({entry.filename for entry in entries}) == len(entries)
    assert all(entry.filename.startswith(names[entry.label].replace(' ', '_')) for entry in entries)
    assert all((root / 'videos' / entry.filename).is_file() for entry in entries)


def test_no_group_is_in_two_parts(root):
    assert run(root, '--val-share', '0.2', '--test-share', '0.2') == 0
    groups = {part: {int(e.filename.split('/')[1][:-4]) % 5 for e in entries} for part, entries in listed(root).items()}
    assert all(groups.values())
    assert sum(map(len, groups.values())) == len(set.union(*groups.values())) == 5
    summary = json.loads((root / 'lists/summary.json').read_text())
    assert summary['subjects'] == {part: sorted(f'S{n}' for n in found) for part, found in groups.items()}


def test_class_folders_need_no_csv_and_each_class_gives_its_share(root):
    assert run(root, csv=None) == 0
    assert read_class_names(root / 'lists/classes.txt') == ['cut', 'pick_up', 'wash']
    counts = {part: Counter(entry.label for entry in entries) for part, entries in listed(root).items()}
    assert counts == {'train': {0: 6, 1: 8, 2: 1}, 'val': {0: 1, 1: 2, 2: 1}, 'test': {0: 1, 1: 2}}
    assert json.loads((root / 'lists/summary.json').read_text())['subjects'] == {'train': [], 'val': [], 'test': []}


def test_folders_of_train_and_test_are_kept_and_val_is_drawn_from_train(root):
    for part in ('train', 'test'):
        shutil.copytree(root / 'videos', root / 'divided' / part)
    shutil.rmtree(root / 'videos')
    (root / 'divided').rename(root / 'videos')
    (root / 'videos/.DS_Store').touch()
    assert run(root, csv=None) == 0
    found = listed(root)
    assert {entry.filename.split('/')[0] for entry in found['test']} == {'test'}
    assert {entry.filename.split('/')[0] for entry in found['train'] + found['val']} == {'train'}
    assert Counter(entry.label for entry in found['val']) == {0: 1, 1: 2, 2: 1}
    assert len(found['train'] + found['val']) == len(found['test']) == sum(CLIPS.values())


def test_a_split_column_decides_and_its_groups_in_two_parts_are_warned_of(root, capsys):
    lines = [
        'cut/0.mp4,cut,train,A',
        'cut/1.mp4,cut,Validation,A',
        'wash/0.mp4,wash,training,B',
        'wash/1.mp4,wash,test,C',
    ]
    write_csv(root, *lines, header='path,label,split,group')
    assert run(root) == 0
    assert {part: [e.filename for e in entries] for part, entries in listed(root).items()} == {
        'train': ['cut/0.mp4', 'wash/0.mp4'],
        'val': ['cut/1.mp4'],
        'test': ['wash/1.mp4'],
    }
    error = capsys.readouterr().err
    assert '1 groups have clips in train and in val: A.' in error
    assert 'no validation clip: wash. Their difficulty is undefined' in error
    assert 'fewer than 5 validation clips: cut (1)' in error


def test_another_seed_draws_other_clips_and_the_same_one_the_same(root):
    def drawn(*options):
        assert run(root, '--overwrite', *options, csv=None) == 0
        return tree(root / 'lists')

    first = drawn()
    assert drawn('--seed', '1') != first
    assert drawn() == first


def test_a_byte_order_mark_windows_line_ends_blank_lines_and_semicolons_change_nothing(root):
    assert run(root) == 0
    before = tree(root / 'lists')
    text = (root / 'labels.csv').read_text().replace(',', ' ; ').replace('\n', '\r\n\r\n')
    (root / 'labels.csv').write_bytes(b'\xef\xbb\xbf\r\n' + text.encode())
    assert run(root, '--overwrite') == 0
    assert tree(root / 'lists') == before


def test_names_with_blanks_commas_and_other_alphabets_are_listed_and_blanks_are_warned_of(root, one, capsys):
    names = ['take  one, two.mp4', 'übung é.mp4', '视频.MP4', 'a"b.mp4']
    for name in names:
        shutil.copy(one, root / 'videos' / name)
    cells = ['"take  one, two.mp4"', 'übung é.mp4', './视频.MP4', '"a""b.mp4"']
    write_csv(root, *(f'{cell},train, "Überholen",links' for cell in cells), header='path,split,label,note')
    assert run(root, '--val-share', '0') == 0
    assert sorted(entry.filename for entry in listed(root)['train']) == sorted(names)
    assert read_class_names(root / 'lists/classes.txt') == ['Überholen']
    error = capsys.readouterr().err
    assert '2 names hold blanks: take  one, two.mp4; übung é.mp4. VideoListDataset' in error
    assert 'there is no val_videos.txt' in error


@pytest.mark.parametrize(
    ('header', 'line', 'message'),
    [
        ('file,label', 'a.mp4,cut', "labels.csv:1: no column is called 'path'; there are 'file', 'label'"),
        ('cut/0.mp4 0', 'cut/1.mp4 1', "'cut/0.mp4 0'. The file is no CSV but a list of <video> <label>, as training"),
        ('cut/0.mp4 0', 'cut/1.mp4 1', 'needs no list_videos: give it to VideoListDataset as ann_file'),
        ('cut/0 15 0', 'cut/1 20 1', 'give it to FrameListDataset as ann_file'),
        ('cut/0.mp4 0', 'cut/1.mp4 cut', 'Rename it, or say which one it is with --path-column'),
        ('path,label,label', 'cut/0.mp4,cut,cut', "labels.csv:1: two columns are called 'label'"),
        ('path,label,group,session', 'cut/0.mp4,cut,A,B', 'labels.csv:1: the columns group, session could all'),
        ('path,label', 'cut/0.mp4', 'labels.csv:2: 1 cells, the header has 2'),
        ('path,label', 'cut/0.txt,cut', "labels.csv:2: 'cut/0.txt' is no video by its extension"),
        ('path,label', '../0.mp4,cut', "labels.csv:2: path '../0.mp4' is absolute, holds '..'"),
        ('path,label', '/0.mp4,cut', "labels.csv:2: path '/0.mp4' is absolute"),
        ('path,label', 'cut\\0.mp4,cut', 'labels.csv:2: path'),
        ('path,label', 'cut/0.mp4,', 'labels.csv:2: the label is empty'),
        ('path,label', ',cut', 'labels.csv:2: the path is empty'),
        ('path,label', 'cut/0.mp4,cut  it', "labels.csv:2: class name 'cut  it'"),
        ('path,label,split', 'cut/0.mp4,cut,', "labels.csv:2: split '' is not train, val or test"),
        ('path,label,group', 'cut/0.mp4,cut,', 'labels.csv:2: the group is empty'),
        ('path,label', '"cut/0.mp4,cut', 'labels.csv:2: not CSV (unexpected end of data)'),
        ('path,label', '', 'labels.csv holds no line below its header'),
        ('path,label', 'no such.mp4,cut\ncut/0.mp4,cut\ncut/1.mp4,cut', 'labels.csv:2: no such.mp4 (no video)'),
    ],
)
def test_a_wrong_line_is_refused_with_file_and_line(root, capsys, header, line, message):
    write_csv(root, line, header=header)
    assert run(root) == 2
    error = capsys.readouterr().err
    assert error.startswith('list_videos: ')
    assert message in error
    assert 'Traceback' not in error
    assert not (root / 'lists').exists()


def test_a_folder_that_cannot_be_read_is_named_and_read_once(root, capsys):
    write_csv(root, '0,cut', '1,cut')
    denied = FolderError('locked cannot be read (Permission denied)')
    with mock.patch('prep.own_data.stored_videos.read_video_tree', side_effect=denied) as read:
        assert run(root) == 2
    assert capsys.readouterr().err == f'list_videos: {denied}\n'
    assert read.call_count == 1


def test_all_wrong_lines_are_counted_and_the_first_are_named(root, capsys):
    write_csv(root, *(f'cut/{number}.txt,cut' for number in range(7)))
    assert run(root) == 2
    error = capsys.readouterr().err
    assert 'labels.csv:6' in error
    assert error.rstrip().endswith('and 2 more')


@pytest.mark.parametrize(('label', 'how'), [('wash', "another label, 'cut'"), ('cut', 'the same label')])
def test_a_video_that_stands_twice_is_refused_with_both_lines(root, capsys, label, how):
    write_csv(root, 'cut/0.mp4,cut', 'cut/1.mp4,cut', f'cut/./0.mp4,{label}')
    assert run(root) == 2
    error = capsys.readouterr().err
    assert f"labels.csv:4: 'cut/0.mp4' ({label!r}) stands at {root / 'labels.csv'}:2 already, with {how}" in error


def test_a_csv_that_is_not_utf_8_or_empty_is_refused(root, capsys):
    (root / 'labels.csv').write_bytes('path,label\ncut/0.mp4,Öl'.encode('latin-1'))
    assert run(root) == 2
    assert 'labels.csv is not UTF-8 text (byte 21)' in capsys.readouterr().err
    (root / 'labels.csv').write_bytes(b'\r\n')
    assert run(root) == 2
    assert 'labels.csv is empty' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('harm', 'reason'),
    [
        (lambda video: video.unlink(), 'no video'),
        (lambda video: video.write_bytes(b''), 'the video is empty'),
        (lambda video: video.write_text('no film'), 'not a readable video file'),
        (write_audio, 'the file holds no video stream'),
        (lambda video: (video.unlink(), video.symlink_to('nowhere.mp4')), 'no video: a link that leads nowhere'),
        (lambda video: (video.unlink(), video.mkdir()), 'no video: not a regular file'),
    ],
)
def test_a_video_that_cannot_be_used_is_an_error_or_listed_with_its_reason(root, capsys, harm, reason):
    harm(root / 'videos/cut/3.mp4')
    assert run(root) == 2
    error = capsys.readouterr().err
    assert f'1 of 22 clips cannot be used: {root / "labels.csv"}:5: cut/3.mp4 ({reason}' in error
    assert not (root / 'lists').exists()
    assert run(root, '--allow-missing') == 0
    assert 'cut/3.mp4' not in {entry.filename for entries in listed(root).values() for entry in entries}
    (missing,) = json.loads((root / 'lists/summary.json').read_text())['missing_clips'].items()
    assert missing[0] == 'cut/3.mp4'
    assert missing[1].startswith(reason)
    assert '1 clips are missing and left out' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        ('cut/notes.txt', 'notes.txt is no video by its extension'),
        ('0.mp4', '0.mp4 is not <class>/<video>'),
        ('cut/deeper/0.mp4', '0.mp4 is not <class>/<video>'),
    ],
)
def test_a_file_that_does_not_fit_into_class_folders_is_named(root, one, capsys, name, message):
    (root / 'videos' / name).parent.mkdir(exist_ok=True)
    shutil.copy(one, root / 'videos' / name)
    assert run(root, csv=None) == 2
    assert message in capsys.readouterr().err


def test_lists_are_not_put_among_the_class_folders(root, capsys):
    assert run(root, '--out', root / 'videos/lists', csv=None) == 2
    assert 'where every folder is a class. Put the lists elsewhere' in capsys.readouterr().err


def test_three_thousand_damaged_files_give_lines_or_a_clear_error(root):
    rng = np.random.default_rng(0)
    stored = StoredVideos(root / 'videos')

    def is_there(clip):
        return (root / 'videos' / clip.path).is_file()

    whole = b'path;label;split;group\r\ncut/0.mp4;"cut; it";train;A\r\n\r\ncut/1.mp4;wash;val;B\r\n'
    outcomes = Counter()
    for _ in range(3000):
        text = bytearray(whole)
        for _ in range(rng.integers(1, 4)):
            place = int(rng.integers(len(text)))
            text[place : place + int(rng.integers(3))] = rng.choice(
                [
                    b'',
                    b'"',
                    b';',
                    b',',
                    b'\n',
                    b'\r',
                    b'\0',
                    b'\xff',
                    b'/',
                    b'..',
                    b' ',
                    b'\xef\xbb\xbf',
                    b'\x0c',
                    b'val',
                ]
            )
        (root / 'labels.csv').write_bytes(text)
        said = ''
        try:
            lines = csv_lines.read_csv(root / 'labels.csv', csv_lines.Columns(), stored)
        except clips.OwnClipsError as error:
            lines, said = [], str(error)
        # A name that lost its ending and fits no video is left, for all that are missing to be named together.
        assert all(line.label and (line.clip.path.endswith('.mp4') or not is_there(line.clip)) for line in lines)
        assert bool(lines) != ('labels.csv' in said)
        outcomes['lines' if lines else 'error'] += 1
    assert min(outcomes['lines'], outcomes['error']) > 300


def test_classes_give_the_order_of_labels_and_a_label_beyond_them_is_refused(root, capsys):
    write_class_names(root / 'mine.txt', ['wash', 'sleep', 'pick up', 'cut'])
    assert run(root, '--classes', root / 'mine.txt') == 0
    assert {e.label for entries in listed(root).values() for e in entries if e.filename.startswith('wash')} == {0}
    assert 'no training clip: sleep' in capsys.readouterr().err
    write_class_names(root / 'mine.txt', ['wash', 'cut'])
    assert run(root, '--classes', root / 'mine.txt', '--overwrite') == 2
    error = capsys.readouterr().err
    assert "labels.csv:10: label 'pick up'" in error
    assert 'not among the 2 names of --classes. Correct them, or add the names to --classes' in error
    write_csv(root, 'cut/0.mp4,0', 'cut/1.mp4,1')
    assert run(root, '--classes', root / 'mine.txt', '--overwrite') == 2
    assert 'Labels are names of classes, and these are numbers: write the names' in capsys.readouterr().err


def test_labels_that_are_numbers_are_sorted_as_numbers(root):
    write_csv(root, *(f'cut/{n}.mp4,{label},train' for n, label in enumerate((10, 9, 2))), header='path,label,split')
    assert run(root, '--val-share', '0') == 0
    assert read_class_names(root / 'lists/classes.txt') == ['2', '9', '10']


def test_frames_are_listed_with_their_decoded_number_and_must_be_of_the_same_video(root, one, capsys):
    (root / 'videos').rename(root / 'cropped_clips')
    (root / 'videos').symlink_to('cropped_clips')
    assert extract_frames.main(['--data-root', str(root), '--workers', '1']) == 0
    assert run(root, '--frames', root / 'frames') == 0
    for part, videos in listed(root).items():
        frames = read_frame_list(root / f'lists/{part}.txt')
        assert [(f'{e.frame_dir}.mp4', e.label) for e in frames] == [(e.filename, e.label) for e in videos]
        assert {entry.total_frames for entry in frames} == {FRAMES}
    manifest = root / 'frames/cut/1/manifest.json'
    values = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**values, 'options': {**values['options'], 'quality': 50}}))
    assert run(root, '--frames', root / 'frames') == 2
    assert 'the frames were not all made alike: 21 clips with' in capsys.readouterr().err
    manifest.write_text(json.dumps(values))
    (root / 'frames/cut/0/img_00002.jpg').unlink()
    (root / 'videos/wash/0.mp4').rename(root / 'videos/wash/0.mov')
    text = (root / 'labels.csv').read_text()
    (root / 'labels.csv').write_text(text.replace('wash/0.mp4', 'wash/0.mov'))
    assert run(root, '--frames', root / 'frames', '--overwrite') == 2
    error = capsys.readouterr().err
    assert f'cut/0.mp4 (holds {FRAMES - 1} of {FRAMES} frames)' in error
    assert 'wash/0.mov (its frames were made from 0.mp4)' in error


def test_the_same_lists_again_are_fine_and_others_need_overwrite(root, capsys):
    assert run(root) == 0
    before = tree(root / 'lists')
    assert run(root) == 0
    assert 'were there already' in capsys.readouterr().out
    assert run(root, '--seed', '3', '--val-share', '0.3') == 2
    assert '--overwrite' in capsys.readouterr().err
    assert tree(root / 'lists') == before
    (root / 'lists/notes.txt').write_text('mine')
    assert run(root, '--val-share', '0.3', '--overwrite') == 2
    assert 'holds something else: notes.txt' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['--val-share', '0.5', '--test-share', '0.5'], 'leave nothing to train on'),
        (['--group-column', 'who'], "no column is called 'who'"),
        (['--split-column', 'subject'], "subject 'S0' is not train, val or test"),
    ],
)
def test_options_that_do_not_fit_are_refused(root, capsys, options, message):
    assert run(root, *options) == 2
    assert message in capsys.readouterr().err


def test_a_csv_that_is_not_there_is_named(root, capsys):
    assert run(root, csv='gone.csv') == 2
    assert f'there is no CSV {root / "gone.csv"}. Name the table of your videos with --csv' in capsys.readouterr().err
    assert not (root / 'lists').exists()


@pytest.mark.parametrize('share', ['1', '-0.1', 'many', 'nan'])
def test_a_share_outside_0_to_1_is_refused(root, share):
    with pytest.raises(SystemExit, match='2'):
        run(root, '--val-share', share)


def test_a_share_of_a_part_that_the_split_has_is_refused(root, capsys):
    write_csv(root, 'cut/0.mp4,cut,train', 'cut/1.mp4,cut,val', header='path,label,split')
    assert run(root, '--val-share', '0.2') == 2
    assert '--val-share 0.2, but the split has a val part' in capsys.readouterr().err
    write_csv(root, 'cut/0.mp4,cut,test', 'cut/1.mp4,cut,val', header='path,label,split')
    assert run(root) == 2
    assert 'the split has test, val but no train' in capsys.readouterr().err


@pytest.mark.parametrize('below', ['cropped_clips', 'video_clips/cropped_clips'])
@pytest.mark.parametrize('csv', ['labels.csv', None])
def test_a_data_root_may_be_named_in_place_of_its_clips(root, capsys, below, csv):
    assert run(root, csv=csv) == 0
    before = tree(root / 'lists')
    shutil.rmtree(root / 'lists')
    (root / 'moved').mkdir()
    (root / 'videos').rename(root / 'moved/clips')
    (root / 'videos' / below).parent.mkdir(parents=True)
    (root / 'moved/clips').rename(root / 'videos' / below)
    assert run(root, csv=csv) == 0
    assert tree(root / 'lists') == before
    assert f'videos: relative to {root / "videos" / below}' in capsys.readouterr().out


def test_videos_of_any_extension_go_the_whole_path(tmp_path, capsys):
    clips = tmp_path / 'cropped_clips'
    for number, ending in enumerate(('.mp4', '.AVI', '.mkv', '.avi.mp4', '.v2.avi', '.mov')):
        clip = write_clip(tmp_path / f'{number}.mp4', frames=3 + number)
        (clips / 'one').mkdir(parents=True, exist_ok=True)
        # What counts is the content; the name alone must not matter.
        shutil.move(clip, clips / f'one/{number}{ending}')
    assert extract_frames.main(['--data-root', str(tmp_path), '--workers', '1']) == 0
    assert '6 clips extracted' in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / 'frames/one').iterdir()) == ['0', '1', '2', '3.avi', '4.v2', '5']
    args = ['--videos', str(clips), '--frames', str(tmp_path / 'frames'), '--out', str(tmp_path / 'lists')]
    assert list_videos.main(args) == 0
    lists = ['--lists', str(tmp_path / 'lists')]
    assert check_dataset.main(['--data-root', str(tmp_path), *lists, '--full', '--workers', '1']) == 0
    assert 'nothing is wrong' in capsys.readouterr().out


def test_packs_are_listed_as_folders_of_frames_are(root):
    (root / 'videos').rename(root / 'cropped_clips')
    (root / 'videos').symlink_to(root / 'cropped_clips')
    assert extract_frames.main(['--data-root', str(root), '--workers', '1']) == 0
    assert run(root, '--frames', str(root / 'frames')) == 0
    before = tree(root / 'lists')
    shutil.rmtree(root / 'lists')
    assert extract_frames.main(['--data-root', str(root), '--workers', '1', '--pack']) == 0
    assert run(root, '--frames', str(root / 'packs')) == 0
    assert tree(root / 'lists') == before
