"""build_lists: which clip goes where with which label, what is counted, refused and warned of."""

import json
import shutil
import sys

import build_lists
import extract_frames
import pytest
from prep.lists import split_clips

from cdb_video_files.annotations import read_annotations, write_index
from cdb_video_files.class_lists import read_class_names
from cdb_video_files.clip_names import parse_clip_name
from cdb_video_files.lists import read_frame_list, read_video_list
from tests.support.clips import tree, write_clip

# Subject, start in ms, action, verb, nouns. Verbs: 3 of Take, 2 of Cut, 1 of Wash in train.
TRAIN = [
    ('P01', 1000, 1, 1, '1'),
    ('P01', 3000, 2, 2, '2 1'),
    ('P02', 1000, 1, 1, '1 2 3'),
    ('P02', 3000, 3, 3, '3'),
    ('P20', 1000, 1, 1, '1'),
    ('P21', 1000, 2, 2, '2'),
]
TEST = [('P01', 9000, 1, 1, '1'), ('P21', 9000, 3, 3, '3')]
FRAMES = 3


def clip_name(subject, start):
    return f'{subject}-R01-Pizza-{start}-{start + 100}-F{start:06d}-F{start + 3:06d}'


def write_split(path, rows):
    lines = [f'{clip_name(row[0], row[1])} {row[2]} {row[3]} {row[4]}\r\n' for row in rows]
    path.write_text('\ufeff' + ''.join(lines), newline='')


@pytest.fixture(scope='module')
def _extracted(tmp_path_factory):
    root = tmp_path_factory.mktemp('egtea')
    annotations = root / 'action_annotation'
    annotations.mkdir()
    write_split(annotations / 'train_split1.txt', TRAIN)
    write_split(annotations / 'test_split1.txt', TEST)
    write_index(annotations / 'verb_idx.txt', {1: 'Take', 2: 'Cut/Slice', 3: 'Wash'})
    write_index(annotations / 'noun_idx.txt', {1: 'bowl', 2: 'onion', 3: 'cup', 4: 'sink'})
    write_index(annotations / 'action_idx.txt', {1: 'Take bowl', 2: 'Cut onion', 3: 'Wash cup'})
    video = write_clip(root / 'one.mp4', frames=FRAMES)
    for row in TRAIN + TEST:
        target = root / 'cropped_clips' / f'{parse_clip_name(clip_name(*row[:2])).path}.mp4'
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(video, target)
    assert extract_frames.main(['--data-root', str(root), '--workers', '1']) == 0
    return root


@pytest.fixture
def root(_extracted, tmp_path):
    """A data root with annotations, videos and frames of 8 clips, to be changed at will."""
    return shutil.copytree(_extracted, tmp_path / 'egtea')


def run(root, *options, label='verb', hold_out='subjects:P20-P21'):
    args = ['--data-root', root, '--label', label, '--split', 1, '--hold-out', hold_out, *options]
    return build_lists.main([str(arg) for arg in args])


def test_lists_hold_every_clip_once_with_its_decoded_length_and_label_from_0(root):
    assert run(root) == 0
    folder = root / 'lists/verb_split1_subjects-P20-P21'
    path = 'P01-R01-Pizza/P01-R01-Pizza-1000-1100-F001000-F001003'
    assert (folder / 'train.txt').read_text().splitlines()[0] == f'{path} {FRAMES} 0'
    assert (folder / 'train_videos.txt').read_text().splitlines()[0] == f'{path}.mp4 0'
    labels = {
        part: [entry.label for entry in read_frame_list(folder / f'{part}.txt')] for part in ('train', 'val', 'test')
    }
    assert labels == {'train': [0, 1, 0, 2], 'val': [0, 1], 'test': [0, 2]}
    subjects = {entry.frame_dir[:3] for entry in read_frame_list(folder / 'val.txt')}
    assert subjects == {'P20', 'P21'}
    assert read_class_names(folder / 'classes.txt') == ['Take', 'Cut/Slice', 'Wash']
    for part, frames in labels.items():
        videos = read_video_list(folder / f'{part}_videos.txt')
        assert [entry.label for entry in videos] == frames
        assert all((root / 'cropped_clips' / entry.filename).is_file() for entry in videos)


def test_the_summary_counts_what_the_lists_hold(root):
    assert run(root) == 0
    summary = json.loads((root / 'lists/verb_split1_subjects-P20-P21/summary.json').read_text())
    assert summary['clips'] == {'train': 4, 'val': 2, 'test': 2}
    assert summary['classes'][0] == {
        'label': 0,
        'id': 1,
        'name': 'Take',
        'train': 2,
        'val': 1,
        'test': 1,
    }
    assert summary['imbalance_ratio'] == 2.0
    assert summary['classes_without_training_clips'] == []
    assert summary['classes_without_validation_clips'] == ['Wash']
    assert summary['classes_with_few_validation_clips'] == {'Take': 1, 'Cut/Slice': 1}
    assert summary['subjects']['val'] == ['P20', 'P21']
    assert summary['frames_per_clip']['train']['median'] == FRAMES
    assert summary['missing_clips'] == {}


def test_the_table_and_the_warnings_say_what_matters(root, capsys):
    assert run(root) == 0
    output = capsys.readouterr()
    assert '    1  Cut/Slice      1      1      0' in output.out
    assert 'no validation clip: Wash. Their difficulty is undefined' in output.err
    assert 'fewer than 5 validation clips: Take (1), Cut/Slice (1)' in output.err


def test_the_first_noun_is_the_label_and_a_noun_that_never_comes_first_is_warned_of(root, capsys):
    assert run(root, label='noun', hold_out='subjects:P20') == 0
    folder = root / 'lists/noun_split1_subjects-P20'
    labels = [entry.label for entry in read_frame_list(folder / 'train.txt')]
    assert labels == [0, 1, 0, 2, 1]
    assert 'no training clip: sink' in capsys.readouterr().err


def test_without_a_hold_out_there_is_no_validation_list_and_that_is_said(root, capsys):
    assert run(root, label='action', hold_out='none') == 0
    folder = root / 'lists/action_split1'
    assert not (folder / 'val.txt').exists()
    assert len(read_frame_list(folder / 'train.txt')) == len(TRAIN)
    assert 'nothing is held out' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('source', 'names'),
    [
        ('frames', {'train.txt', 'val.txt', 'test.txt'}),
        ('videos', {'train_videos.txt', 'val_videos.txt', 'test_videos.txt'}),
    ],
)
def test_one_source_needs_and_lists_only_itself(root, source, names):
    shutil.rmtree(root / ('cropped_clips' if source == 'frames' else 'frames'))
    assert run(root, '--source', source) == 0
    folder = root / 'lists/verb_split1_subjects-P20-P21'
    assert {path.name for path in folder.iterdir()} == names | {'classes.txt', 'summary.json'}


@pytest.mark.parametrize(
    ('harm', 'reason'),
    [
        (lambda frames, video: shutil.rmtree(frames), 'no frames'),
        (lambda frames, video: (frames / 'img_00002.jpg').unlink(), 'holds 2 of 3 frames'),
        (lambda frames, video: (frames / 'manifest.json').unlink(), 'holds no manifest.json'),
        (lambda frames, video: (frames / 'manifest.json').write_text('{}'), 'is not a manifest'),
        (lambda frames, video: video.unlink(), 'no video'),
        (lambda frames, video: video.write_bytes(b''), 'the video is empty'),
    ],
)
def test_a_missing_clip_is_an_error_or_listed_with_its_reason(root, capsys, harm, reason):
    clip = parse_clip_name(clip_name('P02', 3000))
    harm(root / 'frames' / clip.path, root / 'cropped_clips' / f'{clip.path}.mp4')
    assert run(root) == 2
    error = capsys.readouterr().err
    assert error.startswith('build_lists: 1 of 8 clips are missing: ' + str(clip))
    assert reason in error
    assert '--allow-missing' in error
    assert not (root / 'lists').exists()

    assert run(root, '--allow-missing') == 0
    folder = root / 'lists/verb_split1_subjects-P20-P21'
    assert len(read_frame_list(folder / 'train.txt')) == 3
    missing = json.loads((folder / 'summary.json').read_text())['missing_clips']
    assert list(missing) == [str(clip)]
    assert reason in missing[str(clip)]
    assert '1 clips are missing and left out' in capsys.readouterr().err


def change_manifest(root, subject, start, **values):
    path = root / 'frames' / parse_clip_name(clip_name(subject, start)).path / 'manifest.json'
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


@pytest.mark.parametrize('options', [[], ['--allow-missing']])
def test_frames_that_were_made_with_different_options_are_refused(root, capsys, options):
    change_manifest(root, 'P02', 3000, options={'short_side': 128, 'quality': 90})
    assert run(root, *options) == 2
    error = capsys.readouterr().err
    assert '7 clips with --short-side 256 --quality 90; 1 clips with --short-side 128 --quality 90' in error
    assert 'extract_frames with it and --overwrite' in error
    assert run(root, '--source', 'videos') == 0


@pytest.mark.parametrize(('shift', 'found'), [(-2, 1), (-1, 0), (1, 0), (2, 1)])
def test_a_length_that_the_clips_name_does_not_state_is_warned_of(root, capsys, shift, found):
    clip = parse_clip_name(clip_name('P02', 3000))
    folder = root / 'frames' / clip.path
    for path in folder.glob('*.jpg'):
        path.unlink()
    for number in range(1, FRAMES + shift + 1):
        (folder / f'img_{number:05}.jpg').touch()
    change_manifest(root, 'P02', 3000, frames=FRAMES + shift, decoded=FRAMES + shift, bytes=0)
    assert run(root) == 0
    error = capsys.readouterr().err
    assert (f'1 clips have two or more frames more or fewer than their names state: {clip}' in error) == bool(found)
    summary = json.loads((root / 'lists/verb_split1_subjects-P20-P21/summary.json').read_text())
    assert summary['clips_of_other_length_than_named'] == found


@pytest.mark.parametrize('name', ['Take', 'Cut  twice'])
def test_names_that_cannot_be_class_names_are_refused_with_the_index_file(root, capsys, name):
    index = root / 'action_annotation/verb_idx.txt'
    index.write_text(f'Take 1\n{name} 2\nWash 3\n')
    assert run(root) == 2
    assert f'{index}: class name {name!r} of label 1' in capsys.readouterr().err


def test_the_same_lists_again_are_fine_and_others_need_overwrite(root, capsys):
    assert run(root) == 0
    before = tree(root / 'lists')
    assert run(root) == 0
    assert 'were there already' in capsys.readouterr().out
    assert run(root, '--source', 'videos') == 2
    assert '--overwrite' in capsys.readouterr().err
    assert tree(root / 'lists') == before
    assert run(root, '--source', 'videos', '--overwrite') == 0
    folder = root / 'lists/verb_split1_subjects-P20-P21'
    assert not (folder / 'train.txt').exists()
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_a_list_folder_that_holds_something_else_is_never_removed(root, capsys):
    note = root / 'lists/verb_split1_subjects-P20-P21/notes.txt'
    note.parent.mkdir(parents=True)
    note.write_text('mine')
    assert run(root, '--overwrite') == 2
    assert 'holds something else: notes.txt' in capsys.readouterr().err
    assert note.read_text() == 'mine'


@pytest.mark.parametrize(
    ('hold_out', 'message'),
    [
        ('subject:P20', 'is not none, subjects:P20-P26'),
        ('subjects:', "'' is not a subject"),
        ('subjects:P20-', "'P20-' is not a subject"),
        ('subjects:P21-P20', 'is empty or too long'),
        ('subjects:P20-OP21', 'is not a subject'),
        ('subjects:P20,P20-P21', 'names a subject twice'),
        ('subjects:P20-P26', 'no training clip of P22, P23, P24, P25, P26. The subjects are P01'),
        ('subjects:P01,P02,P20,P21', 'leaves no clip to train on'),
        ('subjects:0', "'0' is not a subject"),
        ('subjects:4', 'leaves nobody to train on: there are 4 subjects, P01, P02, P20, P21'),
        ('stratified:1', "'1' is not a share between 0 and 1"),
        ('stratified:0.0', "'0.0' is not a share between 0 and 1"),
        ('stratified:', "'' is not a share"),
    ],
)
def test_a_hold_out_that_does_not_fit_is_refused(root, capsys, hold_out, message):
    assert run(root, hold_out=hold_out) == 2
    assert message in capsys.readouterr().err


def test_hold_outs_are_named_in_the_folder_and_ranges_include_both_ends():
    hold_out = split_clips.parse_hold_out('subjects:P09-P11,OP01')
    assert hold_out.subjects == ('P09', 'P10', 'P11', 'OP01')
    assert hold_out.suffix == '_subjects-P09-P11+OP01'
    assert split_clips.parse_hold_out('none').suffix == ''
    assert split_clips.parse_hold_out('subjects:7').suffix == '_subjects-7'
    assert split_clips.parse_hold_out('stratified:0.1').suffix == '_stratified-0.1'
    assert split_clips.parse_hold_out('stratified:0.1', seed=3).suffix == '_stratified-0.1-seed3'


def test_an_open_hold_out_divides_nothing_before_it_is_settled():
    with pytest.raises(ValueError, match='is not settled'):
        split_clips.hold_out_clips([], [], split_clips.parse_hold_out('subjects:7'))


def test_chosen_subjects_are_said_and_written_down(root, capsys):
    assert run(root, hold_out='subjects:1') == 0
    summary = json.loads((root / 'lists/verb_split1_subjects-1/summary.json').read_text())
    assert summary['hold_out_subjects'] == summary['subjects']['val']
    chosen = summary['hold_out_subjects'][0]
    assert f'held out for validation: all clips of {chosen}; ' in capsys.readouterr().out
    # P01 and P02 would each take a third or all of some class; P02 would take Wash from training.
    assert chosen in ('P01', 'P20', 'P21')
    assert summary['shared']['train_val'] == {'subjects': 0, 'sessions': 0}
    assert summary['classes_without_training_clips'] == []


def test_a_stratified_hold_out_says_that_sessions_are_on_both_sides(root, capsys):
    rows = [*TRAIN, ('P01', 5000, 1, 1, '1'), ('P01', 7000, 2, 2, '2')]
    write_split(root / 'action_annotation/train_split1.txt', rows)
    assert run(root, '--allow-missing', '--seed', '3', hold_out='stratified:0.3') == 0
    folder = root / 'lists/verb_split1_stratified-0.3-seed3'
    summary = json.loads((folder / 'summary.json').read_text())
    assert [entry['val'] for entry in summary['classes']] == [1, 1, 0]
    assert summary['hold_out_seed'] == 3
    assert summary['shared']['train_val']['sessions'] > 0
    output = capsys.readouterr()
    assert 'have clips in train and in val. Clips of one session look alike' in output.err
    assert 'drawn by class' in output.out


def test_an_open_hold_out_chooses_among_the_clips_that_are_there(root):
    for subject in ('P20', 'P21'):
        shutil.rmtree(root / f'cropped_clips/{subject}-R01-Pizza')
    write_split(root / 'action_annotation/test_split1.txt', TEST[:1])
    assert run(root, '--allow-missing', hold_out='subjects:1') == 0
    summary = json.loads((root / 'lists/verb_split1_subjects-1/summary.json').read_text())
    assert summary['hold_out_subjects'] == ['P01']


def test_a_mirrors_folder_of_clips_is_found_and_named(root, capsys):
    (root / 'video_clips').mkdir()
    (root / 'cropped_clips').rename(root / 'video_clips/cropped_clips')
    assert run(root) == 0
    assert "data_prefix=dict(video='video_clips/cropped_clips')" in capsys.readouterr().out
    (root / 'cropped_clips').mkdir()
    assert run(root) == 2
    assert 'are both there, and not one folder' in capsys.readouterr().err


def test_the_plot_is_a_picture_and_belongs_to_the_folder(root):
    # Not by OpenCV: where decord was loaded first, with a zlib of its own, OpenCV reads no PNG.
    read = pytest.importorskip('matplotlib.image').imread

    picture = root / 'lists/verb_split1_subjects-P20-P21/class_counts.png'
    assert run(root) == 0
    assert not picture.exists()
    assert run(root, '--plot') == 0
    image = (read(picture)[..., :3] * 255).round()
    assert min(image.shape[:2]) > 300
    # Bars of training and validation clips, in matplotlib's colours of plot_counts.
    for colour in ((0x4C, 0x72, 0xB0), (0xDD, 0x84, 0x52)):
        assert (image == colour).all(axis=2).sum() > 100
    assert run(root) == 0
    assert picture.exists()
    assert run(root, '--source', 'videos', '--overwrite') == 0
    assert not picture.exists()


def test_without_matplotlib_the_lists_are_written_and_the_plot_is_skipped_with_a_word(root, capsys, monkeypatch):
    monkeypatch.delitem(sys.modules, 'prep.lists.plot_counts', raising=False)
    monkeypatch.setitem(sys.modules, 'matplotlib.figure', None)
    assert run(root, '--plot') == 0
    assert 'no plot: import of matplotlib.figure halted; None in sys.modules. Install the report extra' in (
        capsys.readouterr().err
    )
    assert (root / 'lists/verb_split1_subjects-P20-P21/train.txt').exists()


def test_an_id_beyond_the_index_file_is_refused_with_file_line_and_clip(root, capsys):
    row = ('P03', 1000, 1, 4, '1')
    write_split(root / 'action_annotation/train_split1.txt', [*TRAIN, row])
    assert run(root) == 2
    error = capsys.readouterr().err
    assert 'train_split1.txt:7: ' in error
    assert f'clip {clip_name("P03", 1000)} has verb 4' in error
    assert 'its 3 ids run from 1 to 3' in error


def test_a_clip_in_train_and_test_is_refused(root, capsys):
    write_split(root / 'action_annotation/test_split1.txt', [*TEST, TRAIN[0]])
    assert run(root) == 2
    assert '1 clips stand in the training and the test split' in capsys.readouterr().err


def test_an_annotation_line_that_does_not_parse_is_one_clear_line(root, capsys):
    path = root / 'action_annotation/train_split1.txt'
    path.write_text(path.read_text() + 'P01-R01-Pizza 1 1 1\n')
    assert run(root) == 2
    error = capsys.readouterr().err
    assert f"{path}:7: 'P01-R01-Pizza 1 1 1': clip name" in error
    assert 'Traceback' not in error


def test_an_absent_annotation_file_is_named(root, capsys):
    (root / 'action_annotation/verb_idx.txt').unlink()
    assert run(root) == 2
    assert 'verb_idx.txt' in capsys.readouterr().err


EGTEA_VERBS = {
    'train': '429 779 1421 822 129 1335 130 308 223 249 54 54 139 42 78 117 26 15 22',
    'val': '173 255 447 23 75 396 59 92 112 109 36 36 14 20 30 22 6 15 7',
    'test': '150 253 454 208 51 420 46 98 81 85 22 22 37 15 26 33 7 7 7',
}


@pytest.fixture(scope='module')
def real_egtea(shared_folder, tmp_path_factory):
    """The real annotations with files of one byte as videos: only their names are looked at."""
    root = tmp_path_factory.mktemp('real')
    annotations = root / 'action_annotation'
    annotations.mkdir()
    lists = shared_folder / 'egtea'
    parts = {name: (lists / f'{name}_split.txt').read_bytes() for name in ('train', 'val', 'test')}
    (annotations / 'train_split1.txt').write_bytes(parts['train'] + parts['val'])
    (annotations / 'test_split1.txt').write_bytes(parts['test'])
    for kind, count in (('verb', 19), ('noun', 53), ('action', 106)):
        names = {number: f'{kind} {number}' for number in range(1, count + 1)}
        write_index(annotations / f'{kind}_idx.txt', names)
    for part in ('train', 'test'):
        for record in read_annotations(annotations / f'{part}_split1.txt'):
            video = root / 'cropped_clips' / f'{record.clip.path}.mp4'
            video.parent.mkdir(parents=True, exist_ok=True)
            video.write_bytes(b'0')
    return root


def real_summary(root, label):
    assert run(root, '--source', 'videos', label=label, hold_out='subjects:P20-P26') == 0
    return json.loads((root / f'lists/{label}_split1_subjects-P20-P26/summary.json').read_text())


def test_the_papers_hold_out_of_real_egtea_has_the_published_counts_per_verb(real_egtea):
    summary = real_summary(real_egtea, 'verb')
    assert summary['clips'] == {'train': 6372, 'val': 1927, 'test': 2022}
    for part, counts in EGTEA_VERBS.items():
        assert [entry[part] for entry in summary['classes']] == [int(n) for n in counts.split()]


def test_the_actions_of_real_egtea_without_validation_clips_are_named(real_egtea, capsys):
    summary = real_summary(real_egtea, 'action')
    absent = [f'action {number}' for number in (12, 21, 43, 64, 71, 77, 81, 99)]
    assert summary['classes_without_validation_clips'] == absent
    assert len(summary['classes_with_few_validation_clips']) == 15
    assert f'no validation clip: {", ".join(absent)}.' in capsys.readouterr().err


def test_two_nouns_of_real_egtea_never_come_first(real_egtea):
    assert len(real_summary(real_egtea, 'noun')['classes_without_training_clips']) == 2


def test_seven_chosen_subjects_measure_every_action_of_real_egtea(real_egtea):
    args = [
        '--data-root',
        real_egtea,
        '--label',
        'action',
        '--split',
        1,
        '--source',
        'videos',
        '--hold-out',
        'subjects:7',
    ]
    assert build_lists.main([str(arg) for arg in args]) == 0
    summary = json.loads((real_egtea / 'lists/action_split1_subjects-7/summary.json').read_text())
    assert len(summary['hold_out_subjects']) == 7
    assert summary['classes_without_validation_clips'] == []
    assert summary['classes_with_few_validation_clips'] == {}
    assert summary['classes_without_training_clips'] == []
    # A fifth around 7 of 32 subjects.
    assert 0.8 * 7 / 32 <= summary['clips']['val'] / 8299 <= 1.2 * 7 / 32
