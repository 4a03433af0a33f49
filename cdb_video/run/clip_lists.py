"""The training and validation sets of a run, in short: so that a resumed run can say what has changed in them."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cdb_video.class_names import class_label
from cdb_video.data.labels import dataset_class_names, sample_path
from cdb_video.data.units import Units, dataset_units
from cdb_video.host_words import units as units_word
from cdb_video.run.fingerprints import digest_of
from cdb_video.run.own_checkpoints import forget_best
from cdb_video.run.parts import RunParts
from cdb_video_files.noted_paths import below_shared_folder

_ROLES = {'train': 'training', 'val': 'validation'}
_MOST_CLASSES = 3  # that a message names


@dataclass(frozen=True)
class ClipList:
    """What tells one set of samples from another, in whatever order and folder they lie.

    Attributes:
        per_class: Samples, or objects in them, of each class that occurs, and of those before it.
        digest: 16 hexadecimal digits: of the labels, or the classes of the objects in each sample, and of the files
            below the folder that all of them share; of the labels alone where the dataset names no files, or has
            `get_labels`.
    """

    per_class: tuple[int, ...]
    digest: str

    @classmethod
    def of(cls, dataset: Any) -> ClipList:
        """Read the entries of a dataset once: some ten seconds for a million."""
        units = dataset_units(dataset)
        return cls(tuple(units.per_class().tolist()), _digest(dataset, units))

    @classmethod
    def from_dict(cls, saved: Any) -> ClipList | None:
        """What `to_dict` made; None = it is something else."""
        if not isinstance(saved, Mapping) or not isinstance(saved.get('digest'), str):
            return None
        per_class = saved.get('per_class')
        if not isinstance(per_class, list) or not all(isinstance(number, int) for number in per_class):
            return None
        return cls(tuple(per_class), saved['digest'])

    def to_dict(self) -> dict[str, Any]:
        """Plain Python values, for a checkpoint."""
        return {'per_class': list(self.per_class), 'digest': self.digest}

    def changes(self, now: ClipList, class_names: tuple[str, ...] | None) -> str | None:
        """What is different now, for a message; None = nothing is."""
        if self == now:
            return None
        size = max(len(self.per_class), len(now.per_class))
        before, after = (np.pad(one.per_class, (0, size - len(one.per_class))) for one in (self, now))
        different = np.flatnonzero(before != after)
        if not different.size:
            same = f'as many {units_word()} of every class, but not the same ones'
            return f'{same} ({now.digest} in place of {self.digest})'
        first = ', '.join(
            f'{after[index]} in place of {before[index]} of {class_label(class_names, index)}'
            for index in different[:_MOST_CLASSES]
        )
        more = f', and other numbers of {different.size - _MOST_CLASSES} more classes'
        told = first + (more if different.size > _MOST_CLASSES else '')
        return f'{after.sum()} {units_word()} in place of {before.sum()}: {told}'


def clip_lists(parts: RunParts) -> dict[str, ClipList]:
    """The sets of a run that it counts, by 'train' and 'val'; one whose labels cannot be read is left out."""
    lists = {}
    for role, dataset in parts.counted_sets.items():
        with contextlib.suppress(TypeError, ValueError):  # whoever needs the labels has said so before
            lists[role] = ClipList.of(dataset)
    return lists


def say_changes(parts: RunParts, before: Mapping[str, ClipList], now: Mapping[str, ClipList]) -> None:
    """Say what has changed since the checkpoint; scores of different validation sets are not compared.

    Args:
        parts: Of a run that is resumed.
        before: The sets of the run that wrote the checkpoint, as far as it says.
        now: Those of this run.
    """
    names = dataset_class_names(parts.train_set)
    for role in [role for role in _ROLES if role in before and role in now]:
        found = before[role].changes(now[role], names)
        if found is None:
            continue
        text = f'the {_ROLES[role]} set is not that of the checkpoint that is resumed: {found}'
        if role == 'val':
            text += '. Scores on the two are not compared: the best checkpoint is chosen anew'
            kept = forget_best(parts.loop.runner)
            text += f', and {", ".join(kept)} stays as it is' if kept else ''
        parts.logger.warning(text)


def _digest(dataset: Any, units: Units) -> str:
    names, labels = _names(dataset), units.by_sample()
    if names is None:
        return digest_of(sorted(labels))
    return digest_of(sorted(zip(labels, below_shared_folder(names), strict=True)))


def _names(dataset: Any) -> list[str] | None:
    """The file or folder of every sample; None = they are not to be had, or only slowly."""
    if hasattr(dataset, 'get_labels') or not hasattr(dataset, 'get_data_info'):
        return None
    names = []
    for index in range(len(dataset)):
        path = sample_path(dataset.get_data_info(index))
        if path is None:
            return None
        names.append(str(path))
    return names
