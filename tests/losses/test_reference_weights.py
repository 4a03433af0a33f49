"""Twenty epochs of weights on fixed predictions, against what the formulas of the reference implementation give.

The formulas, in plain Python: difficulty 1 - correct / count over the whole validation set, to the power tau, scaled to
mean 1; before the first validation 1 for all. The EGTEA folder has tau = sigmoid(max A / (min A + 0.01)) and
the mean of the weighted losses over the clips; the ImageNet-LT folder has tau = 2 sigmoid(max A / (min A + 0.01) - 1)
and divides by the sum of the weights.
"""

import functools
import math
import random

import numpy as np
import pytest
import torch

from cdb_video.difficulty.state import DifficultyState
from cdb_video.losses.cdb import CDBLoss
from cdb_video.metrics.class_accuracy import ClassAccuracy
from tests.support import reference

pytestmark = pytest.mark.training

EPOCHS = 20
TAUS = {
    'dynamic-egtea': lambda high, low: 1 / (1 + math.exp(-high / (low + 0.01))),
    'dynamic': lambda high, low: 2 / (1 + math.exp(-(high / (low + 0.01) - 1))),
    0.5: lambda high, low: 0.5,
    1: lambda high, low: 1,
    1.5: lambda high, low: 1.5,
    2: lambda high, low: 2,
    5: lambda high, low: 5,
}


@functools.cache
def validations(num_classes, seed):
    """After each epoch: labels of a validation set, what a model that learns predicts for them, and the counts."""
    return [(*epoch, measure(*epoch, num_classes)) for epoch in predictions(num_classes, seed)]


def predictions(num_classes, seed):
    """Labels of a validation set, and what a model that learns predicts for them after each epoch."""
    rng = random.Random(seed)
    labels = [c for c in range(num_classes) for _ in range(rng.randint(6, 60))]
    ease = [rng.uniform(0.3, 1.0) for _ in range(num_classes)]
    for epoch in range(EPOCHS):
        predicted = []
        for label in labels:
            right = rng.random() < ease[label] * (epoch + 1) / EPOCHS
            predicted.append(label if right else (label + rng.randint(1, num_classes - 1)) % num_classes)
        yield labels, predicted


def by_the_formulas(labels, predicted, num_classes, tau):
    count, correct = [0] * num_classes, [0] * num_classes
    for label, prediction in zip(labels, predicted, strict=True):
        count[label] += 1
        correct[label] += label == prediction
    accuracy = [c / n for c, n in zip(correct, count, strict=True)]
    exponent = TAUS[tau](max(accuracy), min(accuracy))
    powers = [(1 - a) ** exponent for a in accuracy]
    return [p * num_classes / math.fsum(powers) for p in powers]


def measure(labels, predicted, num_classes):
    """The counts of ClassAccuracy, fed in batches as a validation loop feeds it."""
    metric = ClassAccuracy(num_classes)
    samples = [
        {'pred_score': torch.nn.functional.one_hot(torch.tensor(p), num_classes).float(), 'gt_label': torch.tensor([y])}
        for y, p in zip(labels, predicted, strict=True)
    ]
    for first in range(0, len(samples), 8):
        metric.process(None, samples[first : first + 8])
    metric.evaluate(len(samples))
    return metric.counts_


@pytest.mark.parametrize('tau', TAUS)
@pytest.mark.parametrize(('num_classes', 'reduction'), [(19, 'mean'), (100, 'weighted_mean')])
def test_weights_and_loss_over_twenty_epochs_are_those_of_the_formulas(tau, num_classes, reduction):
    loss = CDBLoss(num_classes, tau=tau, reduction=reduction)
    state = DifficultyState.start(np.ones(num_classes, np.int64), None)
    rng = random.Random(1)
    scores = [[rng.gauss(0, 2) for _ in range(num_classes)] for _ in range(8)]
    targets = [rng.randrange(num_classes) for _ in range(8)]
    expected, seen = [1.0] * num_classes, []
    for epoch, (labels, predicted, counts) in enumerate(validations(num_classes, seed=0)):
        # This epoch trains with the weights of the last validation.
        np.testing.assert_allclose(loss.class_weight, expected, rtol=1e-12)
        actual = loss(torch.tensor(scores, dtype=torch.float64), torch.tensor(targets)).item()
        assert math.isclose(actual, reference.loss(scores, targets, expected, reduction), rel_tol=1e-12)
        state = state.updated(counts.num_clips, counts.num_correct, epoch=epoch + 1, iteration=epoch + 1)
        loss.set_class_difficulty(state.difficulty, state.accuracy)
        expected = by_the_formulas(labels, predicted, num_classes, tau)
        seen.append(tuple(expected))
    np.testing.assert_allclose(loss.class_weight, expected, rtol=1e-12)
    assert len(set(seen)) == EPOCHS  # every validation changed them
