"""docs/guarantees*.md promise a test for every row."""

import re


def test_every_row_of_the_tables_of_guarantees_names_tests_that_exist(repository):
    text = ''.join(page.read_text() for page in sorted((repository / 'docs').glob('guarantees*.md')))
    rows = [line for line in text.splitlines() if line.startswith('| ') and not line.startswith('| guarantee |')]
    assert len(rows) > 15
    for row in rows:
        tests = re.findall(r'`([\w/]+\.py)::(test_\w+)`', row)
        assert tests, row
        for file, name in tests:
            assert f'\ndef {name}(' in (repository / 'tests' / file).read_text(), f'{file}::{name}'
