"""The table of classes: train count, clips, accuracy, difficulty, weight and probability, hardest first."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from cdb_video.class_names import class_label
from cdb_video_files.json_checks import is_number

_HEADINGS = {
    'label': 'label',
    'name': 'class',
    'train_count': 'train',
    'num_clips': 'clips',
    'accuracy': 'acc %',
    'difficulty': 'difficulty',
    'weight': 'weight',
    'probability': 'prob %',
}
_FORMATS = {'accuracy': '{:.1%}', 'difficulty': '{:.3f}', 'weight': '{:.3f}', 'probability': '{:.2%}'}
# The metrics of ClassAccuracy, which are shares of 1.
_SHARE = re.compile(r'(^|/)(top\d+|mean1|mean_precision|macro_f1|(many|medium|few)_shot|head|tail)$')
Row = dict[str, Any]


def class_rows(
    num_clips: Sequence[int],
    num_correct: Sequence[int],
    *,
    class_names: Sequence[str] | None = None,
    train_counts: Sequence[int] | None = None,
    difficulty: Sequence[float] | None = None,
    consumers: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[Row]:
    """One row a class, the least accurate first; classes without clips come last.

    Args:
        num_clips: C clips evaluated.
        num_correct: C clips predicted correctly.
        class_names: C names; None = 'class 0', ...
        train_counts: C training clips; None = not known, as are the next two.
        difficulty: C numbers in [0, 1].
        consumers: As in a history record: name -> {'tau', 'weight' or 'probability'}.

    Returns:
        Dicts with the keys label, name, train_count, num_clips, num_correct, accuracy, difficulty,
        weight, probability; None where a value is not known.
    """
    vectors: dict[str, Sequence[float]] = {}
    for consumer in (consumers or {}).values():
        for key in ('weight', 'probability'):
            if consumer.get(key) is not None:
                vectors.setdefault(key, consumer[key])
    rows = [
        {
            'label': label,
            'name': class_label(class_names, label),
            'train_count': None if train_counts is None else int(train_counts[label]),
            'num_clips': int(clips),
            'num_correct': int(correct),
            'accuracy': int(correct) / int(clips) if clips else None,
            'difficulty': None if difficulty is None else float(difficulty[label]),
            'weight': float(vectors['weight'][label]) if 'weight' in vectors else None,
            'probability': float(vectors['probability'][label]) if 'probability' in vectors else None,
        }
        for label, (clips, correct) in enumerate(zip(num_clips, num_correct, strict=True))
    ]
    return sorted(rows, key=lambda row: (row['accuracy'] is None, row['accuracy'] or 0.0, row['label']))


def format_table(rows: Sequence[Row]) -> str:
    """The rows as console text, without the columns of which nothing is known."""
    columns = [key for key in _HEADINGS if any(row[key] is not None for row in rows)]
    cells = [[_HEADINGS[key] for key in columns]]
    cells += [[_cell(row[key], key) for key in columns] for row in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    lines = [
        '  '.join(
            cell.ljust(width) if key == 'name' else cell.rjust(width)
            for cell, width, key in zip(line, widths, columns, strict=True)
        ).rstrip()
        for line in cells
    ]
    lines.insert(1, '  '.join('-' * width for width in widths))
    return '\n'.join(lines)


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


def format_summary(metrics: Mapping[str, Any]) -> str:
    """The metrics in one line, as 'acc/top1 61.2%  acc/mean1 58.0%'; those of others as they are."""
    words = []
    for name, value in metrics.items():
        if isinstance(value, float | int):
            words.append(f'{name} {value:.1%}' if is_share(name) else f'{name} {value:.4g}')
    return '  '.join(words)


def _cell(value: Any, key: str) -> str:
    if value is None:
        return '-'
    text = _FORMATS.get(key, '{}').format(value)
    return text.removesuffix('%')
