"""The benchmark of long lists of images at a tiny size: that it measures all that it promises, on what users have."""

import json
import sys

import numpy as np
import pytest

from benchmarks.sampling import image_scale
from benchmarks.sampling.label_passes import make_labels
from cdb_video.samplers.cdb_sampler import CDBSampler
from tests.support.benchmark_pages import rows_of

SEED = 3


def labels_and_dataset(folder, size, per_list):
    paths = image_scale.write_lists(folder, size, per_list, SEED)
    return make_labels(*size, SEED), image_scale.read_lists(paths), len(paths)


@pytest.mark.parametrize('per_list', [6000, 2500])
def test_both_ways_give_the_labels_of_the_lists_and_the_sampler_of_users_the_same_epoch(tmp_path, per_list):
    labels, dataset, num_lists = labels_and_dataset(tmp_path, (6000, 300), per_list)
    assert num_lists == -(-6000 // per_list) == len(image_scale.parts_of(dataset))
    assert labels.max() == 299  # labels of one byte and of two
    for kind in image_scale.KINDS:
        np.testing.assert_array_equal(image_scale.labels_by(kind, dataset), labels)
    entry = dataset.get_data_info(5999)
    name = f'n{1440764 + labels[5999]:08}'
    assert entry['img_path'] == f'data/imagenet/train/{name}/{name}_5999.JPEG'
    of_users = CDBSampler(dataset, seed=SEED)
    measured = image_scale.build('CDBSampler', labels, SEED)
    measured.set_class_difficulty(np.ones(300))
    assert list(of_users) == list(measured)


@pytest.mark.skipif(sys.platform != 'linux', reason='peak memory is read as Linux gives it')
def test_both_samplers_are_measured_at_every_size_and_the_lists_go(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(image_scale, 'in_fresh_process', lambda part, *values: part(*values))
    monkeypatch.setattr(image_scale, 'refusal', lambda number: f'"no {number}"')
    folder, out = tmp_path / 'lists', tmp_path / 'out'
    folder.mkdir()
    options = ['--sizes', '900x30', '2000x40', '--rounds', 2, '--per-list', 1000, '--folder', folder, '--out', out]
    status = image_scale.main([*map(str, options), '--seed', str(SEED)])
    page = (out / 'image_scale.md').read_text()
    assert capsys.readouterr().out.endswith(page + '\n')
    numbers = json.loads((out / 'image_scale.json').read_text())['numbers']
    assert [(size['images'], size['classes'], size['reading']['lists']) for size in numbers['sizes']] == [
        (900, 30, 1),
        (2000, 40, 2),
    ]
    slow = [size['times_as_fast']['draw and iteration']['cpu']['median'] < 4 for size in numbers['sizes']]
    assert status == int(any(slow))
    phases = [*image_scale.PHASES, 'draw and iteration']
    of_size = [[kind, phase] for kind in image_scale.KINDS for phase in phases]
    rows = rows_of(page)
    assert [row[:2] for row in rows[:10]] == of_size == [row[:2] for row in rows[13:23]]
    assert [row[0] for row in rows[10:13]] == [*image_scale.COMPARED] == [row[0] for row in rows[23:]]
    for size in numbers['sizes']:
        assert len(size['loads']) == 4
        for kind in image_scale.KINDS:
            for phase in image_scale.PHASES:
                assert len(size['times'][kind][phase]) == len(size['peak_bytes'][kind][phase]) == 2
                assert all(seconds['wall'] > 0 for seconds in size['times'][kind][phase])
    assert f'With {2**24 + 1:,} images its first draw says "no {2**24 + 1}".' in page
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize('kind', image_scale.KINDS)
def test_labels_of_another_list_are_not_passed_over(tmp_path, kind):
    image_scale.measure_reading(tmp_path, (1000, 30), 1000, SEED)
    with pytest.raises(RuntimeError, match=f'{kind}: the labels are not those of the lists'):
        image_scale.measure_epoch(kind, tmp_path, (1000, 30), SEED + 1)


@pytest.mark.parametrize('text', ['1000', '199x20', '10x0', 'ax3', '100x3x2'])
def test_a_size_that_is_none_is_refused(text, capsys):
    with pytest.raises(SystemExit):
        image_scale.main(['--sizes', text])
    assert f"'{text}': must be IMAGESxCLASSES, as 1280000x1000, with at least 10 images a" in capsys.readouterr().err


def test_without_mmpretrain_it_is_told_what_to_do(monkeypatch, capsys):
    monkeypatch.setattr(image_scale, 'find_spec', lambda name: None)
    with pytest.raises(SystemExit):
        image_scale.main([])
    assert 'needs mmpretrain, which is not installed here: tools/setup_env.sh images' in capsys.readouterr().err
