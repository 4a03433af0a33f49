"""Accumulated difficulty, CDB-A: weights that grow with the mean difficulty of all validations so far. Ours.

Not in the papers. The papers' w_c ~ d_c^tau follows the last validation: a class that is told rightly gets the weight
0, is forgotten, and comes back with a large one, so that accuracies swing. The law here follows the mean of all
validations, which single ones move little, and grows with their number. It is the rule of multiplicative weights, as
Group DRO has it (Sagawa et al., ICLR 2020, arXiv 1911.08731), with the errors on held-out clips in the place of
training losses and classes in the place of groups::

    w_c = C exp(s d_c) / sum_k exp(s d_k),    s = kappa * validations done / validations of the run

where d is the mean over the validations done. kappa 0 is cross-entropy. No class gets the weight 0, unless s is above
700, where floats end.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from cdb_video.checks import check_not_negative
from cdb_video.difficulty.vectors import FloatVector, unit_vector

ALONE, ADJUSTED = 9.0, 3.0
"""kappa without and with logit adjustment: of pilots on other data, fixed before the runs of docs/methods/plan.md."""


def accumulated_weights(difficulty: ArrayLike, exponent: float) -> FloatVector:
    """Loss weight of every class, w_c = C exp(s d_c) / sum_k exp(s d_k): our choice, see the module.

    Args:
        difficulty: (C,) float in [0, 1], the mean over the validations so far.
        exponent: s >= 0; see `share_of_validations`.

    Returns:
        (C,) float64 with mean 1, > 0 for s up to 700; exactly 1 everywhere if s is 0 or all difficulties are equal.

    Raises:
        ValueError: If a value is out of its range.
    """
    check_not_negative(exponent=exponent)
    values = unit_vector(difficulty, 'difficulty', nan=False)
    powers = np.exp(exponent * (values - values.max()))
    weights: FloatVector = powers * (powers.size / powers.sum())
    return weights


def share_of_validations(done: int, planned: int) -> float:
    """The share of its validations that a run has made, in [0, 1].

    Args:
        done: Validations so far, >= 0; more than were planned count as all.
        planned: Validations of the whole run, >= 1.

    Raises:
        ValueError: If a number is out of its range.
    """
    if done < 0 or planned < 1:
        raise ValueError(f'validations done={done!r}, planned={planned!r}: must be done >= 0, planned >= 1')
    return min(done / planned, 1.0)


def default_strength(logit_adjustment: float) -> float:
    """Strength kappa where none is given: 3 on top of logit adjustment, which balances already, and 9 without."""
    return ADJUSTED if logit_adjustment else ALONE
