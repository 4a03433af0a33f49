"""docs/companions.md and docs/guarantees_restart.md promise a test for every row."""

import re

import pytest


def rows_of(repository, page, heading):
    """The rows of the table whose heading begins so."""
    lines = (repository / 'docs' / page).read_text().split(f'\n{heading}')[1].splitlines()[2:]
    return lines[: next(number for number, line in enumerate(lines) if not line.startswith('|'))]


def test_every_companion_has_a_verdict(repository):
    for row in rows_of(repository, 'companions.md', '| companion |'):
        assert row.split(' | ')[1] in ('works', 'refused', 'refused (host)'), row


@pytest.mark.parametrize(
    ('page', 'heading', 'least'),
    [('companions.md', '| companion |', 20), ('guarantees_restart.md', '| guarantee |', 15)],
)
def test_every_row_names_tests_that_exist(repository, page, heading, least):
    rows = rows_of(repository, page, heading)
    assert len(rows) > least
    for row in rows:
        tests = re.findall(r'`([\w/]+\.py)::(test_\w+)`', row)
        assert tests, row
        for file, name in tests:
            assert f'\ndef {name}(' in (repository / 'tests' / file).read_text(), f'{file}::{name}'
