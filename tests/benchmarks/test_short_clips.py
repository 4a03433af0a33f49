"""The benchmark of short clips without a training: what it changes in the config, counts and prints."""

import json
import pickle
from pathlib import Path

import pytest
import torch
from mmengine.config import Config, DictAction
from mmengine.registry import TRANSFORMS, init_default_scope

from benchmarks.methods import short_clips

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize('policy', ['loop', 'clamp', 'fit', 'segments', 'uniform'])
def test_only_the_frame_sampling_of_the_config_is_replaced(policy):
    plain = Config.fromfile(REPOSITORY / short_clips.CONFIG)
    changed = Config.fromfile(REPOSITORY / short_clips.CONFIG)
    options = {}
    for option in short_clips.overrides(policy, 10):
        key, _, value = option.partition('=')
        options[key] = DictAction._parse_iterable(value)  # as tools/train.py and tools/test.py read them
    changed.merge_from_dict(options)
    init_default_scope('mmaction')
    for part, views in (('train', 1), ('val', 1), ('test', 10)):
        first, *others = changed[f'{part}_dataloader'].dataset.pipeline
        assert others == plain[f'{part}_dataloader'].dataset.pipeline[1:]
        pick = TRANSFORMS.build(first)
        assert pick.test_mode == (part != 'train')
        assert getattr(pick, 'short_clips', 'uniform') == policy
        found = pick({'total_frames': 200, 'start_index': 1})
        assert (found['num_clips'], len(found['frame_inds'])) == (views, 16 * views)
        # A view spans 61 frames, or nearly the whole clip.
        reach = found['frame_inds'][15] - found['frame_inds'][0]
        assert reach > 150 if policy == 'uniform' else reach == 60
    for config in (plain, changed):
        for part in ('train', 'val', 'test'):
            del config[f'{part}_dataloader'].dataset['pipeline'][0]
    assert changed.train_dataloader == plain.train_dataloader
    assert changed.model == plain.model


def prediction(label, answer, frames):
    scores = torch.zeros(3)
    scores[answer] = 1.0
    return {'gt_label': torch.tensor([label]), 'pred_score': scores, 'total_frames': frames}


PREDICTIONS = [
    prediction(0, 0, 20),
    prediction(0, 0, 63),
    prediction(0, 1, 64),
    prediction(1, 0, 30),
    prediction(2, 2, 350),
]


def test_short_and_long_clips_are_counted_apart():
    found = short_clips.measure(PREDICTIONS)
    assert found['all'] == {'clips': 5, 'top1': 0.6, 'mean1': pytest.approx((2 / 3 + 0 + 1) / 3)}
    assert found['short'] == {'clips': 3, 'top1': pytest.approx(2 / 3), 'mean1': 0.5}
    assert found['long'] == {'clips': 2, 'top1': 0.5, 'mean1': 0.5}


@pytest.fixture
def without_training(monkeypatch):
    """Stands in for mim and the data maker; the jobs that were asked for."""
    jobs = []

    def run_mim(job, arguments, data):
        values = dict(zip(arguments[::2], arguments[1::2], strict=False))
        folder = Path(values['--work-dir'])
        folder.mkdir(parents=True, exist_ok=True)
        jobs.append((job, folder.name, '--resume' in arguments))
        if job == 'train':
            (folder / 'best_acc_mean1_epoch_3.pth').touch()
        else:
            Path(values['--dump']).write_bytes(pickle.dumps(PREDICTIONS))

    monkeypatch.setattr(short_clips, 'run_mim', run_mim)
    monkeypatch.setattr(short_clips, 'make_data', lambda root: jobs.append(('data', root.name, False)))
    return jobs


def test_results_grow_and_what_is_there_is_not_run_again(without_training, tmp_path, capsys):
    results = tmp_path / 'results.json'
    common = ['--data', str(tmp_path / 'data'), '--work-dir', str(tmp_path / 'work'), '--results', str(results)]
    assert short_clips.main([*common, '--policies', 'fit', '--seeds', '0']) == 0
    assert without_training == [
        ('data', 'data', False),
        ('train', 'fit_seed0', False),
        ('test', 'test_1', False),
        ('test', 'test_10', False),
    ]
    without_training.clear()
    (tmp_path / 'work/loop_seed0').mkdir()
    (tmp_path / 'work/loop_seed0/last_checkpoint').touch()
    assert short_clips.main([*common, '--policies', 'fit', 'loop', '--seeds', '0']) == 0
    assert without_training == [
        ('data', 'data', False),
        ('train', 'loop_seed0', True),
        ('test', 'test_1', False),
        ('test', 'test_10', False),
    ]
    runs = json.loads(results.read_text())['runs']
    assert [(r['policy'], r['seed'], r['views']) for r in runs] == [
        ('fit', 0, 1),
        ('fit', 0, 10),
        ('loop', 0, 1),
        ('loop', 0, 10),
    ]
    without_training.clear()
    capsys.readouterr()
    assert short_clips.main([*common, '--policies', 'fit', 'loop', '--seeds', '0']) == 0
    assert without_training == []
    table = capsys.readouterr().out.splitlines()
    assert table[2] == (
        '| loop | 1 | 1 | 55.6 (55.6) | 50.0 (50.0) | 50.0 (50.0) | 60.0 (60.0) | 66.7 (66.7) | 50.0 (50.0) |'
    )
    assert len(table) == 2 + 4
