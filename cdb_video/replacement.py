"""What a dataset does about a clip that cannot be read in training: stop, or take another one of its class."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import torch
from mmengine.logging import print_log

from cdb_video.clips.errors import ClipError
from cdb_video.labels import dataset_labels
from cdb_video.stock_readers import read, why_not_replaced

ON_ERROR = ('raise', 'resample')
_MEND = 'Mend or replace the files, or take them off the list'


class Replacing:
    """A base class for datasets of mmengine: replaces clips that raise `ClipError`, if it is told to.

    The replacement is drawn with numpy's global generator at the place where the clip failed. So with the seeds of
    `SampleSeedHook` it depends on seed, epoch and position in the draw only. A damaged clip is tried again each time
    it is drawn, or what comes after it would depend on which worker met it first.

    Args:
        on_error: 'raise' or 'resample'.
        max_damaged: With 'resample', how many different clips may be damaged, in all workers together.
        **kwargs: Of the dataset.

    Raises:
        ValueError: If an argument is outside its range, or clips of a test would be replaced, or the pipeline's
            readers do not tell of damaged clips.
    """

    ann_file: str
    pipeline: Any
    test_mode: bool

    def __init__(self, *args: Any, on_error: str = 'raise', max_damaged: int = 10, **kwargs: Any) -> None:
        if on_error not in ON_ERROR:
            raise ValueError(f'on_error={on_error!r}: must be one of {", ".join(map(repr, ON_ERROR))}')
        if not isinstance(max_damaged, int) or max_damaged < 0:
            raise ValueError(f'max_damaged={max_damaged!r}: must be a whole number of at least 0')
        super().__init__(*args, **kwargs)
        self._max_damaged = max_damaged
        self._damaged: torch.Tensor | None = None
        if on_error == 'resample':
            if self.test_mode:
                raise ValueError(
                    f"on_error='resample' for a test: scores of other clips than {self.ann_file}'s. Leave it out"
                )
            if why := why_not_replaced(self.pipeline):
                raise ValueError(f"on_error='resample': {why}")
            # One byte a clip, which all workers of a loader see.
            self._damaged = torch.zeros(len(dataset_labels(self)), dtype=torch.uint8).share_memory_()

    def prepare_data(self, idx: int) -> Any:
        """The sample of clip `idx`, or where that cannot be read, with 'resample' of another one of its class.

        Raises:
            ClipError: If the clip cannot be read and is not to be replaced, or too many could not.
        """
        try:
            return self._read(idx)
        except ClipError as error:
            if self._damaged is None:
                raise
            return self._replace(idx, error)

    def _read(self, idx: int) -> Any:
        """As mmengine's `prepare_data`, but that readers of mmaction2 raise ClipError too."""
        return read(self.pipeline, self.get_data_info(idx))  # type: ignore[attr-defined]

    def _replace(self, idx: int, error: ClipError) -> Any:
        labels = dataset_labels(self)  # now, for the clips may be a subset of those that were listed
        label, tried = labels[idx], [idx]
        while True:
            self._note(idx, error)
            left = np.setdiff1d(np.flatnonzero(labels == label), tried)
            if not len(left):
                rule = f'{error.rule}; no other clip of its class {label} can be read'
                raise ClipError(error.path, rule, _MEND) from error
            idx = int(left[np.random.randint(len(left))])
            print_log(
                f'{error.path}: {error.rule}. Clip {idx} of its class stands in for it', 'current', logging.WARNING
            )
            tried.append(idx)
            try:
                return self._read(idx)
            except ClipError as another:
                error = another

    def _note(self, idx: int, error: ClipError) -> None:
        """Count a damaged clip, once; stop if that is too many."""
        assert self._damaged is not None
        self._damaged[idx] = 1
        number = int(self._damaged.sum())
        if number > self._max_damaged:
            rule = f'with it {number} clips of {self.ann_file} are damaged, max_damaged={self._max_damaged}'
            raise ClipError(error.path, f'{error.rule}; {rule}', f'{_MEND}, or raise max_damaged') from error
