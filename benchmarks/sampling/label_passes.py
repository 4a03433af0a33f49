"""The ways from a dataset to its labels, timed."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from mmengine.dataset import BaseDataset

from benchmarks.harness.measuring import Seconds, timed
from benchmarks.harness.results import markdown_table
from cdb_video.data.labels import dataset_labels

IMBALANCE = 1000
"""The most frequent class has so many times the clips of the rarest."""


class Asked:
    """A dataset that has to be asked for the label of each clip."""

    def __init__(self, labels: np.ndarray) -> None:
        self.labels = labels

    def __len__(self) -> int:
        """Number of clips."""
        return len(self.labels)

    def get_data_info(self, index: int) -> dict[str, Any]:
        """The label of a clip."""
        return {'label': int(self.labels[index])}


class Handing(Asked):
    """A dataset that hands over all its labels."""

    def get_labels(self) -> np.ndarray:
        """The labels of all clips."""
        return self.labels


class FrameList(BaseDataset):
    """Entries like those of a frame list, kept by mmengine's BaseDataset."""

    def __init__(self, labels: np.ndarray) -> None:
        self.labels = labels
        super().__init__()

    def load_data_list(self) -> list[dict[str, Any]]:
        """The entries."""
        folder = 'frames/P01-R01-Recipe/P01-R01-Recipe-{0}-{0}-F000000-F000048'
        return [
            {'frame_dir': folder.format(index), 'total_frames': 48, 'label': label}
            for index, label in enumerate(self.labels.tolist())
        ]


class AskedFrameList(FrameList):
    """The same, but with a `get_data_info` of its own, so that it has to be asked clip by clip."""

    def get_data_info(self, index: int) -> dict[str, Any]:
        """The entry of a clip."""
        entry: dict[str, Any] = super().get_data_info(index)
        return entry


def make_labels(num_clips: int, num_classes: int, seed: int) -> np.ndarray:
    """(num_clips,) int32 in random order, every class at least once."""
    share = IMBALANCE ** -np.linspace(0, 1, num_classes)
    counts = np.maximum(1, np.floor(share / share.sum() * num_clips)).astype(np.int64)
    counts[0] += num_clips - counts.sum()
    labels = np.repeat(np.arange(num_classes, dtype=np.int32), counts)
    np.random.default_rng(seed).shuffle(labels)
    return labels


def measure_label_passes(num_clips: int, num_kept: int, num_classes: int, seed: int) -> dict[str, tuple[int, Seconds]]:
    """Per way to the labels the number of clips and the time."""
    labels = make_labels(num_clips, num_classes, seed)
    kept = make_labels(num_kept, min(num_classes, num_kept), seed)
    ways = {
        'get_labels() of the dataset': (Handing, labels),
        'get_data_info, a dataset that does nothing else': (Asked, labels),
        'entries that a BaseDataset keeps': (FrameList, kept),
        'get_data_info of such a dataset': (AskedFrameList, kept),
    }
    results = {}
    for way, (kind, of_kind) in ways.items():
        dataset = kind(of_kind)
        seconds, found = timed(partial(dataset_labels, dataset))
        if not (found == of_kind).all():
            raise RuntimeError(f'{way}: the labels are not those of the dataset')
        results[way] = (len(of_kind), seconds)
    return results


def label_table(passes: dict[str, tuple[int, Seconds]]) -> str:
    """The ways as a Markdown table."""
    rows = [
        [way, f'{number:,}', f'{seconds.wall:.2f}', f'{seconds.cpu:.2f}', f'{seconds.cpu / number * 1e6:.2f}']
        for way, (number, seconds) in passes.items()
    ]
    return markdown_table(['way to the labels', 'clips', 'wall s', 'CPU s', 'CPU us a clip'], rows)
