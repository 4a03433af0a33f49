"""Bringing the results of several processes into the order of the data set, each sample once; pure numpy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cdb_video.difficulty.formulas import IntVector
from cdb_video.host_words import samples, worded

Results = NDArray[np.int64]
"""(N, K): K integers a clip."""

ONCE = (
    'each {sample} must come once, so the sampler of the evaluation must divide the set among the processes as '
    "DefaultSampler does: sampler=dict(type='DefaultSampler', shuffle=False)"
)
"""The rule and the remedy, for messages."""


@dataclass(frozen=True, eq=False)
class SampleRows:
    """What one process has kept, with any number of rows a sample.

    Attributes:
        rows: (N, K) int64.
        places: (N,) int64, ascending: to which of the samples of this process a row belongs, counted from 0.
        num_samples: Samples that it has evaluated; of some there may be no row.
    """

    rows: Results
    places: IntVector
    num_samples: int


def in_order(parts: Sequence[Results], size: int, rule: str = ONCE) -> Results:
    """What the processes kept, in the order of the set, each clip once.

    Args:
        parts: One (N_r, K) a process r of W: its clip k stands at r + k W of the sampler's order.
        size: Clips in the set; what stands behind that is padding.
        rule: What the processes must do, for the message.

    Returns:
        (N, K) with N <= size; fewer where a process has left clips out.

    Raises:
        ValueError: If a process has more clips than its share.
    """
    return rows_in_order([SampleRows(part, np.arange(len(part)), len(part)) for part in parts], size, rule)


def rows_in_order(parts: Sequence[SampleRows], size: int, rule: str = ONCE) -> Results:
    """The same for samples with any number of rows, as images with objects in them.

    Args:
        parts: One a process r of W: its sample k stands at r + k W of the sampler's order.
        size: Samples in the set; what stands behind that is padding.
        rule: As above.

    Returns:
        (N, K), the rows of each sample once, in the order that they had.

    Raises:
        ValueError: If a process has more samples than its share.
    """
    share = -(-size // len(parts))
    for rank, part in enumerate(parts):
        if part.num_samples > share:
            raise ValueError(
                f'process {rank} of {len(parts)} has evaluated {part.num_samples} {samples()}, and its share of '
                f'{size} is {share}: {worded(rule)}'
            )
    places = np.concatenate([rank + len(parts) * part.places for rank, part in enumerate(parts)])
    order = np.argsort(places, kind='stable')
    return np.concatenate([part.rows for part in parts])[order[places[order] < size]]
