"""docs/companions.md promises a test for every row."""

import re


def test_every_row_of_the_companions_table_names_tests_that_exist(repository):
    text = (repository / 'docs' / 'companions.md').read_text()
    rows = [line for line in text.splitlines() if line.startswith('| ')][1:]
    assert len(rows) > 20
    for row in rows:
        verdict, tests = row.split(' | ')[1], re.findall(r'`([\w/]+\.py)::(test_\w+)`', row)
        assert verdict in ('works', 'refused', 'refused (host)'), row
        assert tests, row
        for file, name in tests:
            assert f'\ndef {name}(' in (repository / 'tests' / file).read_text(), f'{file}::{name}'
