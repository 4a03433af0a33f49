"""Checks of arguments: flags, numbers and their ranges."""

from __future__ import annotations

import math
import numbers
from typing import Any

DYNAMIC_TAUS = ('dynamic', 'dynamic-egtea')
MEAN = 'mean'
"""The momentum of a difficulty that is the mean over all validations so far."""
MEASURES = ('accuracy', 'probability')
"""What of a class its difficulty is 1 minus."""
LAWS = ('power', 'accumulated')
"""How `CDBLoss` turns difficulty into weights: as the papers do, or ours."""


def check_not_negative(**values: Any) -> None:
    """Raise a ValueError unless every value is a finite number >= 0."""
    for name, value in values.items():
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value < float('inf'):
            raise ValueError(f'{name}={value!r}: must be a finite number >= 0')


def check_whole(least: int, **values: Any) -> None:
    """Raise a ValueError unless every value is a whole number of at least `least`."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < least:
            raise ValueError(f'{name}={value!r}: must be a whole number >= {least}')


def check_num_classes(num_classes: Any) -> None:
    """Raise a ValueError unless `num_classes` is a whole number >= 1 or None."""
    if num_classes is not None and (not isinstance(num_classes, int) or num_classes < 1):
        raise ValueError(f'num_classes={num_classes!r}: must be a whole number >= 1, or None to infer it')


def check_beta(beta: Any) -> None:
    """Raise a ValueError unless `beta` is a number in [0, 1)."""
    if not isinstance(beta, (int, float)) or isinstance(beta, bool) or not 0 <= beta < 1:
        raise ValueError(f'beta={beta!r}: must be in [0, 1) (0.9 to 0.9999 are usual; 0 weighs all classes alike)')


def check_positive(largest: float = float('inf'), **values: Any) -> None:
    """Raise a ValueError unless every value is a number > 0, finite and at most `largest`."""
    for name, value in values.items():
        good = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not good or not 0 < value < float('inf') or value > largest:
            rule = 'a finite number > 0' if largest == float('inf') else f'a number in (0, {largest:g}]'
            raise ValueError(f'{name}={value!r}: must be {rule}')


def check_background(background: Any) -> None:
    """Raise a ValueError unless `background` is a finite number > 0 or None."""
    if background is None:
        return
    if not _is_number(background) or not math.isfinite(background) or background <= 0:
        raise ValueError(
            f'background={background!r}: must be a finite number > 0, the weight of the background (1.0 as in mmdet), '
            'or None where the last score is that of a class'
        )


def check_flags(**flags: Any) -> None:
    """Raise a ValueError unless every value is True or False: 'False' in a config would count as true."""
    for name, flag in flags.items():
        if not isinstance(flag, bool):
            raise ValueError(f'{name}={flag!r}: must be True or False')


def check_shot_thresholds(shot_thresholds: Any) -> None:
    """Raise a ValueError unless `shot_thresholds` is a pair (few, many) with 0 <= few <= many."""
    if (
        isinstance(shot_thresholds, int)
        or len(shot_thresholds) != 2
        or not 0 <= shot_thresholds[0] <= shot_thresholds[1]
    ):
        raise ValueError(f'shot_thresholds={shot_thresholds!r}: must be (few, many) with 0 <= few <= many')


def check_class_names(class_names: Any, num_classes: int | None) -> None:
    """Raise a ValueError unless `class_names` is None or a list, with as many names as there are classes."""
    if isinstance(class_names, str):
        raise ValueError(f'class_names={class_names!r}: must be a list of names, one a class')
    if class_names is not None and num_classes is not None and len(class_names) != num_classes:
        raise ValueError(f'class_names: has {len(class_names)} names, num_classes is {num_classes}')


def check_tau(tau: Any) -> None:
    """Raise a ValueError unless `tau` is a finite number >= 0 or one of the dynamic names."""
    if isinstance(tau, str):
        if tau not in DYNAMIC_TAUS:
            raise ValueError(f'tau={tau!r}: must be a number >= 0 or one of {", ".join(map(repr, DYNAMIC_TAUS))}')
    elif not _is_number(tau) or not math.isfinite(tau) or tau < 0:
        raise ValueError(
            f'tau={tau!r}: must be a finite number >= 0 (0 turns difficulty off, 1 and 2 are '
            f'usual) or one of {", ".join(map(repr, DYNAMIC_TAUS))}'
        )


def check_frequency_power(frequency_power: Any) -> None:
    """Raise a ValueError unless `frequency_power` is a finite number >= 0."""
    if not _is_number(frequency_power) or not math.isfinite(frequency_power) or frequency_power < 0:
        raise ValueError(
            f'frequency_power={frequency_power!r}: must be a finite number >= 0 (1 natural, 0.5 '
            'square root, 0 class-balanced)'
        )


def check_smoothing(prior_count: Any, momentum: Any, min_difficulty: Any) -> None:
    """Raise a ValueError unless the options of `class_difficulty` are in their ranges."""
    if not _is_number(prior_count) or not 0 <= prior_count < math.inf:
        raise ValueError(f'prior_count={prior_count!r}: must be a finite number >= 0 (0 = off)')
    if momentum != MEAN and (not _is_number(momentum) or not 0 <= momentum < 1):
        raise ValueError(
            f'momentum={momentum!r}: must be in [0, 1) (0 = off; 1 would never learn), or {MEAN!r} (all validations so '
            'far count alike)'
        )
    if not _is_number(min_difficulty) or not 0 <= min_difficulty <= 1:
        raise ValueError(f'min_difficulty={min_difficulty!r}: must be in [0, 1] (0 = off)')


def check_measure(measure: Any) -> None:
    """Raise a ValueError unless `measure` is one of `MEASURES`."""
    if measure not in MEASURES:
        raise ValueError(
            f"measure={measure!r}: must be 'accuracy' (d = 1 - the share of samples told rightly, the papers') or "
            "'probability' (d = 1 - the mean probability of the true class)"
        )


def check_law(law: Any) -> None:
    """Raise a ValueError unless `law` is one of `LAWS`."""
    if law not in LAWS:
        raise ValueError(f"law={law!r}: must be 'power' (w ~ d^tau, the papers') or 'accumulated' (w ~ exp(s d), ours)")


def check_begin(begin: Any, name: str = 'begin') -> None:
    """Raise a ValueError unless `begin` is a whole number >= 0 (epochs) or a fraction in [0, 1) of all epochs."""
    whole = isinstance(begin, int) and not isinstance(begin, bool) and begin >= 0
    if not whole and not (isinstance(begin, float) and 0 <= begin < 1):
        raise ValueError(
            f'{name}={begin!r}: must be a whole number of epochs >= 0 (0 = from the start), or a fraction of training '
            'in [0, 1), such as 0.8'
        )


def is_ramp(tau: Any) -> bool:
    """Whether `tau` is a pair, and so changes with the epoch."""
    return isinstance(tau, (list, tuple))


def check_tau_or_ramp(tau: Any) -> None:
    """Raise a ValueError unless `tau` is a tau, or a pair of numbers >= 0."""
    if not is_ramp(tau):
        check_tau(tau)
        return
    if len(tau) != 2 or any(isinstance(end, str) for end in tau):
        raise ValueError(f'tau={tau!r}: must be a number, a name, or two numbers: for the first epoch and for the last')
    for end in tau:
        check_tau(end)


def _is_number(value: Any) -> bool:
    """Whether `value` is a real number; True and False are not."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)
