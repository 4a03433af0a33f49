"""What a tracker's consumers need, and whose they are: checked before the first step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from cdb_video.checks import MEAN
from cdb_video.difficulty.formulas import IntVector
from cdb_video.difficulty.tracking.recipients import Recipients
from cdb_video.difficulty.tracking.rules import check_mean_difficulty, waiting_for_mean


def check_needs(
    recipients: Recipients, momentum: Any, planned: int | None, max_epochs: int | None, *, knows_counts: bool
) -> None:
    """Check that the consumers of a tracker get what they need.

    Args:
        recipients: Who is handed what.
        momentum: Of the tracker.
        planned: Validations of the whole training; None = not known.
        max_epochs: Epochs of the training; None = not known.
        knows_counts: Whether the training samples per class are known.

    Raises:
        ValueError: If they do not.
    """
    check_mean_difficulty(recipients.difficulty, momentum, 'DifficultyTracker', f'momentum={MEAN!r}')
    waiting = waiting_for_mean(recipients.difficulty)
    if waiting and planned is None:
        raise ValueError(
            f"{' and '.join(waiting)}: law='accumulated' grows with the share of the validations that are done, "
            'and planned_validations=None: set it to the validations of the whole training, such as its epochs'
        )
    following = [type(part).__name__ for part in recipients.progress if part.follows_progress]
    if following and max_epochs is None:
        raise ValueError(
            f'{" and ".join(following)} changes with the epoch (begin, or a tau that grows), and max_epochs=None: '
            'set max_epochs to the epochs of the training'
        )
    needing = [type(part).__name__ for part in recipients.prior if getattr(part, 'needs_prior', False)]
    if needing and not knows_counts:
        raise ValueError(
            f'{" and ".join(needing)} needs the class frequencies, and train_counts=None: give the training '
            'samples of every class, as np.bincount(labels, minlength=num_classes)'
        )


def check_unshared(own: Sequence[Any], others: Iterable[Sequence[Any]]) -> None:
    """Check that no part is handed its difficulty by another tracker.

    Args:
        own: The parts of one tracker.
        others: Those of the others.

    Raises:
        ValueError: If one is.
    """
    taken = {id(part) for parts in others for part in parts}
    shared = next((part for part in own if id(part) in taken), None)
    if shared is not None:
        raise ValueError(
            f'{type(shared).__name__} is handed its difficulty by another DifficultyTracker, and two would overwrite '
            'each other: give all consumers to one tracker; if the other is of a training that is over, let go of it '
            'first (del tracker)'
        )


def counted_for_training(given: Any, sampler: Any, num_classes: int) -> IntVector | None:
    """Training samples per class, (C,) int64: those given, else those that the sampler counts; None = not known.

    Raises:
        ValueError: If those given are not C whole numbers >= 0.
    """
    if given is None:
        # A sampler of another number of classes refuses the difficulty, and says how to give it its class list.
        counted = np.asarray(getattr(sampler, 'class_counts', ()))
        return counted.astype(np.int64) if counted.shape == (num_classes,) else None
    counts = np.asarray(given)
    if counts.shape != (num_classes,) or counts.dtype.kind not in 'iu' or (counts < 0).any():
        raise ValueError(
            f'train_counts: {counts.dtype} of shape {counts.shape}, num_classes is {num_classes}: must be '
            f'({num_classes},) whole numbers >= 0, the training samples of every class, as np.bincount(labels, '
            'minlength=num_classes)'
        )
    return counts.astype(np.int64)
