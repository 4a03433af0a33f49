"""CDBLoss: against the slow reference, against plain cross-entropy, and in every way a head may call it."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.registry import MODELS

from cdb_video.difficulty.formulas import class_accuracy, class_difficulty
from cdb_video.losses.cdb import CDBLoss
from tests.support import reference
from tests.support.marks import needs_compile

TAUS = (0, 0.5, 1, 2, 5, 'dynamic', 'dynamic-egtea')


def batch(num_samples=16, num_classes=6, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    scores = 3 * torch.randn(num_samples, num_classes, generator=generator, dtype=dtype)
    labels = torch.randint(num_classes, (num_samples,), generator=generator)
    return scores.requires_grad_(), labels


def soft(labels, num_classes, seed=0):
    other = torch.rand(len(labels), num_classes, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return 0.7 * F.one_hot(labels, num_classes) + 0.3 * other / other.sum(1, keepdim=True)


def random_case(seed):
    """Counts with absent and perfect classes, scores, and hard or soft labels."""
    rng = np.random.default_rng(seed)
    num_classes = int(rng.choice([2, 3, 5, 19, 106, 1000], p=[0.2, 0.2, 0.25, 0.25, 0.08, 0.02]))
    total = rng.integers(1, 30, num_classes)
    total[rng.random(num_classes) < 0.15] = 0
    total[rng.integers(num_classes)] = 7
    correct = rng.binomial(total, rng.random(num_classes))
    perfect = rng.random(num_classes) < (1.0 if rng.random() < 0.05 else 0.15)
    correct[perfect] = total[perfect]
    scores = rng.normal(scale=rng.uniform(0.1, 8), size=(int(rng.integers(1, 9)), num_classes))
    labels = rng.integers(num_classes, size=len(scores))
    return rng, total, correct, scores, labels


@pytest.mark.parametrize('block', range(10))
def test_thousand_random_cases_equal_the_slow_reference(block):
    for seed in range(100 * block, 100 * (block + 1)):
        rng, total, correct, scores, labels = random_case(seed)
        tau, reduction = TAUS[seed % len(TAUS)], ('mean', 'weighted_mean')[seed // 7 % 2]
        difficulty, _, expected_weights = reference.weights(correct.tolist(), total.tolist(), tau)
        accuracy = class_accuracy(correct, total)
        loss = CDBLoss(tau=tau, reduction=reduction)
        loss.set_class_difficulty(class_difficulty(accuracy), accuracy)
        np.testing.assert_allclose(class_difficulty(accuracy), difficulty, rtol=1e-12)
        np.testing.assert_allclose(loss.class_weight.numpy(), expected_weights, rtol=1e-9, atol=1e-300)
        target, listed = torch.from_numpy(labels), labels.tolist()
        if rng.random() < 0.5:
            target = soft(target, scores.shape[1], seed)
            listed = target.tolist()
        actual = loss(torch.from_numpy(scores), target)
        expected = reference.loss(scores.tolist(), listed, expected_weights, reduction)
        assert math.isclose(actual.item(), expected, rel_tol=1e-6, abs_tol=1e-12), (seed, tau, reduction)


@pytest.mark.parametrize('reduction', ['mean', 'weighted_mean'])
@pytest.mark.parametrize('make', [lambda: CDBLoss(), lambda: CDBLoss(6)])
@pytest.mark.parametrize('hard', [True, False])
def test_unit_difficulty_is_plain_cross_entropy_in_value_and_gradient(reduction, make, hard):
    scores, labels = batch(dtype=torch.float32)
    labels = labels if hard else soft(labels, 6).float()
    expected = F.cross_entropy(scores, labels)
    expected_gradient = torch.autograd.grad(expected, scores)[0]
    for difficulty in (None, torch.ones(6), torch.full((6,), 0.3), torch.zeros(6)):
        loss = make()
        loss.reduction = reduction
        if difficulty is not None:
            loss.set_class_difficulty(difficulty)
            assert (loss.class_weight == 1).all()
        actual = loss(scores, labels)
        gradient = torch.autograd.grad(actual, scores)[0]
        if reduction == 'mean':
            assert torch.equal(actual, expected)
            assert torch.equal(gradient, expected_gradient)
        torch.testing.assert_close(actual, expected)
        torch.testing.assert_close(gradient, expected_gradient)


def test_weighted_mean_is_that_of_torch():
    scores, labels = batch()
    loss = CDBLoss(reduction='weighted_mean')
    loss.set_class_difficulty([0.1, 0.9, 0.4, 0.2, 1, 0.6])
    torch.testing.assert_close(loss(scores, labels), F.cross_entropy(scores, labels, loss.class_weight))


@pytest.mark.parametrize('reduction', ['mean', 'weighted_mean'])
@pytest.mark.parametrize('hard', [True, False])
def test_focal_and_logit_adjustment_equal_the_slow_reference(reduction, hard):
    scores, labels = batch()
    labels = labels if hard else soft(labels, 6)
    prior = [50, 20, 10, 5, 2, 1]
    loss = CDBLoss(tau=2, reduction=reduction, focal_gamma=1.5, logit_adjustment=0.7, loss_weight=3)
    loss.set_class_difficulty([0.1, 0.9, 0.4, 0.2, 1, 0.6])
    loss.set_class_prior(prior)
    adjustment = [0.7 * math.log(n / sum(prior)) for n in prior]
    expected = 3 * reference.loss(
        scores.tolist(), labels.tolist(), loss.class_weight.tolist(), reduction, 1.5, adjustment
    )
    torch.testing.assert_close(loss(scores, labels).item(), expected)


def test_unseen_class_takes_the_smallest_prior_of_the_others():
    scores, labels = batch(num_classes=3)
    with_unseen, filled = CDBLoss(logit_adjustment=1.0), CDBLoss(logit_adjustment=1.0)
    with_unseen.set_class_prior([8, 0, 2])
    filled.set_class_prior([8, 2, 2])
    torch.testing.assert_close(with_unseen(scores, labels), filled(scores, labels))


def test_balanced_softmax_does_not_depend_on_the_scale_of_the_prior():
    scores, labels = batch(num_classes=3)
    counts, probability = CDBLoss(logit_adjustment=1.0), CDBLoss(logit_adjustment=1.0)
    counts.set_class_prior([10, 30, 60])
    probability.set_class_prior([0.1, 0.3, 0.6])
    torch.testing.assert_close(counts(scores, labels), probability(scores, labels))


def test_focal_gradient_is_finite_for_a_certain_score():
    scores = torch.tensor([[200.0, 0.0]], requires_grad=True)
    CDBLoss(focal_gamma=0.5)(scores, torch.tensor([0])).backward()
    assert torch.isfinite(scores.grad).all()


def test_sample_weight_avg_factor_and_override_are_as_mmdet_has_them():
    scores, labels = batch()
    loss = CDBLoss()
    loss.set_class_difficulty([0.1, 0.9, 0.4, 0.2, 1, 0.6])
    weight = torch.rand(16, dtype=torch.float64)
    each = F.cross_entropy(scores, labels, loss.class_weight, reduction='none')
    torch.testing.assert_close(loss(scores, labels, reduction_override='none'), each)
    torch.testing.assert_close(loss(scores, labels, weight, reduction_override='sum'), (each * weight).sum())
    torch.testing.assert_close(loss(scores, labels, weight), (each * weight).mean())
    torch.testing.assert_close(loss(scores, labels, weight, avg_factor=5), (each * weight).sum() / 5)
    torch.testing.assert_close(loss(scores, labels, avg_factor=torch.tensor(5.0)), each.sum() / 5)


def test_weighted_mean_stays_one_where_the_head_passes_the_batch_size():
    scores, labels = batch()
    loss = CDBLoss(reduction='weighted_mean')
    loss.set_class_difficulty([0.1, 0.9, 0.4, 0.2, 1, 0.6])
    torch.testing.assert_close(loss(scores, labels, avg_factor=16), loss(scores, labels))
    weight = torch.rand(16, dtype=torch.float64)
    torch.testing.assert_close(loss(scores, labels, weight, avg_factor=weight.sum()), loss(scores, labels, weight))


def test_none_does_not_read_avg_factor_as_in_mmdet():
    scores, labels = batch()
    each = F.cross_entropy(scores, labels, reduction='none')
    torch.testing.assert_close(CDBLoss()(scores, labels, avg_factor=3, reduction_override='none'), each)


def test_batch_without_samples_that_count_has_loss_zero():
    scores, labels = batch()
    loss = CDBLoss(reduction='weighted_mean')
    assert loss(scores, labels, torch.zeros(16), avg_factor=1.0).item() == 0
    assert loss(scores, labels, torch.zeros(16)).item() == 0


@pytest.mark.parametrize('arguments', [{}, {'weight': torch.ones(16)}])
def test_label_out_of_range_is_an_error_also_if_torch_would_ignore_it(arguments):
    scores, labels = batch()
    labels[3] = -100
    with pytest.raises((IndexError, RuntimeError)):
        CDBLoss()(scores, labels, **arguments)


@pytest.mark.parametrize('arguments', [{}, {'weight': torch.ones(16)}])
def test_labels_of_any_integer_kind_are_taken(arguments):
    scores, labels = batch()
    torch.testing.assert_close(CDBLoss()(scores, labels.int(), **arguments), F.cross_entropy(scores, labels))


def test_difficulty_can_follow_a_call_in_inference_mode():
    scores, labels = batch()
    loss = CDBLoss(num_classes=6)
    with torch.inference_mode():
        loss(scores, labels)
    loss.set_class_difficulty([0.1, 0.9, 0.4, 0.2, 1, 0.6])
    torch.testing.assert_close(
        loss(scores, labels), F.cross_entropy(scores, labels, loss.class_weight, reduction='sum') / 16
    )


def test_batch_of_perfect_classes_has_loss_zero_not_nan():
    scores, _ = batch(4, 3)
    loss = CDBLoss(reduction='weighted_mean')
    loss.set_class_difficulty([0, 1, 1])
    value = loss(scores, torch.zeros(4, dtype=torch.int64))
    value.backward()
    assert value.item() == 0
    assert (scores.grad == 0).all()


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_scores_are_computed_in_float32(dtype):
    scores, labels = batch()
    loss = CDBLoss()
    loss.set_class_difficulty([0.1, 0.9, 0.4, 0.2, 1, 0.6])
    half = scores.detach().to(dtype).requires_grad_()
    value = loss(half, labels)
    value.backward()
    assert value.dtype == torch.float32
    assert half.grad.dtype == dtype
    torch.testing.assert_close(value, loss(half.detach().float(), labels))


def test_autocast_gives_the_same_loss():
    scores, labels = batch(dtype=torch.float32)
    loss = CDBLoss()
    loss.set_class_difficulty([0.1, 0.9, 0.4, 0.2, 1, 0.6])
    with torch.autocast('cpu', torch.bfloat16):
        torch.testing.assert_close(loss(scores, labels), loss(scores, labels))
        assert loss(scores, labels).dtype == torch.float32


def test_dense_scores_equal_flat_ones():
    scores, labels = batch(24, 5)
    loss = CDBLoss(focal_gamma=1, logit_adjustment=1)
    loss.set_class_difficulty([0.1, 0.9, 0.4, 0.2, 1])
    loss.set_class_prior([5, 4, 3, 2, 1])
    dense = scores.reshape(2, 3, 4, 5).permute(0, 3, 1, 2)
    torch.testing.assert_close(loss(dense, labels.reshape(2, 3, 4)), loss(scores, labels))


def test_wrong_number_of_classes_names_both_numbers():
    scores, labels = batch(num_classes=6)
    loss = CDBLoss(num_classes=4)
    with pytest.raises(ValueError, match=r'cls_score has 6 classes.*CDBLoss 4'):
        loss(scores, labels)
    with pytest.raises(ValueError, match=r'difficulty has 5 classes.*CDBLoss 4'):
        loss.set_class_difficulty([1.0] * 5)
    inferred = CDBLoss()
    inferred.set_class_difficulty([1.0] * 5)
    with pytest.raises(ValueError, match=r'cls_score has 6 classes.*CDBLoss 5'):
        inferred(scores, labels)
    with pytest.raises(ValueError, match=r'prior has 3 classes.*CDBLoss 5'):
        inferred.set_class_prior([1, 2, 3])


def test_refused_difficulty_leaves_the_weights_as_they_were():
    loss = CDBLoss(num_classes=2)
    loss.set_class_difficulty([0.2, 0.6])
    with pytest.raises(ValueError, match='difficulty'):
        loss.set_class_difficulty([0.2, math.nan])
    torch.testing.assert_close(loss.class_weight, torch.tensor([0.5, 1.5], dtype=torch.float64))


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'tau': 'fast'}, "tau='fast'"),
        ({'tau': -1}, 'tau=-1'),
        ({'reduction': 'average'}, "reduction='average'"),
        ({'focal_gamma': -1}, 'focal_gamma=-1'),
        ({'logit_adjustment': 'yes'}, "logit_adjustment='yes'"),
        ({'loss_weight': math.inf}, 'loss_weight=inf'),
        ({'num_classes': 0}, 'num_classes=0'),
    ],
)
def test_bad_arguments_are_refused_with_their_value(arguments, message):
    with pytest.raises(ValueError, match=message):
        CDBLoss(**arguments)


def test_shapes_that_do_not_fit_are_refused():
    scores, labels = batch()
    loss = CDBLoss()
    with pytest.raises(ValueError, match=r'label: must be \(16,\)'):
        loss(scores, labels[:, None])
    with pytest.raises(ValueError, match='cls_score: must be'):
        loss(scores[:, 0], labels)
    with pytest.raises(ValueError, match='weight: must have one factor per sample'):
        loss(scores, labels, torch.ones(3))
    with pytest.raises(ValueError, match="avg_factor=3 with reduction 'sum'"):
        loss(scores, labels, avg_factor=3, reduction_override='sum')
    with pytest.raises(ValueError, match='reduction='):
        loss(scores, labels, reduction_override='max')
    with pytest.raises(ValueError, match=r'integer dtype, got torch.float32; soft labels .* \(16, 6\)'):
        loss(scores, labels + 0.7)
    with pytest.raises(ValueError, match='prior: must be'):
        loss.set_class_prior([0, 0])


def test_logit_adjustment_without_a_prior_says_how_to_get_one():
    with pytest.raises(RuntimeError, match='ClassDifficultyHook'):
        CDBLoss(logit_adjustment=1)(*batch())


def test_nothing_of_it_enters_the_state_dict():
    loss = CDBLoss(num_classes=3, logit_adjustment=1)
    loss.set_class_difficulty([0.1, 0.5, 1])
    loss.set_class_prior([1, 2, 3])
    loss(*batch(num_classes=3))
    assert loss.state_dict() == {}
    assert list(loss.buffers()) == []


def test_new_difficulty_reaches_a_loss_that_was_used_before():
    scores, labels = batch(dtype=torch.float32)
    loss = CDBLoss()
    loss.set_class_difficulty([1.0] * 6)
    loss(scores, labels)
    loss.set_class_difficulty([0.1, 0.9, 0.4, 0.2, 1, 0.6])
    expected = F.cross_entropy(scores, labels, loss.class_weight.float(), reduction='sum') / 16
    torch.testing.assert_close(loss(scores, labels), expected)


@pytest.mark.uncovered
@needs_compile
def test_compiled_loss_follows_a_new_difficulty():
    scores, labels = batch(dtype=torch.float32)
    loss = CDBLoss()
    loss.set_class_difficulty([1.0] * 6)
    compiled = torch.compile(loss, backend='eager')
    torch.testing.assert_close(compiled(scores, labels), loss(scores, labels))
    loss.set_class_difficulty([0.1, 0.9, 0.4, 0.2, 1, 0.6])
    torch.testing.assert_close(compiled(scores, labels), loss(scores, labels))
    loss.set_class_difficulty([0.9, 0.1, 0.4, 0.2, 1, 0.6])
    torch.testing.assert_close(compiled(scores, labels), loss(scores, labels))


@pytest.mark.parametrize('scope', ['mmengine', 'mmaction'])
def test_config_builds_it_in_every_scope(scope):
    loss = MODELS.build({'type': 'CDBLoss', 'tau': 'dynamic', '_scope_': scope})
    assert isinstance(loss, CDBLoss)
    assert "tau='dynamic'" in repr(loss)
