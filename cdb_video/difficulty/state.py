"""The difficulty vector and what it came from: the one piece of state of the package."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from cdb_video.difficulty.formulas import FloatVector, IntVector, class_accuracy, class_difficulty

CHECKPOINT_KEY = 'class_difficulty'
FORMAT_VERSION = 1


@dataclass(frozen=True)
class DifficultyState:
    """Difficulty of every class, and the measurement behind it.

    Attributes:
        difficulty: (C,) float64 in [0, 1].
        measured: (C,) bool, whether the class ever had a validation clip.
        num_clips: (C,) int64, clips per class in the last validation.
        num_correct: (C,) int64, those predicted correctly.
        train_counts: (C,) int64, training clips per class.
        class_names: C names, or None.
        epoch: Epochs trained at the last validation, 0 before the first.
        iteration: Training iterations at the last validation, 0 before the first.
    """

    difficulty: FloatVector
    measured: np.ndarray
    num_clips: IntVector
    num_correct: IntVector
    train_counts: IntVector
    class_names: tuple[str, ...] | None = None
    epoch: int = 0
    iteration: int = 0

    @classmethod
    def start(cls, train_counts: IntVector, class_names: tuple[str, ...] | None) -> DifficultyState:
        """The state before any validation: difficulty 1 for every class."""
        num_classes = len(train_counts)
        nothing = np.zeros(num_classes, np.int64)
        return cls(np.ones(num_classes), np.zeros(num_classes, bool), nothing, nothing, train_counts, class_names)

    @property
    def accuracy(self) -> FloatVector:
        """(C,) float64 in [0, 1], accuracies of the last validation, NaN where a class had no clip."""
        return class_accuracy(self.num_correct, self.num_clips)

    def updated(
        self, num_clips: IntVector, num_correct: IntVector, *, epoch: int, iteration: int, **smoothing: float
    ) -> DifficultyState:
        """The state after a validation; `smoothing` are the options of `class_difficulty`."""
        accuracy = class_accuracy(num_correct, num_clips)
        previous = np.where(self.measured, self.difficulty, np.nan)
        return replace(
            self,
            difficulty=class_difficulty(accuracy, previous, total=num_clips, **smoothing),
            measured=self.measured | (num_clips > 0),
            num_clips=num_clips,
            num_correct=num_correct,
            epoch=epoch,
            iteration=iteration,
        )

    def to_checkpoint(self) -> dict[str, Any]:
        """Tensors and plain Python values only, so that ``weights_only=True`` loads it."""
        return {
            'version': FORMAT_VERSION,
            'epoch': self.epoch,
            'iteration': self.iteration,
            'class_names': None if self.class_names is None else list(self.class_names),
            **{name: torch.from_numpy(np.array(getattr(self, name))) for name in _VECTORS},
        }

    @classmethod
    def from_checkpoint(cls, entry: Mapping[str, Any]) -> DifficultyState:
        """The state that `to_checkpoint` wrote.

        Raises:
            ValueError: If the entry is not one of ours, or is inconsistent.
        """
        try:
            if entry['version'] > FORMAT_VERSION:
                raise ValueError(f'version {entry["version"]} is newer than {FORMAT_VERSION}; update cdb_video')
            vectors = {name: entry[name].detach().cpu().numpy() for name in _VECTORS}
            if len({vector.shape for vector in vectors.values()}) != 1 or vectors['difficulty'].ndim != 1:
                raise ValueError('its vectors have different lengths')
            for name, vector in vectors.items():
                if vector.dtype.kind not in _KINDS[name]:
                    raise ValueError(f'its {name} has the dtype {vector.dtype}')
            if not isinstance(entry.get('report', {}), Mapping):
                raise ValueError(f'its report is {entry["report"]!r}')
            difficulty, clips, correct = (vectors[name] for name in ('difficulty', 'num_clips', 'num_correct'))
            if not ((difficulty >= 0) & (difficulty <= 1)).all():  # NaN is neither
                raise ValueError('a difficulty is not in 0..1')
            if not ((correct >= 0) & (correct <= clips)).all() or (vectors['train_counts'] < 0).any():
                raise ValueError('its counts are impossible')
            names = entry['class_names']
            return cls(
                class_names=None if names is None else tuple(names),
                epoch=int(entry['epoch']),
                iteration=int(entry['iteration']),
                **vectors,
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(
                f"the checkpoint's entry {CHECKPOINT_KEY!r} cannot be read ({error!r}): it is damaged or from "
                'another version; resume from another checkpoint, or start anew with load_from'
            ) from error


_KINDS = {'difficulty': 'f', 'measured': 'b', 'num_clips': 'iu', 'num_correct': 'iu', 'train_counts': 'iu'}
"""Vectors of a state, and the kinds of dtype that a checkpoint may have of each."""
_VECTORS = tuple(_KINDS)
