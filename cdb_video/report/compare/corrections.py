"""p-values of several tests, corrected for their number. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float], planned: int | None = None) -> list[float]:
    """p-values corrected by Holm's step-down, in the order given; each at most 1.

    With p_(1) <= ... <= p_(m) of m tests, the corrected p_(i) is the largest of min(1, (m - j + 1) p_(j)) over j <= i.
    Whoever calls significant what is below 5 % then is wrong in at least one of the m tests with a probability of at
    most 5 %, however the tests depend on each other (Holm, 1979).

    Args:
        p_values: Those that are known.
        planned: How many there will be; the unknown ones are taken to be larger than these, where the correction is
            strictest. None = all are known.
    """
    number = len(p_values) if planned is None else planned
    order = np.argsort(p_values, kind='stable')
    corrected, largest = [0.0] * len(p_values), 0.0
    for place, index in enumerate(order):
        largest = max(largest, min(1.0, (number - place) * p_values[index]))
        corrected[index] = largest
    return corrected
