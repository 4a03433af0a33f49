"""Bringing the results of several processes into the order of the data set, each clip once; pure numpy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cdb_video.host_words import samples, worded

Results = NDArray[np.int64]
"""(N, K): K integers a clip."""

ONCE = (
    'each {sample} must come once, so the sampler of the evaluation must divide the set among the processes as '
    "DefaultSampler does: sampler=dict(type='DefaultSampler', shuffle=False)"
)
"""The rule and the remedy, for messages."""


def in_order(parts: Sequence[Results], size: int) -> Results:
    """What the processes kept, in the order of the set, each clip once.

    Args:
        parts: One (N_r, K) a process r of W: its clip k stands at r + k W of the sampler's order.
        size: Clips in the set; what stands behind that is padding.

    Returns:
        (N, K) with N <= size; fewer where a process has left clips out.

    Raises:
        ValueError: If a process has more clips than its share.
    """
    share = -(-size // len(parts))
    for rank, part in enumerate(parts):
        if len(part) > share:
            raise ValueError(
                f'process {rank} of {len(parts)} has evaluated {len(part)} {samples()}, and its share of {size} is '
                f'{share}: '
                f'{worded(ONCE)}'
            )
    places = np.concatenate([rank + len(parts) * np.arange(len(part)) for rank, part in enumerate(parts)])
    order = np.argsort(places, kind='stable')
    return np.concatenate(parts)[order[places[order] < size]]
