"""Every number of the README's verdict is one of the runs in benchmarks/results, and its table is theirs."""

import re

import pytest

from benchmarks.harness.results import REPOSITORY, RESULTS
from benchmarks.methods.planned_tests import compare_arms
from benchmarks.methods.results import RESULTS_NAME, Runs, read_results
from benchmarks.methods.steady.plan import STEADY
from benchmarks.methods.steady.tables import readme_table

NUMBER = r'[+-]?\d+\.\d+'


@pytest.fixture(scope='module')
def section():
    readme = (REPOSITORY / 'README.md').read_text(encoding='utf-8')
    return readme.split('\n## Results\n')[1].split('\n## ')[0]


@pytest.fixture(scope='module')
def runs():
    entries = read_results(RESULTS / RESULTS_NAME).values()
    return Runs(entry for entry in entries if entry.get('study') in STEADY.studies)


def test_the_table_is_that_of_the_results(section, runs):
    try:
        table = readme_table(runs)
    except ValueError as error:
        pytest.skip(f'the table of the README is that of the earlier studies: {error}')
    assert [line for line in section.splitlines() if line.startswith('|')] == table.splitlines()


def gain(runs, data, first, second, measure):
    """A difference and its interval in points, as the README writes them."""
    found = compare_arms(runs, data, STEADY.arms[first], STEADY.arms[second], STEADY.draws[data], measure)
    assert found.number == len(STEADY.draws[data])
    return f'{100 * found.difference:+.1f}', f'{100 * found.low:.1f}', f'{100 * found.high:.1f}'


def test_every_number_of_the_verdict_is_one_of_the_runs(section, runs):
    verdict = section.rpartition('\n|')[2].partition('\n')[2]
    pair, expected = ('bs_cdba', 'bs'), []
    for data in ('mini', 'digits'):
        expected += gain(runs, data, *pair, 'hmean')
    for measure in ('worst', 'mean1', 'frequent'):
        expected += [gain(runs, data, *pair, measure)[0] for data in ('mini', 'digits')]
    difference, low, high = gain(runs, 'mini', 'cdba', 'cdbw', 'mean1')
    expected += [difference.removeprefix('+'), low, high]  # "points above it"
    assert re.findall(NUMBER, re.sub(r'\]\([^)]*\)', ']', verdict)) == expected
