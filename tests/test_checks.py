"""Checks of arguments: each names the value and the rule."""

import numpy as np
import pytest

from cdb_video import checks


@pytest.mark.parametrize(
    ('check', 'good', 'bad', 'rule'),
    [
        (checks.check_tau, [0, 1.5, 'dynamic', 'dynamic-egtea'], [-1, float('inf'), True, None, 'fast'], 'must be'),
        (checks.check_tau_or_ramp, [1, (0, 2), [0.5, 1]], [(1,), (1, 2, 3), (1, 'dynamic'), (0, -1)], 'must be'),
        (checks.check_begin, [0, 3, 0.5, 0.0], [-1, 1.0, -0.5, True, 'late'], 'whole number of epochs >= 0'),
        (checks.check_frequency_power, [0, 0.5, 1], [-1, float('nan'), 'half', False], 'finite number >= 0'),
        (checks.check_num_classes, [None, 1, 106], [0, 2.0, '3'], 'whole number >= 1'),
        (lambda value: checks.check_whole(2, size=value), [2, np.int64(7)], [1, 2.0, True, None, '3'], 'size=.*>= 2'),
        (checks.check_beta, [0, 0.999], [1, -0.1, True], r'\[0, 1\)'),
        (checks.check_shot_thresholds, [(0, 0), (20, 100)], [5, (3,), (100, 20), (-1, 2)], '0 <= few <= many'),
    ],
)
def test_what_is_out_of_range_is_named_with_its_rule(check, good, bad, rule):
    for value in good:
        check(value)
    for value in bad:
        with pytest.raises(ValueError, match=rule) as raised:
            check(value)
        assert repr(value) in str(raised.value) or repr(value[-1]) in str(raised.value)  # or the end of a ramp


@pytest.mark.parametrize(
    ('options', 'named'),
    [
        ({'prior_count': -1, 'momentum': 0, 'min_difficulty': 0}, 'prior_count=-1'),
        ({'prior_count': 0, 'momentum': 1, 'min_difficulty': 0}, 'momentum=1'),
        ({'prior_count': 0, 'momentum': 0, 'min_difficulty': 1.5}, r'min_difficulty=1\.5'),
    ],
)
def test_smoothing_out_of_range_is_named(options, named):
    checks.check_smoothing(0, 0.9, 1)
    with pytest.raises(ValueError, match=named):
        checks.check_smoothing(**options)


def test_names_are_a_list_as_long_as_the_classes():
    checks.check_class_names(None, 3)
    checks.check_class_names(['a', 'b'], 2)
    with pytest.raises(ValueError, match="class_names='ab': must be a list"):
        checks.check_class_names('ab', 2)
    with pytest.raises(ValueError, match='has 1 names, num_classes is 2'):
        checks.check_class_names(['a'], 2)


def test_flags_are_true_or_false_and_numbers_in_their_range():
    checks.check_flags(a=True, b=False)
    checks.check_positive(1.0, threshold=0.5)
    checks.check_not_negative(gamma=0)
    with pytest.raises(ValueError, match="report='False'"):
        checks.check_flags(report='False')
    with pytest.raises(ValueError, match=r'threshold=1\.5: must be a number in \(0, 1\]'):
        checks.check_positive(1.0, threshold=1.5)
    with pytest.raises(ValueError, match='gamma=-1'):
        checks.check_not_negative(gamma=-1)
