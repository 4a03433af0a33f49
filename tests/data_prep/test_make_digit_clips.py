"""Moving digits: the sizes, the division of the images, the bytes, and a config that reads them."""

import json
from collections import Counter
from pathlib import Path

import make_digit_clips
import numpy as np
import pytest
from prep.digits.data_set import draw
from prep.digits.plan import Clip, Options, class_sizes, plan
from prep.mini.clip import count_frames

from cdb_video_files.class_lists import read_class_names
from cdb_video_files.lists import read_video_list

pytest.importorskip('sklearn')
SMALL = ['--max-count', '6', '--imbalance', '2', '6', '--noise', '20']


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp('digits') / 'data'
    assert make_digit_clips.main(['--out', str(root), *SMALL]) == 0
    return root


def test_class_sizes_fall_by_a_constant_factor():
    # 100^(-k/9) of 200: 200, 120, 72, 43, 26, 15, 9, 6, 3, 2.
    assert class_sizes(200, 100, range(10)) == [200, 120, 72, 43, 26, 15, 9, 6, 3, 2]
    assert class_sizes(50, 1, range(10)) == [50] * 10
    assert class_sizes(9, 100, [1, 0]) == [1, 9]


@pytest.mark.parametrize('seed', [0, 1])
def test_no_image_is_in_two_parts_and_the_class_is_the_digit(seed):
    from sklearn.datasets import load_digits

    targets = load_digits().target
    clips, order = plan(targets, Options(seed, 200, (10.0, 100.0), 40.0))
    images = [{clip.image for clip in clips if clip.part == part} for part in range(3)]
    assert not images[0] & images[1]
    assert not images[0] & images[2]
    assert not images[1] & images[2]
    assert all(targets[clip.image] == clip.digit for clip in clips)
    assert sorted(order) == list(range(10))
    assert len({clip.name for clip in clips}) == len(clips)
    assert plan(targets, Options(seed + 2, 200, (10.0,), 40.0))[1] != order


def test_lists_have_the_sizes_of_the_manifest_and_are_nested(made):
    manifest = json.loads((made / 'manifest.json').read_text())
    names = read_class_names(made / 'classes.txt')
    assert len(names) == 10
    listed = {}
    for path in (made / 'lists').glob('*.txt'):
        entries = read_video_list(path, 10)
        counts = Counter(entry.label for entry in entries)
        assert [counts[digit] for digit in range(10)] == manifest['clips_per_class'][path.stem]
        listed[path.stem] = {entry.filename for entry in entries}
    assert listed['train_imb6'] < listed['train_imb2']
    assert listed['val_1'] < listed['val_5'] < listed['val_20']
    assert len(listed['test']) == 500
    written = {path.relative_to(made / 'videos').as_posix() for path in (made / 'videos').rglob('*.mp4')}
    assert set().union(*listed.values()) == written


def test_a_clip_has_sixteen_frames_in_which_the_digit_moves(made):
    from sklearn.datasets import load_digits

    assert count_frames(made / 'videos/test/digit3_007.mp4') == 16
    frames = draw(Clip(2, 3, 7, 100), load_digits().images[100], Options(0, 6, (2.0,), 0.0))[..., 0].astype(float)
    bright = frames - frames.min()
    columns = [(frame.sum(axis=0) * np.arange(32)).sum() / frame.sum() for frame in bright]
    rows = [(frame.sum(axis=1) * np.arange(32)).sum() / frame.sum() for frame in bright]
    assert np.ptp(columns) > 1
    assert np.ptp(rows) > 1


@pytest.mark.long
def test_same_options_give_the_same_bytes_and_another_seed_does_not(made, tmp_path):
    assert make_digit_clips.main(['--out', str(tmp_path / 'again'), *SMALL]) == 0
    assert make_digit_clips.main(['--out', str(tmp_path / 'other'), *SMALL, '--seed', '1']) == 0
    first, again, other = (
        json.loads((p / 'manifest.json').read_text()) for p in (made, *map(tmp_path.joinpath, ('again', 'other')))
    )
    assert first == again
    for key in ('sha256_drawn', 'sha256_videos', 'sha256_lists'):
        assert first[key] != other[key]


def test_folder_that_is_not_empty_is_left_alone(made, capsys):
    before = sorted(made.rglob('*'))
    assert make_digit_clips.main(['--out', str(made), *SMALL]) == 2
    assert 'is not empty' in capsys.readouterr().err
    assert sorted(made.rglob('*')) == before


def test_interrupted_run_leaves_nothing(tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr('prep.digits.data_set.encode', stop)
    with pytest.raises(KeyboardInterrupt):
        make_digit_clips.main(['--out', str(tmp_path / 'digits'), *SMALL])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('options', [['--seed', '-1'], ['--max-count', '0'], ['--imbalance', '0.5'], ['--noise', '-1']])
def test_options_out_of_range_are_refused(options, tmp_path):
    with pytest.raises(SystemExit) as stopped:
        make_digit_clips.main(['--out', str(tmp_path / 'digits'), *options])
    assert stopped.value.code == 2


def test_config_reads_the_clips_and_takes_a_step(made, monkeypatch):
    import torch
    from mmengine.config import Config
    from mmengine.dataset import pseudo_collate
    from mmengine.registry import DATASETS, init_default_scope

    import cdb_video  # noqa: F401  (mends the hosts before mmaction is imported)

    monkeypatch.setenv('DIGITS_ROOT', str(made))
    monkeypatch.setenv('DIGITS_IMBALANCE', '6')
    monkeypatch.setenv('DIGITS_VAL', '5')
    from mmaction.registry import MODELS
    from mmaction.utils import register_all_modules

    register_all_modules(init_default_scope=False)
    init_default_scope('mmaction')
    config = Config.fromfile(Path(__file__).resolve().parents[2] / 'configs/digits/i3d_ce.py')
    parts = [DATASETS.build(config[f'{part}_dataloader'].dataset) for part in ('train', 'val', 'test')]
    sizes = json.loads((made / 'manifest.json').read_text())['clips_per_class']['train_imb6']
    assert [len(part) for part in parts] == [sum(sizes), 50, 500]
    model = MODELS.build(config.model)
    data = model.data_preprocessor(pseudo_collate([parts[0][0], parts[0][9]]), training=True)
    assert data['inputs'].shape == (2, 1, 3, 8, 32, 32)
    loss = model(**data, mode='loss')['loss_cls']
    loss.backward()
    assert torch.isfinite(loss)
