"""Checked datasets: what they read is what mmaction2 reads; what is wrong stops before training."""

import shutil
import subprocess
import sys
import textwrap

import pytest
from mmengine.registry import DATASETS, DefaultScope

from cdb_video.data.labels import dataset_class_names, dataset_labels
from cdb_video_files.class_lists import write_class_names
from cdb_video_files.lists import FrameEntry, VideoEntry, write_frame_list, write_video_list
from cdb_video_files.records import AnnotationError
from tests.support.clips import write_clip

CLASSES = ['Take', 'Cut/Slice', 'Wash']
ENTRIES = [('s1/a', 3, 0), ('s1/b', 1, 2), ('s2/c', 2, 1)]


@pytest.fixture
def root(tmp_path):
    """Three clips as frames and as videos, with their lists."""
    lists = tmp_path / 'lists'
    lists.mkdir()
    write_class_names(lists / 'classes.txt', CLASSES)
    write_frame_list(lists / 'train.txt', [FrameEntry(*entry) for entry in ENTRIES])
    videos = [VideoEntry(f'{name}.mp4', label) for name, _, label in ENTRIES]
    write_video_list(lists / 'train_videos.txt', videos)
    for name, frames, _ in ENTRIES:
        video = write_clip(tmp_path / f'cropped_clips/{name}.mp4', frames=frames)
        folder = tmp_path / 'frames' / name
        folder.mkdir(parents=True)
        for number in range(1, frames + 1):
            shutil.copy(video, folder / f'img_{number:05}.jpg')
    return tmp_path


def build(root, kind='FrameListDataset', **options):
    videos = 'Video' in kind
    config = {
        'type': kind,
        'data_root': str(root),
        'ann_file': 'lists/train_videos.txt' if videos else 'lists/train.txt',
        'data_prefix': {'video': 'cropped_clips'} if videos else {'img': 'frames'},
        'pipeline': [],
    }
    with DefaultScope.overwrite_default_scope('mmaction'):
        return DATASETS.build(config | options)


@pytest.mark.parametrize(
    ('ours', 'host'),
    [('FrameListDataset', 'RawframeDataset'), ('VideoListDataset', 'VideoDataset')],
)
def test_every_sample_is_what_the_hosts_dataset_gives(root, ours, host):
    import mmaction.datasets  # noqa: F401  (registers the host's classes)

    checked = build(root, ours, classes='lists/classes.txt')
    plain = build(root, f'mmaction.{host}')
    assert len(checked) == len(plain) == 3
    for index in range(3):
        assert checked.get_data_info(index) == plain.get_data_info(index)


@pytest.mark.parametrize('kind', ['FrameListDataset', 'VideoListDataset'])
def test_clips_with_blanks_in_their_names_are_found(root, kind):
    (root / 'cropped_clips/s1/a.mp4').rename(root / 'cropped_clips/s1/a  b.mp4')
    (root / 'frames/s1/a').rename(root / 'frames/s1/a  b')
    write_frame_list(root / 'lists/train.txt', [FrameEntry('s1/a  b', 3, 2)])
    write_video_list(root / 'lists/train_videos.txt', [VideoEntry('s1/a  b.mp4', 2)])
    info = build(root, kind).get_data_info(0)
    assert info['label'] == 2
    expected = {'VideoListDataset': 'cropped_clips/s1/a  b.mp4', 'FrameListDataset': 'frames/s1/a  b'}[kind]
    assert info['filename' if 'Video' in kind else 'frame_dir'] == str(root / expected)


@pytest.mark.parametrize('kind', ['FrameListDataset', 'VideoListDataset'])
@pytest.mark.parametrize('classes', ['lists/classes.txt', CLASSES])
def test_class_names_get_to_where_loss_and_reports_look(root, kind, classes):
    dataset = build(root, kind, classes=classes)
    assert dataset_class_names(dataset) == tuple(CLASSES)
    assert dataset_labels(dataset).tolist() == [0, 2, 1]


def test_class_names_in_an_absolute_file_are_read(root):
    dataset = build(root, classes=str(root / 'lists/classes.txt'))
    assert dataset.metainfo['classes'] == tuple(CLASSES)


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('s1/a 3 0\ns1/b one 2\n', r"train\.txt:2: 's1/b one 2': number of frames 'one'"),
        ('s1/a 3 0\ns1/b 1 3\n', r'train\.txt:2: .*label 3 is outside 0\.\.2, the 3 classes'),
        ('s1/a 3 -1\n', r"train\.txt:1: .*label '-1'"),
        ('s1/a 3 0\ns1/a 3 0\n', r'train\.txt:2: .*stands in line 1 already'),
        ('\n', r'train\.txt: the file holds no entry'),
    ],
)
def test_a_list_that_is_wrong_stops_with_file_and_line(root, content, message):
    (root / 'lists/train.txt').write_text(content)
    with pytest.raises(AnnotationError, match=message):
        build(root, classes='lists/classes.txt')


def test_a_wrong_label_in_a_video_list_stops_too(root):
    (root / 'lists/train_videos.txt').write_text('s1/a.mp4 7\n')
    with pytest.raises(AnnotationError, match=r'label 7 is outside 0\.\.2'):
        build(root, 'VideoListDataset', classes=CLASSES)


def test_labels_are_checked_against_num_classes_and_metainfo_alike(root):
    with pytest.raises(AnnotationError, match=r'label 2 is outside 0\.\.1'):
        build(root, num_classes=2)
    with pytest.raises(AnnotationError, match=r'label 2 is outside 0\.\.1'):
        build(root, metainfo={'classes': ['Take', 'Cut']})


def test_contradicting_class_names_or_counts_are_refused(root):
    with pytest.raises(ValueError, match=r'num_classes=4, but there are 3 class names'):
        build(root, classes=CLASSES, num_classes=4)
    with pytest.raises(ValueError, match=r'gives 3 names.*gives 2 and they differ'):
        build(root, classes=CLASSES, metainfo={'classes': ['Take', 'Cut']})


def test_an_absent_list_or_class_file_is_named(root):
    with pytest.raises(FileNotFoundError, match='other'):
        build(root, ann_file='lists/other.txt')
    with pytest.raises(FileNotFoundError, match='names'):
        build(root, classes='lists/names.txt')


@pytest.mark.parametrize('name', ['img_00001.jpg', 'img_00003.jpg'])
def test_a_clip_without_its_first_or_last_frame_stops_with_the_count_and_the_name(root, name):
    (root / 'frames/s1/a' / name).unlink()
    with pytest.raises(FileNotFoundError, match=rf'1 of the 3 clips in .*s1/a/{name}.*extract_frames'):
        build(root)
    assert len(build(root, check_files=False)) == 3


@pytest.mark.parametrize('suffix', ['', '.pack'])
def test_a_line_may_stand_for_a_pack(root, suffix):
    (root / 'frames').rename(root / 'other')
    entries = [FrameEntry(f'{name}{suffix}', frames, label) for name, frames, label in ENTRIES]
    write_frame_list(root / 'lists/train.txt', entries)
    for name, _, _ in ENTRIES:
        pack = root / f'frames/{name}.pack'
        pack.parent.mkdir(parents=True, exist_ok=True)
        pack.touch()
    assert build(root).get_data_info(0)['frame_dir'] == str(root / f'frames/s1/a{suffix}')
    pack.unlink()
    with pytest.raises(FileNotFoundError, match='1 of the 3 clips'):
        build(root)


def test_missing_videos_stop_with_the_count_and_the_first_names(root):
    shutil.rmtree(root / 'cropped_clips/s1')
    message = (
        r'2 of the 3 clips in .* are missing in .*cropped_clips: s1/a\.mp4 \(missing\), s1/b\.mp4 \(missing\)\. Put'
    )
    with pytest.raises(FileNotFoundError, match=message):
        build(root, 'VideoListDataset')
    assert len(build(root, 'VideoListDataset', check_files=False)) == 3


def test_an_empty_video_is_told_from_a_missing_one(root):
    (root / 'cropped_clips/s1/b.mp4').write_bytes(b'')
    alone = r'1 of the 3 clips in .* is empty in .*cropped_clips: s1/b\.mp4 \(empty\)\. .* take the clip off'
    with pytest.raises(FileNotFoundError, match=alone):
        build(root, 'VideoListDataset')
    (root / 'cropped_clips/s1/a.mp4').unlink()
    both = r'2 of the 3 clips in .* are missing or empty in .*: s1/a\.mp4 \(missing\), s1/b\.mp4 \(empty\)\.'
    with pytest.raises(FileNotFoundError, match=both):
        build(root, 'VideoListDataset')


def test_a_training_is_told_how_to_go_on_without_missing_clips_and_can(root):
    lists = root / 'lists/train_videos.txt'
    lists.write_text(lists.read_text().replace('b.mp4 2', 'b.mp4 0'))
    (root / 'cropped_clips/s1/b.mp4').write_bytes(b'')
    reader = [{'type': 'VideoInit'}, {'type': 'SampleFrames', 'clip_len': 1}, {'type': 'VideoDecode'}]
    options = {'kind': 'VideoListDataset', 'pipeline': reader, 'on_error': 'resample'}
    with pytest.raises(FileNotFoundError, match=r"set on_error='resample' and check_files=False$"):
        build(root, **options)
    assert build(root, **options, check_files=False)[1]['filename'].endswith('s1/a.mp4')
    with pytest.raises(FileNotFoundError, match=r'take the clip off the list$'):
        build(root, 'VideoListDataset', test_mode=True)


def test_clips_that_are_there_in_the_other_form_are_pointed_at_before_any_name(root):
    options = {'data_prefix': {'img': 'packs'}}
    there = (
        r'^no packs of 3 clips in .*/packs, but frames in .*/frames: set EGTEA_READER=frames, or run .* --pack .*s1/a'
    )
    with pytest.raises(FileNotFoundError, match=there):
        build(root, **options)
    (root / 'packs/s1').mkdir(parents=True)
    (root / 'packs/s1/a.pack').touch()
    with pytest.raises(FileNotFoundError, match=r'^2 of the 3 clips in .*Run data_prep/extract_frames\.py'):
        build(root, **options)
    shutil.rmtree(root / 'packs')
    (root / 'frames').rename(root / 'elsewhere')
    with pytest.raises(FileNotFoundError, match=r'^3 of the 3 clips in .*/packs \(no such folder\): s1/a \(no folder'):
        build(root, **options)
    (root / 'packs/s1').mkdir(parents=True)
    (root / 'packs/s1/a.pack').touch()
    (root / 'lists/train.txt').write_text('s1/a 3 0\n')
    with pytest.raises(FileNotFoundError, match=r'^no frames of 1 clip in .*/frames, but packs in .*EGTEA_READER=pack'):
        build(root)


def test_an_empty_class_list_and_a_missing_prefix_are_refused(root):
    with pytest.raises(ValueError, match=r'classes=\[\]: must hold at least one name'):
        build(root, classes=[])
    with pytest.raises(ValueError, match=r'needs the folder of its clips as data_prefix=dict\(img=\.\.\.\)'):
        build(root, data_prefix={'video': 'frames'})


def test_only_the_first_of_many_missing_clips_are_named(root):
    entries = [FrameEntry(f's1/{number}', 1, 0) for number in range(50)]
    write_frame_list(root / 'lists/train.txt', entries)
    with pytest.raises(FileNotFoundError, match=r'50 of the 50 .* and 47 more\.'):
        build(root)


def test_multi_label_and_offset_lists_are_left_to_the_host(root):
    (root / 'lists/train.txt').write_text('s1/a 3 0 2\n')
    dataset = build(root, multi_class=True, num_classes=3)
    assert dataset.get_data_info(0)['label'].tolist() == [1, 0, 1]
    (root / 'lists/train.txt').write_text('s1/a 1 2 0\n')
    assert build(root, with_offset=True).get_data_info(0)['offset'] == 1
    (root / 'lists/train_videos.txt').write_text('s1/a b.mp4;2\n')
    dataset = build(root, 'VideoListDataset', delimiter=';')
    assert dataset.get_data_info(0)['label'] == 2


def python(code):
    return subprocess.run([sys.executable, '-c', textwrap.dedent(code)], capture_output=True, text=True, check=False)


def test_without_mmaction_the_package_imports_and_the_names_say_what_is_missing():
    done = python("""
        import sys
        sys.modules['mmaction'] = None
        from mmengine.registry import DATASETS
        import cdb_video
        DATASETS.build(dict(type='FrameListDataset', ann_file='a', pipeline=[]))
    """)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert 'ImportError' in last
    assert 'FrameListDataset and VideoListDataset need mmaction2' in last


def test_the_datasets_do_not_pull_in_the_hosts_models():
    done = python("""
        import sys
        import cdb_video.hosts.mmaction.datasets
        assert 'mmaction.datasets' in sys.modules
        assert 'mmaction.models.recognizers' not in sys.modules
    """)
    assert done.returncode == 0, done.stderr
