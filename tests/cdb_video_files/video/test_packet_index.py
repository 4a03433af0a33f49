"""Which packets are decoded: checked against what a decoder needs by definition."""

from itertools import pairwise

import numpy as np
import pytest

from cdb_video_files.video.packet_index import PacketIndex, pieces_overlap

# I0 P3 B1 B2 | I6 B4 B5 P9 B7 B8: the second key packet has two leading pictures.
TIMES = [0, 3, 1, 2, 6, 4, 5, 9, 7, 8]
KEYS = [number in (0, 4) for number in range(10)]


def index_of(times=TIMES, keys=KEYS, hidden=()):
    return PacketIndex(times, keys, [number in hidden for number in range(len(times))])


def test_frames_are_in_the_order_in_which_they_are_shown():
    index = index_of()
    assert len(index) == 10
    assert index.packets(range(10)).tolist() == [0, 2, 3, 1, 5, 6, 4, 8, 9, 7]
    assert index.times([2, 7]) == [2, 7]


@pytest.mark.parametrize(
    ('frames', 'runs'),
    [
        ([0], [(0, 0)]),
        ([2], [(0, 3)]),
        ([6], [(4, 4)]),
        ([9], [(4, 7)]),
        # A leading picture is shown before its key packet, so it may build on the frames before.
        ([5], [(0, 6)]),
        ([0, 6], [(0, 0), (4, 4)]),
        ([2, 6], [(0, 4)]),
        ([1, 8], [(0, 2), (4, 9)]),
        (range(10), [(0, 9)]),
    ],
)
def test_decoding_starts_at_the_last_key_packet_that_is_sure_and_leaves_out_what_is_not_needed(frames, runs):
    assert index_of().runs(frames) == runs


def test_hidden_packets_show_no_frame_but_others_may_build_on_them():
    index = index_of(hidden=(0, 2))
    assert len(index) == 8
    assert index.packets([0, 1]).tolist() == [3, 1]
    assert index.runs([0]) == [(0, 3)]


def test_a_piece_that_is_decoded_from_back_in_time_may_be_shown_before_the_end_of_another():
    # Two pieces of groups of four; what leads to the second one is hidden, and so is what follows the first.
    times, keys = [0, 2, 1, 3, 10, 12, 11, 13], [True, False, False, False] * 2
    assert not pieces_overlap(times, keys, [False] * 8)
    assert not pieces_overlap(TIMES, KEYS, [False, True] * 5)
    back = [20, 23, 21, 22, 18, 21, 19, 20]
    hidden = [False, True, False, True, True, False, True, True]
    assert not pieces_overlap(back, keys, [False, True, False, True, True, True, True, True])
    assert not pieces_overlap([20, 23, 21, 22, 19, 25, 20, 22], keys, hidden)
    assert pieces_overlap([20, 23, 21, 22, 18, 20, 19, 21], keys, hidden)


def test_runs_hold_every_wanted_packet_and_begin_where_decoding_can_start():
    rng = np.random.default_rng(0)
    for _ in range(200):
        number = int(rng.integers(1, 40))
        times = rng.permutation(number).tolist()
        keys = (rng.random(number) < 0.2).tolist()
        keys[0] = True
        index = PacketIndex(times, keys, [False] * number)
        frames = np.unique(rng.integers(0, number, 5)).tolist()
        runs = index.runs(frames)
        decoded = {packet for first, last in runs for packet in range(first, last + 1)}
        assert all(earlier[1] + 1 < later[0] for earlier, later in pairwise(runs))
        assert all(first == 0 or keys[first] for first, _ in runs)
        for packet in index.packets(frames).tolist():
            starts = [k for k in range(packet + 1) if keys[k] and times[k] <= times[packet]]
            assert set(range(max(starts, default=0), packet + 1)) <= decoded
