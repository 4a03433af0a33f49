"""What the laws of the weights and the measures of the difficulty need, checked before the first step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cdb_video.checks import MEAN
from cdb_video.class_names import counted
from cdb_video.difficulty.formulas import IntVector
from cdb_video.difficulty.schedule import DifficultySchedule
from cdb_video.difficulty.state import DifficultyState
from cdb_video.host_words import samples
from cdb_video.hosts.host import hosts
from cdb_video.run.handover import Handover
from cdb_video.run.parts import RunParts

FEW_CLIPS = 5
"""A class with fewer validation clips has a difficulty that is mostly chance."""
MIN_DIFFICULTY = 0.1
"""What we advise as the floor for the papers' law in a detector."""
_HOOK = "dict(type='ClassDifficultyHook', momentum='mean')"


def check_mean_difficulty(consumers: Mapping[str, Any], momentum: Any) -> None:
    """Check that a law that is made for the mean over all validations gets it.

    Args:
        consumers: Who takes the difficulty, by name.
        momentum: Of the hook.

    Raises:
        ValueError: If it does not.
    """
    waiting = _of_mean(consumers)
    if waiting and momentum != MEAN:
        raise ValueError(
            f"{' and '.join(waiting)}: law='accumulated' needs the mean difficulty of all validations, and the "
            f"hook has momentum={momentum!r}: set custom_hooks=[{_HOOK}], or law='power' for the papers' CDB-W"
        )


def check_replayed_mean(consumers: Mapping[str, Any], schedule: DifficultySchedule, history: Any) -> None:
    """Check the same of a difficulty that is replayed.

    Raises:
        ValueError: If it was recorded with another momentum, or with one that is not known.
    """
    waiting = _of_mean(consumers)
    momentum = (schedule.settings or {}).get('momentum')
    if waiting and momentum != MEAN:
        known = 'does not say its momentum' if schedule.settings is None else f'was recorded with momentum={momentum!r}'
        raise ValueError(
            f"{' and '.join(waiting)}: law='accumulated' needs the mean difficulty of all validations, and {history} "
            f"{known}: measure once more with {_HOOK}, or replay with law='power'"
        )


def check_probabilities(parts: RunParts) -> None:
    """Check that the model gives probabilities, as far as that is known before a validation.

    Raises:
        ValueError: If it is known not to.
    """
    for host in hosts():
        host.refuse_scores(parts.model)


def warn_of_other_measure(parts: RunParts, state: DifficultyState, measure: str, momentum: Any) -> None:
    """Say that a resumed run measures otherwise than its checkpoint, where smoothing mixes the two."""
    if momentum and state.measured.any() and state.measure != measure:
        parts.logger.warning(
            f'the checkpoint has a difficulty measured by {state.measure}, and this run measures by {measure}: the '
            'memory of the difficulty (momentum) mixes the two. Resume with the measure of the checkpoint'
        )


def warn_of_other_memory(
    parts: RunParts, state: DifficultyState, settings: Mapping[str, Any] | None, smoothing: Mapping[str, Any]
) -> None:
    """Say that a run which remembers earlier validations resumes from a difficulty that was made in another way.

    Args:
        parts: Of the run.
        state: That of the checkpoint.
        settings: What the checkpoint says of its difficulty; None = nothing, as those of early versions.
        smoothing: Of the hook: 'momentum', 'prior_count', 'min_difficulty'.
    """
    momentum = smoothing['momentum']
    if not momentum or not state.measured.any():
        return
    _warn_of_other_smoothing(parts, settings or {}, smoothing)
    before = (settings or {}).get('momentum')
    if momentum != MEAN or before == MEAN:
        return
    known = 'does not say its momentum' if settings is None else f'has momentum={before!r}'
    parts.logger.warning(
        f"the difficulty of the checkpoint {known}, and this run has momentum='mean': what the checkpoint has counts "
        f'as the mean of {counted(state.num_validations, "validation")}, which it need not be. Resume with that of '
        'the checkpoint, or start anew from its weights with load_from'
    )


def _warn_of_other_smoothing(parts: RunParts, settings: Mapping[str, Any], smoothing: Mapping[str, Any]) -> None:
    """Say that the memory mixes difficulties of another prior or floor."""
    for name in ('prior_count', 'min_difficulty'):
        if name in settings and settings[name] != smoothing[name]:
            parts.logger.warning(
                f'the difficulty of the checkpoint has {name}={settings[name]!r}, and this run has '
                f'{name}={smoothing[name]!r}: the memory of the difficulty (momentum) mixes the two. Resume with that '
                'of the checkpoint'
            )


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


def warn_of_other_plan(handover: Handover, planned: int | None) -> None:
    """Say what becomes of s where a resumed run has another number of validations than its checkpoint.

    Args:
        handover: Of the training that begins.
        planned: Validations of the run that saved the checkpoint; None = not known.
    """
    now, done = handover.planned_validations, handover.state.num_validations
    if planned is None or planned == now:
        return
    for name, part in handover.consumers.items():
        strength = getattr(part, 'strength', None)
        if strength:
            before, after = (strength * min(done / total, 1.0) for total in (planned, now))
            handover.parts.logger.warning(
                f'{name}: the run of the checkpoint was to make {counted(planned, "validation")}, this one makes '
                f'{now}: for the {done} that the checkpoint has, s is {after:.3g} now, and was {before:.3g}; each '
                f'validation after them adds {strength / now:.3g}'
            )


def advise_prior_count(handover: Handover, val_counts: IntVector | None, prior_count: float) -> None:
    """Advise a prior where accumulating weights follow classes of few validation clips.

    Args:
        handover: Of the training that begins.
        val_counts: (C,) int, validation clips per class; None = not known.
        prior_count: Of the hook.
    """
    if val_counts is None or prior_count or not _of_mean(handover.consumers):
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


def _of_mean(consumers: Mapping[str, Any]) -> list[str]:
    return [
        name
        for name, part in consumers.items()
        if getattr(part, 'needs_mean_difficulty', False) and getattr(part, 'acts_by_difficulty', True)
    ]
