"""The metrics of a class report: their labels, which are shares of 1, and under which key each was recorded.

Of detectors there are those of mmdet's CocoMetric and LVISMetric too: average precisions, of all classes and of groups
of them, and with ``classwise=True`` of every class, as 'lvis/teapot_precision'.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from cdb_video.host_words import words_now
from cdb_video_files.json_checks import is_number

_KINDS = {'bbox': 'boxes', 'segm': 'masks'}
# Of LVISMetric, and of CocoMetric: r, c, f are rare, common and frequent classes, s, m, l objects by their size.
_AP_NAMES = {
    'AP': 'AP',
    'APr': 'APr',
    'APc': 'APc',
    'APf': 'APf',
    'AP50': 'AP50',
    'AP75': 'AP75',
    'APs': 'APs',
    'APm': 'APm',
    'APl': 'APl',
    'mAP': 'mAP',
    'mAP_50': 'mAP50',
    'mAP_75': 'mAP75',
    'mAP_s': 'mAPs',
    'mAP_m': 'mAPm',
    'mAP_l': 'mAPl',
}
AP_LABELS = {
    f'{kind}_{name}': f'{label} ({what})' for kind, what in _KINDS.items() for name, label in _AP_NAMES.items()
}
"""Average precision by the name that mmdet gives it, without prefix."""
METRIC_LABELS = {
    'top1': 'Top-1',
    'top5': 'Top-5',
    'missed': 'Missed',
    'confused': 'Confused',
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
    **AP_LABELS,
}
LOWER_IS_BETTER = frozenset({'missed', 'confused'})
"""Those of them that are shares of mistakes."""
_OF_OBJECTS = {'top1': 'Object accuracy'}
# The metrics of ClassAccuracy, ObjectAccuracy and those beside them that are shares of 1.
_SHARE = re.compile(rf'(^|/)(top\d+|{"|".join(METRIC_LABELS)})$')
_PREFIXES = ('acc', 'obj')


def metric_label(name: str) -> str:
    """What to call a metric of `METRIC_LABELS`, in the words of who is spoken of."""
    own = _OF_OBJECTS if words_now().has_objects else {}
    return own.get(name, METRIC_LABELS[name])


def is_share(name: str) -> bool:
    """Whether a metric of this name is a share of 1, as those of ClassAccuracy are."""
    return _SHARE.search(name) is not None


def share_named(metrics: Mapping[str, Any], name: str) -> float | None:
    """The metric of this name in [0, 1], see `share_key`; None if there is none."""
    key = share_key(metrics, name)
    return None if key is None else float(metrics[key])


def share_key(metrics: Mapping[str, Any], name: str) -> str | None:
    """Under which key a metric of ours or an AP was recorded, whatever its prefix; None if it was not.

    Args:
        metrics: As they were recorded; one of another metric may have the name without being a share, as 'loss/head',
            or an average precision of -1, which says that there is none. Our default prefixes go before others.
        name: Without prefix, as 'top1'.
    """
    found = [key for key in metrics if key.rpartition('/')[2] == name and is_number(metrics[key])]
    shares = [key for key in found if 0 <= metrics[key] <= 1]
    ours = (f'{prefix}/{name}' for prefix in _PREFIXES if f'{prefix}/{name}' in shares)
    return next(ours, next(iter(shares), None))


def class_precisions(metrics: Mapping[str, Any], class_names: Sequence[str]) -> list[float | None] | None:
    """The average precision of every class, as CocoMetric and LVISMetric return it with ``classwise=True``.

    It is that of the last kind that such a metric evaluates: with ``metric=['bbox', 'segm']`` the masks have the last
    word, under the same keys.

    Args:
        metrics: As they were recorded.
        class_names: C names, as the annotations have them.

    Returns:
        C numbers in [0, 1], None for a class without objects; None if no class has one.
    """
    for prefix in _prefixes_of_precision(metrics):
        values = [metrics.get(f'{prefix}{name}_precision') for name in class_names]
        known = [float(value) if value is not None and _is_share(value) else None for value in values]
        if any(value is not None for value in known):
            return known
    return None


def without_classes(metrics: Mapping[str, Any], class_names: Sequence[str]) -> dict[str, Any]:
    """The metrics without those of single classes, which a table of the classes shows."""
    own = {f'{prefix}{name}_precision' for prefix in _prefixes_of_precision(metrics) for name in class_names}
    return {name: value for name, value in metrics.items() if name not in own}


def _is_share(value: Any) -> bool:
    return is_number(value) and 0 <= value <= 1


def _prefixes_of_precision(metrics: Mapping[str, Any]) -> list[str]:
    """Those of the evaluators that returned an average precision, as 'lvis/'; each once."""
    names = ((key, key.rpartition('/')[2]) for key in metrics)
    return list(dict.fromkeys(key.removesuffix(name) for key, name in names if name in AP_LABELS))
