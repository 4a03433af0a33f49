"""Whether the classes of a run swing from validation to validation, and what would calm them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from cdb_video.class_names import counted
from cdb_video.difficulty.diagnosis.restlessness import FEWEST_CLIPS, Restlessness, restlessness
from cdb_video.difficulty.records import Record
from cdb_video.host_words import units


def restlessness_of(records: Sequence[Record]) -> Restlessness | None:
    """How much the classes change between validations of this run that follow each other.

    Records of training batches, in which the model changes while it is measured, and of another run are left out.

    Returns:
        The means; None if there are no two such validations with clips enough.
    """
    return (
        restlessness(
            [record.num_clips for record in records],
            [record.num_correct for record in records],
            [record.difficulty for record in records],
            [one.source == other.source == 'val' for one, other in itertools.pairwise(records)],
        )
        if records
        else None
    )


def restless_sentence(found: Restlessness) -> str:
    """How restless a run is, in words."""
    classes = counted(found.num_classes, 'class', 'classes')
    return (
        f'Restlessness {found.change:.3f}: so much does the accuracy of a class change from validation to validation, '
        f'in the mean over {classes} with at least {FEWEST_CLIPS} {units()} and '
        f'{counted(found.num_changes, "change")}. '
        f'Counting alone gives {found.noise:.3f}; {found.one_way:.3f} is not taken back later; the recorded difficulty '
        f'changes by {found.recorded_change:.3f}.'
    )


def restless_remarks(found: Restlessness | None, records: Sequence[Record]) -> list[str]:
    """A warning if the run is restless, with what would calm it."""
    if found is None or not found.is_restless:
        return []
    cure = (
        "ClassDifficultyHook(momentum='mean') averages all validations, and measure='probability' measures by the "
        'probability of the true class'
    )
    if not _is_followed(records):
        why = (
            'No weight or probability follows the difficulty here, so look at the learning rate first; in a run that '
            f'follows it, {cure}.'
        )
    elif found.recorded_change < found.change / 2:
        why = (
            f'The recorded difficulty changes by {found.recorded_change:.2f} only, as one that is smoothed or of '
            f'probabilities does. {cure}; a run that has both needs a later begin, a lower tau or strength, or a lower '
            'learning rate.'
        )
    else:
        why = f'A difficulty without memory feeds back with a delay: {cure}.'
    return [
        f'The classes are restless: their accuracies change by {found.change:.2f} a validation, where counting alone '
        f'gives {found.noise:.2f}, and most of it is taken back later. {why}'
    ]


def _is_followed(records: Sequence[Record]) -> bool:
    """Whether weights or probabilities of any consumer change over the records."""
    return any(
        one.consumers[name].vectors != derived.vectors
        for one, other in itertools.pairwise(records)
        for name, derived in other.consumers.items()
        if name in one.consumers
    )
