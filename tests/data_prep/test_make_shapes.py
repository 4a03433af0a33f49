"""make_shapes: what it writes, the bytes, what a stop costs, and what it leaves alone."""

import json
import os
import signal
import subprocess
import sys

import check_objects
import cv2
import make_shapes
import numpy as np
import pytest
from prep.long_tail.profiles import class_sizes, largest_within

from cdb_video_files.class_lists import read_class_names
from cdb_video_files.commands.folder_lock import lock_folder

SMALL = ['--train', '20', '--val', '8', '--test', '6', '--imbalance', '10', '--size', '64', '--unlabelled', '0.5']


def run(out, *options):
    return make_shapes.main(['--out', str(out), *map(str, options)])


def files_of(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob('*') if path.is_file()}


def read(folder, part):
    return json.loads((folder / f'annotations/{part}.json').read_text())


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp('shapes') / 'small'
    assert run(out, *SMALL) == 0
    return out


def test_annotations_name_the_pictures_and_the_manifest_counts_the_objects(made):
    manifest, numbers, names = json.loads((made / 'manifest.json').read_text()), set(), set()
    sizes = class_sizes('exponential', 12, largest_within(60, 12, 10), 10)
    assert manifest['objects_per_class'] == {'train': sizes, 'val': [2] * 12, 'test': [1] * 12}
    assert manifest['classes_largest_first'] == list(range(12))
    for part, images in (('train', 20), ('val', 8), ('test', 6)):
        content = read(made, part)
        assert manifest['images'][part] == len(content['images']) == images
        labels = [entry['category_id'] - 1 for entry in content['annotations']]
        assert np.bincount(labels, minlength=12).tolist() == manifest['objects_per_class'][part]
        assert [entry['name'] for entry in content['categories']] == read_class_names(made / 'classes.txt')
        for image in content['images']:
            picture = cv2.imread(str(made / 'images' / image['coco_url']), cv2.IMREAD_UNCHANGED)
            assert picture.shape == (image['height'], image['width'], 3) == (64, 64, 3)
            assert image['file_name'] == image['coco_url']
        numbers |= {image['id'] for image in content['images']}
        names |= {image['file_name'] for image in content['images']}
        objects = [entry['id'] for entry in content['annotations']]
        assert len(set(objects)) == len(objects)
        assert {entry['image_id'] for entry in content['annotations']} <= numbers
    assert len(numbers) == len(names) == 34
    assert {f'images/{name}' for name in names} == {name for name in files_of(made) if name.startswith('images')}


def pixels_of(entry, size):
    """The mask of polygons along pixel edges: each vertical edge turns over what lies to its right."""
    mask = np.zeros((size, size), bool)
    for numbers in entry['segmentation']:
        corners = list(zip(numbers[0::2], numbers[1::2], strict=True))
        for (x, y), (next_x, next_y) in zip(corners, corners[1:] + corners[:1], strict=True):
            if x == next_x:
                mask[min(y, next_y) : max(y, next_y), x:] ^= True
    return mask


def test_masks_fit_their_boxes_their_areas_and_what_is_seen_in_the_picture(made):
    for part in ('train', 'val', 'test'):
        content = read(made, part)
        names = {image['id']: image['file_name'] for image in content['images']}
        covered = {number: np.zeros((64, 64), int) for number in names}
        for entry in content['annotations']:
            mask = pixels_of(entry, 64)
            rows, columns = np.nonzero(mask)
            left, top, width, height = entry['bbox']
            assert (left, top) == (columns.min(), rows.min())
            assert (left + width, top + height) == (columns.max() + 1, rows.max() + 1)
            assert entry['area'] == mask.sum() > 0
            covered[entry['image_id']] += mask
            picture = cv2.imread(str(made / 'images' / names[entry['image_id']])).astype(float)
            # A shape has one colour under the noise; the background has not, and another one.
            inner = cv2.erode(mask.astype(np.uint8), np.ones((3, 3))).astype(bool)
            assert picture[inner].std(axis=0).max(initial=0) < 12
        assert max(mask.max() for mask in covered.values()) == 1


def test_what_is_said_of_classes_fits_the_annotations(made):
    for part in ('train', 'val', 'test'):
        content = read(made, part)
        present = {image['id']: set() for image in content['images']}
        for entry in content['annotations']:
            present[entry['image_id']].add(entry['category_id'])
        for image in content['images']:
            assert not present[image['id']] & set(image['neg_category_ids'])
            assert set(image['not_exhaustive_category_ids']) <= present[image['id']]
        assert any(image['neg_category_ids'] for image in content['images'])
        assert any(image['not_exhaustive_category_ids'] for image in content['images'])
        assert any(not found for found in present.values()) == (part == 'train')
        training = read(made, 'train')['annotations']
        for category in content['categories']:
            own = [entry for entry in training if entry['category_id'] == category['id']]
            assert category['instance_count'] == len(own)
            assert category['image_count'] == len({entry['image_id'] for entry in own})
            assert category['frequency'] == ('r' if category['image_count'] <= 10 else 'c')
            assert category.keys() >= {'synset', 'synonyms', 'def'}


def test_check_objects_finds_nothing_wrong_with_it(made, capsys):
    parts = [word for part in ('train', 'val', 'test') for word in (f'--{part}', f'{made}/annotations/{part}.json')]
    assert check_objects.main([*parts, '--images', f'{made}/images']) == 0
    printed = capsys.readouterr()
    assert 'nothing is wrong' in printed.out
    assert printed.err.splitlines() == [line for line in printed.err.splitlines() if 'image without objects' in line]


def test_same_options_give_the_same_bytes_and_another_seed_does_not(made, tmp_path, capsys):
    assert run(tmp_path / 'again', *SMALL) == 0
    assert run(tmp_path / 'other', *SMALL, '--seed', 1) == 0
    assert files_of(tmp_path / 'again') == files_of(made)
    for name in ('images/val/000001.png', 'annotations/test.json'):
        assert files_of(tmp_path / 'other')[name] != files_of(made)[name]
    before = {path: path.stat().st_mtime_ns for path in made.rglob('*')}
    capsys.readouterr()
    assert run(made, *SMALL) == 0
    assert 'holds these shapes already: nothing to do' in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in made.rglob('*')} == before


def test_another_tail_leaves_the_pictures_of_validation_and_test(made, tmp_path):
    out = tmp_path / 'other'
    assert run(out, *SMALL, '--imbalance', 2, '--class-order', 5, '--masks', 'rle', '--id-step', 3) == 0
    before, after = files_of(made), files_of(out)
    held = [name for name in before if name.startswith(('images/val', 'images/test'))]
    assert len(held) == 14
    assert all(after[name] == before[name] for name in held)
    assert after['images/train/000001.png'] != before['images/train/000001.png']
    content = read(out, 'val')
    assert [category['id'] for category in content['categories']] == list(range(1, 35, 3))
    assert {entry['category_id'] for entry in content['annotations']} == set(range(1, 35, 3))
    assert all(entry['segmentation']['size'] == [64, 64] for entry in content['annotations'])
    assert [sum(e['segmentation']['counts'][1::2]) for e in content['annotations']] == [
        entry['area'] for entry in read(made, 'val')['annotations']
    ]


def test_what_is_not_its_own_is_left_alone(made, tmp_path, capsys):
    assert run(made, *SMALL, '--seed', 5) == 2
    assert 'holds shapes of another options' in capsys.readouterr().err
    out = tmp_path / 'shapes'
    assert run(out, *SMALL, '--train', 4) == 0
    victim = next((out / 'annotations').glob('*.json'))
    victim.write_bytes(b'{}')
    before = files_of(out)
    assert run(out, *SMALL, '--train', 4) == 2
    assert 'are not those that manifest.json was written for' in capsys.readouterr().err
    assert files_of(out) == before
    mine = tmp_path / 'mine'
    mine.mkdir()
    (mine / 'thesis.txt').write_text('years')
    assert run(mine, *SMALL) == 2
    assert 'not empty and holds no shapes of this command' in capsys.readouterr().err
    assert files_of(mine) == {'thesis.txt': b'years'}
    with lock_folder(tmp_path / '.new.partial', '.make_shapes.lock'):
        assert run(tmp_path / 'new', *SMALL) == 2
    assert 'another run is working' in capsys.readouterr().err


def test_ctrl_c_leaves_nothing(tmp_path, monkeypatch, capsys):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr('prep.shapes.data_set.write_class_names', stop)
    assert run(tmp_path / 'new', *SMALL) == 130
    assert 'begins anew' in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


ENDED = """
import os, signal, sys, cv2, make_shapes
left, encode = 10, cv2.imencode
def deadly(*arguments):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), getattr(signal, sys.argv[1]))
    return encode(*arguments)
cv2.imencode = deadly
sys.exit(make_shapes.main(sys.argv[2:]))
"""


@pytest.mark.parametrize(('how', 'status'), [('SIGKILL', -signal.SIGKILL), ('SIGTERM', 130)])
def test_a_run_that_was_ended_is_begun_anew_to_the_same_bytes(made, tmp_path, repository, how, status):
    out = tmp_path / 'new'
    environment = {**os.environ, 'PYTHONPATH': f'{repository}/data_prep{os.pathsep}{repository}'}
    command = [sys.executable, '-c', ENDED, how, '--out', str(out), *SMALL]
    assert subprocess.run(command, env=environment, check=False, capture_output=True).returncode == status
    left = list(tmp_path.rglob('*.png'))
    assert len(left) == (10 if how == 'SIGKILL' else 0)
    assert not out.exists()
    assert run(out, *SMALL) == 0
    assert files_of(out) == files_of(made)
    assert [path.name for path in tmp_path.iterdir()] == ['new']


@pytest.mark.parametrize(
    'options',
    [
        ['--train', '0'],
        ['--objects', '1'],
        ['--imbalance', '0.5'],
        ['--imbalance', 'nan'],
        ['--negatives', '1.5'],
        ['--unlabelled', 'some'],
        ['--class-order', 'random'],
        ['--size', '32'],
        ['--masks', 'boxes'],
        ['--id-step', '0'],
        ['--seed', '-1'],
        ['--imbalence', '3'],
    ],
)
def test_options_that_do_not_fit_are_refused(options, tmp_path):
    with pytest.raises(SystemExit) as stopped:
        run(tmp_path / 'out', *options)
    assert stopped.value.code == 2


def test_parts_that_are_too_small_and_orders_that_lack_a_class_write_nothing(tmp_path, capsys):
    for options, why in (
        (['--val', 3], '--val 3 with --objects 3 gives 9 shapes'),
        (['--class-order', '0,1,2'], 'of the labels 0 to 11 each must stand there once'),
    ):
        assert run(tmp_path / 'out', *options) == 2
        assert why in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


# pycocotools hands out arrays in the way of numpy 1.
@pytest.mark.filterwarnings('ignore:__array__ implementation:DeprecationWarning')
def test_lvis_and_pycocotools_read_it(made):
    lvis, coco = pytest.importorskip('lvis'), pytest.importorskip('pycocotools.coco')
    path = str(made / 'annotations/train.json')
    for reader in (lvis.LVIS(path), coco.COCO(path)):
        to_mask = getattr(reader, 'ann_to_mask', None) or reader.annToMask
        entries = read(made, 'train')['annotations']
        assert len(reader.anns) == len(entries) > 50
        for entry in entries:
            np.testing.assert_array_equal(to_mask(entry).astype(bool), pixels_of(entry, 64))
