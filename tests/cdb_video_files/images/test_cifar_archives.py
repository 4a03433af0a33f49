"""CIFAR's archives: both sets, packed and unpacked; what is none or poisoned is refused, and nothing is executed."""

import os
import pickle
import tarfile

import numpy as np
import pytest

from cdb_video_files.images.cifar_archives import CifarError, read_cifar
from tests.support.image_files import cifar_batch, cifar_files, python2_pickle, write_tar


def write_folder(folder, files):
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize('form', ['cifar-10-batches-py', 'cifar-100-python'])
@pytest.mark.parametrize('where', ['archive', 'plain tar', 'folder', 'folder above', 'folder of the archive'])
def test_both_sets_are_read_from_wherever_they_are(tmp_path, form, where):
    files, kind = cifar_files(form), form.split('-')[1]
    if where.startswith('folder') and 'archive' not in where:
        place = write_folder(tmp_path / form, files)
        place = tmp_path if where == 'folder above' else place
    else:
        ending = '' if where == 'plain tar' else '.gz'
        place = write_tar(tmp_path / f'cifar-{kind}-python.tar{ending}', files, form)
        place = tmp_path if where == 'folder of the archive' else place
    names, parts = read_cifar(place)
    assert len(names) == int(kind)
    assert {part: len(got.images) for part, got in parts.items()} == {
        'train': 150 if kind == '10' else 300,
        'test': int(kind),
    }
    train = parts['train']
    assert np.bincount(train.labels).tolist() == [len(train.labels) // int(kind)] * int(kind)
    # Red has the label, green twice the label, blue the number within the batch: rows of three planes become RGB.
    assert train.images.shape[1:] == (32, 32, 3)
    np.testing.assert_array_equal(train.images[17, 5, 9], [train.labels[17], 2 * train.labels[17], 17])


def test_the_first_image_of_the_second_batch_follows_the_last_of_the_first(tmp_path):
    files = cifar_files()
    files['data_batch_2'] = cifar_batch(np.full(30, 7))
    _, parts = read_cifar(write_tar(tmp_path / 'c.tar.gz', files))
    assert parts['train'].labels[28:32].tolist() == [8, 9, 7, 7]


class _Trap:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize('place', ['batches.meta', 'data_batch_3', 'test_batch'])
def test_a_poisoned_pickle_is_refused_by_name_and_nothing_is_executed(tmp_path, place):
    trap = tmp_path / 'trap'
    files = {**cifar_files(), place: pickle.dumps({'data': _Trap(trap)})}
    with pytest.raises(CifarError, match=rf'{place}: refused the name .*mkdir'):
        read_cifar(write_tar(tmp_path / 'c.tar.gz', files))
    assert not trap.exists()


@pytest.mark.parametrize(
    ('changed', 'why'),
    [
        ({'data_batch_4': None, 'test_batch': None}, r'without data_batch_4, test_batch'),
        ({'data_batch_1': b'\x80\x02}U'}, r'data_batch_1: torn'),
        ({'data_batch_1': pickle.dumps([1, 2])}, r'holds \[1, 2\], CIFAR has a dict'),
        ({'data_batch_1': python2_pickle({'labels': [1]})}, r'data is None'),
        ({'data_batch_1': python2_pickle({'data': np.zeros((2, 7), np.uint8)})}, r'data is \(2, 7\) uint8'),
        ({'data_batch_1': pickle.dumps({'data': np.zeros((1, 3072))}, 2)}, r'data is \(1, 3072\) float64'),
        ({'data_batch_1': cifar_batch(np.array([1, 10]))}, r'labels has 10, which is not in 0\.\.9'),
        ({'data_batch_1': cifar_batch(np.array([1, -1]))}, r'labels has -1'),
        (
            {'data_batch_1': python2_pickle({'data': np.zeros((2, 3072), np.uint8), 'labels': [1]})},
            r'must be a list of 2',
        ),
        ({'batches.meta': python2_pickle({'label_names': ['one']})}, r'it must be a list of names'),
        ({'batches.meta': python2_pickle({'label_names': ['one', 'one']})}, r"class name 'one'"),
    ],
)
def test_a_damaged_archive_is_refused_with_the_file_in_it(tmp_path, changed, why):
    files = {name: content for name, content in {**cifar_files(), **changed}.items() if content is not None}
    with pytest.raises(ValueError, match=why):
        read_cifar(write_tar(tmp_path / 'c.tar.gz', files))


def test_what_is_no_archive_or_cut_off_is_refused(tmp_path):
    page, cut, other = tmp_path / 'page.tar.gz', tmp_path / 'cut.tar.gz', tmp_path / 'other.tar'
    page.write_text('<html>404</html>')
    with pytest.raises(CifarError, match=r'page\.tar\.gz is no tar archive.* \(.*\): download it again$'):
        read_cifar(page)
    content = write_tar(tmp_path / 'whole.tar.gz', cifar_files()).read_bytes()
    cut.write_bytes(content[: len(content) // 2])
    with pytest.raises(CifarError, match=r'cut off|without'):
        read_cifar(cut)
    write_tar(other, {'a.txt': b'a'}, 'other')
    with pytest.raises(CifarError, match='not the python version'):
        read_cifar(other)
    with pytest.raises(CifarError, match='there is no'):
        read_cifar(tmp_path / 'nothing')
    (tmp_path / 'empty').mkdir()
    with pytest.raises(CifarError, match='holds 0 archives'):
        read_cifar(tmp_path / 'empty')


def test_links_in_an_archive_lead_nowhere(tmp_path):
    (tmp_path / 'secret').write_bytes(cifar_files()['test_batch'])
    path = tmp_path / 'c.tar'
    files = cifar_files()
    del files['test_batch']
    write_tar(path, files)
    with tarfile.open(path, 'a') as archive:
        link = tarfile.TarInfo('cifar-10-batches-py/test_batch')
        link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path / 'secret')
        archive.addfile(link)
    with pytest.raises(CifarError, match='without test_batch'):
        read_cifar(path)
