"""docs/use/companions.md and the pages of docs/guarantees/ promise a test for every row."""

import itertools
import re

import pytest


def rows_of(repository, page, heading):
    """The rows of all tables whose heading begins so."""
    tables = (repository / 'docs' / page).read_text().split(f'\n{heading}')[1:]
    return [
        row
        for table in tables
        for row in itertools.takewhile(lambda line: line.startswith('|'), table.splitlines()[2:])
    ]


def test_every_companion_has_a_verdict(repository):
    for row in rows_of(repository, 'use/companions.md', '| companion |'):
        assert row.split(' | ')[1] in ('works', 'refused', 'refused (host)'), row


@pytest.mark.parametrize(
    ('page', 'heading', 'least'),
    [
        ('use/companions.md', '| companion |', 20),
        ('guarantees/processes.md', '| guarantee |', 15),
        ('guarantees/restart.md', '| guarantee |', 15),
    ],
)
def test_every_row_names_tests_that_exist(repository, page, heading, least):
    rows = rows_of(repository, page, heading)
    assert len(rows) > least
    for row in rows:
        tests = re.findall(r'`([\w/]+\.py)::(test_\w+)`', row)
        assert tests, row
        for file, name in tests:
            assert f'\ndef {name}(' in (repository / 'tests' / file).read_text(), f'{file}::{name}'
