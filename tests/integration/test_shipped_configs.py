"""The recipe of the README on top of configs that mmaction2 ships: each builds, merges and trains.

The children inherit as a user's do, with `_base_ = 'mmaction::...'`. Only depth, width and resolution
are cut, so that a step takes a second on a CPU, and no pretrained weights are asked for.
"""

import copy
import re
import uuid
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DATA_SAMPLERS, METRICS, MODELS
from mmengine.runner import Runner

from cdb_video import advice
from cdb_video.difficulty.accumulated import accumulated_weights
from cdb_video.difficulty.history import read_history
from cdb_video.losses.cdb import CDBLoss
from cdb_video.samplers.cdb_sampler import CDBSampler
from cdb_video_files.lists import VideoEntry, write_video_list
from tests.support.clips import write_clip
from tests.support.toys import LabelsOnly

# Swin's backbone calls it in torch's old way.
pytestmark = [pytest.mark.training, pytest.mark.filterwarnings('ignore:torch.meshgrid:UserWarning')]

CLASSES = ('lift', 'cut', 'wash', 'spread')
SIDE = 32
NO_WEIGHTS = {'pretrained': None, 'pretrained2d': False}


@dataclass
class Shipped:
    """A shipped config and how it is cut down.

    Attributes:
        path: Below configs/recognition.
        backbone: Settings of its backbone.
        in_channels: Width of the head's input then.
        has_own_lines: Whether docs/use/other_bases.md has lines that it needs beside the recipe.
        settings: Further ones, as dotted keys.
    """

    path: str
    backbone: dict
    in_channels: int
    has_own_lines: bool = False
    settings: dict = field(default_factory=dict)


SHIPPED = {
    'tsn': Shipped(
        'tsn/tsn_imagenet-pretrained-r50_8xb32-1x1x3-100e_kinetics400-rgb',
        {'depth': 18, 'pretrained': None},
        512,
    ),
    'tsm': Shipped('tsm/tsm_imagenet-pretrained-r50_8xb16-1x1x8-50e_kinetics400-rgb', {'depth': 18, **NO_WEIGHTS}, 512),
    'slowonly': Shipped(
        'slowonly/slowonly_r50_8xb16-4x16x1-256e_kinetics400-rgb', {'base_channels': 8, 'pretrained': None}, 256
    ),
    'swin': Shipped(
        'swin/swin-tiny-p244-w877_in1k-pre_8xb8-amp-32x2x1-30e_kinetics400-rgb',
        {'arch': {'embed_dims': 24, 'depths': [1, 1, 1, 1], 'num_heads': [1, 2, 4, 8]}, **NO_WEIGHTS},
        192,
        # mmengine has AMP on accelerators only.
        settings={'optim_wrapper.type': 'OptimWrapper'},
    ),
    'mvit': Shipped(
        'mvit/mvit-small-p244_32xb16-16x4x1-200e_kinetics400-rgb',
        {
            'arch': {'embed_dims': 24, 'num_layers': 4, 'num_heads': 1, 'downscale_indices': [1, 2, 3]},
            'spatial_size': SIDE,
        },
        192,
        has_own_lines=True,
    ),
}
"""By the name of the method."""


@pytest.fixture(scope='module')
def clips(tmp_path_factory):
    """Two clips a class as real videos, with a list."""
    root = tmp_path_factory.mktemp('clips')
    entries = [VideoEntry(f'{name}_{number}.mp4', label) for label, name in enumerate(CLASSES) for number in range(2)]
    for entry in entries:
        write_clip(root / entry.filename, frames=16, size=(64, 48))
    write_video_list(root / 'list.txt', entries)
    return root


@pytest.fixture(scope='module')
def recipe(repository):
    """The lines of the README, as it prints them."""
    blocks = re.findall(r'```python\n(.*?)```', (repository / 'README.md').read_text(), flags=re.DOTALL)
    (block,) = [block for block in blocks if 'custom_imports' in block]
    return block


@pytest.fixture(scope='module')
def own_lines(repository):
    """What the page on other bases has for MViT, as it prints it."""
    blocks = re.findall(r'```python\n(.*?)```', (repository / 'docs/use/other_bases.md').read_text(), flags=re.DOTALL)
    (block,) = [block for block in blocks if 'MixupBlending' in block]
    return block


@pytest.fixture
def load(tmp_path, recipe):
    """The config that inherits from a shipped one, as a user writes it."""

    def load(shipped, lines=''):
        child = tmp_path / 'child.py'
        text = f"_base_ = 'mmaction::recognition/{shipped.path}.py'\n{recipe}"
        child.write_text(f'{text}{lines}')
        return Config.fromfile(child)

    return load


@pytest.fixture
def runner_of(load, own_lines, clips, tmp_path):
    """A runner of a shipped config with the recipe, cut down, on the clips."""

    def build(name, lines=own_lines, more=''):
        shipped = SHIPPED[name]
        config = load(shipped, f'{more}\n{lines if shipped.has_own_lines else ""}')
        config.merge_from_dict(
            {
                'work_dir': str(tmp_path / 'work'),
                'experiment_name': uuid.uuid4().hex,
                'randomness': {'seed': 0},
                'model.cls_head.num_classes': len(CLASSES),
                'model.cls_head.in_channels': shipped.in_channels,
                'train_cfg.max_epochs': 1,
                'train_cfg.val_interval': 1,
                'default_hooks.checkpoint.save_optimizer': False,
                **shipped.settings,
            }
        )
        for part in ('train', 'val'):
            shrink(config[f'{part}_dataloader'], clips)
        # Not merged: the archs of Swin and MViT are names there.
        config.model.backbone.update(shipped.backbone)
        return Runner.from_cfg(config)

    return build


def shrink(dataloader, clips):
    """Take the clips, no workers, and pictures of a few pixels."""
    dataloader.update(batch_size=2, num_workers=0, persistent_workers=False)
    dataset = dataloader.dataset
    dataset.update(
        ann_file=str(clips / 'list.txt'), data_prefix={'video': str(clips)}, metainfo={'classes': list(CLASSES)}
    )
    for step in dataset.pipeline:
        if step.type == 'Resize':
            step.scale = (-1, SIDE + 8) if -1 in step.scale else (SIDE, SIDE)
        for key in ('input_size', 'crop_size'):
            if key in step:
                step[key] = SIDE


@pytest.mark.parametrize('name', SHIPPED)
def test_the_recipe_merges_with_a_shipped_config_into_what_it_says(load, name):
    config = load(SHIPPED[name])
    assert config.train_dataloader.sampler.type == 'DefaultSampler'
    assert config.train_dataloader.sampler.shuffle is True
    assert config.val_dataloader.sampler.type == 'DefaultSampler'
    assert config.val_evaluator.type == config.test_evaluator.type == 'ClassAccuracy'
    assert config.model.cls_head.loss_cls == dict(advice.LOSS)
    assert config.model.cls_head.num_classes == 400
    assert config.model.backbone
    assert [hook.type for hook in config.custom_hooks] == ['ClassDifficultyHook']
    assert config.train_dataloader.dataset.pipeline[0].type == 'DecordInit'
    sampler = load(SHIPPED[name], advice.sampler_line(advice.CDB_S)).train_dataloader.sampler
    assert (sampler.type, sampler.tau, sampler.shuffle) == ('CDBSampler', advice.CDB_S['tau'], True)


@pytest.mark.parametrize('name', SHIPPED)
def test_a_shipped_config_with_the_recipe_trains_validates_and_hands_the_difficulty_on(runner_of, tmp_path, name):
    runner = runner_of(name)
    before = runner.model.cls_head.fc_cls.weight.detach().clone()
    runner.train()
    assert runner.iter == 4
    head = runner.model.cls_head
    assert isinstance(head.loss_cls, CDBLoss)
    assert not torch.equal(before, head.fc_cls.weight)
    (record,) = read_history(tmp_path / 'work/class_history.jsonl').records
    assert record.num_clips == [2, 2, 2, 2]
    assert head.loss_cls.strength_ == advice.LOSS['strength']  # after the only validation
    expected = accumulated_weights(record.difficulty, advice.LOSS['strength'])
    torch.testing.assert_close(head.loss_cls.class_weight.numpy(), expected)
    assert (tmp_path / 'work/class_report.csv').exists()
    assert list((tmp_path / 'work').glob('best_acc_top1_*.pth'))


def test_the_sampler_of_the_papers_draws_for_a_shipped_config(runner_of, tmp_path):
    runner = runner_of('tsn', more=advice.sampler_line({**advice.CDB_S, 'num_samples': 4}))
    runner.train()
    assert runner.iter == 2
    sampler = runner.train_dataloader.sampler
    assert isinstance(sampler, CDBSampler)
    (record,) = read_history(tmp_path / 'work/class_history.jsonl').records
    difficulty = np.asarray(record.difficulty)
    assert sampler.tau_ == 1.0
    torch.testing.assert_close(sampler.class_probability, difficulty / difficulty.sum())


@pytest.mark.parametrize('name', SHIPPED)
def test_the_class_weights_act_in_the_loss_of_a_shipped_model(runner_of, name):
    runner = runner_of(name)
    model = runner.model
    batch = next(iter(runner.train_dataloader))

    def loss():
        # Dropout and blending draw the same numbers each time, and batch norm uses its batch.
        torch.manual_seed(0)
        np.random.seed(0)
        data = model.data_preprocessor(copy.deepcopy(batch), training=True)
        return model(**data, mode='loss')['loss_cls'].detach()

    model.train()
    cdb = model.cls_head.loss_cls
    cdb.set_class_prior([1, 1, 1, 1])
    cdb.set_validations(1, 1)
    cdb.set_class_difficulty([1.0, 1.0, 1.0, 1.0])
    at_unit = loss()
    cdb.set_class_difficulty([1.0, 0.5, 0.25, 0.125])
    weighted = loss()
    model.cls_head.loss_cls = MODELS.build({'type': 'mmaction.CrossEntropyLoss'})
    torch.testing.assert_close(at_unit, loss())
    assert not torch.isclose(at_unit, weighted)


def test_blending_for_another_number_of_classes_stops_before_training(runner_of, own_lines):
    runner = runner_of('mvit', lines=own_lines.replace('num_classes=4', 'num_classes=400'))
    with pytest.raises(ValueError, match=r'differ: blending of data_preprocessor .*: 400; .*cls_head \(MViTHead\): 4'):
        runner.train()
    assert runner.iter == 0


PARENT = """
_base_ = 'mmaction::recognition/tsn/tsn_imagenet-pretrained-r50_8xb32-1x1x3-100e_kinetics400-rgb.py'
model = dict(cls_head=dict(loss_cls=dict(type='CrossEntropyLoss', loss_weight=2.0{more})))
val_evaluator = dict(
    type='AccMetric', metric_list=('top_k_accuracy',), metric_options=dict(top_k_accuracy=dict(topk=(1, 3))))
test_evaluator = val_evaluator
custom_hooks = [dict(type='EmptyCacheHook')]
train_dataloader = dict(sampler=dict(type='DefaultSampler', shuffle=True, round_up=False))
"""


@pytest.fixture
def child_of(tmp_path, recipe):
    """The recipe on top of a base that gives its loss, metric and sampler arguments."""

    def load(more='', recipe=recipe):
        (tmp_path / 'parent.py').write_text(PARENT.format(more=more))
        (tmp_path / 'child.py').write_text(f"_base_ = 'parent.py'\n{recipe}{advice.sampler_line(advice.CDB_S)}\n")
        return Config.fromfile(tmp_path / 'child.py')

    return load


def test_arguments_that_the_base_gives_to_loss_metric_and_sampler_are_kept(child_of):
    config = child_of()
    assert MODELS.build(config.model.cls_head.loss_cls).loss_weight == 2.0
    assert METRICS.build(config.val_evaluator).topk == METRICS.build(config.test_evaluator).topk == (1, 3)
    sampler = DATA_SAMPLERS.build(config.train_dataloader.sampler, default_args={'dataset': LabelsOnly([0, 1, 1])})
    assert isinstance(sampler, CDBSampler)
    assert not sampler.round_up
    # A list replaces a list: the base's hooks are to be repeated, as the README says.
    assert [hook.type for hook in config.custom_hooks] == ['ClassDifficultyHook']


def test_an_argument_that_the_loss_has_not_is_refused_by_name_and_dropped_with_delete(child_of, recipe):
    config = child_of(more=', class_weight=[1.0] * 400')
    with pytest.raises(TypeError, match='class_weight'):
        MODELS.build(config.model.cls_head.loss_cls)
    config = child_of(
        more=', class_weight=[1.0] * 400',
        recipe=recipe.replace("loss_cls=dict(type='CDBLoss'", "loss_cls=dict(_delete_=True, type='CDBLoss'"),
    )
    assert isinstance(MODELS.build(config.model.cls_head.loss_cls), CDBLoss)
