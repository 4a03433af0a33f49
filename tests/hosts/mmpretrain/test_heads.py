"""The contract with mmpretrain's heads: CDBLoss in their place, with hard, smooth and mixed labels."""

import pytest
import torch
from mmengine.registry import MODELS

from cdb_video.metrics.training_counts import TrainingCounts

HEADS = {
    'ClsHead': {},
    'LinearClsHead': {'num_classes': 5, 'in_channels': 5},
    'VisionTransformerClsHead': {'num_classes': 5, 'in_channels': 5},
    'StackedLinearClsHead': {'num_classes': 5, 'in_channels': 5, 'mid_channels': [6]},
}
LABELS = (0, 3, 3, 1)


@pytest.fixture(autouse=True)
def _scope():
    from mmpretrain.utils import register_all_modules

    register_all_modules(init_default_scope=True)


def build(head, loss):
    torch.manual_seed(0)
    built = MODELS.build({'type': head, **HEADS[head], 'loss': loss})
    built.init_weights()
    return built


def features():
    seen = torch.randn(4, 5, generator=torch.Generator().manual_seed(1), requires_grad=True)
    return seen, (seen,)


def samples(mixed):
    from mmpretrain.structures import DataSample

    made = [DataSample(metainfo={'num_classes': 5}).set_gt_label(label) for label in LABELS]
    if mixed:
        for sample, score in zip(made, torch.rand(4, 5).softmax(dim=1), strict=True):
            sample.set_gt_score(score)
    return made


def backward(head, loss, mixed, **difficulty):
    """Loss, and gradient of the features and of every parameter."""
    torch.manual_seed(2)
    built, (seen, given) = build(head, loss), features()
    if difficulty:
        built.loss_module.set_class_difficulty(**difficulty)
    found = built.loss(given, samples(mixed))['loss']
    found.backward()
    return [found.detach(), seen.grad, *(part.grad for part in built.parameters())]


@pytest.mark.parametrize('mixed', [False, True], ids=['labels', 'mixed'])
@pytest.mark.parametrize('head', HEADS)
def test_at_one_difficulty_the_loss_and_its_gradients_are_those_of_cross_entropy(head, mixed):
    plain = {'type': 'CrossEntropyLoss', 'loss_weight': 1.0, 'use_soft': mixed}
    expected = backward(head, plain, mixed)
    actual = backward(head, {'type': 'CDBLoss'}, mixed, difficulty=[0.7] * 5)
    for one, other in zip(actual, expected, strict=True):
        torch.testing.assert_close(one, other)
    other = backward(head, {'type': 'CDBLoss'}, mixed, difficulty=[0.1, 0.5, 0.9, 0.2, 1.0])
    assert not torch.equal(other[0], expected[0])


@pytest.mark.parametrize('head', HEADS)
def test_weights_are_those_of_the_classes(head):
    difficulty = [0.1, 0.5, 0.9, 0.2, 1.0]
    built, (_, given) = build(head, {'type': 'CDBLoss'}), features()
    built.loss_module.set_class_difficulty(difficulty)
    weight = torch.tensor(difficulty) / torch.tensor(difficulty).mean()
    own = torch.nn.functional.cross_entropy(built(given), torch.tensor(LABELS), reduction='none')
    torch.testing.assert_close(built.loss(given, samples(False))['loss'], (weight[list(LABELS)] * own).mean())


@pytest.mark.parametrize('kind', ['Mixup', 'CutMix', 'ResizeMix'])
def test_images_mixed_by_the_preprocessor_reach_the_loss(kind):
    from mmpretrain.structures import DataSample

    augment = {'type': kind, 'alpha': 1.0}
    preprocessor = MODELS.build(
        {'type': 'ClsDataPreprocessor', 'num_classes': 5, 'batch_augments': {'augments': [augment], 'probs': [1.0]}}
    )
    batch = {
        'inputs': torch.rand(4, 3, 8, 8),
        'data_samples': [DataSample().set_gt_label(label) for label in LABELS],
    }
    mixed = preprocessor(batch, training=True)['data_samples']
    head, (_, given) = build('LinearClsHead', {'type': 'CDBLoss'}), features()
    head.loss_module.set_class_difficulty([0.5] * 5)
    scores = torch.stack([sample.gt_score for sample in mixed])
    expected = -(scores * head(given).log_softmax(dim=1)).sum(dim=1).mean()
    torch.testing.assert_close(head.loss(given, mixed)['loss'], expected)


@pytest.mark.parametrize('head', HEADS)
@pytest.mark.parametrize('loss', ['CDBLoss', 'CrossEntropyLoss'])
def test_training_counts_what_the_loss_of_the_head_sees(head, loss):
    built, (_, given) = build(head, {'type': loss}), features()
    counts = TrainingCounts(built, 5)
    built.loss(given, samples(False))
    num_samples, num_correct = counts.take()
    assert num_samples.tolist() == [1, 1, 0, 2, 0]
    right = built(given).argmax(dim=1) == torch.tensor(LABELS)
    assert num_correct.tolist() == torch.bincount(torch.tensor(LABELS)[right], minlength=5).tolist()


def test_a_head_for_ldam_has_a_normalised_last_layer():
    head = MODELS.build(
        {
            'type': 'ClassifierHead',
            'head': 'LinearClsHead',
            'classifier': 'normalized',
            'num_classes': 5,
            'in_channels': 6,
            'loss': {'type': 'LDAMLoss'},
        }
    )
    assert (type(head).__name__, type(head.fc).__name__) == ('LinearClsHead', 'NormalizedLinear')
    assert head((torch.randn(3, 6),)).abs().max() <= head.loss_module.score_scale
