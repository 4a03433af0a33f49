"""Folders, lists and pictures of images: what is taken, and what is refused with its place and a remedy."""

import os

import numpy as np
import pytest
from prep.images.class_folders import read_class_folders
from prep.images.idx_folder import FASHION, read_idx_folder
from prep.images.listed_images import read_listed_images
from prep.images.picture_files import PictureError, check_pictures, picture_kind
from prep.images.source import ImagesError

from tests.support.image_files import picture, turned_picture, write_idx_folder


def write(root, *names, content=b'x'):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


@pytest.mark.parametrize('packed', [True, False])
def test_idx_folders_are_read_and_named(tmp_path, packed):
    write_idx_folder(tmp_path, 3, 2, packed)
    read = read_idx_folder(tmp_path, None, 'idx')
    assert list(read.classes) == [str(label) for label in range(10)]
    assert [len(read.parts[part].labels) for part in ('train', 'test')] == [30, 20]
    assert read.parts['train'].names[27] == 'train/7_7/00027.png'
    assert (read.parts['train'].pixels[27, 1:] == 7 * 16).all()
    fashion = read_idx_folder(tmp_path, None, 'fashion-mnist')
    assert list(fashion.classes) == list(FASHION)
    assert fashion.parts['train'].names[9] == 'train/9_ankle_boot/00009.png'
    assert 'not those of Fashion-MNIST as published' in fashion.notes[0]


def test_idx_files_that_do_not_belong_together_are_refused(tmp_path):
    with pytest.raises(ImagesError, match='has no train-images-idx3-ubyte'):
        read_idx_folder(tmp_path, None, 'idx')
    write_idx_folder(tmp_path, 3, 2)
    with pytest.raises(ImagesError, match='labels up to 9, and there are 2 class names'):
        read_idx_folder(tmp_path, ['a', 'b'], 'idx')
    write_idx_folder(tmp_path / 'other', 4, 2)
    os.replace(tmp_path / 'other/train-labels-idx1-ubyte.gz', tmp_path / 'train-labels-idx1-ubyte.gz')
    with pytest.raises(ImagesError, match=r'has 30 images, .* 40 labels'):
        read_idx_folder(tmp_path, None, 'idx')
    write(tmp_path, 'emnist-train-images-idx3-ubyte.gz')
    with pytest.raises(ImagesError, match='keep one data set in a folder'):
        read_idx_folder(tmp_path, None, 'idx')


def test_a_folder_for_every_class_is_read(tmp_path):
    write(
        tmp_path,
        'cat/b.jpg',
        'cat/a.PNG',
        'cat/deep/c.webp',
        'dog/1.jpeg',
        'cat/.hidden.jpg',
        'dog/Thumbs.db',
        'dog/notes.txt',
    )
    read = read_class_folders(tmp_path)
    assert list(read.classes) == ['cat', 'dog']
    assert list(read.parts['train'].names) == ['cat/a.PNG', 'cat/b.jpg', 'cat/deep/c.webp', 'dog/1.jpeg']
    assert read.parts['train'].labels.tolist() == [0, 0, 0, 1]
    assert read.notes == ('left out, since they are no pictures by their endings: dog/notes.txt',)


def test_folders_of_numbers_keep_their_order_and_parts_are_known(tmp_path):
    write(
        tmp_path,
        *[f'{part}/{label}/{k}.png' for part in ('train', 'validation') for label in (10, 9, 2) for k in range(2)],
    )
    read = read_class_folders(tmp_path)
    assert list(read.classes) == ['2', '9', '10']
    assert sorted(read.parts) == ['train', 'val']
    assert read.parts['val'].names[0] == 'validation/2/0.png'


@pytest.mark.parametrize(
    ('files', 'empty', 'why'),
    [
        (['a/1.png', 'b/1.png'], ['c', 'd'], r'/c holds no picture; .*/d holds no picture\. Expected'),
        (['a/1.png', 'b/1.png', 'loose.png', 'more.jpg'], [], r'loose\.png lies in no class; .*more\.jpg'),
        (['train/a/1.png', 'train/b/1.png', 'test/c/1.png'], [], r"class 'c' is in test and not in train"),
        (['train/a/1.png', 'train/b/1.png', 'val/a/1.png', 'valid/a/1.png'], [], r'two of which are the same part'),
        (['a/1.png', 'b/take 2'], [], r'b holds no picture'),
        (['a/1.png'], [], r'has 1 folders with pictures'),
        (['a/1.png', 'b/1.png', 'c  d/1.png'], [], r'no name for a class'),
        (['a/1.png', 'b/x\\y.png', 'b/1.png'], [], r'a name that no list can hold'),
    ],
)
def test_folders_that_leave_a_doubt_are_refused_with_all_places(tmp_path, files, empty, why):
    write(tmp_path, *files)
    for name in empty:
        (tmp_path / name).mkdir()
    with pytest.raises(ImagesError, match=why):
        read_class_folders(tmp_path)


def test_a_link_back_up_does_not_loop(tmp_path):
    write(tmp_path, 'a/1.png', 'b/1.png')
    (tmp_path / 'a/again').symlink_to(tmp_path / 'a')
    with pytest.raises(ImagesError, match='link to a folder of the same class'):
        read_class_folders(tmp_path)


def write_list(path, *lines):
    path.write_text('\n'.join(lines) + '\n')
    return path


def test_lists_name_their_classes_by_their_folders_or_by_a_file(tmp_path):
    write(tmp_path, 'train/n01/a b.png', 'train/n02/1.png')
    path = write_list(tmp_path / 'l.txt', 'train/n02/1.png 0', 'train/n01/a b.png 1')
    assert list(read_listed_images(tmp_path, {'train': path}, None).classes) == ['n02', 'n01']
    assert list(read_listed_images(tmp_path, {'train': path}, ['x', 'y']).classes) == ['x', 'y']
    write(tmp_path, 'train/n01/2.png')
    path = write_list(tmp_path / 'l.txt', 'train/n02/1.png 0', 'train/n01/a b.png 1', 'train/n01/2.png 0')
    assert list(read_listed_images(tmp_path, {'train': path}, None).classes) == ['class 0', 'class 1']


@pytest.mark.parametrize(
    ('root', 'name', 'why'),
    [
        ('.', 'imagenet/a/1.png', None),
        ('imagenet', 'imagenet/a/1.png', r'The list is written for \S+: name that folder with --data'),
        ('.', 'a/1.png', r'The list is written for \S+imagenet: name that folder'),
        ('imagenet', 'ILSVRC/a/1.png', r"Without 'ILSVRC/' they are there"),
        ('imagenet', 'a/9.png', r'complete the download'),
    ],
)
def test_a_list_with_another_root_is_told_apart_from_a_missing_file(tmp_path, root, name, why):
    write(tmp_path, 'imagenet/a/1.png', 'imagenet/b/1.png')
    path = write_list(tmp_path / 'l.txt', f'{name} 0', f'{name.replace("a/", "b/")} 1')
    if why is None:
        assert read_listed_images(tmp_path / root, {'train': path}, None).root == tmp_path / root
        return
    with pytest.raises(ImagesError, match=rf'2 of the 2 pictures of \S+ are not below .*{name}; .*{why}'):
        read_listed_images(tmp_path / root, {'train': path}, None)


def test_lists_that_contradict_themselves_are_refused(tmp_path):
    write(tmp_path, *[f'{label}/1.png' for label in range(4)])
    train = write_list(tmp_path / 'train.txt', '0/1.png 0', '3/1.png 3')
    with pytest.raises(ImagesError, match='no picture of 2 of the 4 labels, the first of which is 1'):
        read_listed_images(tmp_path, {'train': train}, None)
    with pytest.raises(ValueError, match=r'label 3 is outside 0\.\.1'):
        read_listed_images(tmp_path, {'train': train}, ['a', 'b'])
    train = write_list(tmp_path / 'train.txt', '0/1.png 0', '1/1.png 1')
    val = write_list(tmp_path / 'val.txt', '1/1.png 1', '0/1.png 0')
    with pytest.raises(ImagesError, match=r'2 pictures stand in two lists: 1/1\.png is in train and val'):
        read_listed_images(tmp_path, {'train': train, 'val': val}, None)
    with pytest.raises(ImagesError, match=r'there is no list \S+none\.txt'):
        read_listed_images(tmp_path, {'train': train, 'val': tmp_path / 'none.txt'}, None)
    huge = write_list(tmp_path / 'train.txt', '0/1.png 0', f'1/1.png {10**17}')
    with pytest.raises(ImagesError, match='the first of which is 1'):
        read_listed_images(tmp_path, {'train': huge}, None)


@pytest.mark.parametrize(
    ('content', 'kind'),
    [
        (picture(), 'colour'),
        (picture(progressive=True), 'colour'),
        (turned_picture(), 'colour'),
        (picture(mode='L'), 'grey'),
        (picture(mode='CMYK'), 'CMYK'),
        (picture('PNG'), 'colour'),
        (picture('PNG', 'L'), 'grey'),
        (picture('PNG', 'P'), 'palette'),
        (picture('PNG', 'RGBA'), 'transparent'),
        (picture('BMP'), 'colour'),
        (picture('WEBP'), 'colour'),
        (picture('TIFF'), 'colour'),
        (picture('TIFF', 'L'), 'grey'),
        (picture()[:20] + b'\0\0\0' + picture()[20:], 'flawed'),
    ],
)
def test_pictures_that_training_reads_are_taken_by_their_content(content, kind):
    import cv2

    assert picture_kind(content) == kind
    # What mmcv, and so training, makes of it: eight bits in three colours, upright.
    read = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert read.dtype == np.uint8
    assert read.shape == ((40, 24, 3) if content == turned_picture() else (24, 40, 3))


@pytest.mark.parametrize(
    ('content', 'why'),
    [
        (b'', 'is empty'),
        (b'GIF89a nonsense', 'no picture that OpenCV can read'),
        (b'<html>', 'no picture that OpenCV can read'),
        (picture()[:-2], 'is cut off'),
        (picture()[:300], 'is cut off'),
        (picture(mode='CMYK')[:-300], 'is cut off'),
        (picture(progressive=True)[:-40], 'is cut off'),
        (picture('PNG')[:-12], 'is cut off'),
        (picture('PNG')[:400], 'is cut off'),
        (picture('PNG')[:400] + b'\0' + picture('PNG')[401:], r'checksum of the part IDAT'),
        (picture('PNG', 'I;16'), 'has 16 bits a channel'),
        (picture('TIFF', 'I;16'), 'has 16 bits a channel'),
        (picture('BMP')[:-100], 'cut off'),
        (picture('WEBP')[:-100], 'cut off'),
        (picture('TIFF')[:-100], 'cut off'),
        (b'\xff\xd8\xff\xd9', 'is damaged|is cut off'),
    ],
)
def test_pictures_that_training_would_misread_are_refused(content, why):
    with pytest.raises(PictureError, match=why):
        picture_kind(content)


def test_all_faulty_pictures_are_counted_and_named(tmp_path):
    write(tmp_path, 'a.jpg', 'b.jpg', content=picture()[:-2])
    write(tmp_path, 'c.jpg', 'd.png', content=picture())
    write(tmp_path, 'e.png', content=picture('PNG', 'I;16'))
    names = ['a.jpg', 'b.jpg', 'c.jpg', 'd.png', 'e.png', 'f.jpg']
    with pytest.raises(
        ImagesError,
        match=r'4 of 6 pictures .*: a\.jpg is cut off; b\.jpg is cut off; e\.png has 16 bits.*; f\.jpg cannot be',
    ):
        check_pictures(tmp_path, names)
    assert check_pictures(tmp_path, ['c.jpg', 'd.png']) == {'colour': 2}
