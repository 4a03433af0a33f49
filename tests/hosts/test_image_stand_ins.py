"""The contract with mmpretrain in the environment of video: stand-ins with the shape of its head, model and samples.

Its real classes are in tests/hosts/mmpretrain, which runs where it is installed.
"""

import pytest
import torch
from torch import nn

from cdb_video.classifier.last_layer import last_layer
from cdb_video.classifier.two_stage import FrozenFeatures
from cdb_video.head_loss import head_losses, loss_of
from cdb_video.hosts.host import host_named
from cdb_video.losses import CDBLoss
from cdb_video.metrics.class_accuracy import ClassAccuracy
from cdb_video.metrics.training_counts import TrainingCounts
from cdb_video.report.sources.dump import clip_name
from cdb_video.run.start import stated_num_classes

LABELS = torch.tensor([0, 3, 3, 1])


class Head(nn.Module):
    """As LinearClsHead: fc, loss_module, and a loss that is called with the scores, the target and avg_factor."""

    def __init__(self, loss):
        super().__init__()
        self.num_classes = 5
        self.fc = nn.Linear(6, 5)
        self.loss_module = loss

    def loss(self, features, target):
        score = self.fc(features)
        return self.loss_module(score, target, avg_factor=score.size(0))


class Classifier(nn.Module):
    """As ImageClassifier, with a preprocessor that mixes images or not."""

    def __init__(self, loss, mixes=None):
        super().__init__()
        self.backbone = nn.Linear(6, 6)
        self.head = Head(loss)
        self.data_preprocessor = nn.Module()
        self.data_preprocessor.num_classes = 7
        self.data_preprocessor.batch_augments = mixes


@pytest.mark.parametrize('is_mixed', [False, True])
def test_at_one_difficulty_the_loss_of_a_head_is_cross_entropy_value_and_gradient(is_mixed):
    torch.manual_seed(0)
    target = torch.rand(4, 5).softmax(dim=1) if is_mixed else LABELS
    head = Head(CDBLoss())
    head.loss_module.set_class_difficulty([0.4] * 5)
    features = torch.randn(4, 6)
    actual, expected = head.loss(features, target), nn.functional.cross_entropy(head.fc(features), target)
    torch.testing.assert_close(actual, expected)
    wanted = torch.autograd.grad(expected, list(head.fc.parameters()))
    for one, other in zip(torch.autograd.grad(actual, list(head.fc.parameters())), wanted, strict=True):
        torch.testing.assert_close(one, other)


def test_training_counts_and_the_names_of_loss_and_classifier_are_found():
    model = Classifier(CDBLoss())
    assert list(head_losses(model)) == ['head.loss_module']
    assert loss_of(model.head) is model.head.loss_module
    assert last_layer(name for name, _ in model.named_parameters()) == 'head.fc'
    counts = TrainingCounts(model, 5)
    model.head.loss(torch.randn(4, 6), LABELS)
    assert counts.take()[0].tolist() == [1, 1, 0, 2, 0]


def test_a_head_with_another_loss_and_a_preprocessor_that_mixes_state_their_classes():
    assert stated_num_classes(Classifier(nn.CrossEntropyLoss()), None, object(), 'val') == {'head (Head)': 5}
    with pytest.raises(ValueError, match=r'head \(Head\): 5; class_names of val_evaluator: 2'):
        stated_num_classes(Classifier(nn.CrossEntropyLoss()), ClassAccuracy(class_names=['a', 'b']), object(), 'val')
    with pytest.raises(ValueError, match=r'batch_augments of data_preprocessor \(Module\): 7; head \(Head\): 5'):
        stated_num_classes(Classifier(CDBLoss(), mixes=object()), None, object(), 'val')


def test_frozen_features_train_the_classifier_of_the_host(monkeypatch):
    from mmengine.registry import MODELS

    monkeypatch.setitem(MODELS.module_dict, 'StandInClassifier', Classifier)
    model = FrozenFeatures('StandInClassifier', loss=CDBLoss())
    assert [name for name, part in model.named_parameters() if part.requires_grad] == ['head.fc.weight', 'head.fc.bias']


def test_the_host_is_known_by_its_scope_and_names_an_image_by_its_path():
    host = host_named('mmpretrain')
    assert host.sample_path({'img_path': 'a/b.png', 'gt_label': 1}) == 'a/b.png'
    assert (host.sample_path({'img': 0}), clip_name('a/b.png')) == (None, 'b')
    assert host_named('nonsense') is None
