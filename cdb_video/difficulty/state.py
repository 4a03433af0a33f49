"""The difficulty vector and what it came from: the one piece of state of the package."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from cdb_video.difficulty.formulas import FloatVector, IntVector, class_accuracy, class_difficulty

CHECKPOINT_KEY = 'class_difficulty'
FORMAT_VERSION = 1
Smoothing = Mapping[str, Any]
"""Options of `class_difficulty`: prior_count, momentum, min_difficulty."""


@dataclass(frozen=True)
class DifficultyState:
    """Difficulty of every class, and the measurement behind it.

    Attributes:
        difficulty: (C,) float64 in [0, 1].
        measured: (C,) bool, whether the class ever had a validation clip.
        num_measured: (C,) int64, validations in which the class had clips.
        num_clips: (C,) int64, clips per class in the last validation.
        num_correct: (C,) int64, those predicted correctly.
        train_counts: (C,) int64, training clips per class; of objects where clips or images show several.
        train_images: (C,) int64, training images that show each class; None = each has one label, so that they are
            counted already.
        mean_probability: (C,) float64 in [0, 1], mean probability of the true class in the last validation, NaN where a
            class had no clip; None = the difficulty is measured by accuracy.
        num_validations: Validations behind the difficulty.
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
    num_measured: IntVector = field(default=None)  # type: ignore[arg-type]
    mean_probability: FloatVector | None = None
    num_validations: int = 0
    train_images: IntVector | None = None

    def __post_init__(self) -> None:
        """Where it is not known how often a class was measured, as in checkpoints of early versions: once."""
        if self.num_measured is None:
            object.__setattr__(self, 'num_measured', self.measured.astype(np.int64))

    @classmethod
    def start(
        cls, train_counts: IntVector, class_names: tuple[str, ...] | None, train_images: IntVector | None = None
    ) -> DifficultyState:
        """The state before any validation: difficulty 1 for every class."""
        num_classes = len(train_counts)
        nothing = np.zeros(num_classes, np.int64)
        unmeasured = np.zeros(num_classes, bool)
        return cls(
            np.ones(num_classes), unmeasured, nothing, nothing, train_counts, class_names, train_images=train_images
        )

    @property
    def accuracy(self) -> FloatVector:
        """(C,) float64 in [0, 1], accuracies of the last validation, NaN where a class had no clip."""
        return class_accuracy(self.num_correct, self.num_clips)

    @property
    def measure(self) -> str:
        """What the difficulty is 1 minus: 'accuracy' or 'probability'."""
        return 'accuracy' if self.mean_probability is None else 'probability'

    def updated(
        self,
        num_clips: IntVector,
        num_correct: IntVector,
        mean_probability: FloatVector | None = None,
        *,
        epoch: int,
        iteration: int,
        smoothing: Smoothing | None = None,
    ) -> DifficultyState:
        """The state after a validation.

        Args:
            num_clips: (C,) int64, its clips per class.
            num_correct: (C,) int64, those predicted correctly.
            mean_probability: (C,) float64, mean probability of the true class, NaN where a class had no clip, if the
                difficulty is measured by it; None = by accuracy.
            epoch: Epochs trained.
            iteration: Iterations trained.
            smoothing: Options of `class_difficulty`.
        """
        accuracy = class_accuracy(num_correct, num_clips)
        return replace(
            self,
            difficulty=class_difficulty(
                accuracy if mean_probability is None else mean_probability,
                np.where(self.measured, self.difficulty, np.nan),
                total=num_clips,
                num_measured=self.num_measured,
                **(smoothing or {}),
            ),
            measured=self.measured | (num_clips > 0),
            num_measured=self.num_measured + (num_clips > 0),
            mean_probability=mean_probability,
            num_validations=self.num_validations + 1,
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
            'num_validations': self.num_validations,
            **{name: torch.from_numpy(np.array(getattr(self, name))) for name in self._vectors()},
        }

    def _vectors(self) -> tuple[str, ...]:
        return tuple(name for name in _KINDS if getattr(self, name) is not None)

    @classmethod
    def from_checkpoint(cls, entry: Mapping[str, Any]) -> DifficultyState:
        """The state that `to_checkpoint` wrote.

        Raises:
            ValueError: If the entry is not one of ours, or is inconsistent.
        """
        try:
            if entry['version'] > FORMAT_VERSION:
                raise ValueError(f'version {entry["version"]} is newer than {FORMAT_VERSION}; update cdb_video')
            present = [name for name in _KINDS if name in entry or name not in _ADDED]
            vectors = {name: entry[name].detach().cpu().numpy() for name in present}
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
            trained = [vectors[name] for name in ('train_counts', 'train_images') if name in vectors]
            if not ((correct >= 0) & (correct <= clips)).all() or any((counts < 0).any() for counts in trained):
                raise ValueError('its counts are impossible')
            names, validations = entry['class_names'], entry.get('num_validations', int(vectors['measured'].any()))
            if validations < 0 or (vectors.get('num_measured', clips) < 0).any():
                raise ValueError('it counts fewer than 0 validations')
            return cls(
                class_names=None if names is None else tuple(names),
                epoch=int(entry['epoch']),
                iteration=int(entry['iteration']),
                num_validations=int(validations),
                **vectors,
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(
                f"the checkpoint's entry {CHECKPOINT_KEY!r} cannot be read ({error!r}): it is damaged or from "
                'another version; resume from another checkpoint, or start anew with load_from'
            ) from error


_ADDED = {'num_measured': 'iu', 'mean_probability': 'f', 'train_images': 'iu'}
"""Those that checkpoints of early versions lack, the second where the difficulty is measured by accuracy, and the third
where a sample has one label."""
_KINDS = {
    'difficulty': 'f',
    'measured': 'b',
    'num_clips': 'iu',
    'num_correct': 'iu',
    'train_counts': 'iu',
    **_ADDED,
}
"""Vectors of a state, and the kinds of dtype that a checkpoint may have of each."""
