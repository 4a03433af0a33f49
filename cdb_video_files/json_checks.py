"""Checks of values that were read from JSON: a table of field and check, and a sentence on the first that does not fit.

A file of ours may have been edited, merged or written by something else, and JSON says nothing of types. Each reader
names in one table what it relies on.
"""

from __future__ import annotations

import operator
import reprlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_LARGEST = 1 << 53
"""Whole numbers below it are the same in JSON, in JavaScript and in 64 bits."""


@dataclass(frozen=True)
class Check:
    """What a value must be.

    Attributes:
        fits: Whether a value is that.
        rule: The same in words, after 'must be'.
        all_fit: Whether all values of a list are that, where it can be told quicker; None = one by one.
    """

    fits: Callable[[Any], bool]
    rule: str
    all_fit: Callable[[list[Any]], bool] | None = None

    def or_null(self) -> Check:
        """The same, or null."""
        all_fit = self.all_fit or (lambda values: all(map(self.fits, values)))
        return Check(
            lambda value: value is None or self.fits(value),
            f'{self.rule}, or null',
            lambda values: all_fit([value for value in values if value is not None]),
        )

    def listed(self) -> Check:
        """A list of at least one such value."""
        all_fit = self.all_fit or (lambda values: all(map(self.fits, values)))
        return Check(
            lambda value: isinstance(value, list) and len(value) > 0 and all_fit(value),
            f'a list, each entry {self.rule}',
        )


def _numbers(types: set[type], high: float, rule: str) -> Check:
    """A number of these types in [0, high]. A long history has millions, so lists are checked as wholes."""
    return Check(
        lambda value: type(value) in types and 0 <= value <= high,
        rule,
        lambda values: (
            set(map(type, values)) <= types
            # NaN, which is unequal to itself, hides from min and max.
            and all(map(operator.eq, values, values))
            and (not values or (min(values) >= 0 and max(values) <= high))
        ),
    )


def is_number(value: Any) -> bool:
    """Whether it is a finite number; a truth value is none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LARGEST


def _is_json(value: Any) -> bool:
    """Whether a metric can be written again; those that are no numbers are not looked into."""
    return is_number(value) if type(value) in (int, float) else True


def _is_text(value: Any) -> bool:
    # JSON can hold halves of a surrogate pair, which no file can.
    return isinstance(value, str) and bool(value.strip()) and value.encode('utf-8', 'replace').decode() == value


WHOLE = _numbers({int}, _LARGEST - 1, 'a whole number >= 0')
SHARE = _numbers({int, float}, 1, 'a number in [0, 1]')
NUMBER = _numbers({int, float}, _LARGEST - 1, 'a number >= 0')
TEXT = Check(_is_text, 'a text that is not empty')
METRICS = Check(
    lambda value: isinstance(value, dict) and all(map(_is_json, value.values())),
    'a dict of metrics, without NaN or infinity',
)


def first_fault(values: Mapping[str, Any], checks: Mapping[str, Check], required: bool = True) -> str | None:
    """A sentence on the first value that is not what it must be; None if all are.

    Args:
        values: What was read.
        checks: By the name of the field; other fields are not looked at.
        required: Whether a field that is missing is a fault.
    """
    for name, check in checks.items():
        if name not in values:
            if required:
                return f'{name} is missing; it must be {check.rule}'
        elif not check.fits(values[name]):
            return f'{name} is {reprlib.repr(values[name])}; it must be {check.rule}'
    return None


def count_fault(num_correct: list[int], num_clips: list[int]) -> str | None:
    """A sentence on the first class that has more clips that were right than clips; None if there is none."""
    for label, (right, clips) in enumerate(zip(num_correct, num_clips, strict=False)):
        if right > clips:
            return f'num_correct of class {label} is {right}; it must be no more than its num_clips, {clips}'
    return None


def repeated_name(names: Sequence[str]) -> str | None:
    """A sentence on the first class name that two classes have; None if there is none."""
    first: dict[str, int] = {}
    for label, name in enumerate(names):
        if first.setdefault(name, label) != label:
            return f'classes {first[name]} and {label} are both named {reprlib.repr(name)}; names must differ'
    return None
