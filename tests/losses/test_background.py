"""Losses over C + 1 scores, of which the last is the background: as the box heads of mmdet call them."""

import inspect
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.registry import MODELS
from torch import nn

from cdb_video.difficulty.frequency import log_relative_frequency
from cdb_video.difficulty.tracking.consumers import find_difficulty_consumers
from cdb_video.losses.cdb import CDBLoss
from cdb_video.losses.class_balanced import ClassBalancedLoss
from cdb_video.losses.equalization import EqualizationLoss
from cdb_video.losses.ldam import LDAMLoss
from cdb_video.run.start import stated_num_classes
from tests.support import reference
from tests.support.marks import needs_compile

NUM_CLASSES = 6
COUNTS = [500, 0, 60, 40, 8, 2]
DIFFICULTY = [0.1, 0.9, 0.4, 0.2, 1, 0.6]
WEIGHTS = [d * 6 / sum(DIFFICULTY) for d in DIFFICULTY]


def proposals(number=40, seed=0, dtype=torch.float64, num_classes=NUM_CLASSES):
    """Scores, labels and label weights as a box head has them: most are background, some do not count."""
    generator = torch.Generator().manual_seed(seed)
    scores = 3 * torch.randn(number, num_classes + 1, generator=generator, dtype=dtype)
    labels = torch.randint(num_classes + 1, (number,), generator=generator)
    labels[torch.rand(number, generator=generator) < 0.5] = num_classes
    weights = (torch.rand(number, generator=generator) < 0.9).to(dtype)
    return scores.requires_grad_(), labels, weights


def mmdet_cross_entropy(scores, labels, weight=None, avg_factor=None, reduction='mean', loss_weight=1.0):
    """CrossEntropyLoss of mmdet 3.3 with use_sigmoid=False, from its description."""
    loss = F.cross_entropy(scores, labels, reduction='none', ignore_index=-100)
    if weight is not None:
        loss = loss * weight.float()
    if avg_factor is None:
        return loss_weight * {'mean': loss.mean, 'sum': loss.sum, 'none': lambda: loss}[reduction]()
    return loss_weight * (loss.sum() / (avg_factor + torch.finfo(torch.float32).eps) if reduction == 'mean' else loss)


def equal_counts(loss):
    loss.set_class_prior([7.3] * NUM_CLASSES)
    return loss


PLAIN = {
    'unknown number': lambda: CDBLoss(background=1.0),
    'known number': lambda: CDBLoss(NUM_CLASSES, background=1),
    'tau 0': lambda: CDBLoss(tau=0, background=1.0),
    'accumulated': lambda: CDBLoss(law='accumulated', background=1.0),
    'balanced softmax': lambda: equal_counts(CDBLoss(tau=0, logit_adjustment=1.0, background=1.0)),
    'logit adjustment': lambda: equal_counts(CDBLoss(logit_adjustment=0.7, background=1.0)),
    'class-balanced': lambda: equal_counts(ClassBalancedLoss(0, background=1.0)),
}
"""With equal difficulties, equal counts and a background of weight 1."""


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
@pytest.mark.parametrize('name', PLAIN)
def test_equal_classes_are_the_cross_entropy_of_mmdet_to_the_last_digit(name, dtype):
    loss = PLAIN[name]()
    for seed in range(3):
        scores, labels, weights = proposals(seed=seed, dtype=dtype)
        calls = [(), (weights,), (weights, 512.0), (weights, 1.0), (weights, 37), (None, 3.0)]
        for call in calls:
            for reduction in ('mean', 'none'):
                actual = loss(scores, labels, *call, reduction_override=reduction)
                expected = mmdet_cross_entropy(scores, labels, *call, reduction=reduction)
                if not call and reduction == 'mean':
                    expected = F.cross_entropy(scores, labels)
                assert torch.equal(actual, expected), (call, reduction)
                slopes = [torch.autograd.grad(value.sum(), scores)[0] for value in (actual, expected)]
                assert torch.equal(*slopes), (call, reduction)


def test_loss_weight_and_the_call_of_a_box_head_are_those_of_mmdet():
    scores, labels, weights = proposals(dtype=torch.float32)
    loss = MODELS.build({'type': 'CDBLoss', 'use_sigmoid': False, 'loss_weight': 2.0, 'background': 1.0})
    avg_factor = max(torch.sum(weights > 0).float().item(), 1.0)
    actual = loss(scores, labels, weights, avg_factor=avg_factor, reduction_override=None)
    assert torch.equal(actual, mmdet_cross_entropy(scores, labels, weights, avg_factor, loss_weight=2.0))


LOSSES = {
    'cdbw': lambda **more: CDBLoss(tau=1, **more),
    'cdba': lambda **more: CDBLoss(law='accumulated', strength=4.0, **more),
    'focal': lambda **more: CDBLoss(tau=0, focal_gamma=1.5, **more),
    'balanced softmax': lambda **more: CDBLoss(tau=0, logit_adjustment=1.0, **more),
    'all': lambda **more: CDBLoss(tau=1, focal_gamma=2, logit_adjustment=0.7, **more),
    'cb': lambda **more: ClassBalancedLoss(0.99, **more),
    'cb_focal': lambda **more: ClassBalancedLoss(0.99, focal_gamma=1.5, **more),
    'ldam': lambda **more: LDAMLoss(**more),
    'ldam_drw': lambda **more: LDAMLoss(drw_begin=0, beta=0.9, **more),
    'eql': lambda **more: EqualizationLoss(0.05, gamma=1.0, **more),
}


def make(name, difficulty=DIFFICULTY, counts=COUNTS, **more):
    loss = LOSSES[name](**({'background': 1.0} | more))
    loss.set_class_prior(counts)
    if isinstance(loss, CDBLoss):
        loss.set_validations(1, 2)
        loss.set_class_difficulty(difficulty)
    return loss


def row_loss(name, row, label, background):
    """Loss of one proposal, in plain Python; the last score is that of the background."""
    adjustment = [math.log(6 * n / sum(reference.filled(COUNTS))) for n in reference.filled(COUNTS)] + [0.0]
    margin = [30 * m for m in reference.margins(COUNTS, 0.5)] + [0.0]
    powers = [math.exp(2 * d) for d in DIFFICULTY]
    ones = [1.0] * 6
    weight, moved, gamma = {
        'cdbw': (WEIGHTS, row, 0),
        'cdba': ([6 * p / sum(powers) for p in powers], row, 0),
        'focal': (ones, row, 1.5),
        'balanced softmax': (ones, [z + a for z, a in zip(row, adjustment, strict=True)], 0),
        'all': (WEIGHTS, [z + 0.7 * a for z, a in zip(row, adjustment, strict=True)], 2),
        'cb': (reference.class_balanced_weights(COUNTS, 0.99), row, 0),
        'cb_focal': (reference.class_balanced_weights(COUNTS, 0.99), row, 1.5),
        'ldam': (ones, [z - margin[c] * (c == label) for c, z in enumerate(row)], 0),
        'ldam_drw': (
            reference.class_balanced_weights(COUNTS, 0.9),
            [z - margin[c] * (c == label) for c, z in enumerate(row)],
            0,
        ),
        'eql': (ones, row, 0),
    }[name]
    if name == 'eql' and label != 6:  # what is background pushes the rare classes too
        rare = [n / sum(COUNTS) < 0.05 for n in COUNTS] + [False]
        moved = [-1e4 if rare[c] and c != label else z for c, z in enumerate(row)]
    log_p = reference.log_softmax(moved)[label]
    return -[*weight, background][label] * (1 - math.exp(log_p)) ** gamma * log_p


@pytest.mark.parametrize('background', [1.0, 0.3])
@pytest.mark.parametrize('name', LOSSES)
def test_weights_margins_and_priors_act_on_the_foreground_alone(name, background):
    scores, labels, weights = proposals(seed=4)
    loss = make(name, background=background)
    each = [row_loss(name, row, label, background) for row, label in zip(scores.tolist(), labels.tolist(), strict=True)]
    weighted = [w * one for w, one in zip(weights.tolist(), each, strict=True)]
    torch.testing.assert_close(loss(scores, labels).item(), sum(each) / 40)
    torch.testing.assert_close(
        loss(scores, labels, weights, avg_factor=33.0).item(), sum(weighted) / 33, rtol=1e-7, atol=0
    )
    assert loss(scores, labels, weights, reduction_override='none').tolist() == pytest.approx(weighted)
    few = scores[:4].detach().requires_grad_()
    assert torch.autograd.gradcheck(lambda z: loss(z, labels[:4]), (few,))


@pytest.mark.parametrize('name', LOSSES)
def test_one_hot_soft_labels_give_what_class_indices_give(name):
    scores, labels, _ = proposals()
    loss = make(name, background=0.3)
    torch.testing.assert_close(loss(scores, labels), loss(scores, F.one_hot(labels, 7).double()))


@pytest.mark.parametrize('name', LOSSES)
def test_order_of_the_classes_does_not_matter_and_the_background_stays_last(name):
    scores, labels, weights = proposals()
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    place = torch.cat([order.argsort(), torch.tensor([6])])  # where each class went
    permuted = make(name, [DIFFICULTY[c] for c in order], [COUNTS[c] for c in order])
    moved = scores[:, torch.cat([order, torch.tensor([6])])]
    expected = make(name)(scores, labels, weights, avg_factor=20.0)
    torch.testing.assert_close(permuted(moved, place[labels], weights, avg_factor=20.0), expected)


@pytest.mark.parametrize('reduction', ['mean', 'weighted_mean', 'sum'])
@pytest.mark.parametrize('name', LOSSES)
def test_batch_without_proposals_has_the_loss_zero_and_a_gradient(name, reduction):
    loss = make(name)
    for weighted in (False, True):
        for avg_factor in [None] if reduction == 'sum' else [None, 1.0]:
            scores, labels, weights = proposals(0)
            value = loss(scores, labels, weights if weighted else None, avg_factor, reduction_override=reduction)
            value.backward()
            assert value.item() == 0
            assert scores.grad.shape == (0, 7)


@pytest.mark.parametrize('name', LOSSES)
def test_vectors_that_hook_history_and_report_see_are_of_the_classes(name):
    loss = make(name)
    loss(*proposals()[:2])
    for vector in (loss.class_weight, loss.prior_term):
        assert vector is None or vector.shape == (6,)
    if loss.class_weight is not None:
        torch.testing.assert_close(make(name, background=0.3).class_weight, loss.class_weight)


def test_weight_of_the_background_acts_before_the_number_of_classes_is_known():
    scores, labels, _ = proposals()
    each = F.cross_entropy(scores, labels, reduction='none')
    expected = torch.where(labels == 6, 0.25 * each, each)
    torch.testing.assert_close(CDBLoss(background=0.25)(scores, labels), expected.mean())
    torch.testing.assert_close(CDBLoss(6, background=0.25)(scores, labels), expected.mean())
    weights = torch.where(labels == 6, 0.25, 1.0)
    torch.testing.assert_close(
        CDBLoss(background=0.25, reduction='weighted_mean')(scores, labels), expected.sum() / weights.sum()
    )


def test_new_difficulty_reaches_a_loss_that_was_used_before():
    scores, labels, _ = proposals()
    loss = CDBLoss(background=0.5)
    loss.set_class_difficulty([1.0] * 6)
    loss(scores, labels)
    loss.set_class_difficulty(DIFFICULTY)
    expected = F.cross_entropy(scores, labels, torch.tensor([*WEIGHTS, 0.5], dtype=torch.float64), reduction='sum')
    torch.testing.assert_close(loss(scores, labels), expected / 40)


@pytest.mark.uncovered
@needs_compile
def test_compiled_loss_follows_a_new_difficulty():
    scores, labels, weights = proposals(dtype=torch.float32)
    loss = make('all', background=0.5)
    compiled = torch.compile(loss, backend='eager')
    for difficulty in ([1.0] * 6, DIFFICULTY, DIFFICULTY[::-1]):
        loss.set_class_difficulty(difficulty)
        torch.testing.assert_close(compiled(scores, labels, weights, 3.0), loss(scores, labels, weights, 3.0))


@pytest.mark.parametrize('counts', [[5] * 1203, [0.1] * 7, [3.0, 0.0, 3.0], [7]])
def test_equal_counts_adjust_nothing_to_the_last_bit(counts):
    assert (log_relative_frequency(counts) == 0).all()


def test_log_relative_frequency_by_hand():
    # pi = 1/7, 2/7, 4/7 of 3 classes.
    np.testing.assert_allclose(log_relative_frequency([1, 2, 4]), np.log([3 / 7, 6 / 7, 12 / 7]), rtol=1e-15)


def test_equalization_leaves_no_class_alone_where_there_is_background():
    loss = make('eql')
    scores, _, _ = proposals(2)
    loss(scores, torch.tensor([0, 6])).backward()
    rare = [1, 4, 5]
    assert (scores.grad[0, rare] == 0).all()
    assert (scores.grad[1, rare] > 0).all()
    assert scores.grad[0, 6] > 0


@pytest.mark.parametrize('kind', [CDBLoss, ClassBalancedLoss, EqualizationLoss, LDAMLoss])
@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'background': 0}, r'background=0: must be a finite number > 0.*or None'),
        ({'background': -1.0}, r'background=-1\.0'),
        ({'background': True}, r'background=True'),
        ({'background': math.inf}, r'background=inf'),
        ({'background': 'yes'}, r"background='yes'"),
        ({'use_sigmoid': True}, r'use_sigmoid=True: must be False, for \w+Loss .*softmax.*leave it out'),
        ({'use_sigmoid': None}, r'use_sigmoid=None'),
    ],
)
def test_bad_arguments_are_refused_with_their_value(kind, arguments, message):
    with pytest.raises(ValueError, match=message):
        kind(**arguments)


def test_sigmoid_form_of_equalization_has_no_background():
    with pytest.raises(ValueError, match=r"background=1\.0 with form='sigmoid': .*form='softmax', or leave background"):
        EqualizationLoss(form='sigmoid', background=1.0)


@pytest.mark.parametrize('kind', [CDBLoss, ClassBalancedLoss, EqualizationLoss, LDAMLoss])
def test_both_arguments_are_those_of_every_loss_and_print_shows_them(kind):
    assert {'background', 'use_sigmoid'} <= {*inspect.signature(kind).parameters}
    assert 'background=0.5' in repr(kind(background=0.5))
    assert 'background' not in repr(kind())
    assert kind(use_sigmoid=False).use_sigmoid is False


def test_channel_too_many_or_too_few_is_told_with_the_background_in_mind():
    scores, labels, _ = proposals()
    with pytest.raises(ValueError, match=r'cls_score has 7 classes, num_classes of CDBLoss 6: .*set background=1\.0'):
        CDBLoss(6)(scores, labels)
    beside = r'cls_score has 6 classes beside the background, num_classes of CDBLoss 7: .*leave out background=2\.0'
    with pytest.raises(ValueError, match=beside):
        CDBLoss(7, background=2.0)(scores, labels)
    with pytest.raises(ValueError, match=r'cls_score has 6 classes beside .* CDBLoss 9: .* must agree$'):
        CDBLoss(9, background=1.0)(scores, labels)


@pytest.mark.parametrize('name', LOSSES)
def test_vectors_with_the_background_in_them_are_refused(name):
    loss = make(name)
    with pytest.raises(ValueError, match=r'the prior has 7 classes, .* 6'):
        loss.set_class_prior([*COUNTS, 9])
    if isinstance(loss, CDBLoss):
        with pytest.raises(ValueError, match=r'the difficulty has 7 classes, .* 6'):
            loss.set_class_difficulty([*DIFFICULTY, 0.5])


class BoxHead(nn.Module):
    def __init__(self, num_classes, loss):
        super().__init__()
        self.num_classes = num_classes
        self.loss_cls = loss


class RegionHeads(nn.Module):
    def __init__(self, heads):
        super().__init__()
        self.bbox_head = nn.ModuleList(heads)


class Cascade(nn.Module):
    """The modules of a Cascade R-CNN, by the names that mmdet gives them."""

    def __init__(self, classes=(6, 6, 6)):
        super().__init__()
        self.rpn_head = BoxHead(1, nn.BCEWithLogitsLoss())
        self.roi_head = RegionHeads([BoxHead(number, CDBLoss(number, background=1.0)) for number in classes])


def test_head_that_proposes_places_is_not_asked_for_its_number_of_classes():
    model = Cascade()
    stated = stated_num_classes(model, None, object(), 'val')
    assert set(stated.values()) == {6}
    assert sum('bbox_head.1 ' in source for source in stated) == 1
    with pytest.raises(ValueError, match=r'numbers of classes differ: .*bbox_head\.2 \(BoxHead\): 7'):
        stated_num_classes(Cascade((6, 6, 7)), None, object(), 'val')


def test_the_three_heads_of_a_cascade_are_fed_alike():
    model = Cascade()
    consumers = find_difficulty_consumers(model, None)
    assert list(consumers) == ['CDBLoss', 'CDBLoss.1', 'CDBLoss.2']
    for consumer in consumers.values():
        consumer.set_class_difficulty(DIFFICULTY)
    scores, labels, weights = proposals()
    values = {head.loss_cls(scores, labels, weights, avg_factor=9.0).item() for head in model.roi_head.bbox_head}
    assert len(values) == 1
