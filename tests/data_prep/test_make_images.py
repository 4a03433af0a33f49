"""make_images: what it writes from every source, the bytes, what a stop costs, and what it leaves alone."""

import json
import os
import signal
import subprocess
import sys

import cv2
import make_images
import numpy as np
import pytest

from cdb_video_files.class_lists import read_class_names
from cdb_video_files.commands.folder_lock import lock_folder
from cdb_video_files.lists import read_video_list
from tests.support.image_files import cifar_files, picture, write_idx_folder, write_tar

pytest.importorskip('sklearn')
SMALL = ['--largest', '20', '--imbalance', '10', '2', '--val-per-class', '4', '--test-per-class', '3']


def run(out, *options):
    return make_images.main(['--out', str(out), *map(str, options)])


def files_of(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob('*') if path.is_file()}


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp('images') / 'digits'
    assert run(out, *SMALL) == 0
    return out


def test_lists_name_pictures_of_their_class_and_the_manifest_counts_them(made):
    from sklearn.datasets import load_digits

    digits, manifest = load_digits(), json.loads((made / 'manifest.json').read_text())
    assert read_class_names(made / 'classes.txt')[:3] == ['zero', 'one', 'two']
    listed = {}
    for path in (made / 'lists').iterdir():
        entries = read_video_list(path, 10)
        found = np.bincount([entry.label for entry in entries], minlength=10).tolist()
        assert manifest['images_per_class'][path.stem] == found
        listed[path.stem] = {entry.filename for entry in entries}
        assert all(digits.target[int(entry.filename[-9:-4])] == entry.label for entry in entries)
    assert manifest['images_per_class']['train_imb10'] == [20, 15, 11, 9, 7, 5, 4, 3, 2, 2]
    assert sorted(listed) == ['test', 'train_imb10', 'train_imb2', 'val']
    assert set().union(*listed.values()) == {
        name.removeprefix('images/') for name in files_of(made) if '/' in name and name.startswith('images')
    }
    name = min(listed['val'])
    image = cv2.imread(str(made / 'images' / name), cv2.IMREAD_UNCHANGED)
    assert image.shape == (32, 32)
    # Each of the 8x8 blocks keeps its brightness.
    blocks = image.reshape(8, 4, 8, 4).mean(axis=(1, 3))
    assert np.corrcoef(blocks.ravel(), digits.images[int(name[-9:-4])].ravel())[0, 1] > 0.95


def test_same_options_give_the_same_bytes_and_another_seed_does_not(made, tmp_path, capsys):
    assert run(tmp_path / 'again', *SMALL) == 0
    assert run(tmp_path / 'other', *SMALL, '--seed', 1) == 0
    assert files_of(tmp_path / 'again') == files_of(made)
    assert files_of(tmp_path / 'other')['lists/val.txt'] != files_of(made)['lists/val.txt']
    before = {path: path.stat().st_mtime_ns for path in made.rglob('*')}
    capsys.readouterr()
    assert run(made, *SMALL) == 0
    assert 'already: nothing to do' in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in made.rglob('*')} == before


def test_what_is_not_its_own_is_left_alone(tmp_path, capsys):
    out = tmp_path / 'digits'
    assert run(out, *SMALL) == 0
    for options, why in (([*SMALL, '--seed', 5], 'another options'), (['--largest', 9], 'another options')):
        assert run(out, *options) == 2
        assert why in capsys.readouterr().err
    victim = next((out / 'images').rglob('*.png'))
    victim.write_bytes(b'')
    before = files_of(out)
    assert run(out, *SMALL) == 2
    assert 'are not those that manifest.json was written for' in capsys.readouterr().err
    assert files_of(out) == before
    mine = tmp_path / 'mine'
    mine.mkdir()
    (mine / 'thesis.txt').write_text('years')
    assert run(mine, *SMALL) == 2
    assert 'not empty and holds no images of this command' in capsys.readouterr().err
    assert files_of(mine) == {'thesis.txt': b'years'}
    assert run(mine / 'thesis.txt', *SMALL) == 2
    assert 'is a file: name a new folder' in capsys.readouterr().err
    hidden = tmp_path / '.new.partial'
    hidden.mkdir()
    (hidden / 'thesis.txt').write_text('years')
    assert run(tmp_path / 'new', *SMALL) == 2
    assert 'is in the way' in capsys.readouterr().err
    assert files_of(hidden) == {'thesis.txt': b'years'}


def test_a_second_run_on_the_same_folder_is_refused_and_harms_nothing(tmp_path, capsys):
    with lock_folder(tmp_path / '.new.partial', '.make_images.lock'):
        assert run(tmp_path / 'new', *SMALL) == 2
    assert 'another run is working' in capsys.readouterr().err
    assert run(tmp_path / 'new', *SMALL) == 0


def test_ctrl_c_leaves_nothing(tmp_path, monkeypatch, capsys):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr('prep.images.data_set.write_video_list', stop)
    assert run(tmp_path / 'new', *SMALL) == 130
    assert 'begins anew' in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


DEADLY = """
import os, signal, sys, cv2, make_images
left, encode = 30, cv2.imencode
def deadly(*arguments):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return encode(*arguments)
cv2.imencode = deadly
make_images.main(sys.argv[1:])
"""


def test_a_killed_run_is_begun_anew_to_the_same_bytes(made, tmp_path, repository):
    out = tmp_path / 'new'
    environment = {**os.environ, 'PYTHONPATH': f'{repository}/data_prep{os.pathsep}{repository}'}
    killed = subprocess.run([sys.executable, '-c', DEADLY, '--out', str(out), *SMALL], env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(list((tmp_path / '.new.partial').rglob('*.png'))) == 30
    assert not out.exists()
    assert run(out, *SMALL) == 0
    assert files_of(out) == files_of(made)
    assert [path.name for path in tmp_path.iterdir()] == ['new']


def test_colours_of_cifar_reach_the_pictures(tmp_path):
    archive = write_tar(tmp_path / 'cifar-10-python.tar.gz', cifar_files())
    assert run(tmp_path / 'out', '--source', 'cifar', '--data', archive, '--imbalance', 5, '--val-per-class', 2) == 0
    entries = read_video_list(tmp_path / 'out/lists/train_imb5.txt')
    assert np.bincount([entry.label for entry in entries])[[0, 9]].tolist() == [13, 2]
    blue, green, red = cv2.imread(str(tmp_path / 'out/images' / entries[-1].filename))[3, 3]
    number = int(entries[-1].filename[-9:-4]) % 30
    assert (red, green, blue) == (entries[-1].label, 2 * entries[-1].label, number)
    assert len(read_video_list(tmp_path / 'out/lists/test.txt')) == 10


def test_fashion_mnist_comes_with_its_names(tmp_path, capsys):
    write_idx_folder(tmp_path / 'data', 30, 2)
    assert run(tmp_path / 'out', '--source', 'fashion-mnist', '--data', tmp_path / 'data', '--class-order', 1) == 0
    assert read_class_names(tmp_path / 'out/classes.txt')[9] == 'Ankle boot'
    printed = capsys.readouterr()
    assert 'not those of Fashion-MNIST as published' in printed.err
    assert 'train_imb100' in printed.out
    manifest = json.loads((tmp_path / 'out/manifest.json').read_text())
    sizes = manifest['images_per_class']['train_imb10']
    assert [sizes[label] for label in manifest['classes_largest_first']] == [10, 7, 5, 4, 3, 2, 2, 1, 1, 1]
    assert manifest['classes_largest_first'] != list(range(10))


@pytest.fixture
def pictures(tmp_path):
    """A folder of twelve cats and five dogs, one of each unusual."""
    for name, number in (('cat', 12), ('dog', 5)):
        (tmp_path / 'data' / name).mkdir(parents=True)
        for k in range(number):
            (tmp_path / 'data' / name / f'{k}.jpg').write_bytes(picture(mode='RGB' if k else 'CMYK', seed=k))
    return tmp_path / 'data'


def test_a_folder_of_pictures_is_listed_where_it_is(pictures, tmp_path, capsys):
    assert run(tmp_path / 'out', '--source', 'folder', '--data', pictures, '--val-per-class', 2) == 0
    printed = capsys.readouterr()
    assert f'paths are relative to {pictures}' in printed.out
    assert '2 pictures are CMYK and read as RGB' in printed.err
    assert sorted(files_of(tmp_path / 'out')) == ['classes.txt', 'lists/train.txt', 'lists/val.txt', 'manifest.json']
    listed = [entry for name in ('train', 'val') for entry in read_video_list(tmp_path / f'out/lists/{name}.txt')]
    assert sorted(entry.filename for entry in listed) == sorted(
        path.relative_to(pictures).as_posix() for path in pictures.rglob('*.jpg')
    )
    # Lists of such a kind are a source too; their own tail is cut further.
    lists = ['--train-list', tmp_path / 'out/lists/train.txt', '--val-list', tmp_path / 'out/lists/val.txt']
    options = ['--source', 'lists', '--data', pictures, *lists, '--profile', 'pareto', '--imbalance', 4]
    assert run(tmp_path / 'further', *options) == 0
    assert json.loads((tmp_path / 'further/manifest.json').read_text())['images_per_class'] == {
        'val': [2, 2],
        'train_imb4': [10, 2],
    }
    assert run(tmp_path / 'more', *options, '--val-per-class', 1) == 2
    assert '--val-per-class 1: the source has val images of its own' in capsys.readouterr().err


def test_bad_pictures_and_small_classes_stop_the_run_before_anything_is_written(pictures, tmp_path, capsys):
    options = ['--source', 'folder', '--data', pictures]
    assert run(tmp_path / 'out', *options) == 2
    assert 'fewer than the 21 training images' in capsys.readouterr().err
    (pictures / 'dog/3.jpg').write_bytes(picture()[:200])
    assert run(tmp_path / 'out', *options, '--val-per-class', 1) == 2
    assert 'dog/3.jpg is cut off' in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ['data']
    assert run(pictures / 'out', *options, '--val-per-class', 1) == 2
    assert 'where every folder is a class' in capsys.readouterr().err
    assert run(tmp_path / 'out', *options, '--val-per-class', 1, '--no-decode') == 0


@pytest.mark.parametrize(
    'options',
    [
        ['--source', 'cifar'],
        ['--source', 'lists', '--data', 'x'],
        ['--data', 'x'],
        ['--source', 'folder', '--data', 'x', '--classes', 'y'],
        ['--imbalance', '0.5'],
        ['--imbalance', 'nan'],
        ['--val-share', '1'],
        ['--val-share', '0.1', '--val-per-class', '3'],
        ['--class-order', 'random'],
        ['--class-order', '2,one,0'],
        ['--largest', '0'],
        ['--seed', '-1'],
    ],
)
def test_options_that_do_not_fit_are_refused(options, tmp_path):
    with pytest.raises(SystemExit) as stopped:
        run(tmp_path / 'out', *options)
    assert stopped.value.code == 2


def test_options_that_would_have_no_effect_are_refused(tmp_path, capsys):
    assert run(tmp_path / 'out', '--profile', 'natural', '--largest', 5, '--class-order', 'as-is') == 2
    assert '--largest, --class-order belong to exponential and pareto' in capsys.readouterr().err
