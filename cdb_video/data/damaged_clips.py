"""What a dataset does about a clip that cannot be read in training: stop, or take another one of its class."""

from __future__ import annotations

import logging
import os
import shlex
import zlib
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import numpy as np
import torch

from cdb_video.data.clip_table import listed_name
from cdb_video.data.labels import dataset_labels
from cdb_video_files.video.errors import ClipError

_LOG = logging.getLogger('cdb_video')

ON_ERROR = ('raise', 'resample')
_HASHES = 2**20
_LISTS = {
    source: {f'{part}{end}.txt' for part in ('train', 'val', 'test')}
    for source, end in (('frames', ''), ('videos', '_videos'))
}


class DamagedClips:
    """Counts different clips, for a dataset, its subsets and copies, in all workers of a loader, forked or spawned.

    A byte for each hash of a name, in memory that they share: two clips of one hash count as one, which with ten
    damaged clips happens to one run in 20,000. A lock, or a list that grows, could not be copied with a dataset.
    """

    def __init__(self) -> None:
        self._met = torch.zeros(_HASHES, dtype=torch.uint8).share_memory_()

    def __deepcopy__(self, memo: dict[int, Any]) -> DamagedClips:
        """This one: mmengine copies all attributes of a dataset for a subset."""
        return self

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Workers share a copy that was pickled, too; what goes to a spawned worker is shared already."""
        vars(self).update(state)
        self._met.share_memory_()

    def add(self, name: str) -> None:
        """Count a clip, once."""
        self._met[zlib.crc32(os.fsencode(name)) % _HASHES] = 1

    def __len__(self) -> int:
        """Number of different clips."""
        return int(self._met.count_nonzero())


class ClipReader(Protocol):
    """Runs a pipeline in the way of a host, which tells damaged clips from other errors."""

    def read(self, pipeline: Any, sample: dict[str, Any]) -> Any:
        """What `pipeline` makes of `sample`; raises ClipError if the clip is missing or damaged."""

    def why_not_replaced(self, pipeline: Any) -> str | None:
        """Why no other clip could stand in for a damaged one of this pipeline; None = it can."""


class Replacing:
    """A base class for datasets of mmengine: replaces clips that raise `ClipError`, if it is told to.

    A host's datasets derive from it and state their `clip_reader`.

    The replacement is drawn with numpy's global generator at the place where the clip failed. So with the seeds of
    `SampleSeedHook` it depends on seed, epoch and position in the draw only. A damaged clip is tried again each time
    it is drawn, or what comes after it would depend on which worker met it first.

    Args:
        on_error: 'raise' or 'resample'.
        max_damaged: With 'resample', how many different clips may be damaged, in all workers together, and in a
            dataset, its subsets and its copies together.
        **kwargs: Of the dataset.

    Raises:
        ValueError: If an argument is outside its range, or validation or test clips would be replaced, or the
            pipeline's readers do not tell of damaged clips.
    """

    clip_reader: ClassVar[ClipReader]
    allow_absolute = False
    ann_file: str
    data_prefix: dict[str, str]
    data_root: str | None
    pipeline: Any
    test_mode: bool

    def __init__(self, *args: Any, on_error: str = 'raise', max_damaged: int = 10, **kwargs: Any) -> None:
        if on_error not in ON_ERROR:
            raise ValueError(f'on_error={on_error!r}: must be one of {", ".join(map(repr, ON_ERROR))}')
        if not isinstance(max_damaged, int) or max_damaged < 0:
            raise ValueError(f'max_damaged={max_damaged!r}: must be a whole number of at least 0')
        super().__init__(*args, **kwargs)
        self._max_damaged = max_damaged
        self._damaged: DamagedClips | None = None
        if on_error == 'resample':
            if self.test_mode:
                raise ValueError(
                    "on_error='resample' for validation or test clips (test_mode=True): the scores would be those of "
                    f"other clips than {self.ann_file}'s. Set it in train_dataloader.dataset only"
                )
            if why := self.clip_reader.why_not_replaced(self.pipeline):
                raise ValueError(f"on_error='resample': {why}")
            dataset_labels(self)  # raises where a clip has none, or several
            self._damaged = DamagedClips()

    def prepare_data(self, idx: int) -> Any:
        """The sample of clip `idx`, or where that cannot be read, with 'resample' of another one of its class.

        Raises:
            ClipError: If the clip cannot be read and is not to be replaced, or too many could not.
            IndexError: If there is no such clip. Numbers below 0 count from the end.
        """
        number = len(self)  # type: ignore[arg-type]
        if not -number <= idx < number:
            raise IndexError(f'clip {idx}: {self.ann_file} has {number} clips')
        idx %= number
        try:
            return self._read(idx)
        except ClipError as error:
            if self._damaged is None:
                error.advise(self._remedy('' if self.test_mode else "let the dataset replace it: on_error='resample'"))
                raise
            return self._replace(idx, error)

    def _read(self, idx: int) -> Any:
        """As mmengine's `prepare_data`, but that the readers of the host raise ClipError too."""
        return self.clip_reader.read(self.pipeline, self.get_data_info(idx))  # type: ignore[attr-defined]

    def _replace(self, idx: int, error: ClipError) -> Any:
        labels = dataset_labels(self)  # now, for the clips may be a subset of those that were listed
        label, tried = labels[idx], [idx]
        while True:
            self._note(idx, error)
            left = np.setdiff1d(np.flatnonzero(labels == label), tried)
            if not len(left):
                rule = f'{error.rule}; no other clip of its class {label} can be read'
                raise ClipError(error.path, rule, self._remedy()) from error
            idx = int(left[np.random.randint(len(left))])
            stand_in = f'{self._listed(idx)} of its class (clip {idx}) stands in for it'
            _LOG.warning(f'{error.path}: {error.rule}. {stand_in}')
            tried.append(idx)
            try:
                return self._read(idx)
            except ClipError as another:
                error = another

    def _note(self, idx: int, error: ClipError) -> None:
        """Count a damaged clip, once; stop if that is too many."""
        assert self._damaged is not None
        # Not by its number, which is another one in a subset.
        info = self.get_data_info(idx)  # type: ignore[attr-defined]
        path = info.get('filename', info.get('frame_dir', error.path))
        self._damaged.add(f'{path}/{info.get("offset", 0)}')
        number = len(self._damaged)
        if number > self._max_damaged:
            rule = f'with it {number} clips of {self.ann_file} are damaged, max_damaged={self._max_damaged}'
            raise ClipError(error.path, f'{error.rule}; {rule}', self._remedy('raise max_damaged')) from error

    def _listed(self, idx: int) -> str:
        """The name of a clip as it stands in the list, for messages."""
        info = self.get_data_info(idx)  # type: ignore[attr-defined]
        path = str(info.get('filename', info.get('frame_dir', 'another clip')))
        return listed_name(path, self.data_prefix.get('video' if 'filename' in info else 'img', ''))

    def _remedy(self, other: str = '') -> str:
        """What to do about a damaged clip, with the command that finds all of them."""
        ways = ['Mend or replace the file', 'take it off the list', *filter(None, [other])]
        command = check_command(self.ann_file, self.data_root, self.data_prefix, self.allow_absolute)
        return f'{", ".join(ways[:-1])}, or {ways[-1]}' + (f'. To find all such files: {command}' if command else '')


def check_command(
    ann_file: str, data_root: str | None, data_prefix: Mapping[str, str], allow_absolute: bool = False
) -> str | None:
    """The command that looks for damaged clips in a list and those beside it.

    Args:
        ann_file: The list.
        data_root: That it is relative to.
        data_prefix: Folder of the clips as 'video', or of frames or packs as 'img'.
        allow_absolute: Whether clips may stand in it by absolute paths.

    Returns:
        The command; None where the list has a name that the command does not look for.
    """
    source, key = ('videos', 'video') if 'video' in data_prefix else ('frames', 'img')
    folder, name = os.path.split(ann_file)
    if name not in _LISTS[source] or key not in data_prefix:
        return None
    folders = {'--data-root': data_root, '--lists': folder, f'--{source}': data_prefix[key]}
    # Absolute, for the command may run elsewhere than training.
    options = [word for option, place in folders.items() for word in (option, os.path.abspath(place or '.'))]
    options += ['--allow-absolute'] if allow_absolute else []
    return shlex.join(['cdb-video', 'check', '--source', source, *options, '--full'])
