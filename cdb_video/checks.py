"""Checks of arguments: flags, numbers and their ranges."""

from __future__ import annotations

from typing import Any


def check_not_negative(**values: Any) -> None:
    """Raise a ValueError unless every value is a finite number >= 0."""
    for name, value in values.items():
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value < float('inf'):
            raise ValueError(f'{name}={value!r}: must be a finite number >= 0')


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


def check_flags(**flags: Any) -> None:
    """Raise a ValueError unless every value is True or False: 'False' in a config would count as true."""
    for name, flag in flags.items():
        if not isinstance(flag, bool):
            raise ValueError(f'{name}={flag!r}: must be True or False')
