"""The mini leaves on a scaled-down EGTEA-mini, in this process and through mim."""

import csv
import json
import os
import pickle
import subprocess
import sys
import uuid
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from cdb_video.difficulty.history import read_history

pytestmark = pytest.mark.training

REPOSITORY = Path(__file__).resolve().parents[2]
MINI = REPOSITORY / 'configs/egtea/mini'
LISTS = 'lists/verb_split1_subjects-P20-P26'


@pytest.fixture
def train(tiny_mini, tmp_path, monkeypatch):
    """Train a leaf for two epochs in this process, on frames of `side` pixels; further settings as dotted keys."""
    monkeypatch.setenv('EGTEA_ROOT', str(tiny_mini))

    def run(leaf, folder=MINI, side=None, **settings):
        config = Config.fromfile(folder / f'{leaf}.py')
        if side is not None:
            shrink(config, side)
        config.merge_from_dict(
            {
                'work_dir': str(tmp_path),
                'train_cfg.max_epochs': 2,
                'train_dataloader.num_workers': 0,
                'train_dataloader.persistent_workers': False,
                'val_dataloader.num_workers': 0,
                'val_dataloader.persistent_workers': False,
                'experiment_name': uuid.uuid4().hex,
                'randomness': {'seed': 0},
                **settings,
            }
        )
        runner = Runner.from_cfg(config)
        runner.train()
        return runner

    return run


def shrink(config, side):
    """Cut the pictures of training and validation down, and nothing else."""
    for loader in (config.train_dataloader, config.val_dataloader):
        for step in loader.dataset.pipeline:
            if step.type == 'Resize':
                step.scale = (-1, side) if -1 in step.scale else (side, side)
            elif step.type == 'CenterCrop':
                step.crop_size = side


@pytest.mark.slow
@pytest.mark.parametrize(
    ('leaf', 'consumers'),
    [
        pytest.param('slowfast_ce', set(), marks=pytest.mark.long),
        ('slowfast_cdba', {'CDBLoss'}),
        ('slowfast_cdbs', {'CDBSampler'}),
        ('i3d_cdbw', {'CDBLoss'}),
    ],
)
def test_leaf_trains_two_epochs_and_leaves_history_report_and_checkpoint(train, tmp_path, tiny_mini, leaf, consumers):
    train(leaf)
    history = read_history(tmp_path / 'class_history.jsonl')
    assert history.header.class_names == tuple((tiny_mini / LISTS / 'classes.txt').read_text().splitlines())
    assert [record.epoch for record in history.records] == [1, 2]
    assert all(set(record.consumers) == consumers for record in history.records)
    assert all(sum(record.num_clips) == 38 for record in history.records)
    rows = list(csv.DictReader((tmp_path / 'class_report.csv').read_text().splitlines()))
    assert len(rows) == 19
    state = torch.load(next(tmp_path.glob('best_acc_mean1_*.pth')))['class_difficulty']
    assert state['difficulty'].shape == (19,)


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:'pin_memory' argument is set as true but no accelerator is found")
def test_full_config_takes_two_steps_on_egtea_mini(train, tmp_path):
    runner = train(
        'slowfast_cdbs',
        folder=MINI.parent,
        side=96,
        **{
            'load_from': None,
            'train_cfg.max_epochs': 1,
            'train_dataloader.batch_size': 1,
            'train_dataloader.sampler.num_samples': 2,
            'val_dataloader.dataset.indices': 1,
        },
    )
    assert runner.iter == 2
    (record,) = read_history(tmp_path / 'class_history.jsonl').records
    assert sum(record.num_clips) == 1


@pytest.mark.slow
def test_list_that_does_not_parse_stops_before_training(train, tiny_mini, tmp_path):
    good = (tiny_mini / LISTS / 'train.txt').read_text().splitlines()
    broken = tmp_path / 'broken.txt'
    broken.write_text('\n'.join([*good[:3], good[3].rsplit(' ', 1)[0] + ' walk']) + '\n')
    with pytest.raises(ValueError, match=r'broken\.txt:4'):
        train('slowfast_cdbs', **{'train_dataloader.dataset.ann_file': str(broken)})
    assert not list(tmp_path.glob('*.pth'))


@pytest.mark.slow
def test_frames_that_are_missing_stop_before_training(train, tiny_mini, tmp_path):
    listed = tmp_path / 'missing.txt'
    listed.write_text('P01-R01-Nothing/P01-R01-Nothing-0-1000-F000000-F000024 24 0\n')
    with pytest.raises(FileNotFoundError, match='1 of the 1 clips'):
        train('slowfast_cdbs', **{'train_dataloader.dataset.ann_file': str(listed)})
    assert not list(tmp_path.glob('*.pth'))


def mim(*arguments, data_root):
    """Run mim as a user would; return what it printed."""
    command = [str(Path(sys.executable).with_name('mim')), *map(str, arguments), '--gpus', '0']
    environment = {**os.environ, 'EGTEA_ROOT': str(data_root), 'OMP_NUM_THREADS': '1'}
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


@pytest.mark.slow
def test_mim_trains_resumes_and_tests(tiny_mini, tmp_path):
    config, work = MINI / 'slowfast_cdbs.py', tmp_path / 'work'
    train = ['train', 'mmaction', config, '--work-dir', work, '--seed', '0']
    assert 'class report (val)' in mim(*train, '--cfg-options', 'train_cfg.max_epochs=1', data_root=tiny_mini)
    resumed = mim(*train, '--resume', '--cfg-options', 'train_cfg.max_epochs=2', data_root=tiny_mini)
    assert 'resumed epoch: 1' in resumed
    records = read_history(work / 'class_history.jsonl').records
    assert [record.epoch for record in records] == [1, 2]

    best = next(work.glob('best_acc_mean1_*.pth'))
    test = ['test', 'mmaction', config, '--work-dir', work, '--checkpoint']
    dump = tmp_path / 'predictions.pkl'
    assert 'class report (test)' in mim(*test, best, '--dump', dump, data_root=tiny_mini)
    with dump.open('rb') as file:
        predictions = pickle.load(file)
    assert len(predictions) == 38
    assert all(clip['pred_score'].shape == (19,) and clip['frame_dir'] for clip in predictions)
    report = json.loads((work / 'class_report.json').read_text())
    assert report['split'] == 'test'
    page = (work / 'report.html').read_text()
    assert 'src="data:image/jpeg;base64,' in page  # the clips are packs
    assert 'No frames are at hand' not in page
    correct = [int(clip['pred_score'].argmax()) == int(clip['gt_label']) for clip in predictions]
    assert report['metrics']['acc/top1'] == pytest.approx(np.mean(correct))
    assert sum(row['num_correct'] for row in report['classes']) == sum(correct)
