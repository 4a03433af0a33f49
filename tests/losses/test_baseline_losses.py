"""The losses by class frequency: against the slow reference, in every way a head may call them, and refusals."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.registry import MODELS

from cdb_video.losses.cdb import CDBLoss
from cdb_video.losses.class_balanced import ClassBalancedLoss
from cdb_video.losses.equalization import EqualizationLoss
from cdb_video.losses.ldam import LDAMLoss
from tests.losses.test_cdb import batch, soft
from tests.support import reference
from tests.support.marks import needs_compile

COUNTS = [500, 0, 60, 40, 8, 2]
LOSSES = {
    'cb': lambda: ClassBalancedLoss(0.99),
    'cb_focal': lambda: ClassBalancedLoss(0.99, focal_gamma=1.5),
    'ldam': lambda: LDAMLoss(),
    'ldam_drw': lambda: LDAMLoss(drw_begin=0),
    'eql_softmax': lambda: EqualizationLoss(0.05, gamma=1.0),
    'eql_sigmoid': lambda: EqualizationLoss(0.05, form='sigmoid'),
}


def expected_of(name, scores, labels):
    weights = reference.class_balanced_weights(COUNTS, 0.99)
    return {
        'cb': lambda: reference.loss(scores, labels, weights, 'mean'),
        'cb_focal': lambda: reference.loss(scores, labels, weights, 'mean', 1.5),
        'ldam': lambda: reference.ldam(scores, labels, COUNTS, [1] * 6, 0.5, 30),
        'ldam_drw': lambda: reference.ldam(
            scores, labels, COUNTS, reference.class_balanced_weights(COUNTS, 0.9999), 0.5, 30
        ),
        'eql_softmax': lambda: reference.equalization(scores, labels, COUNTS, 0.05, 'softmax'),
        'eql_sigmoid': lambda: reference.equalization(scores, labels, COUNTS, 0.05, 'sigmoid'),
    }[name]()


def make(name):
    loss = LOSSES[name]()
    loss.set_class_prior(COUNTS)
    return loss


@pytest.mark.parametrize('name', LOSSES)
@pytest.mark.parametrize('hard', [True, False])
@pytest.mark.parametrize('seed', range(5))
def test_loss_equals_the_slow_reference_and_its_gradient_the_differences(name, hard, seed):
    scores, labels = batch(seed=seed)
    labels = labels if hard else soft(labels, 6, seed)
    loss = make(name)
    torch.testing.assert_close(loss(scores, labels).item(), expected_of(name, scores.tolist(), labels.tolist()))
    few = scores[:3].detach().requires_grad_()
    assert torch.autograd.gradcheck(lambda z: loss(z, labels[:3]), (few,))


@pytest.mark.parametrize('name', LOSSES)
def test_one_hot_soft_labels_give_what_class_indices_give(name):
    scores, labels = batch()
    torch.testing.assert_close(make(name)(scores, labels), make(name)(scores, F.one_hot(labels, 6).double()))


@pytest.mark.parametrize('name', LOSSES)
def test_dense_scores_half_precision_and_sample_weights_are_taken(name):
    scores, labels = batch(24)
    loss = make(name)
    dense = scores.reshape(2, 3, 4, 6).permute(0, 3, 1, 2)
    torch.testing.assert_close(loss(dense, labels.reshape(2, 3, 4)), loss(scores, labels))
    soft_labels = soft(labels, 6)
    torch.testing.assert_close(
        loss(dense, soft_labels.reshape(2, 3, 4, 6).permute(0, 3, 1, 2)), loss(scores, soft_labels)
    )
    half = loss(scores.bfloat16(), labels)
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, loss(scores.bfloat16().float(), labels))
    each = loss(scores, labels, reduction_override='none')
    weight = torch.rand(24, dtype=torch.float64)
    torch.testing.assert_close(loss(scores, labels, weight), (each * weight).mean())
    torch.testing.assert_close(loss(scores, labels, avg_factor=7), each.sum() / 7)
    torch.testing.assert_close(loss(scores, labels), each.mean())


@pytest.mark.parametrize('name', LOSSES)
def test_loss_without_frequencies_says_how_to_get_them(name):
    with pytest.raises(RuntimeError, match=r'no class frequencies.*ClassDifficultyHook.*observe_only=True'):
        LOSSES[name]()(*batch())


@pytest.mark.parametrize('name', LOSSES)
def test_nothing_of_a_loss_enters_the_state_dict(name):
    loss = make(name)
    loss(*batch())
    assert loss.state_dict() == {}
    assert list(loss.buffers()) == []
    again = copy.deepcopy(loss)
    torch.testing.assert_close(again(*batch()), loss(*batch()))


@pytest.mark.parametrize('name', LOSSES)
def test_classes_that_do_not_agree_are_named(name):
    loss = make(name)
    with pytest.raises(ValueError, match=r'cls_score has 5 classes'):
        loss(*batch(num_classes=5))
    with pytest.raises(ValueError, match=r'the prior has 5 classes'):
        loss.set_class_prior([1, 2, 3, 4, 5])


def test_new_frequencies_replace_the_old_ones():
    loss = ClassBalancedLoss(0.9)
    loss.set_class_prior(COUNTS)
    loss(*batch())
    loss.set_class_prior(COUNTS[::-1])
    np.testing.assert_allclose(loss.class_weight, reference.class_balanced_weights(COUNTS[::-1], 0.9))


def test_weighted_mean_of_class_balanced_weights_is_that_of_torch():
    scores, labels = batch()
    loss = ClassBalancedLoss(0.99, reduction='weighted_mean')
    loss.set_class_prior(COUNTS)
    torch.testing.assert_close(loss(scores, labels), F.cross_entropy(scores, labels, loss.class_weight))


def test_deferred_weights_of_ldam_act_from_their_epoch_on():
    equal, balanced = [1.0] * 6, reference.class_balanced_weights(COUNTS, 0.9)
    for begin in (4, 0.8):
        loss = LDAMLoss(drw_begin=begin, beta=0.9)
        loss.set_progress(0, 5)
        loss.set_class_prior(COUNTS)
        for epoch in range(5):
            loss.set_progress(epoch, 5)
            np.testing.assert_allclose(loss.class_weight, balanced if epoch == 4 else equal)
        assert loss.follows_progress
    plain = LDAMLoss()
    plain.set_class_prior(COUNTS)
    plain.set_progress(4, 5)
    assert plain.class_weight is None
    assert not plain.follows_progress


def test_margin_of_a_certain_score_leaves_a_finite_gradient():
    scores = torch.tensor([[30.0, -30.0]], requires_grad=True)
    loss = LDAMLoss()
    loss.set_class_prior([5, 1])
    loss(scores, torch.tensor([0])).backward()
    assert torch.isfinite(scores.grad).all()


def test_equalization_spares_rare_classes_at_the_rate_gamma():
    torch.manual_seed(0)
    scores = torch.zeros(20000, 3, dtype=torch.float64)
    labels = torch.zeros(20000, dtype=torch.int64)
    loss = EqualizationLoss(0.2, gamma=0.75)
    loss.set_class_prior([50, 40, 10])
    each = loss(scores, labels, reduction_override='none')
    # Class 2 is rare: without it the softmax is over two classes, with it over three.
    assert set(each.numpy().round(9)) == {round(np.log(2), 9), round(np.log(3), 9)}
    spared = (each < 1).double().mean().item()
    assert abs(spared - 0.75) < 0.02  # 6 standard deviations of sqrt(.75 * .25 / 20000)


def test_equalization_never_spares_the_label_and_lets_no_gradient_reach_the_spared():
    loss = EqualizationLoss(0.2, gamma=1.0)
    loss.set_class_prior([50, 40, 10])
    scores = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    loss(scores, torch.tensor([0, 1, 2, 2])).backward()
    assert (scores.grad[:2, 2] == 0).all()
    assert (scores.grad[2:, 2] < 0).all()


@pytest.mark.parametrize(
    ('make_loss', 'message'),
    [
        (lambda: ClassBalancedLoss(1.0), 'beta=1.0'),
        (lambda: ClassBalancedLoss(focal_gamma=-1), 'focal_gamma=-1'),
        (lambda: LDAMLoss(max_margin=0), 'max_margin=0'),
        (lambda: LDAMLoss(scale='x'), "scale='x'"),
        (lambda: LDAMLoss(drw_begin=1.5), 'drw_begin=1.5'),
        (lambda: EqualizationLoss(threshold=0), r'threshold=0: must be a number in \(0, 1\]'),
        (lambda: EqualizationLoss(form='relu'), "form='relu'"),
        (lambda: EqualizationLoss(gamma=2), 'gamma=2'),
    ],
)
def test_bad_arguments_are_refused_with_their_value(make_loss, message):
    with pytest.raises(ValueError, match=message):
        make_loss()


def test_drw_of_probabilities_is_refused_when_they_come_not_when_they_act():
    loss = LDAMLoss(drw_begin=0.8)
    with pytest.raises(ValueError, match='not probabilities'):
        loss.set_class_prior([0.7, 0.3])


@pytest.mark.uncovered
@needs_compile
@pytest.mark.parametrize('name', ['cb', 'ldam_drw', 'eql_softmax'])
def test_compiled_loss_gives_the_same(name):
    scores, labels = batch(dtype=torch.float32)
    loss = make(name)
    torch.testing.assert_close(torch.compile(loss, backend='eager')(scores, labels), loss(scores, labels))


def test_tau_zero_waits_for_no_difficulty(capsys):
    scores, labels = batch()
    loss = CDBLoss(tau=0, focal_gamma=2)
    actual = loss(scores, labels)
    assert 'no class difficulty' not in ''.join(capsys.readouterr())
    CDBLoss(tau=1)(scores, labels)
    assert 'no class difficulty' in ''.join(capsys.readouterr())
    torch.testing.assert_close(
        actual.item(), reference.loss(scores.tolist(), labels.tolist(), [1] * 6, 'mean', gamma=2)
    )


@pytest.mark.parametrize('kind', ['ClassBalancedLoss', 'LDAMLoss', 'EqualizationLoss'])
def test_config_builds_it_and_print_shows_its_arguments(kind):
    loss = MODELS.build({'type': kind, '_scope_': 'mmaction'})
    assert type(loss).__name__ == kind
    assert "reduction='mean'" in repr(loss)
