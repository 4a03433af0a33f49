"""The clocks and turns of benchmarks, and memory of processes."""

import os
import subprocess
import sys

import pytest

from benchmarks.harness import measuring

MEASURE_PEAK = """
import numpy as np
from benchmarks.harness.measuring import peak_memory, resident_memory
np.ones(40_000_000)
before = resident_memory()
peak, total = peak_memory(lambda: np.ones(5_000_000).sum(), before)
print(peak, int(total))
"""


@pytest.mark.skipif(sys.platform != 'linux', reason='peak memory is read as Linux gives it')
def test_peak_memory_is_that_of_the_work_and_not_of_what_was_before(repository):
    # In a process of its own, as the benchmarks do it: here the collector may free memory of other tests meanwhile.
    done = subprocess.run(
        [sys.executable, '-c', MEASURE_PEAK], cwd=repository, capture_output=True, text=True, check=True
    )
    peak, total = map(int, done.stdout.split())
    assert total == 5_000_000
    assert 38e6 < peak < 60e6


def test_a_fresh_process_has_its_own_memory():
    assert measuring.in_fresh_process(os.getpid) != os.getpid()


def test_works_take_turns_and_change_who_is_first():
    order = []
    times = measuring.take_turns({'a': lambda: order.append('a'), 'b': lambda: order.append('b')}, 3)
    assert ''.join(order) == 'baabbaab'
    assert {name: len(values) for name, values in times.items()} == {'a': 3, 'b': 3}


def test_spread_has_the_median_and_the_quartiles():
    spread = measuring.spread
    assert spread([5, 1, 2, 4, 3]).show(digits=1) == '3.0 (2.0 to 4.0)'
    assert spread([0.5]).show(scale=10) == '5.00'
