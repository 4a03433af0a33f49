"""Names as Markdown and CSV files can hold them: whatever a class is called, it stays a name."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

# All that Markdown, GitHub's too, reads inside a line, but for & and <, for which HTML has names. An underscore
# within a word is just that.
_MARKDOWN = re.compile(r'([\\`*\[\]|~$@]|_(?!(?<=[^\W_]_)[^\W_])|:(?=//)|(?<=www)\.)')
# How a formula begins in spreadsheets, and the apostrophe itself, so that the way back is plain.
_FORMULA = ('=', '+', '-', '@', '\t', "'")


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
