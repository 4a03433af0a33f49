"""From training counts to weights, margins and repeats: the formulas of the methods that go by class frequency.

Pure functions over float64 NumPy arrays, without mmengine; the papers' are the baselines that class difficulty
is compared with. A class without training clips counts as the rarest of the others (our choice): no formula
below is defined at 0, and such a class takes part in a loss all the same, as a wrong answer or in soft labels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from cdb_video.checks import check_beta
from cdb_video.difficulty.formulas import FloatVector
from cdb_video.host_words import samples


def check_prior(prior: ArrayLike) -> FloatVector:
    """The class frequencies as an array.

    Args:
        prior: (C,) float >= 0, not all 0: counts, or anything in proportion to them.

    Returns:
        (C,) float64.

    Raises:
        ValueError: If it is something else.
    """
    values = np.asarray(prior, dtype=np.float64)
    if values.ndim != 1 or not np.isfinite(values).all() or (values < 0).any() or not values.any():
        raise ValueError(f'prior: must be (C,) finite numbers >= 0, not all 0, got {prior!r}')
    return values


def fill_unseen(counts: ArrayLike) -> FloatVector:
    """The counts, with the smallest positive one in the place of every 0: (C,) float64 > 0."""
    values = check_prior(counts)
    return np.asarray(np.maximum(values, values[values > 0].min()), dtype=np.float64)


def log_prior(counts: ArrayLike) -> FloatVector:
    """Logarithm of pi_c = n_c / sum n, for logit adjustment (arXiv 2007.07314): (C,) float64 <= 0."""
    filled = fill_unseen(counts)
    return np.asarray(np.log(filled / filled.sum()), dtype=np.float64)


def log_relative_frequency(counts: ArrayLike) -> FloatVector:
    """Logarithm of C pi_c, for logit adjustment beside a background, which gets 0 (our choice): (C,) float64.

    Softmax sees no difference to log pi_c among the classes; C makes it 0 where all counts are equal, exactly, so that
    they keep their place beside what has no count.
    """
    filled = fill_unseen(counts)
    shares = filled / filled.max()
    return np.asarray(np.log(shares * (shares.size / shares.sum())), dtype=np.float64)


def class_balanced_weights(counts: ArrayLike, beta: float) -> FloatVector:
    """Weights by the effective number of clips, w_c ~ (1 - beta) / (1 - beta^n_c) (arXiv 1901.05555).

    Args:
        counts: (C,) float >= 0, training clips per class. The counts themselves: the formula depends on their scale.
        beta: In [0, 1). 0 weighs all classes alike; the nearer to 1, the nearer to 1 / n_c.

    Returns:
        (C,) float64 > 0, with mean 1 over the classes that have clips.

    Raises:
        ValueError: If an argument is out of its range, or the counts are probabilities.
    """
    check_beta(beta)
    values = check_prior(counts)
    if values.max() < 1:
        raise ValueError(
            f'counts: the largest is {values.max():g}; the effective number of {samples()} depends on the scale, so '
            'give '
            'the counts, not probabilities'
        )
    # expm1 and log1p keep 1 - beta^n exact where beta is near 1.
    filled = fill_unseen(values)
    weights = np.ones_like(filled) if beta == 0 else (1 - beta) / -np.expm1(filled * np.log(beta))
    return np.asarray(weights / weights[values > 0].mean(), dtype=np.float64)


def class_margins(counts: ArrayLike, max_margin: float) -> FloatVector:
    """The margins of LDAM, m_c ~ n_c^(-1/4), the largest being `max_margin` (arXiv 1906.07413): (C,) float64 > 0."""
    inverse = fill_unseen(counts) ** -0.25
    return np.asarray(max_margin * inverse / inverse.max(), dtype=np.float64)


def is_rare(counts: ArrayLike, threshold: float) -> FloatVector:
    """T(f_c < threshold), f_c = n_c / N, of the equalization loss (arXiv 2003.05176): (C,) float64, 1 or 0."""
    values = check_prior(counts)
    return np.asarray(values / values.sum() < threshold, dtype=np.float64)


def repeat_factors(counts: ArrayLike, threshold: float, number: float | None = None) -> FloatVector:
    """How often a clip of each class is repeated, r_c = max(1, sqrt(t / f_c)), f_c = n_c / N (arXiv 1908.03195).

    Args:
        counts: (C,) int >= 0, training clips per class, or images that show it.
        threshold: t, in (0, 1]: classes rarer than this share of the clips are repeated.
        number: N, where an image may show several classes; None = the sum of the counts.

    Returns:
        (C,) float64 >= 1; 1 for a class without clips.
    """
    values = check_prior(counts)
    frequency = values / (values.sum() if number is None else number)
    factors = np.ones_like(values)
    seen = frequency > 0
    factors[seen] = np.maximum(1.0, np.sqrt(threshold / frequency[seen]))
    return factors


def progressive_mass(counts: ArrayLike, share: float) -> FloatVector:
    """Class mass (1 - l) n_c + l N / C': from natural (l = 0) to class-balanced (l = 1) sampling (arXiv 1910.09217).

    Args:
        counts: (C,) int >= 0, training clips per class.
        share: l in [0, 1].

    Returns:
        (C,) float64 with sum N, in proportion to the probability of each class; 0 for one without clips.
        C' is the number of classes with clips.
    """
    values = check_prior(counts)
    seen = values > 0
    return np.asarray((1 - share) * values + share * seen * values.sum() / seen.sum(), dtype=np.float64)
