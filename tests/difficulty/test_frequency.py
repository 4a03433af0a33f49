"""The formulas by class frequency: hand-computed cases, limits, and the slow reference."""

import numpy as np
import pytest

from cdb_video.difficulty import frequency
from tests.support import reference

COUNTS = [40, 0, 10, 5, 1]


@pytest.mark.parametrize('beta', [0, 0.5, 0.9, 0.9999])
def test_class_balanced_weights_equal_the_slow_reference(beta):
    actual = frequency.class_balanced_weights(COUNTS, beta)
    np.testing.assert_allclose(actual, reference.class_balanced_weights(COUNTS, beta), rtol=1e-12)
    np.testing.assert_allclose(actual[np.array(COUNTS) > 0].mean(), 1)


def test_class_balanced_weights_of_a_case_by_hand():
    # beta = 1/2: (1 - 1/2) / (1 - 1/2) = 1 for one clip, (1 - 1/2) / (1 - 1/4) = 2/3 for two; their mean is 5/6.
    np.testing.assert_allclose(frequency.class_balanced_weights([1, 2], 0.5), [6 / 5, 4 / 5])


def test_class_balanced_weights_lie_between_equal_and_inverse_ones():
    assert frequency.class_balanced_weights(COUNTS, 0).tolist() == [1] * 5
    inverse = 1 / np.array([4000, 20.0])
    near_one = frequency.class_balanced_weights([4000, 20], 1 - 1e-12)
    np.testing.assert_allclose(near_one, inverse / inverse.mean(), rtol=1e-6)


def test_class_balanced_weights_of_probabilities_are_refused():
    with pytest.raises(ValueError, match=r'largest is 0.7.*not probabilities'):
        frequency.class_balanced_weights([0.7, 0.3], 0.9)


def test_margins_equal_the_slow_reference_and_the_rarest_class_has_the_largest():
    actual = frequency.class_margins(COUNTS, 0.5)
    np.testing.assert_allclose(actual, reference.margins(COUNTS, 0.5), rtol=1e-12)
    assert actual[4] == actual.max() == 0.5
    np.testing.assert_allclose(frequency.class_margins([16, 1], 0.5), [0.25, 0.5])
    np.testing.assert_allclose(frequency.class_margins(np.array(COUNTS) / 56, 0.5), actual)


def test_a_class_is_rare_below_the_threshold_and_not_at_it():
    assert frequency.is_rare([50, 30, 20, 0], 0.3).tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize('threshold', [0.01, 0.2, 1.0])
def test_repeat_factors_equal_the_slow_reference(threshold):
    actual = frequency.repeat_factors(COUNTS, threshold)
    np.testing.assert_allclose(actual, reference.repeat_factors(COUNTS, threshold), rtol=1e-12)
    np.testing.assert_allclose(frequency.repeat_factors([90, 10], 0.4), [1, 2])


def test_progressive_mass_goes_from_the_counts_to_equal_shares():
    assert frequency.progressive_mass(COUNTS, 0).tolist() == COUNTS
    assert frequency.progressive_mass(COUNTS, 1).tolist() == [14, 0, 14, 14, 14]
    for share in (0.2, 0.7):
        mass = frequency.progressive_mass(COUNTS, share)
        np.testing.assert_allclose(mass / mass.sum(), reference.progressive(COUNTS, share), rtol=1e-12)


@pytest.mark.parametrize('prior', [[0, 0], [-1, 2], [np.nan, 1], [[1, 2]]])
def test_what_is_no_prior_is_refused(prior):
    with pytest.raises(ValueError, match='prior: must be'):
        frequency.fill_unseen(prior)


@pytest.mark.parametrize('beta', [1, -0.1, 'x', True])
def test_beta_out_of_range_is_refused(beta):
    with pytest.raises(ValueError, match='beta='):
        frequency.class_balanced_weights(COUNTS, beta)
