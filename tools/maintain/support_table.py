"""The outcomes of tools.maintain.support_matrix as a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

HEAD = """# Supported versions

Written by `tools.maintain.support_matrix`: every environment is made anew with pip, and the tests that are not
marked slow run in it, on CPUs. "not run" is no promise in either direction.

| environment | what for | Python | torch | numpy | mmengine | mmcv | host | outcome | passed, failed, skipped | when |
|---|---|---|---|---|---|---|---|---|---|---|
"""


def write_table(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write the page; the rows are those of the JSON file."""
    path.write_text(HEAD + ''.join(_line(row) for row in rows) + ''.join(_notes(row) for row in rows))


def _line(row: Mapping[str, Any]) -> str:
    versions = row.get('versions', {})
    counts = f'{row["passed"]} / {row["failed"]} / {row["skipped"]}' if 'passed' in row else '-'
    cells = [
        row['name'],
        row['why'],
        *(versions.get(name, '-') for name in ('python', 'torch', 'numpy')),
        _either(versions, 'mmengine', 'onedl-mmengine', plain='mmengine'),
        _either(versions, 'mmcv-lite', 'mmcv', 'onedl-mmcv', plain='mmcv'),
        _either(versions, 'mmaction2', 'mmdet', 'onedl-mmdetection', 'mmpretrain', 'onedl-mmpretrain'),
        row['outcome'],
        counts,
        f'{row["date"]}, {row["commit"]}',
    ]
    return f'| {" | ".join(cells)} |\n'


def _either(versions: Mapping[str, str], *names: str, plain: str = '') -> str:
    """The one that is installed of distributions that stand for each other, with its name unless that is `plain`."""
    found = next((name for name in names if name in versions), None)
    if found is None:
        return '-'
    return versions[found] if found == plain else f'{found} {versions[found]}'


def _notes(row: Mapping[str, Any]) -> str:
    if row['outcome'] == 'not run':
        asked = ', '.join(row['asked'])
        return f'\n**{row["name"]}** ({asked}): not run. {row["reason"]}.\n'
    if row['failed_tests']:
        return f'\n**{row["name"]}** failed:\n\n' + ''.join(f'- `{name}`\n' for name in row['failed_tests'])
    return ''
