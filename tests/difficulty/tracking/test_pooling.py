"""What several processes counted, each sample once, however the set was divided among them."""

import numpy as np
import pytest

from cdb_video.difficulty.tracking.pooling import pooled


def parts_of(*lengths):
    """One (N_r, 4) a process; the first number of a row is that of its sample, counted on from process to process."""
    samples = np.arange(4 * sum(lengths)).reshape(-1, 4) // 4
    return np.split(samples, np.cumsum(lengths)[:-1])


@pytest.mark.parametrize(
    'lengths', [(3, 4), (1, 2, 2), (4, 3), (2, 2, 1), (0, 5), (7, 0), (2, 3, 2), (1, 1, 6), (0, 0, 1)]
)
def test_sets_that_are_divided_in_any_way_without_padding_count_whole(lengths):
    found = pooled(parts_of(*lengths), sum(lengths))
    assert sorted(found[:, 0].tolist()) == list(range(sum(lengths)))


@pytest.mark.parametrize(('size', 'processes'), [(7, 2), (5, 3), (6, 3), (1, 2), (9, 4)])
def test_what_stands_behind_the_end_of_the_set_is_padding(size, processes):
    share = -(-size // processes)
    turns = [
        np.repeat(np.arange(rank, processes * share, processes)[:, None] % size, 4, 1) for rank in range(processes)
    ]
    assert pooled(turns, size)[:, 0].tolist() == list(range(size))


@pytest.mark.parametrize(('size', 'processes'), [(7, 2), (5, 3), (9, 4)])
def test_turns_without_padding_come_in_the_order_of_the_set(size, processes):
    turns = [np.repeat(np.arange(rank, size, processes)[:, None], 4, 1) for rank in range(processes)]
    assert pooled(turns, size)[:, 0].tolist() == list(range(size))
