"""DifficultyInput: what loss and sampler share, and how consumers are found."""

import numpy as np
import pytest

from cdb_video.difficulty.consumer import (
    DifficultyInput,
    has_class_law,
    takes_difficulty,
    takes_prior,
    takes_progress,
)
from cdb_video.difficulty.formulas import class_weights, resolve_tau
from cdb_video.losses.cdb import CDBLoss
from cdb_video.samplers.cdb_sampler import CDBSampler
from tests.support.toys import LabelsOnly


class Derived(list):
    """Keeps what it is asked to derive from: (difficulty, exponent)."""

    def __call__(self, difficulty, exponent):
        self.append((list(map(float, difficulty)), exponent))


class Wrapper:
    """Forwards everything, as a wrapper of a user's loss may."""

    def __init__(self, part):
        self.part = part

    def __getattr__(self, name):
        return getattr(self.part, name)


class Takes:
    """A loss of a user's own."""

    class_probability = None

    def set_class_difficulty(self, difficulty, accuracy=None):
        """Take it."""

    def set_class_prior(self, prior):
        """Take it."""

    def set_progress(self, epoch, max_epochs):
        """Take it."""


def test_exponent_grows_over_the_epochs_with_one_difficulty():
    given, derived = DifficultyInput((0, 2), 0), Derived()
    given.set_progress(0, 3, derived)
    assert derived == []  # nothing has come yet
    given.take([0.5, 1.0], None, derived)
    for epoch in (1, 2):
        given.set_progress(epoch, 3, derived)
    assert derived == [([0.5, 1.0], 0.0), ([0.5, 1.0], 1.0), ([0.5, 1.0], 2.0)]
    assert given.exponent == 2.0


def test_before_begin_the_exponent_is_zero_and_the_difficulty_is_kept():
    given, derived = DifficultyInput(1.5, 0.5), Derived()
    given.set_progress(0, 4, derived)
    given.take([0.2, 0.4], None, derived)
    assert (derived[-1][1], given.exponent, given.has_begun) == (0.0, 0.0, False)
    given.set_progress(2, 4, derived)
    assert derived[-1] == ([0.2, 0.4], 1.5)
    assert given.has_begun


def test_assumed_difficulty_is_derived_from_but_does_not_count_as_handed_on():
    given, derived = DifficultyInput(1.0, 2), Derived()
    given.assume(np.ones(2), derived)
    given.set_progress(2, 4, derived)
    assert derived == [([1.0, 1.0], 0.0), ([1.0, 1.0], 1.0)]
    assert given.exponent is None
    assert given.is_awaited


def test_what_is_refused_changes_nothing():
    given, derived = DifficultyInput((1, 2), 0), Derived()
    given.take([0.1, 0.2], None, derived)

    def refuse(difficulty, exponent):
        raise ValueError('no')

    with pytest.raises(ValueError, match='no'):
        given.take([0.3, 0.4], None, refuse)
    given.set_progress(1, 2, derived)
    assert derived[-1] == ([0.1, 0.2], 2.0)


def test_arrays_of_the_caller_are_not_kept():
    given, derived, difficulty = DifficultyInput((1, 2), 0), Derived(), np.array([0.1, 0.2])
    given.take(difficulty, difficulty, derived)
    difficulty[:] = 0
    given.set_progress(1, 2, derived)
    assert derived[-1][0] == [0.1, 0.2]


def test_the_accumulated_law_waits_for_the_share_of_the_validations():
    loss = CDBLoss(law='accumulated', strength=3.0)
    with pytest.raises(ValueError, match=r"strength=3 of law='accumulated' grows .*: call set_validations\(done, plan"):
        loss.set_class_difficulty([0.1, 0.9])
    assert loss.strength_ is None
    loss.set_validations(0, 4)
    loss.set_class_difficulty([0.1, 0.9])
    assert (loss.strength_, loss.class_weight.tolist()) == (0.0, [1.0, 1.0])
    without = CDBLoss(law='accumulated', strength=0)
    without.set_class_difficulty([0.1, 0.9])
    assert without.class_weight.tolist() == [1.0, 1.0]


def test_with_tau_zero_nothing_is_awaited_and_a_warning_comes_once():
    assert not DifficultyInput(0, 0).is_awaited
    given = DifficultyInput(1, 0)
    assert given.is_awaited
    given.warn_undriven(Takes(), 'plain cross-entropy')
    assert not given.is_awaited


@pytest.mark.parametrize(('tau', 'begin'), [(-1, 0), ('dynamik', 0), ((1, 2, 3), 0), (1, -1), (1, 1.0)])
def test_arguments_out_of_range_are_refused(tau, begin):
    with pytest.raises(ValueError, match='must be'):
        DifficultyInput(tau, begin)


@pytest.mark.parametrize('part', [Takes(), Wrapper(Takes())])
def test_consumers_are_found_by_their_methods_through_wrappers_too(part):
    assert takes_difficulty(part)
    assert takes_prior(part)
    assert takes_progress(part)
    assert has_class_law(part)


def test_other_parts_are_no_consumers():
    assert not any(way(object()) for way in (takes_difficulty, takes_prior, takes_progress, has_class_law))


@pytest.mark.parametrize('tau', ['dynamic', 'dynamic-egtea'])
def test_a_difficulty_without_accuracies_has_those_that_it_says(tau):
    difficulty = [0.9, 0.2, 0.5]
    alone, both = DifficultyInput(tau, 0), DifficultyInput(tau, 0)
    alone.take(difficulty, None, Derived())
    both.take(difficulty, [1 - value for value in difficulty], Derived())
    assert alone.exponent == both.exponent
    assert alone.exponent != resolve_tau(tau)  # as if every accuracy were 0
    derived = Derived()
    alone.set_progress(1, 2, derived)
    assert alone.exponent == both.exponent
    nothing = DifficultyInput(tau, 0)
    nothing.take([1.0] * 3, None, Derived())
    assert nothing.exponent == resolve_tau(tau)


def test_a_difficulty_that_is_none_is_refused_by_its_own_name():
    def derive(difficulty, exponent):
        class_weights(difficulty, exponent)

    given = DifficultyInput('dynamic', 0)
    with pytest.raises(ValueError, match=r'^difficulty: values must be'):
        given.take([1.5, 0.2], None, derive)
    assert given.exponent is None


def test_loss_and_sampler_take_a_difficulty_alone_at_a_dynamic_tau():
    difficulty = np.array([0.9, 0.2])
    tau = resolve_tau('dynamic', 1 - difficulty)
    loss, sampler = CDBLoss(tau='dynamic'), CDBSampler(LabelsOnly([0, 0, 1, 1]), tau='dynamic', seed=0)
    for part in (loss, sampler):
        part.set_class_difficulty(difficulty)
        assert part.tau_ == tau
    np.testing.assert_allclose(loss.class_weight, class_weights(difficulty, tau))
    np.testing.assert_allclose(sampler.class_probability, difficulty**tau / (difficulty**tau).sum())
