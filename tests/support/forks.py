"""Processes that are forked, as the workers of dataloaders are."""

import os

import pytest


def forks(test):
    """For a test that forks, of which newer Pythons warn where there are threads, as torch has them."""
    ignored = pytest.mark.filterwarnings('ignore:This process .* is multi-threaded:DeprecationWarning')
    return pytest.mark.skipif(not hasattr(os, 'fork'), reason='forks')(ignored(test))


def fork(act):
    """Call `act` in a forked process; the exit status tells what it returned, a whole number up to 255."""
    child = os.fork()
    if child == 0:
        os._exit(int(act()))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
