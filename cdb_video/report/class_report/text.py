"""Rows and metrics of a class report as console text, CSV and Markdown; whatever a class is called, it stays a name."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

from cdb_video.host_words import worded
from cdb_video.report.class_report.metrics import is_share
from cdb_video.report.class_report.rows import ClassRow, DetailedRow

# All that Markdown, GitHub's too, reads inside a line, but for & and <, for which HTML has names. An underscore
# within a word is just that.
_MARKDOWN = re.compile(r'([\\`*\[\]|~$@]|_(?!(?<=[^\W_]_)[^\W_])|:(?=//)|(?<=www)\.)')
# How a formula begins in spreadsheets, and the apostrophe itself, so that the way back is plain.
_FORMULA = ('=', '+', '-', '@', '\t', "'")
# Column -> heading, on the console and in Markdown.
_HEADINGS = {
    'label': 'label',
    'name': 'class',
    'train_count': 'train',
    'num_clips': '{units}',
    'accuracy': 'acc %',
    'num_missed': 'missed',
    'num_confused': 'confused',
    'ap': 'AP %',
    'difficulty': 'difficulty',
    'weight': 'weight',
    'probability': 'prob %',
}
_FORMATS = {
    'accuracy': '{:.1%}',
    'ap': '{:.1%}',
    'difficulty': '{:.3f}',
    'weight': '{:.3f}',
    'probability': '{:.2%}',
}
_MARKDOWN_HEADINGS = {
    'name': 'class',
    'train_count': 'train',
    'num_clips': '{units}',
    'accuracy': 'acc %',
    'accuracy_low': 'from',
    'accuracy_high': 'to',
    'num_missed': 'missed',
    'num_confused': 'confused',
    'ap': 'AP %',
    'precision': 'precision %',
    'difficulty': 'difficulty',
    'peak_difficulty': 'peak',
    'signed_difficulty': 'signed',
    'signed_low': 'from',
    'signed_high': 'to',
    'finding': 'finding',
    'weight': 'weight',
    'probability': 'prob %',
    'confused_with': 'most often taken for',
}
_PERCENT = ('accuracy', 'accuracy_low', 'accuracy_high', 'ap', 'precision', 'probability')
_SIGNED = ('signed_difficulty', 'signed_low', 'signed_high')
_WORDS = ('name', 'finding', 'confused_with')


def format_table(rows: Sequence[ClassRow]) -> str:
    """The rows as console text, without the columns of which nothing is known."""
    columns = [key for key in _HEADINGS if any(getattr(row, key) is not None for row in rows)]
    cells = [[worded(_HEADINGS[key]) for key in columns]]
    cells += [[_console_cell(getattr(row, key), key) for key in columns] for row in rows]
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


def format_summary(metrics: Mapping[str, Any]) -> str:
    """The metrics in one line, as 'acc/top1 61.2%  acc/mean1 58.0%'; those of others as they are."""
    words = []
    for name, value in metrics.items():
        if isinstance(value, float | int):
            # An average precision of -1 says that no class has one.
            words.append(f'{name} {value:.1%}' if is_share(name) and value >= 0 else f'{name} {value:.4g}')
    return '  '.join(words)


def markdown_table(rows: Sequence[DetailedRow]) -> list[str]:
    """The lines of the rows as a Markdown table, without the columns of which nothing is known."""
    values = [row.to_dict() | {'num_confused': row.num_confused} for row in rows]
    columns = [key for key in _MARKDOWN_HEADINGS if any(row[key] not in (None, '') for row in values)]
    return [
        '| ' + ' | '.join(worded(_MARKDOWN_HEADINGS[key]) for key in columns) + ' |',
        '|' + '|'.join('---' if key in _WORDS else '---:' for key in columns) + '|',
        *('| ' + ' | '.join(_markdown_cell(row[key], key) for key in columns) + ' |' for row in values),
    ]


def markdown_text(text: str) -> str:
    """`text` in one line, such that Markdown shows it as it is: no link, no emphasis, no HTML, no end of a cell."""
    line = ' '.join(text.split())
    return _MARKDOWN.sub(r'\\\1', line.replace('&', '&amp;').replace('<', '&lt;'))


def csv_text(text: str) -> str:
    """`text` with an apostrophe before it where a spreadsheet would read a formula, or it begins with an apostrophe.

    So a reader gets the text back by taking away one apostrophe, if it begins with one. A carriage return becomes a
    space.
    """
    text = text.replace('\r', ' ')
    return f"'{text}" if text.startswith(_FORMULA) else text


def csv_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as CSV with the keys of the first as its head; None is empty, texts go through `csv_text`.

    Args:
        rows: At least one; all with the same keys.
    """
    table = io.StringIO()
    writer = csv.writer(table, lineterminator='\n')
    writer.writerow(map(csv_text, rows[0]))
    writer.writerows([csv_text(v) if isinstance(v, str) else v for v in row.values()] for row in rows)
    return table.getvalue()


def _console_cell(value: Any, key: str) -> str:
    if value is None:
        return '-'
    text = _FORMATS.get(key, '{}').format(value)
    return text.removesuffix('%')


def _markdown_cell(value: Any, key: str) -> str:
    if value in (None, ''):
        return '-'
    if key in _PERCENT:
        return f'{100 * value:.1f}'
    if key in _SIGNED:
        return f'{value:+.3f}'
    return f'{value:.3f}' if isinstance(value, float) else markdown_text(str(value))
