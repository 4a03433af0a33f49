"""Second stages and their classifiers: what is frozen, what is new, what is taken over, and what is refused."""

import copy
import uuid

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.registry import MODELS
from torch import nn

from cdb_video.classifier.heads import ClassifierHead, NormalizedLinear, ScaledLinear, check_classifier_of_loss
from cdb_video.classifier.two_stage import FrozenFeatures
from cdb_video.hooks.second_stage import SecondStageHook
from cdb_video.launch import commands as launch
from tests.support.runs import make_runner
from tests.support.toys import ToyModel

pytestmark = pytest.mark.training

COUNTS = [40, 20, 10, 5]


@MODELS.register_module(force=True)
class FeatureModel(ToyModel):
    """A toy with features to freeze, batch normalisation among them."""

    def __init__(self, num_classes=4, loss_cls=None, classifier=None):
        super().__init__(num_classes, loss_cls)
        self.backbone = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU())
        self.cls_head.fc = nn.Linear(8, num_classes) if classifier is None else ScaledLinear(8, num_classes)

    def forward(self, inputs, label, mode='tensor'):
        return super().forward([*self.backbone(torch.stack(list(inputs)))], label, mode)


FIRST = {
    'model': {'_delete_': True, 'type': 'FeatureModel', 'loss_cls': {'type': 'PlainLoss'}},
    'train_dataloader': {'sampler': {'_delete_': True, 'type': 'DefaultSampler', 'shuffle': True}},
    'custom_hooks': [{'type': 'ClassDifficultyHook', 'observe_only': True}],
}
STAGES = {
    'crt': ({'type': 'ClassSampler', 'frequency_power': 0}, {'type': 'PlainLoss'}, True),
    'crt_cdbs': ({'type': 'CDBSampler'}, {'type': 'PlainLoss'}, False),
    'crt_cdbw': ({'type': 'DefaultSampler', 'shuffle': True}, {'type': 'CDBLoss'}, False),
    'lws': ({'type': 'ClassSampler', 'frequency_power': 0}, {'type': 'PlainLoss'}, True),
}


def second(name, load_from=None, **changes):
    sampler, loss, observe_only = copy.deepcopy(STAGES[name])
    lws = name == 'lws'
    model = {
        '_delete_': True,
        'type': 'FrozenFeatures',
        'recognizer': 'FeatureModel',
        'trained': ('cls_head.fc.class_scale',) if lws else ('cls_head.fc',),
        'loss_cls': loss,
    }
    hook = {'type': 'SecondStageHook', 'new_classifier': not lws, 'layer': 'cls_head.fc'}
    return {
        'model': model | ({'classifier': 'scaled'} if lws else {}),
        'train_dataloader': {'sampler': {'_delete_': True, **sampler}},
        'custom_hooks': [{'type': 'ClassDifficultyHook', 'observe_only': observe_only}, hook],
        'load_from': load_from,
    } | changes


@pytest.fixture(scope='module')
def first_stage(tmp_path_factory):
    """A checkpoint of a first run."""
    work_dir = tmp_path_factory.mktemp('first')
    make_runner(work_dir, uuid.uuid4().hex, **copy.deepcopy(FIRST)).train()
    return work_dir / 'epoch_3.pth'


def weights_of(path):
    return torch.load(path)['state_dict']


@pytest.mark.parametrize('name', STAGES)
def test_features_stay_as_they_were_statistics_and_all_and_the_rest_is_trained(name, first_stage, tmp_path):
    runner = make_runner(tmp_path, uuid.uuid4().hex, **second(name, str(first_stage)))
    runner.train()
    before, after = weights_of(first_stage), weights_of(tmp_path / 'epoch_3.pth')
    frozen = [key for key in before if key.startswith('backbone.')]
    assert {'backbone.1.running_mean', 'backbone.1.num_batches_tracked'} <= set(frozen)
    assert all(torch.equal(before[key], after[key]) for key in frozen)
    if name == 'lws':
        assert torch.equal(before['cls_head.fc.weight'], after['cls_head.fc.weight'])
        assert (after['cls_head.fc.class_scale'] != 1).all()
    else:
        assert (before['cls_head.fc.weight'] != after['cls_head.fc.weight']).all()
    assert not runner.model.train().backbone[1].training
    # Class-balanced or natural: the second stage has its own sampler.
    drawn = np.bincount([label for batch in runner.model.batches[:10] for label in batch], minlength=4)
    assert (drawn[3] < 8) == (name == 'crt_cdbw')


@pytest.mark.parametrize('name', ['crt', 'lws'])
def test_classifier_starts_anew_or_comes_along(name, first_stage, tmp_path):
    runner = make_runner(tmp_path, uuid.uuid4().hex, **second(name, str(first_stage)))
    started = copy.deepcopy(runner.model.state_dict())
    runner.train_loop.run = lambda: runner.call_hook('before_train')
    runner.train()
    loaded, first = runner.model.state_dict(), weights_of(first_stage)
    expected = first if name == 'lws' else started
    for key in ('cls_head.fc.weight', 'cls_head.fc.bias'):
        assert torch.equal(loaded[key], expected[key])
    assert torch.equal(loaded['backbone.0.weight'], first['backbone.0.weight'])


@pytest.mark.parametrize('name', ['crt', 'lws'])
def test_resumed_second_stage_keeps_its_classifier(name, first_stage, tmp_path):
    changes = {'train_cfg': {'max_epochs': 4}}
    straight = make_runner(tmp_path / 'a', uuid.uuid4().hex, **second(name, str(first_stage), **changes))
    straight.train()
    resumed = make_runner(
        tmp_path / 'b', uuid.uuid4().hex, **second(name, str(tmp_path / 'a' / 'epoch_2.pth'), resume=True, **changes)
    )
    resumed.train()
    for one, other in zip(resumed.model.parameters(), straight.model.parameters(), strict=True):
        assert torch.equal(one, other)


def test_test_of_a_second_stage_loads_its_classifier(first_stage, tmp_path):
    make_runner(tmp_path, uuid.uuid4().hex, **second('crt', str(first_stage))).train()
    tested = make_runner(
        tmp_path,
        uuid.uuid4().hex,
        **second('crt', str(tmp_path / 'epoch_3.pth')),
        test_dataloader={
            'batch_size': 8,
            'num_workers': 0,
            'dataset': {'type': 'ToyDataset', 'counts': [5, 5, 5, 5], 'seed': 2},
            'sampler': {'type': 'DefaultSampler', 'shuffle': False},
        },
        test_cfg={},
        test_evaluator={'type': 'ClassAccuracy'},
    )
    tested.test()
    saved = weights_of(tmp_path / 'epoch_3.pth')
    assert torch.equal(tested.model.cls_head.fc.weight, saved['cls_head.fc.weight'])


def test_second_stage_without_a_first_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r'the features are untrained\. Set load_from'):
        make_runner(tmp_path, uuid.uuid4().hex, **second('crt')).train()


def test_first_stage_that_is_not_there_is_named_with_what_makes_one(tmp_path):
    message = r"no file '.*/epoch_18\.pth', .*CDB_FIRST_STAGE.*cdb-video train cdb_video::egtea/mini/slowfast_ce\.py"
    with pytest.raises(FileNotFoundError, match=message):
        make_runner(tmp_path, uuid.uuid4().hex, **second('crt', str(tmp_path / 'epoch_18.pth'))).train()


def test_first_stage_that_is_not_there_is_named_by_our_command_too(tmp_path, monkeypatch):
    config = tmp_path / 'second.py'
    config.write_text(
        f'load_from = {str(tmp_path / "epoch_18.pth")!r}\n'
        "custom_hooks = [dict(type='ClassDifficultyHook'), dict(type='SecondStageHook', new_classifier=True)]\n"
    )
    monkeypatch.setattr('sys.argv', ['train.py', str(config), '--work-dir', str(tmp_path / 'work')])
    with pytest.raises(FileNotFoundError, match=r'there is no .*epoch_18\.pth\. Set load_from .*CDB_FIRST_STAGE'):
        launch.train()


def test_first_stage_of_another_model_is_refused(first_stage, tmp_path):
    checkpoint = torch.load(first_stage)
    del checkpoint['state_dict']['backbone.1.running_var']
    torch.save(checkpoint, tmp_path / 'other.pth')
    with pytest.raises(ValueError, match=r'lacks backbone.1.running_var \(1 such\)'):
        make_runner(tmp_path, uuid.uuid4().hex, **second('crt', str(tmp_path / 'other.pth'))).train()


def test_lws_without_a_classifier_to_scale_is_refused(first_stage, tmp_path):
    checkpoint = torch.load(first_stage)
    del checkpoint['state_dict']['cls_head.fc.weight']
    torch.save(checkpoint, tmp_path / 'other.pth')
    with pytest.raises(ValueError, match=r'lacks cls_head\.fc\.weight'):
        make_runner(tmp_path, uuid.uuid4().hex, **second('lws', str(tmp_path / 'other.pth'))).train()


def test_frozen_model_is_its_own_type_and_can_be_copied():
    model = FrozenFeatures('FeatureModel', ('cls_head.fc',))
    assert isinstance(model, FeatureModel)
    assert type(model).__name__ == 'FeatureModel'
    other = copy.deepcopy(model).train()
    assert not other.backbone[1].training
    assert other.cls_head.training
    assert [name for name, p in other.named_parameters() if p.requires_grad] == [
        'cls_head.fc.weight',
        'cls_head.fc.bias',
    ]
    assert not model.eval().cls_head.training


def test_norm_layer_that_is_trained_takes_its_statistics():
    model = FrozenFeatures('FeatureModel', ('cls_head.fc', 'backbone.1')).train()
    assert model.backbone[1].training


def test_part_that_the_model_lacks_is_named():
    with pytest.raises(ValueError, match=r"FeatureModel has no parameters in 'cls_head.fc_cls'"):
        FrozenFeatures('FeatureModel')


def test_hook_wants_to_be_told_whether_the_classifier_is_new():
    with pytest.raises(ValueError, match='new_classifier=1'):
        SecondStageHook(new_classifier=1)


def test_normalized_scores_are_cosines_times_the_scale():
    layer = NormalizedLinear(5, 3, 30.0).requires_grad_(False)
    features = torch.randn(4, 5)
    expected = [[30 * float(F.cosine_similarity(x, w, dim=0)) for w in layer.weight] for x in features]
    torch.testing.assert_close(layer(features), torch.tensor(expected))
    torch.testing.assert_close(layer(7 * features), layer(features))
    assert torch.isfinite(layer(torch.zeros(1, 5))).all()


def test_scaled_layer_starts_as_the_linear_layer_it_loads():
    linear, scaled = nn.Linear(5, 3), ScaledLinear(5, 3)
    scaled.load_state_dict(linear.state_dict(), strict=False)
    features = torch.randn(4, 5)
    torch.testing.assert_close(scaled(features), linear(features))
    scaled.class_scale.data = torch.tensor([1.0, 2.0, 0.5])
    torch.testing.assert_close(scaled(features), linear(features) * torch.tensor([1.0, 2.0, 0.5]))


@pytest.fixture
def mmaction_scope():
    from mmaction.utils import register_all_modules
    from mmengine.registry import init_default_scope

    register_all_modules(init_default_scope=False)
    init_default_scope('mmaction')


@pytest.mark.parametrize('head', ['SlowFastHead', 'I3DHead', 'TSNHead'])
@pytest.mark.usefixtures('mmaction_scope')
def test_heads_of_mmaction_take_another_classifier_and_stay_themselves(head):
    options = {'num_classes': 4, 'in_channels': 6}
    built = ClassifierHead(head, 'normalized', loss_cls={'type': 'LDAMLoss', 'scale': 20.0}, **options)
    assert type(built).__name__ == head
    built.init_weights()
    assert built.fc_cls.scale == 20.0
    assert list(built.state_dict()) == ['fc_cls.weight']
    check_classifier_of_loss(built)
    scaled = MODELS.build({'type': 'ClassifierHead', 'head': head, 'classifier': 'scaled', **options})
    assert list(scaled.state_dict()) == ['fc_cls.weight', 'fc_cls.bias', 'fc_cls.class_scale']


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'classifier': 'deep'}, "classifier='deep'"),
        ({'classifier': 'normalized'}, 'needs scale'),
        ({'classifier': 'normalized', 'scale': -1}, 'scale=-1'),
        ({'classifier': 'normalized', 'scale': 10, 'loss_cls': {'type': 'LDAMLoss'}}, 'scale=10 of ClassifierHead'),
        ({'classifier': 'scaled', 'scale': 10}, 'scale=10'),
        ({'classifier': 'scaled', 'layer': 'fc'}, "no nn.Linear called 'fc', but NoneType"),
    ],
)
@pytest.mark.usefixtures('mmaction_scope')
def test_classifier_that_does_not_fit_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        ClassifierHead('SlowFastHead', num_classes=4, in_channels=6, **arguments)
