"""Hashes of what processes must have alike, and what is said where they differ."""

import numpy as np
import pytest

from cdb_video.difficulty.tracking.set_order import in_order
from cdb_video.run.fingerprints import Print, digest_of, disagreement, overall


def test_digest_is_of_types_shapes_and_bits():
    values = np.array([0.5, 1.0])
    assert digest_of(values) == digest_of(values.copy())
    assert len(digest_of(values)) == 16
    others = [
        np.nextafter(values, 2),
        values.astype(np.float32),
        values[None],
        values[::-1],
        np.array([0.5]),
        values.view(np.int64),
    ]
    assert len({digest_of(one) for one in [values, *others]}) == 7
    assert digest_of(values[::-1]) == digest_of(np.array([1.0, 0.5]))


def test_values_do_not_run_into_each_other():
    assert digest_of('ab', 'c') != digest_of('a', 'bc')
    assert digest_of(1, None) != digest_of(None, 1)


def prints(**values):
    return [Print(name, digest_of(value), f'mend {name}') for name, value in values.items()]


def test_processes_that_agree_have_one_hash():
    assert disagreement([prints(seed=1, weight=2)] * 3) is None
    assert overall(prints(seed=1, weight=2)) == overall(prints(seed=1, weight=2))
    assert overall(prints(seed=1, weight=2)) != overall(prints(seed=1, weight=3))


def test_disagreement_names_what_differs_and_where_and_the_first_remedy():
    text = disagreement(
        [prints(law=1, seed=1, weight=2), prints(law=1, seed=5, weight=2), prints(law=1, seed=1, weight=3)]
    )
    one, five, two, three = (digest_of(value) for value in (1, 5, 2, 3))
    assert text == (
        f'seed ({one} in process 0, 2, {five} in process 1); weight ({two} in process 0, 1, {three} in process 2). '
        'mend seed'
    )


def test_what_one_process_lacks_differs():
    assert 'weight (nothing in process 0, ' in disagreement([prints(), prints(weight=1)])


def test_many_processes_do_not_fill_the_screen():
    text = disagreement([prints(seed=min(rank, 1)) for rank in range(100)])
    assert text.count(',') < 12
    assert 'in process 1, 2, 3, 4, 5, 6, 7, 8 and 91 more' in text


@pytest.mark.parametrize('processes', [1, 2, 3, 4])
@pytest.mark.parametrize('padded', [True, False])
@pytest.mark.parametrize('size', [1, 3, 4, 9, 10, 11, 12])
def test_parts_come_in_the_order_of_the_set_without_padding(size, padded, processes):
    indices = np.arange(size)
    if padded:
        indices = np.resize(indices, -(-size // processes) * processes)
    parts = [indices[rank::processes, None] for rank in range(processes)]
    assert in_order(parts, size)[:, 0].tolist() == list(range(size))


def test_what_a_process_has_left_out_moves_no_other_clip():
    # With drop_last, process 0 has clips 0, 2, 4 of 5, and process 1 clip 1 only: 3 and the padding went.
    parts = [np.array([[0], [2], [4]]), np.array([[1]])]
    assert in_order(parts, 5)[:, 0].tolist() == [0, 1, 2, 4]


def test_processes_that_all_evaluate_everything_are_refused():
    with pytest.raises(ValueError, match='process 0 of 2 has evaluated 5 clips, and its share of 5 is 3: each clip'):
        in_order([np.arange(5)[:, None]] * 2, 5)
