"""Class bias: the fit against references in torch and in loops, a case by hand, limits, and what is refused."""

import math

import numpy as np
import pytest
import torch

from cdb_video.classifier import class_bias_fit
from cdb_video.classifier.class_bias import (
    biased_probabilities,
    fit_class_bias,
    level_difficulty,
    log_scores,
)

SHAPES = [(2, 12), (3, 25), (5, 40), (8, 60)]
CASES = 250


def softmax(scores):
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def random_cases(num_classes, num_clips, seed):
    """Probabilities (CASES, N, C), a few of them 0, and labels (CASES, N); in some cases the last class has no clip."""
    rng = np.random.default_rng([num_classes, seed])
    labels = rng.integers(num_classes, size=(CASES, num_clips))
    labels[:, :2] = [0, 1]
    if num_classes > 2:
        few = labels[::3]
        few[few == num_classes - 1] = 0
    scores = rng.normal(size=(CASES, num_clips, num_classes)) * rng.uniform(0.1, 6, (CASES, 1, 1))
    scores += rng.normal(size=(CASES, 1, num_classes))
    scores += rng.uniform(0, 4, (CASES, 1, 1)) * np.eye(num_classes)[labels]
    probabilities = softmax(scores)
    probabilities[probabilities < 1e-5] = 0
    return probabilities / probabilities.sum(axis=2, keepdims=True), labels


def objective(free, scores, members, penalty):
    """The objective of every case, (B,), from the numbers of all classes, of which those without clips are not read."""
    sizes = members.sum(1)
    measured = (sizes > 0).double()
    number = measured.sum(1)
    level = (free * measured).sum(1, keepdim=True) / number[:, None]
    bias = torch.where(measured > 0, free, level)
    shares = torch.softmax(scores + bias[:, None], dim=2)
    means = (shares * members).sum(1) / sizes.clamp(min=1)
    logs = torch.where(measured > 0, means.clamp(min=1e-300).log(), 0)
    return logs.sum(1) / number - penalty * (bias**2 * measured).sum(1) / number


@pytest.mark.parametrize(('num_classes', 'num_clips'), SHAPES)
def test_bias_for_the_mean_is_that_of_autograd_and_lbfgs_on_a_thousand_cases(num_classes, num_clips):
    probabilities, labels = random_cases(num_classes, num_clips, 0)
    scores = torch.from_numpy(np.log(np.maximum(probabilities, 1e-12)))
    members = torch.nn.functional.one_hot(torch.from_numpy(labels), num_classes).double()
    sizes = members.sum(1)
    smallest = torch.where(sizes > 0, sizes, torch.inf).amin(1)
    penalty = torch.tensor([1.0 if size < 5 else 0.1 for size in smallest.tolist()], dtype=torch.float64)
    fits = [fit_class_bias(p, y) for p, y in zip(probabilities, labels, strict=True)]
    assert all(fit.converged for fit in fits)
    assert [fit.penalty for fit in fits] == penalty.tolist()

    ours = torch.from_numpy(np.array([fit.bias for fit in fits])).requires_grad_()
    reached = objective(ours, scores, members, penalty)
    slopes = torch.autograd.grad(reached.sum(), ours)[0]
    assert slopes.abs().max() < 1e-9
    torch.testing.assert_close(ours.detach().mean(1), torch.zeros(CASES).double(), atol=1e-12, rtol=0)

    theirs = torch.zeros_like(ours, requires_grad=True)
    climber = torch.optim.LBFGS(
        [theirs], max_iter=400, tolerance_grad=1e-9, tolerance_change=0, history_size=20, line_search_fn='strong_wolfe'
    )

    def closure():
        climber.zero_grad()
        loss = -objective(theirs, scores, members, penalty).sum()
        loss.backward()
        return loss

    climber.step(closure)
    found = torch.where(sizes > 0, theirs.detach(), 0)
    torch.testing.assert_close(ours.detach(), found, atol=1e-5, rtol=0)


@pytest.mark.parametrize(('num_classes', 'num_clips'), SHAPES)
def test_bias_for_the_worst_is_that_of_a_reference_on_a_thousand_cases(num_classes, num_clips):
    probabilities, labels = random_cases(num_classes, num_clips, 1)
    scores = np.log(np.maximum(probabilities, 1e-12))
    for steps, number in ((12, CASES), (300, 10)):
        members = torch.nn.functional.one_hot(torch.from_numpy(labels[:number]), num_classes).double()
        sizes = members.sum(1)
        measured = (sizes > 0).double()
        bias = torch.zeros(number, num_classes).double()
        iterates = []
        for step in range(1, steps + 1):
            answers = (torch.from_numpy(scores[:number]) + bias[:, None]).argmax(2)
            right = (torch.nn.functional.one_hot(answers, num_classes) * members).sum(1)
            overall = right.sum(1, keepdim=True) / num_clips
            hardness = (1 - (right + 5 * overall) / (sizes + 5)) * measured
            centred = (hardness - hardness.sum(1, keepdim=True) / measured.sum(1, keepdim=True)) * measured
            bias = bias + centred / math.sqrt(step)
            iterates.append(bias)
        expected = torch.stack(iterates).mean(0).numpy()
        for case in range(number):
            if steps == 300:
                fit = fit_class_bias(probabilities[case], labels[case], 'worst')
                assert (fit.penalty, fit.converged) == (None, True)
                ours = fit.bias
            else:
                ours = level_difficulty(scores[case], labels[case], steps)
            np.testing.assert_allclose(ours, expected[case], atol=1e-12)


def test_two_clips_of_two_classes_by_hand():
    fit = fit_class_bias([[0.8, 0.2], [0.8, 0.2]], [0, 1])
    # With u the difference of the two biases: 1 - 2 sigmoid(log 4 + u) = lambda u, and lambda is 1 for one clip each.
    low, high = -math.log(4), 0.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if 1 - 2 / (1 + math.exp(-math.log(4) - middle)) > middle else (low, middle)
    np.testing.assert_allclose(fit.bias, [low / 2, -low / 2], atol=1e-9)
    assert fit.penalty == 1.0


def test_a_class_that_gets_too_few_answers_is_raised_and_a_strong_penalty_leaves_all_as_it_is():
    probabilities = np.tile([[0.7, 0.2, 0.1], [0.5, 0.4, 0.1], [0.5, 0.2, 0.3]], (5, 1))
    labels = np.tile([0, 1, 2], 5)
    fit = fit_class_bias(probabilities, labels)
    assert fit.penalty == 0.1
    assert fit.bias[0] < fit.bias[1]
    assert fit.bias[0] < fit.bias[2]
    assert biased_probabilities(probabilities, fit.bias).argmax(1).tolist() == labels.tolist()
    np.testing.assert_allclose(fit_class_bias(probabilities, labels, penalty=1e6).bias, 0, atol=1e-5)


@pytest.mark.parametrize('aim', ['mean', 'worst'])
def test_a_permutation_of_classes_or_clips_permutes_the_bias(aim):
    probabilities, labels = random_cases(5, 40, 2)
    rng = np.random.default_rng(0)
    for p, y in zip(probabilities[:6], labels[:6], strict=True):
        classes, clips = rng.permutation(5), rng.permutation(40)
        bias = fit_class_bias(p, y, aim).bias
        other = fit_class_bias(p[clips][:, classes], np.argsort(classes)[y[clips]], aim).bias
        np.testing.assert_allclose(other, bias[classes], atol=1e-9)


@pytest.mark.parametrize('aim', ['mean', 'worst'])
def test_class_without_clips_has_the_mean_of_the_others(aim):
    probabilities, labels = random_cases(4, 40, 3)
    y = np.where(labels[1] == 2, 0, labels[1])
    fit = fit_class_bias(probabilities[1], y, aim)
    assert fit.unmeasured == [2]
    assert fit.bias[2] == 0
    assert abs(fit.bias.sum()) < 1e-12
    assert np.abs(fit.bias).max() > 0.01


@pytest.mark.parametrize('aim', ['mean', 'worst'])
def test_1203_classes_of_sure_answers_stay_finite(aim):
    rng = np.random.default_rng(5)
    labels = rng.integers(1203, size=1300)
    scores = rng.normal(size=(1300, 1203)) * 30
    scores[np.arange(1300), labels] += rng.uniform(-50, 200, 1300)
    fit = fit_class_bias(softmax(scores).astype(np.float32), labels, aim)
    assert fit.converged
    assert np.isfinite(fit.bias).all()
    assert len(fit.unmeasured) > 100
    assert (fit.bias[fit.unmeasured] == 0).all()
    assert abs(fit.bias.mean()) < 1e-9


def test_biased_probabilities_are_those_of_the_scores_plus_the_bias():
    scores = np.random.default_rng(0).normal(size=(6, 4))
    bias = np.array([0.5, -1, 0, 2])
    np.testing.assert_allclose(biased_probabilities(softmax(scores), bias), softmax(scores + bias), rtol=1e-12)
    assert log_scores([[0.0, 1.0]])[0, 0] == math.log(1e-12)


def test_a_fit_that_ends_early_says_so(monkeypatch):
    probabilities, labels = random_cases(5, 40, 4)
    monkeypatch.setattr(class_bias_fit, '_MOST_STEPS', 1)
    fit = fit_class_bias(probabilities[0], labels[0])
    assert not fit.converged
    assert fit.steps == 1


HALVES = [[0.5, 0.5], [0.5, 0.5]]


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ((HALVES, [0, 1], 'best'), "aim='best': must be one of 'mean', 'worst'"),
        ((HALVES, [0, 1], 'mean', 0.0), r'penalty=0\.0: must be a finite number > 0'),
        ((HALVES, [0, 1], 'worst', 0.1), r"penalty=0\.1: is of aim='mean'"),
        ((HALVES, [1, 1]), 'labels: 1 of 2 classes have validation clips'),
        ((HALVES, [0, 2]), r'clip 1 has label 2, .* must be 0\.\.1'),
        ((HALVES, [0, -1]), 'clip 1 has label -1'),
        ((HALVES, [0]), r'one whole number for each of 2 clips, got shape \(1,\)'),
        ((HALVES, [0.0, 1.0]), 'one whole number for each of 2 clips, .* of float64'),
        (([[0.5, 0.5], [3.0, -2.0]], [0, 1]), r"those of clip 1 lie from -2 to 3 .*average_clips='prob'"),
        (([[0.5, 0.5], [0.5, 0.2]], [0, 1]), r'add up to 0\.7'),
        (([[0.5, 0.5], [math.nan, 0.2]], [0, 1]), 'those of clip 1 lie from nan'),
        (([0.5, 0.5], [0, 1]), r'must have shape \(clips, classes\), .* not \(2,\)'),
        (([], []), r'must have shape \(clips, classes\)'),
    ],
)
def test_what_cannot_be_fitted_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        fit_class_bias(*arguments)
