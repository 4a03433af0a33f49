"""A first stage on EGTEA-mini, and every second stage and change of the classifier on top of it."""

import uuid
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from cdb_video.commands.edit_classifier import main

pytestmark = pytest.mark.training

REPOSITORY = Path(__file__).resolve().parents[2]
MINI = REPOSITORY / 'configs/egtea/mini'
QUICK = {
    'train_cfg.max_epochs': 1,
    'train_dataloader.num_workers': 0,
    'train_dataloader.persistent_workers': False,
    'val_dataloader.num_workers': 0,
    'val_dataloader.persistent_workers': False,
    'test_dataloader.num_workers': 0,
    'test_dataloader.persistent_workers': False,
}


def config_of(leaf, work_dir, **settings):
    config = Config.fromfile(MINI / f'{leaf}.py')
    names = {'work_dir': str(work_dir), 'experiment_name': uuid.uuid4().hex, 'randomness': {'seed': 0}}
    config.merge_from_dict({**QUICK, **names, **settings})
    return config


@pytest.fixture(scope='module')
def first_stage(tmp_path_factory, tiny_mini):
    """The checkpoint of a run of slowfast_ce on two clips a verb; the environment stays pointed at its data."""
    work_dir = tmp_path_factory.mktemp('first')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('EGTEA_ROOT', str(tiny_mini))
        Runner.from_cfg(config_of('slowfast_ce', work_dir)).train()
        patch.setenv('CDB_FIRST_STAGE', str(work_dir / 'epoch_1.pth'))
        yield work_dir / 'epoch_1.pth'


@pytest.mark.parametrize('leaf', ['slowfast_crt', 'slowfast_crt_cdbs', 'slowfast_crt_cdbw', 'slowfast_lws'])
def test_second_stage_trains_its_part_on_the_features_of_the_first(leaf, first_stage, tmp_path):
    Runner.from_cfg(config_of(leaf, tmp_path)).train()
    before, after = (torch.load(path)['state_dict'] for path in (first_stage, tmp_path / 'epoch_1.pth'))
    same = {name for name in before if torch.equal(before[name], after[name])}
    classifier = {'cls_head.fc_cls.weight', 'cls_head.fc_cls.bias'}
    assert set(before) - same == (set() if leaf == 'slowfast_lws' else classifier)
    assert any(name.endswith('running_mean') for name in same)
    if leaf == 'slowfast_lws':
        assert (after['cls_head.fc_cls.class_scale'] != 1).all()


@pytest.mark.parametrize('edit', ['tau-norm', 'adjust-logits'])
def test_edited_classifier_is_chosen_by_validation_and_tested(edit, first_stage, tmp_path, capsys):
    config_of('slowfast_ce', tmp_path).dump(tmp_path / 'config.py')
    out = tmp_path / 'edited.pth'
    assert main([edit, str(tmp_path / 'config.py'), str(first_stage), str(out), '--values', '0', '1']) == 0
    assert capsys.readouterr().out.count('\n| ') == 3  # a heading and two values
    results = Runner.from_cfg(config_of('slowfast_ce', tmp_path, load_from=str(out))).test()
    assert 0 <= results['acc/mean1'] <= 1
    before, after = (torch.load(path)['state_dict'] for path in (first_stage, out))
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed <= {'cls_head.fc_cls.weight', 'cls_head.fc_cls.bias'}


def test_class_bias_is_fitted_on_the_validation_clips_and_reaches_the_test(first_stage, tmp_path):
    config_of('slowfast_ce', tmp_path).dump(tmp_path / 'config.py')
    out = tmp_path / 'balanced.pth'
    assert main(['balance-classes', str(tmp_path / 'config.py'), str(first_stage), str(out), '--aim', 'worst']) == 0
    results = Runner.from_cfg(config_of('slowfast_ce', tmp_path, load_from=str(out))).test()
    assert 0 <= results['acc/mean1'] <= 1
    before, after = (torch.load(path)['state_dict'] for path in (first_stage, out))
    assert {name for name in before if not torch.equal(before[name], after[name])} == {'cls_head.fc_cls.bias'}


def test_loss_with_margins_trains_on_its_normalised_classifier(first_stage, tmp_path):
    runner = Runner.from_cfg(config_of('slowfast_ldam_drw', tmp_path))
    runner.train()
    classifier = runner.model.cls_head.fc_cls
    scores = classifier(torch.randn(4, 96))
    assert scores.abs().max() <= classifier.scale == 30
