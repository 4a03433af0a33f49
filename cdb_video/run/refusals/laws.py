"""What the laws of the weights and the measures of the difficulty need, checked before the first step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cdb_video.checks import MEAN
from cdb_video.class_names import counted
from cdb_video.difficulty.formulas import IntVector
from cdb_video.difficulty.schedule import DifficultySchedule
from cdb_video.difficulty.tracking.rules import HOOK_OF_MEAN, waiting_for_mean
from cdb_video.host_words import samples
from cdb_video.hosts.host import hosts
from cdb_video.run.handover import Handover
from cdb_video.run.parts import RunParts

FEW_CLIPS = 5
"""A class with fewer validation clips has a difficulty that is mostly chance."""
MIN_DIFFICULTY = 0.1
"""What we advise as the floor for the papers' law in a detector."""


def check_replayed_mean(consumers: Mapping[str, Any], schedule: DifficultySchedule, history: Any) -> None:
    """Check the same of a difficulty that is replayed.

    Raises:
        ValueError: If it was recorded with another momentum, or with one that is not known.
    """
    waiting = waiting_for_mean(consumers)
    momentum = (schedule.settings or {}).get('momentum')
    if waiting and momentum != MEAN:
        known = 'does not say its momentum' if schedule.settings is None else f'was recorded with momentum={momentum!r}'
        raise ValueError(
            f"{' and '.join(waiting)}: law='accumulated' needs the mean difficulty of all validations, and {history} "
            f"{known}: measure once more with {HOOK_OF_MEAN}, or replay with law='power'"
        )


def check_probabilities(parts: RunParts) -> None:
    """Check that the model gives probabilities, as far as that is known before a validation.

    Raises:
        ValueError: If it is known not to.
    """
    for host in hosts():
        host.refuse_scores(parts.model)


def warn_of_other_history(parts: RunParts, replayed: str | None, replays: str | None, history: Any) -> None:
    """Say that a resumed run replays another history than the run of its checkpoint.

    Args:
        parts: Of the run.
        replayed: The run id in the history that the run of the checkpoint replayed; None = not known.
        replays: The run id in the history of this run; None = it has none.
        history: The file, for the message.
    """
    if None not in (replayed, replays) and replayed != replays:
        parts.logger.warning(
            f'the run of the checkpoint replayed the history of run {replayed}, and {history} is that of run '
            f'{replays}, so the difficulty changes its course here. Resume with the history of before'
        )


def advise_prior_count(handover: Handover, val_counts: IntVector | None, prior_count: float) -> None:
    """Advise a prior where accumulating weights follow classes of few validation clips.

    Args:
        handover: Of the training that begins.
        val_counts: (C,) int, validation clips per class; None = not known.
        prior_count: Of the hook.
    """
    if val_counts is None or prior_count or not waiting_for_mean(handover.consumers):
        return
    few = int(((np.asarray(val_counts) > 0) & (np.asarray(val_counts) < FEW_CLIPS)).sum())
    if few:
        handover.parts.logger.warning(
            f'{counted(few, "class has", "classes have")} under {FEW_CLIPS} validation {samples()}, so that their '
            'difficulty '
            f'is mostly chance: we advise prior_count={FEW_CLIPS} in ClassDifficultyHook'
        )


def advise_min_difficulty(handover: Handover, smoothing: Mapping[str, Any]) -> None:
    """Advise a floor where the papers' law could give a class of a detector the weight 0.

    With a background nothing would pull such a class up any more, and everything else pushes it down.

    Args:
        handover: Of the training that begins.
        smoothing: Of the hook: 'min_difficulty', 'prior_count'.
    """
    if smoothing['min_difficulty'] or smoothing['prior_count']:
        return
    for name, part in handover.consumers.items():
        by_power = getattr(part, 'law', None) == 'power' and getattr(part, 'acts_by_difficulty', False)
        if by_power and getattr(part, 'background', None) is not None:
            handover.parts.logger.warning(
                f'{name}: a class whose objects are all called by their name has difficulty 0, so weight 0, and then '
                'background and other classes alone act on its score, downwards: we advise '
                f'min_difficulty={MIN_DIFFICULTY} in ClassDifficultyHook'
            )
