"""Results of several processes in the order of the set, with one row a sample or any number."""

import numpy as np
import pytest

from cdb_video.difficulty.tracking.set_order import SampleRows, in_order, rows_in_order


def divided(samples, world_size):
    """What the processes keep of samples that DefaultSampler divides, the end padded with the first samples."""
    share = -(-len(samples) // world_size)
    padded = (samples * (share + 1))[: share * world_size]
    parts = []
    for rank in range(world_size):
        own = padded[rank::world_size]
        rows = np.array([row for sample in own for row in sample], np.int64).reshape(-1, 2)
        places = np.repeat(np.arange(len(own)), [len(sample) for sample in own])
        parts.append(SampleRows(rows, places, len(own)))
    return parts


@pytest.mark.parametrize('world_size', [1, 2, 3, 4, 5])
@pytest.mark.parametrize('size', [1, 4, 7, 11])
def test_rows_come_in_the_order_of_the_set_and_padding_goes(world_size, size):
    rng = np.random.default_rng(size)
    samples = [[(place, row) for row in range(rng.integers(0, 4))] for place in range(size)]
    rows = rows_in_order(divided(samples, world_size), size)
    assert rows.tolist() == [list(row) for sample in samples for row in sample]
    assert rows.shape[1] == 2


def test_one_row_a_sample_is_the_special_case():
    parts = [np.array([[0, 0], [2, 2]]), np.array([[1, 1], [9, 9]])]
    assert in_order(parts, 3).tolist() == [[0, 0], [1, 1], [2, 2]]


def test_samples_are_counted_and_not_rows():
    many = SampleRows(np.zeros((50, 2), np.int64), np.zeros(50, np.int64), 1)
    none = SampleRows(np.zeros((0, 2), np.int64), np.zeros(0, np.int64), 3)
    assert len(rows_in_order([many, many], 2)) == 100
    with pytest.raises(ValueError, match='process 1 of 2 has evaluated 3 clips, and its share of 2 is 1'):
        rows_in_order([many, none], 2)
