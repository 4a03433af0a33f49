"""Why a hard class is hard, as far as its clips tell: its signed difficulty, what that means, and what to do.

A class is hard if its difficulty, 1 - accuracy on the evaluated clips, is above the mean of the classes that have some.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cdb_video.class_names import counted
from cdb_video.difficulty.diagnosis.signed import signed_difficulty, signed_interval
from cdb_video.difficulty.formulas import FloatVector
from cdb_video.host_words import unit, worded
from cdb_video.report.class_report.rows import DetailedRow
from cdb_video.report.insight.statistics import IntMatrix, ratio

UNDER_PREDICTED = 'under-predicted'
TAKES = 'takes from others'
OVERLAP = 'overlap'
MISSED = 'missed'
UNKNOWN = 'cannot be told'
SMALL = 0.2
"""A signed difficulty within this of 0 is small: the class takes about as many clips as it loses."""
_FEW_CLIPS = 5
"""With fewer clips of a class, draws of them show too little of what else could have come out."""
_ADVICE = {
    UNDER_PREDICTED: 'Adjust the scores: a class bias (cdb-video edit-classifier balance-classes), or balanced softmax '
    'in training.',
    TAKES: 'More weight or a higher bias would take more still: look at the classes that it is confused with, and '
    'collect {units} that tell them apart.',
    OVERLAP: 'Neither weight nor bias parts such classes: look at the labels, merge classes, or collect better '
    '{units}.',
    MISSED: 'Weights and biases of classes name what is found, and find no more: look at how small or covered its '
    '{units} are, at the proposals and at what the test leaves out (score_thr, max_per_img).',
}
_ADVICE_ON_OBJECTS = {UNDER_PREDICTED: 'Adjust the scores in training, by balanced softmax (logit_adjustment=1.0).'}
_WORDS = {
    MISSED: 'is missed',
    UNDER_PREDICTED: 'is under-predicted',
    TAKES: 'takes from others',
    OVERLAP: 'overlaps with others',
}


@dataclass(frozen=True, slots=True)
class Sign:
    """The signed difficulty of a class; None where it has no clips, or what is not known.

    Attributes:
        value: At most 1.
        low: Lower end of its 95 % interval; None without draws, as are the next two.
        high: Its upper end.
        finding: What makes a hard class hard: one of the constants of this module; None = it is not hard.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    finding: str | None = None


def signs_of(confusion: IntMatrix, repeats: int) -> list[Sign]:
    """The signed difficulty of every class, and what it says of those that are hard.

    Args:
        confusion: (C, C) int64, rows are true classes; of objects (C, C + 1), the last column has those that were
            missed.
        repeats: Draws of the bootstrap; 0 = no intervals, and so no findings.
    """
    clips = confusion.sum(axis=1)
    values = signed_difficulty(confusion)
    nothing = np.full(len(clips), np.nan)
    low, high = signed_interval(confusion, repeats=repeats) if repeats else (nothing, nothing)
    lost = 1 - ratio(np.diag(confusion), clips)
    hard = (clips > 0) & (lost > _mean(lost[clips > 0]) + 1e-9)
    missed = ratio(confusion[:, len(clips) :].sum(axis=1), clips)
    return [
        Sign(
            _known(values[label]),
            _known(low[label]),
            _known(high[label]),
            finding_on(lost[label], values[label], (low[label], high[label]), int(clips[label]), missed[label])
            if repeats and hard[label]
            else None,
        )
        for label in range(len(clips))
    ]


def finding_on(lost: float, sign: float, interval: tuple[float, float], num_clips: int, missed: float = 0.0) -> str:
    """What makes a hard class hard.

    An interval above 0 says under-predicted, below 0 takes from others, within 0.2 of 0 overlap; all others, and that
    of fewer than 5 clips, say that it cannot be told. An interval may lie beside 0 and within 0.2 of it: with many
    clips that of every small sign does. Then the greater part of the errors decides: overlap, if what the class both
    loses and takes, min(lost, taken), is no less than that by which the two differ, |sign|. A class of objects that
    loses more by missing them than by other names is missed, whatever its sign.

    Args:
        lost: Share of the clips of the class that were not recognised, its difficulty.
        sign: Its signed difficulty, lost - taken.
        interval: Of the sign, from low to high.
        num_clips: Of the class.
        missed: Share of its objects that no detection found.
    """
    low, high = interval
    if num_clips < _FEW_CLIPS:
        return UNKNOWN
    if missed > lost / 2:
        return MISSED
    is_beside = low > 0 or high < 0
    swapped = min(lost, lost - sign)
    if low >= -SMALL and high <= SMALL and (not is_beside or swapped >= abs(sign)):
        return OVERLAP
    if not is_beside:
        return UNKNOWN
    return UNDER_PREDICTED if low > 0 else TAKES


def sentences_on(rows: Sequence[DetailedRow]) -> list[str]:
    """A sentence on every hard class of which something was found, in the order of the rows."""
    return [sentence for row in rows if (sentence := sentence_on(row)) is not None]


def sentence_on(row: DetailedRow) -> str | None:
    """What makes a hard class hard, with what to do; None if it is not hard, or nothing is known."""
    sign, low, high = row.signed_difficulty, row.signed_low, row.signed_high
    if row.finding is None or row.accuracy is None or sign is None or low is None or high is None:
        return None
    numbers = f'signed difficulty {sign:+.2f}, {low:+.2f} to {high:+.2f}'
    if row.finding == UNKNOWN:
        return f'What makes {row.name} hard cannot be told with {counted(row.num_clips, unit())} ({numbers}).'
    lost = 1 - row.accuracy
    parts = f'it loses {lost:.0%} and takes {max(lost - sign, 0.0):.0%}'
    if row.num_missed is not None:
        parts = f'it misses {row.num_missed / row.num_clips:.0%}, loses {lost:.0%} with these, and takes '
        parts += f'{max(lost - sign, 0.0):.0%}'
    advice = _ADVICE | (_ADVICE_ON_OBJECTS if row.num_missed is not None else {})
    parts = parts.replace('%', ' %')
    return f'{row.name} {_WORDS[row.finding]} ({numbers}): {parts}. {worded(advice[row.finding])}'


def _mean(values: FloatVector) -> float:
    return float(values.mean()) if values.size else 0.0


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
