"""What the processes of a training have counted in a validation, each sample once."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from cdb_video.checks import check_whole
from cdb_video.class_names import counted
from cdb_video.difficulty.tracking.outcomes import Kept
from cdb_video.difficulty.tracking.set_order import in_order

_LOG = logging.getLogger('cdb_video')
_RULE = (
    'each {sample} must come once: call update once for every batch and compute after each validation, and let '
    'processes that pad divide the set as torch.utils.data.DistributedSampler(val_set, shuffle=False) does'
)


def pooled(parts: Sequence[Kept], size: int | None) -> Kept:
    """What all processes have kept, in the order of the set, without what they were padded with.

    Args:
        parts: One (N_r, K) a process r of W.
        size: Samples in the set; None = as many as were counted, in one process.

    Raises:
        ValueError: If nothing was counted, `size` is lacking, or a process has counted more than its share of it.
    """
    total = sum(map(len, parts))
    if total == 0:
        raise ValueError(
            'compute without update: no sample was counted since the last compute; call update(scores, labels) with '
            'every batch of the validation set first'
        )
    if size is None and len(parts) > 1:
        raise ValueError(
            f'{len(parts)} processes have counted {total} samples, and size=None: a sampler that pads would make some '
            'of them count twice; give compute size=len(val_set), the samples of the whole set'
        )
    if size is None:
        return parts[0]
    check_whole(1, size=size)
    last = max(rank + len(parts) * (len(part) - 1) for rank, part in enumerate(parts) if len(part))
    if total == size and last >= size:
        return np.concatenate(parts)  # divided in another way than by turns, and none comes twice
    if total < size:
        _LOG.warning(
            f'{total} of the {counted(int(size), "sample")} of the set were counted: is drop_last=True in its '
            'DataLoader, or does its sampler leave some out?'
        )
    return in_order(parts, int(size), _RULE)
