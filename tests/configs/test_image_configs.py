"""The configs for images, as far as they can be read without mmpretrain; what is built is in tests/hosts/mmpretrain."""

from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import DATA_SAMPLERS, HOOKS, METRICS, MODELS

FOLDER = Path(__file__).resolve().parents[2] / 'configs/images'
LEAVES = sorted(path for path in FOLDER.glob('*/*.py') if path.parent.name != '_base_')
METHODS = {'ce', 'cdbw', 'cdbs', 'cdbws', 'balsoftmax', 'cdba_balsoftmax'}
CLASSES = {'digits_lt': 10, 'fashion_lt': 10, 'cifar100_lt': 100, 'imagenet_lt': 1000}
NETWORKS = {
    'digits_lt': ['resnet8'],
    'fashion_lt': ['resnet18'],
    'cifar100_lt': ['resnet32'],
    'imagenet_lt': ['resnet10', 'resnet50'],
}
VARIABLES = ('DIGITS_ROOT', 'FASHION_ROOT', 'CIFAR100_ROOT', 'IMAGENET_ROOT', 'IMAGENET_LT_LISTS', 'IMBALANCE')


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_every_data_set_has_every_method():
    expected = {f'{kind}/{net}_{m}' for kind, nets in NETWORKS.items() for net in nets for m in METHODS}
    assert {f'{leaf.parent.name}/{leaf.stem}' for leaf in LEAVES} == expected


@pytest.mark.parametrize('leaf', LEAVES, ids=lambda leaf: leaf.stem)
def test_the_parts_of_a_leaf_build_and_agree(leaf):
    assert len(leaf.read_text().splitlines()) <= 30
    config = Config.fromfile(leaf)
    assert config.default_scope == 'mmpretrain'
    model, number = config.model, CLASSES[leaf.parent.name]
    assert model.head.num_classes == model.data_preprocessor.num_classes == number
    loss, sampler = model.head.loss, config.train_dataloader.sampler
    if loss.type == 'CDBLoss':
        MODELS.build(loss)
    (hook,) = config.custom_hooks
    HOOKS.build(hook)
    METRICS.build(config.val_evaluator)
    METRICS.build(config.test_evaluator)
    assert DATA_SAMPLERS.get(sampler.type) is not None
    acts = sampler.type == 'CDBSampler' or (loss.type == 'CDBLoss' and loss.get('tau') != 0)
    assert hook.get('observe_only', False) != acts
    assert (hook.get('momentum') == 'mean') == (loss.get('law') == 'accumulated')
    assert config.default_hooks.checkpoint.save_best == 'acc/mean1'
    assert config.train_cfg.val_interval == 1


@pytest.mark.parametrize('kind', ['digits_lt', 'fashion_lt', 'cifar100_lt'])
def test_the_lists_are_those_that_make_images_writes(kind, monkeypatch):
    monkeypatch.setenv('IMBALANCE', '10')
    config = Config.fromfile(FOLDER / kind / f'{NETWORKS[kind][0]}_ce.py')
    lists = {part: config[f'{part}_dataloader'].dataset.ann_file for part in ('train', 'val', 'test')}
    assert lists == {'train': 'lists/train_imb10.txt', 'val': 'lists/val.txt', 'test': 'lists/test.txt'}
    for part in lists:
        dataset = config[f'{part}_dataloader'].dataset
        assert (dataset.type, dataset.data_prefix) == ('CustomDataset', 'images')
        assert dataset.classes == f'{dataset.data_root}/classes.txt'


def test_a_variable_says_where_the_images_lie(monkeypatch):
    monkeypatch.setenv('FASHION_ROOT', '/elsewhere')
    config = Config.fromfile(FOLDER / 'fashion_lt/resnet18_ce.py')
    for part in ('train', 'val', 'test'):
        dataset = config[f'{part}_dataloader'].dataset
        assert (dataset.data_root, dataset.classes) == ('/elsewhere', '/elsewhere/classes.txt')


def test_cifar_has_the_schedule_of_the_papers_code():
    config = Config.fromfile(FOLDER / 'cifar100_lt/resnet32_cdbw.py')
    assert (config.train_cfg.max_epochs, config.train_dataloader.batch_size) == (240, 32)
    (steps,) = config.param_scheduler
    assert (list(steps.milestones), steps.gamma) == ([160, 210], 0.01)
    assert config.model.head.loss.tau == 1.5
