"""The metrics of a class report: their labels, which are shares of 1, and under which key each was recorded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cdb_video_files.json_checks import is_number

METRIC_LABELS = {
    'top1': 'Top-1',
    'top5': 'Top-5',
    'mean1': 'Mean class accuracy',
    'hmean': 'Harmonic mean',
    'worst': 'Worst class',
    'mean_precision': 'Mean precision',
    'macro_f1': 'Macro F1',
    'many_shot': 'Many-shot',
    'medium_shot': 'Medium-shot',
    'few_shot': 'Few-shot',
    'head': 'Head',
    'tail': 'Tail',
}
# The metrics of ClassAccuracy and ObjectAccuracy, which are shares of 1.
_SHARE = re.compile(
    r'(^|/)(top\d+|mean1|hmean|worst|mean_precision|macro_f1|(many|medium|few)_shot|head|tail|missed|confused)$'
)


def is_share(name: str) -> bool:
    """Whether a metric of this name is a share of 1, as those of ClassAccuracy are."""
    return _SHARE.search(name) is not None


def share_named(metrics: Mapping[str, Any], name: str) -> float | None:
    """The metric of this name in [0, 1], see `share_key`; None if there is none."""
    key = share_key(metrics, name)
    return None if key is None else float(metrics[key])


def share_key(metrics: Mapping[str, Any], name: str) -> str | None:
    """Under which key a metric of ClassAccuracy was recorded, whatever its prefix; None if it was not.

    Args:
        metrics: As they were recorded; one of another metric may have the name without being a share, as 'loss/head'.
            The default prefix, 'acc', goes before others.
        name: Without prefix, as 'top1'.
    """
    found = [key for key in metrics if key.rpartition('/')[2] == name and is_number(metrics[key])]
    shares = [key for key in found if 0 <= metrics[key] <= 1]
    return f'acc/{name}' if f'acc/{name}' in shares else next(iter(shares), None)
