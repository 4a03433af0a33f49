"""What the tests of benchmarks look for on every page."""

import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def rows_of(page):
    """The cells of all tables of a page, without headings."""
    lines = [line.strip('| ').split(' | ') for line in page.splitlines() if line.startswith('|')]
    return [cells for cells, below in zip(lines, [*lines[1:], ['']], strict=True) if '---' not in cells + below]


def check_origin(page, content, name):
    assert content['command'].startswith(f'python -m {name} ')
    assert content['seed'] == 3
    commit = subprocess.run(['git', 'rev-parse', '--short', 'HEAD'], cwd=REPOSITORY, capture_output=True, text=True)
    assert content['commit'].removesuffix('+changes') == commit.stdout.strip()
    assert {'processor', 'cores', 'torch threads', 'Python', 'numpy', 'torch'} <= set(content['machine'])
    assert f'- commit: `{content["commit"]}`' in page
