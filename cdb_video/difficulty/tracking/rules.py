"""What a difficulty with a memory and the law 'accumulated' ask of who measures it, whatever trains."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from cdb_video.checks import MEAN
from cdb_video.class_names import counted
from cdb_video.difficulty.accumulated import share_of_validations
from cdb_video.difficulty.state import DifficultyState

HOOK_OF_MEAN = "dict(type='ClassDifficultyHook', momentum='mean')"


def waiting_for_mean(consumers: Mapping[str, Any]) -> list[str]:
    """The names of those whose law is made for the mean over all validations, and acts."""
    return [
        name
        for name, part in consumers.items()
        if getattr(part, 'needs_mean_difficulty', False) and getattr(part, 'acts_by_difficulty', True)
    ]


def check_mean_difficulty(
    consumers: Mapping[str, Any],
    momentum: Any,
    owner: str = 'the hook',
    setting: str = f'custom_hooks=[{HOOK_OF_MEAN}]',
) -> None:
    """Check that a law that is made for the mean over all validations gets it.

    Args:
        consumers: Who takes the difficulty, by name.
        momentum: Of who measures it.
        owner: Who measures it, for the message, as is the next.
        setting: What to set.

    Raises:
        ValueError: If it does not.
    """
    waiting = waiting_for_mean(consumers)
    if waiting and momentum != MEAN:
        raise ValueError(
            f"{' and '.join(waiting)}: law='accumulated' needs the mean difficulty of all validations, and {owner} "
            f"has momentum={momentum!r}: set {setting}, or law='power' for the papers' CDB-W"
        )


def warn_of_other_measure(logger: logging.Logger, state: DifficultyState, measure: str, momentum: Any) -> None:
    """Say that a resumed run measures otherwise than its checkpoint, where smoothing mixes the two."""
    if momentum and state.measured.any() and state.measure != measure:
        logger.warning(
            f'the checkpoint has a difficulty measured by {state.measure}, and this run measures by {measure}: the '
            'memory of the difficulty (momentum) mixes the two. Resume with the measure of the checkpoint'
        )


def warn_of_other_memory(
    logger: logging.Logger, state: DifficultyState, settings: Mapping[str, Any] | None, smoothing: Mapping[str, Any]
) -> None:
    """Say that a run which remembers earlier validations resumes from a difficulty that was made in another way.

    Args:
        logger: Of the run.
        state: That of the checkpoint.
        settings: What the checkpoint says of its difficulty; None = nothing, as those of early versions.
        smoothing: Of this run: 'momentum', 'prior_count', 'min_difficulty'.
    """
    momentum = smoothing['momentum']
    if not momentum or not state.measured.any():
        return
    _warn_of_other_smoothing(logger, settings or {}, smoothing)
    before = (settings or {}).get('momentum')
    if momentum != MEAN or before == MEAN:
        return
    known = 'does not say its momentum' if settings is None else f'has momentum={before!r}'
    logger.warning(
        f"the difficulty of the checkpoint {known}, and this run has momentum='mean': what the checkpoint has counts "
        f'as the mean of {counted(state.num_validations, "validation")}, which it need not be. Resume with that of '
        'the checkpoint, or start anew from its weights with load_from'
    )


def _warn_of_other_smoothing(logger: logging.Logger, settings: Mapping[str, Any], smoothing: Mapping[str, Any]) -> None:
    """Say that the memory mixes difficulties of another prior or floor."""
    for name in ('prior_count', 'min_difficulty'):
        if name in settings and settings[name] != smoothing[name]:
            logger.warning(
                f'the difficulty of the checkpoint has {name}={settings[name]!r}, and this run has '
                f'{name}={smoothing[name]!r}: the memory of the difficulty (momentum) mixes the two. Resume with that '
                'of the checkpoint'
            )


def warn_of_other_plan(
    logger: logging.Logger, consumers: Mapping[str, Any], done: int, planned: int | None, now: int | None
) -> None:
    """Say what becomes of s where a resumed run has another number of validations than its checkpoint.

    Args:
        logger: Of the run.
        consumers: Who takes the difficulty, by name.
        done: Validations that the checkpoint has.
        planned: Validations of the run that saved the checkpoint; None = not known.
        now: Those of this run; None = not known.
    """
    if planned is None or now is None or planned == now:
        return
    for name, part in consumers.items():
        strength = getattr(part, 'strength', None)
        if strength:
            before, after = (strength * share_of_validations(done, total) for total in (planned, now))
            logger.warning(
                f'{name}: the run of the checkpoint was to make {counted(planned, "validation")}, this one makes '
                f'{now}: for the {done} that the checkpoint has, s is {after:.3g} now, and was {before:.3g}; each '
                f'validation after them adds {strength / now:.3g}'
            )
