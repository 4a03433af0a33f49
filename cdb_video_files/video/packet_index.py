"""Which packets of a video must be decoded for the frames that are wanted. Pure; knows packets by their numbers.

Packets are numbered in the order of decoding, frames in the order in which they are shown. A frame can be
decoded from the last key packet that comes no later in either order: what comes between and is shown
earlier ("leading pictures") may build on what lies before the key packet.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


class PacketIndex:
    """Order of the frames, and where decoding can start.

    Args:
        times: (P,) int, presentation time of every packet, all different.
        keys: (P,) bool, whether decoding can start at a packet.
        hidden: (P,) bool, whether its frame is not shown, as those that an edit list leaves out.
    """

    def __init__(self, times: Sequence[int], keys: Sequence[bool], hidden: Sequence[bool]) -> None:
        self._times = np.asarray(times, dtype=np.int64)
        self._keys = np.flatnonzero(keys)
        shown = np.flatnonzero(~np.asarray(hidden, dtype=bool))
        self._packet_of_frame = shown[np.argsort(self._times[shown], kind='stable')]

    def __len__(self) -> int:
        """Number of frames."""
        return len(self._packet_of_frame)

    def packets(self, frames: Sequence[int]) -> NDArray[np.int64]:
        """(N,) int64 packet of each frame, in [0, P)."""
        return self._packet_of_frame[np.asarray(frames, dtype=np.int64)]

    def times(self, frames: Sequence[int]) -> list[int]:
        """Presentation time of each frame."""
        found: list[int] = self._times[self.packets(frames)].tolist()
        return found

    def runs(self, frames: Sequence[int]) -> list[tuple[int, int]]:
        """Packets to decode for `frames`: runs from a first to a last packet, both included, in order.

        Between two runs the decoder is to be emptied and started anew.
        """
        runs: list[tuple[int, int]] = []
        packets = self.packets(frames)
        for start, packet in sorted(zip(self._starts(packets).tolist(), packets.tolist(), strict=True)):
            if runs and start <= runs[-1][1] + 1:
                runs[-1] = (runs[-1][0], max(runs[-1][1], packet))
            else:
                runs.append((start, packet))
        return runs

    def _starts(self, packets: NDArray[np.int64]) -> NDArray[np.int64]:
        """For each packet the last key one that comes no later in either order, or the first of all."""
        fits = (self._keys <= packets[:, None]) & (self._times[self._keys] <= self._times[packets][:, None])
        last = np.where(fits, self._keys, 0)
        starts: NDArray[np.int64] = last.max(axis=1, initial=0)
        return starts


def pieces_overlap(times: Sequence[int], keys: Sequence[bool], hidden: Sequence[bool]) -> bool:
    """Whether an edit list shows pieces whose times overlap: a decoder gives their frames in another order then.

    A piece that begins amid a group is decoded from a key packet on that lies before it, and so back in time. By up to
    a frame the pieces may then overlap, as times in the list are rounded.

    Args:
        times: (P,) int, presentation time of every packet, in the order of decoding.
        keys: (P,) bool, whether the container calls a packet a key one.
        hidden: (P,) bool, whether its frame is not shown.
    """
    # The latest time of all packets, of those shown in the pieces before, and of those shown in this one.
    latest, before, current = (float('-inf'),) * 3
    for time, is_key, is_hidden in zip(times, keys, hidden, strict=True):
        if is_key and time < latest:
            before = max(before, current)
        latest = max(latest, time)
        if not is_hidden:
            if time < before:
                return True
            current = max(current, time)
    return False
