"""Vectors with one value a class: their types, and the checks that every formula begins with."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatVector: TypeAlias = NDArray[np.float64]
IntVector: TypeAlias = NDArray[np.int64]


def class_vector(values: ArrayLike, name: str, like: FloatVector | None = None) -> FloatVector:
    """A (C,) float64 array, of the length of `like`."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f'{name}: must have shape (C,) with at least one class, got {array.shape}')
    if like is not None and array.shape != like.shape:
        raise ValueError(f'{name}: has {array.size} classes, but {like.size} are expected')
    return array


def unit_vector(values: ArrayLike, name: str, like: FloatVector | None = None, *, nan: bool = True) -> FloatVector:
    """A (C,) float64 array with values in [0, 1], NaN allowed or not."""
    array = class_vector(values, name, like)
    allowed = (array >= 0) & (array <= 1) | (np.isnan(array) if nan else False)
    check_classes(allowed, array, name, 'values must be in [0, 1]' + (' or NaN' if nan else ''))
    return array


def check_classes(good: Any, values: FloatVector, name: str, rule: str) -> None:
    """Raise a ValueError that names the first class that breaks the rule."""
    bad = np.flatnonzero(~np.asarray(good))
    if bad.size:
        raise ValueError(f'{name}: {rule}; class {bad[0]} has {values[bad[0]]:g} ({bad.size} such classes)')
