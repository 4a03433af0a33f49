"""The lists and folders of a CustomDataset, looked through before the first step; a stand-in has its options.

mmpretrain's own class is in tests/hosts/mmpretrain, which runs where it is installed.
"""

import logging
import os
from types import SimpleNamespace

import pytest
from mmcv.transforms import LoadImageFromFile
from mmengine.fileio import list_from_file
from mmengine.registry import DefaultScope

from cdb_video.hosts.mmpretrain.image_lists import check_class_list, load_checked, missing_files
from cdb_video.hosts.mmpretrain.loading import watch
from cdb_video_files.records import AnnotationError


@pytest.fixture(autouse=True)
def _scope():
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        yield


@pytest.fixture
def data(tmp_path):
    for name in ('train/ant/1.png', 'train/ant/2.png', 'train/bee/1.png'):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


class Dataset(SimpleNamespace):
    """As mmpretrain's CustomDataset, once its folders are joined."""

    def is_valid_file(self, name):
        return name.lower().endswith(self.extensions)


def dataset(data, *lines, prefix='train', **options):
    steps = [LoadImageFromFile(ignore_empty=options.pop('ignore_empty', False))]
    watch(steps[0])
    known = {'with_label': True, 'extensions': ('.png', '.jpg')}
    if lines:
        (data / 'list.txt').write_text('\n'.join(lines) + '\n')
    ann_file = str(data / 'list.txt') if lines else ''
    pipeline = SimpleNamespace(transforms=steps)
    return Dataset(img_prefix=str(data / prefix), ann_file=ann_file, pipeline=pipeline, **{**known, **options})


def load(one):
    """As `load_data_list` of it reads a list, or a folder for every class."""
    if not one.ann_file:
        files = [
            os.path.relpath(os.path.join(folder, name), one.img_prefix)
            for folder, _, names in os.walk(one.img_prefix)
            for name in names
            if folder != one.img_prefix
        ]
        return [{'img_path': os.path.join(one.img_prefix, name)} for name in files if one.is_valid_file(name)]
    samples = list_from_file(one.ann_file)
    if not one.with_label:
        return [{'img_path': os.path.join(one.img_prefix, name)} for name in samples]
    entries = []
    for name, label in [line.strip().rsplit(' ', 1) for line in samples]:
        entries.append({'img_path': os.path.join(one.img_prefix, name), 'gt_label': int(label)})
    return entries


def test_a_list_whose_images_are_there_is_taken_as_it_is(data):
    one = dataset(data, 'ant/1.png 0', 'bee/1.png 1', 'ant/1.png 0')
    assert load_checked(one, load) == load(one)
    assert len(load_checked(dataset(data, 'ant/1.png', with_label=False), load)) == 1


@pytest.mark.parametrize(
    ('prefix', 'lines', 'said'),
    [
        ('train', ['ant/1.png 0', 'cow/9.png 1'], r'1 of the 2 images in \S+list\.txt is missing in \S+: cow/9\.png\.'),
        ('train', ['cow/9.png 1'], 'Put the images there, check data_root and data_prefix, or take the image off'),
        ('', ['ant/1.png 0'], r'The list is written for \S+train: set data_prefix .* to that'),
        ('train/ant', ['ant/1.png 0'], r'The list is written for \S+train: set data_prefix'),
        ('trian', ['ant/1.png 0', 'bee/1.png 1'], r'2 of the 2 images .* \(no such folder\).*written for \S+train:'),
        ('train', ['more/ant/1.png 0'], "Without 'more/' they are there: take that off the lines"),
        ('train', ['ant/1.png 0 1'], r'ant/1\.png is there, so the line has several labels: leave one'),
    ],
)
def test_images_that_are_missing_are_named_with_what_to_do_before_any_is_read(data, prefix, lines, said):
    with pytest.raises(FileNotFoundError, match=said):
        load_checked(dataset(data, *lines, prefix=prefix), load)


@pytest.mark.parametrize(
    ('line', 'rule'),
    [
        ('ant/2.png', 'there is no label'),
        ('ant/2.png\t1', 'there is no label'),
        ('ant/2.png 0,1', "'0,1' are several labels, and class difficulty needs one label an image"),
        ('ant/2.png [0,1]', r'are several labels'),
        ('ant/2.png one', "label 'one' is not a whole number"),
        ('', 'the line is empty'),
    ],
)
def test_a_line_that_is_none_is_named_with_its_place(data, line, rule):
    with pytest.raises(AnnotationError, match=rule) as caught:
        load_checked(dataset(data, 'ant/1.png 0', line, 'bee/1.png 1'), load)
    assert f'{data}/list.txt:2:' in str(caught.value)
    assert 'Write lines `path label`' in str(caught.value)


def test_a_list_that_is_no_text_is_named(data):
    one = dataset(data, 'ant/1.png 0')
    (data / 'list.txt').write_bytes(b'\xff\xfe\x00a')
    with pytest.raises(AnnotationError, match=r'list\.txt: not UTF-8 text'):
        load_checked(one, load)


def test_errors_that_no_line_explains_stay_as_they_are(data):
    def fails(_):
        raise ValueError('of another kind')

    with pytest.raises(ValueError, match='of another kind'):
        load_checked(dataset(data, 'ant/1.png 0'), fails)


def test_a_list_a_folder_or_a_class_list_that_is_not_there_is_named_by_its_option(data):
    one = dataset(data, 'ant/1.png 0')
    one.ann_file += '.old'
    with pytest.raises(FileNotFoundError, match=r"ann_file='\S+old': there is no such file.*`path label`"):
        load_checked(one, load)
    with pytest.raises(FileNotFoundError, match=r"trian': there is no such folder.*folder for every class"):
        load_checked(dataset(data, prefix='trian'), load)
    with pytest.raises(FileNotFoundError, match=r"classes='nowhere/classes.txt': there is no such file"):
        check_class_list('nowhere/classes.txt')
    for classes in (None, ['ant'], str(data / 'train/ant/1.png'), 's3://bucket/classes.txt'):
        check_class_list(classes)


def test_images_that_are_to_be_passed_over_are_counted_and_named(data, caplog):
    with caplog.at_level(logging.WARNING, 'cdb_video'):
        infos = load_checked(dataset(data, 'ant/1.png 0', 'cow/9.png 1', ignore_empty=True), load)
    assert len(infos) == 2
    assert '1 of the 2 images in' in caplog.text
    assert 'and passed over (ignore_empty=True): cow/9.png' in caplog.text


def test_what_a_folder_leaves_out_is_named(data, caplog):
    (data / 'train/bee/2.webp').touch()
    (data / 'train/bee/notes.txt').touch()
    (data / 'train/loose.png').touch()
    one = dataset(data)
    with caplog.at_level(logging.WARNING, 'cdb_video'):
        assert len(load_checked(one, load)) == 3
    assert f"1 image in {data}/train left out, whose endings are none of extensions=('.jpg', '.png'): " in caplog.text
    assert 'bee/2.webp. Name all of them there' in caplog.text
    assert 'left out, in no folder of a class: loose.png' in caplog.text
    assert 'notes.txt' not in caplog.text
    assert 'is_valid_file' not in vars(one)


def test_the_loader_learns_the_command_that_finds_all_images_that_cannot_be_read(data):
    one = dataset(data, 'ant/1.png 0')
    load_checked(one, load)
    found = one.pipeline.transforms[0].transform.find_all
    assert found.endswith(f'cdb-video check --source images --images {data}/train --lists {data}/list.txt')


def test_lists_elsewhere_are_left_to_the_host(data):
    one = dataset(data, 'ant/1.png 0')
    one.img_prefix = 's3://bucket/train'
    assert load_checked(one, lambda _: ['theirs']) == ['theirs']


def test_each_folder_is_read_once_however_many_images_it_holds(data, monkeypatch):
    calls = []
    scan = os.scandir
    monkeypatch.setattr(os, 'scandir', lambda folder: calls.append(folder) or scan(folder))
    (data / 'link.png').symlink_to(data / 'nowhere.png')
    paths = [str(data / name) for name in ('train/ant/1.png', 'train/ant/3.png', 'train/ant/2.png', 'no/1.png')]
    assert missing_files([*paths, str(data / 'link.png'), str(data / 'train/ant')]) == [
        paths[1],
        paths[3],
        str(data / 'link.png'),
        str(data / 'train/ant'),
    ]
    assert len(calls) == len(set(calls)) == 4


def test_a_folder_that_does_not_let_itself_be_read_may_let_its_files(data, monkeypatch):
    def refuse(folder):
        raise PermissionError(folder)

    monkeypatch.setattr(os, 'scandir', refuse)
    assert missing_files([str(data / 'train/ant/1.png'), str(data / 'train/ant/9.png')]) == [
        str(data / 'train/ant/9.png')
    ]
