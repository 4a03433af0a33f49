"""The epoch handed on: deferred starts, a tau that grows, and what loss and sampler make of them."""

import numpy as np
import pytest
import torch

from cdb_video.checks import check_begin, check_tau_or_ramp
from cdb_video.difficulty.formulas import class_probability, class_weights
from cdb_video.difficulty.tau import Progress, tau_now
from cdb_video.losses.cdb import CDBLoss
from cdb_video.samplers.cdb_sampler import CDBSampler
from tests.losses.test_cdb import batch
from tests.support.toys import LabelsOnly

DIFFICULTY = [0.1, 0.9, 0.4]
RAMP = (0.5, 2)
LABELS = [0] * 60 + [1] * 30 + [2] * 10


def at(epoch, max_epochs=5):
    progress = Progress()
    progress.set(epoch, max_epochs)
    return progress


def test_fraction_goes_from_the_first_epoch_to_the_last():
    assert [at(epoch).fraction for epoch in range(5)] == [0, 0.25, 0.5, 0.75, 1]
    assert at(5).fraction == 1  # after the last validation
    assert at(0, 1).fraction == 0
    assert Progress().fraction == 0


@pytest.mark.parametrize(
    ('begin', 'epochs'),
    [(0, range(10)), (0.0, range(10)), (3, range(3, 10)), (0.8, [8, 9]), (0.75, [8, 9]), (0.3, range(3, 10)), (12, [])],
)
def test_start_is_a_number_of_epochs_or_a_fraction_of_all(begin, epochs):
    assert [epoch for epoch in range(10) if at(epoch, 10).reached(begin)] == list(epochs)


def test_before_the_epoch_is_known_only_what_starts_at_once_has_started():
    assert Progress().reached(0)
    assert Progress().reached(0.0)
    assert not Progress().reached(1)
    assert not Progress().reached(0.5)


def test_ramp_is_linear_in_the_epochs_and_other_taus_are_not_touched():
    assert [tau_now(RAMP, None, at(epoch)) for epoch in range(5)] == [0.5, 0.875, 1.25, 1.625, 2]
    assert tau_now(1.5, None, at(3)) == 1.5
    assert round(tau_now('dynamic', [0.9, 0.5], at(3)), 3) == 1.365


@pytest.mark.parametrize('begin', [-1, 1.0, True, 'x', None, float('nan')])
def test_start_out_of_range_is_refused(begin):
    with pytest.raises(ValueError, match='begin='):
        check_begin(begin)


@pytest.mark.parametrize(
    'tau',
    [(0,), (0, 1, 2), (-1, 1), (0, float('inf')), ('dynamic', 1), (0, True), -1, {'begin': 0}],
)
@pytest.mark.parametrize('make', [lambda tau: CDBLoss(tau=tau), lambda tau: CDBSampler(LabelsOnly([0, 1]), tau=tau)])
def test_what_is_no_tau_and_no_ramp_is_refused(tau, make):
    with pytest.raises(ValueError, match='tau'):
        check_tau_or_ramp(tau)
    with pytest.raises(ValueError, match='tau'):
        make(tau)


@pytest.mark.parametrize(('epoch', 'max_epochs'), [(-1, 5), (6, 5), (0, 0)])
def test_epoch_out_of_range_is_refused(epoch, max_epochs):
    with pytest.raises(ValueError, match='must be 0 <= epoch <= max_epochs'):
        Progress().set(epoch, max_epochs)


@pytest.mark.parametrize('order', ['epoch first', 'difficulty first'])
@pytest.mark.parametrize('begin', [2, 0.4])
def test_deferred_loss_is_plain_cross_entropy_before_its_epoch(begin, order):
    loss = CDBLoss(tau=2, begin=begin)
    for epoch in range(5):
        steps = [lambda epoch=epoch: loss.set_progress(epoch, 5), lambda: loss.set_class_difficulty(DIFFICULTY)]
        for step in steps if order == 'epoch first' else reversed(steps):
            step()
        expected = [1, 1, 1] if epoch < 2 else class_weights(DIFFICULTY, 2)
        np.testing.assert_allclose(loss.class_weight, expected)
        assert loss.tau_ == (0 if epoch < 2 else 2)


def test_weights_of_a_growing_tau_follow_the_epoch_without_a_new_difficulty():
    loss = CDBLoss(tau=RAMP)
    loss.set_class_difficulty(DIFFICULTY)
    scores, labels = batch(num_classes=3)
    for epoch in range(5):
        loss.set_progress(epoch, 5)
        loss(scores, labels)
        np.testing.assert_allclose(loss.class_weight, class_weights(DIFFICULTY, 0.5 + 1.5 * epoch / 4))


def test_deferred_sampler_is_natural_before_its_epoch():
    sampler = CDBSampler(LabelsOnly(LABELS), tau=2, begin=2, seed=0)
    assert sorted(sampler) == list(range(100))
    for epoch in range(5):
        sampler.set_progress(epoch, 5)
        sampler.set_class_difficulty(DIFFICULTY)
        natural = epoch < 2
        expected = np.array([0.6, 0.3, 0.1]) if natural else class_probability(DIFFICULTY, 2, [60, 30, 10])
        np.testing.assert_allclose(sampler.class_probability, expected)
        sampler.set_epoch(epoch)
        drawn = np.bincount(np.array(LABELS)[list(sampler)], minlength=3)
        assert (np.abs(drawn - 100 * expected) < 1 + 1e-9).all()


def test_sampler_of_a_growing_tau_follows_the_epoch_without_a_new_difficulty():
    sampler = CDBSampler(LabelsOnly(LABELS), tau=RAMP, seed=0)
    sampler.set_class_difficulty(DIFFICULTY)
    for epoch in range(5):
        sampler.set_progress(epoch, 5)
        tau = 0.5 + 1.5 * epoch / 4
        assert sampler.tau_ == tau
        np.testing.assert_allclose(sampler.class_probability, class_probability(DIFFICULTY, tau, [60, 30, 10]))


def test_refused_difficulty_leaves_the_law_as_it_was():
    sampler = CDBSampler(LabelsOnly(LABELS), tau=RAMP, seed=0)
    sampler.set_class_difficulty(DIFFICULTY)
    with pytest.raises(ValueError, match='difficulty'):
        sampler.set_class_difficulty([0.1, 2, 0.4])
    sampler.set_progress(4, 5)
    np.testing.assert_allclose(sampler.class_probability, class_probability(DIFFICULTY, 2, [60, 30, 10]))


def test_only_what_changes_with_the_epoch_says_so():
    assert not CDBLoss().follows_progress
    assert not CDBSampler(LabelsOnly([0, 1])).follows_progress
    for options in ({'begin': 3}, {'begin': 0.5}, {'tau': RAMP}):
        assert CDBLoss(**options).follows_progress
        assert CDBSampler(LabelsOnly([0, 1]), **options).follows_progress


@pytest.mark.parametrize('kind', [np.array, lambda values: torch.tensor(values, dtype=torch.float64)])
def test_arrays_that_the_caller_uses_again_change_nothing(kind):
    loss, sampler = CDBLoss(tau=RAMP), CDBSampler(LabelsOnly(LABELS), tau=RAMP, seed=0)
    difficulty = kind(DIFFICULTY)
    for consumer in (loss, sampler):
        consumer.set_class_difficulty(difficulty, 1 - difficulty)
    difficulty[:] = 1
    for consumer in (loss, sampler):
        consumer.set_progress(4, 5)
    np.testing.assert_allclose(loss.class_weight, class_weights(DIFFICULTY, 2))
    np.testing.assert_allclose(sampler.class_probability, class_probability(DIFFICULTY, 2, [60, 30, 10]))
