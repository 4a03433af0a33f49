"""What holds for everything that is registered, and for every config."""

import inspect
from pathlib import Path

import mmengine.registry
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DATA_SAMPLERS, DATASETS, HOOKS, METRICS, MODELS, TRANSFORMS, VISBACKENDS

import cdb_video
from cdb_video.hosts.host import hosts
from tests.support.egtea import VARIABLES

CONFIGS = Path(__file__).resolve().parents[1] / 'configs/egtea'
LEAVES = sorted(path for path in CONFIGS.rglob('*.py') if '_base_' not in path.parts)
# Those for all clips replay a difficulty and have no validation: tests/configs/test_full_configs.py.
MEASURING_LEAVES = [path for path in LEAVES if not path.stem.endswith('_all')]
REGISTRIES = {
    'losses': MODELS,
    'classifier': MODELS,
    'samplers': DATA_SAMPLERS,
    'metrics': METRICS,
    'hooks': HOOKS,
    'restart.vis_backend': VISBACKENDS,
    'restart': HOOKS,
    'hosts.mmaction.datasets': DATASETS,
    'hosts.mmaction': TRANSFORMS,
    'hosts.mmpretrain': MODELS,
    'hosts.mmdet': METRICS,
}
"""Of the modules in a room, or of one module; the first that fits."""


@pytest.mark.parametrize('name', sorted(cdb_video._REGISTERED))
def test_registered_class_is_documented_typed_and_found_from_mmaction(name):
    module, named = cdb_video._REGISTERED[name]
    registry = (
        HOOKS if name.endswith('Hook') else next(of for room, of in REGISTRIES.items() if module.startswith(room))
    )
    assert registry is getattr(mmengine.registry, named)
    host = next((host for host in hosts() if name in host.classes), None)
    if host is not None and host.fault is not None:
        pytest.skip(f'needs {host.name}')
    found = registry.get(f'mmaction.{name}') or registry.get(name)
    assert found is getattr(cdb_video, name)
    assert len(inspect.getdoc(found).splitlines()) > 3
    called = found if inspect.isfunction(found) else found.__init__
    parameters = list(inspect.signature(called).parameters.values())[inspect.isclass(found) :]
    assert all(parameter.annotation is not inspect.Parameter.empty for parameter in parameters)


@pytest.mark.parametrize('leaf', LEAVES, ids=lambda leaf: str(leaf.relative_to(CONFIGS)))
def test_leaf_is_short(leaf):
    assert len(leaf.read_text().splitlines()) <= 30


@pytest.mark.parametrize('leaf', MEASURING_LEAVES, ids=lambda leaf: str(leaf.relative_to(CONFIGS)))
def test_parts_of_a_leaf_build_and_agree(leaf, monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    config = Config.fromfile(leaf)
    head = config.model.cls_head
    # How many classes the lists have is checked on real lists: here that head and lists speak of the same labels.
    labels, number = ('action', 106) if 'action106' in leaf.stem else ('verb', 19)
    assert head.num_classes == number
    for part in ('train', 'val', 'test'):
        dataset = config[f'{part}_dataloader'].dataset
        assert dataset.ann_file.endswith(f'/lists/{labels}_split1_subjects-P20-P26/{part}.txt')
        assert dataset.classes.endswith(f'/lists/{labels}_split1_subjects-P20-P26/classes.txt')
    if 'loss_cls' in head:
        loss = MODELS.build(head.loss_cls)
        assert loss.num_classes in (None, head.num_classes)
    (hook,) = [hook for hook in config.custom_hooks if hook.type == 'ClassDifficultyHook']
    HOOKS.build(hook)
    METRICS.build(config.val_evaluator)
    METRICS.build(config.test_evaluator)
    sampler = config.train_dataloader.sampler
    assert DATA_SAMPLERS.get(sampler.type) is not None
    loss_type, tau = (head.get('loss_cls', {}).get(key) for key in ('type', 'tau'))
    has_consumer = sampler.type == 'CDBSampler' or (loss_type == 'CDBLoss' and tau != 0)
    assert hook.get('observe_only', False) != has_consumer
    assert config.default_hooks.checkpoint.save_best == 'acc/mean1'
    assert config.train_cfg.val_interval == 1


@pytest.mark.parametrize(
    'head',
    [
        {'type': 'I3DHead', 'in_channels': 8},
        {'type': 'I3DHead', 'in_channels': 8, 'label_smooth_eps': 0.1},
        {'type': 'TSNHead', 'in_channels': 8, 'spatial_type': None},
        {'type': 'TimeSformerHead', 'in_channels': 8},
    ],
    ids=lambda head: '-'.join(map(str, head.values())),
)
@pytest.mark.parametrize('blend', [None, 'MixupBlending'])
def test_heads_of_mmaction_take_the_loss_with_hard_smooth_and_mixed_labels(head, blend):
    from mmaction.registry import MODELS as ACTION_MODELS
    from mmaction.structures import ActionDataSample
    from mmaction.utils import register_all_modules

    register_all_modules(init_default_scope=True)
    built = ACTION_MODELS.build({**head, 'num_classes': 5, 'loss_cls': {'type': 'CDBLoss'}})
    plain = ACTION_MODELS.build({**head, 'num_classes': 5})
    built.loss_cls.set_class_difficulty([0.7] * 5)
    scores = torch.randn(4, 5, requires_grad=True)
    samples = [ActionDataSample().set_gt_label(label) for label in (0, 3, 3, 1)]
    if blend:
        mixing = ACTION_MODELS.build({'type': blend, 'num_classes': 5})
        _, samples = mixing(torch.randn(4, 3, 2, 4, 4), samples)
    actual = built.loss_by_feat(scores, samples)['loss_cls']
    actual.backward()
    torch.testing.assert_close(actual, plain.loss_by_feat(scores, samples)['loss_cls'])
    built.loss_cls.set_class_difficulty([0.1, 0.5, 0.9, 0.2, 1.0])
    assert built.loss_by_feat(scores, samples)['loss_cls'] != actual
