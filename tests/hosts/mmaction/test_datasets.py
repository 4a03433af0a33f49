"""Checked datasets: what they read is what mmaction2 reads; what is wrong stops before training."""

import re
import shutil
import subprocess
import sys
import textwrap

import cv2
import numpy as np
import pytest
from mmengine.registry import DATASETS, DefaultScope

from cdb_video.data.labels import dataset_class_names, dataset_labels
from cdb_video_files.class_lists import write_class_names
from cdb_video_files.lists import FrameEntry, VideoEntry, write_frame_list, write_video_list
from cdb_video_files.packs import PackWriter
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


def write_frames(root, template, first, frames=3):
    """Frames of one clip, called by a template; its list is there."""
    for number in range(first, first + frames):
        path = root / 'frames/other' / template.format(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((16, 16, 3), 40 * (number - first), np.uint8))
    (root / 'lists/train.txt').write_text(f'other {frames} 0\n')


@pytest.mark.parametrize(
    ('template', 'first', 'settings'),
    [
        ('img_{:05}.jpg', 0, {'start_index': 0}),
        ('frame_{:010}.jpg', 1, {'filename_tmpl': 'frame_{:010}.jpg'}),
        ('{:05}.png', 0, {'filename_tmpl': '{:05}.png', 'start_index': 0}),
        ('{}.jpg', 7, {'filename_tmpl': '{}.jpg', 'start_index': 7}),
        ('rgb/img_{:05}.jpg', 1, {'filename_tmpl': 'rgb/img_{:05}.jpg'}),
    ],
)
def test_frames_of_other_names_are_told_of_with_the_settings_that_read_them(root, template, first, settings):
    write_frames(root, template, first)
    with pytest.raises(FileNotFoundError) as error:
        build(root)
    said = str(error.value)
    names = f'{template.format(first)} to {template.format(first + 2)} (3 frames)'
    wanted = ' and '.join(f'{key}={value!r}' for key, value in settings.items())
    assert said.startswith(
        f'the frames of other have other names, {names}: set {wanted} in the dataset. 1 of the 1 clips'
    )
    assert 'extract_frames' not in said
    steps = [{'type': 'SampleFrames', 'clip_len': 3, 'test_mode': True}, {'type': 'RawFrameDecode'}]
    images = build(root, pipeline=steps, **settings)[0]['imgs']
    assert [image.mean().round() for image in images] == [0, 40, 80]


def test_frames_that_are_too_few_are_counted_with_what_to_do(root):
    (root / 'frames/s1/a/img_00003.jpg').unlink()
    (root / 'frames/s1/a/notes.txt').touch()
    there = (
        r'^s1/a holds img_00001.jpg to img_00002.jpg \(2 frames\), and the list says 3 frames from number 1 on. 1 of'
    )
    with pytest.raises(FileNotFoundError, match=rf'{there} the 3 .*Run data_prep/extract_frames.py'):
        build(root)


@pytest.mark.parametrize('kind', ['FrameListDataset', 'VideoListDataset'])
def test_an_absolute_path_is_read_where_it_may_be(root, tmp_path_factory, kind):
    other = tmp_path_factory.mktemp('other')
    shutil.copytree(root / 'frames/s1/a', other / 'a')
    shutil.copy(root / 'cropped_clips/s1/a.mp4', other / 'b c.mp4')
    (root / 'lists/train.txt').write_text(f's1/b 1 2\n{other}/a 3 0\n')
    (root / 'lists/train_videos.txt').write_text(f's1/b.mp4 2\n{other}/b c.mp4 0\n')
    with pytest.raises(AnnotationError, match=r'train.*txt:2: .*is absolute. .*allow_absolute=True'):
        build(root, kind)
    dataset = build(root, kind, allow_absolute=True)
    key, folder, names = (
        ('filename', 'cropped_clips', ['s1/b.mp4', 'b c.mp4'])
        if 'Video' in kind
        else ('frame_dir', 'frames', ['s1/b', 'a'])
    )
    paths = [dataset.get_data_info(index)[key] for index in range(2)]
    assert paths == [str(root / folder / names[0]), str(other / names[1])]
    assert dataset_labels(dataset).tolist() == [2, 0]
    shutil.rmtree(other)
    with pytest.raises(FileNotFoundError, match=rf'1 of the 2 clips .*{re.escape(str(other))}'):
        build(root, kind, allow_absolute=True)
    with pytest.raises(ValueError, match="allow_absolute='yes': must be True or False"):
        build(root, kind, allow_absolute='yes')


def test_an_absolute_path_may_be_that_of_a_pack(root, tmp_path_factory):
    other = tmp_path_factory.mktemp('other')
    pack = PackWriter(other / 'a.pack')
    for number in range(2):
        pack.add(cv2.imencode('.jpg', np.full((16, 16, 3), 90 * number, np.uint8))[1].tobytes())
    pack.finish({})
    (root / 'lists/train.txt').write_text(f'{other}/a 2 0\n')
    steps = [{'type': 'SampleFrames', 'clip_len': 2, 'test_mode': True}, {'type': 'PackDecode'}]
    images = build(root, pipeline=steps, allow_absolute=True)[0]['imgs']
    assert [image.mean().round() for image in images] == [0, 90]


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
