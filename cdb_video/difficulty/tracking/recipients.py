"""Who is handed a difficulty, the class frequencies and the epoch, and in which order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cdb_video.difficulty.consumer import TakesPrior, TakesProgress, takes_validations
from cdb_video.difficulty.formulas import IntVector
from cdb_video.difficulty.records import Derived
from cdb_video.difficulty.state import DifficultyState
from cdb_video.difficulty.tracking.consumers import consumer_vectors, hand_on_prior, hand_on_progress


@dataclass(frozen=True, eq=False)
class Recipients:
    """Whatever takes something in a training; a part may be in all three lists.

    Attributes:
        difficulty: Who takes the difficulty, by name.
        prior: Who takes the class frequencies that training sees.
        progress: Who takes the epoch.
        sampler: The one that picks the training samples, by whose law the frequencies go; None = there is none.
    """

    difficulty: Mapping[str, Any] = field(default_factory=dict)
    prior: Sequence[TakesPrior] = ()
    progress: Sequence[TakesProgress] = ()
    sampler: Any = None

    @property
    def vectors(self) -> dict[str, Derived]:
        """Tau and weight or probability of everyone who takes the difficulty, as the history has them."""
        return consumer_vectors(self.difficulty)

    def hand_on(self, state: DifficultyState, epoch: int, max_epochs: int | None, planned: int | None) -> None:
        """Hand on a difficulty: the epoch first, at which it acts, and last the frequencies, which it may change.

        Args:
            state: The difficulty.
            epoch: Epochs done.
            max_epochs: Epochs of the training; None = it is trained by iteration, or that is not known.
            planned: Validations of the whole training; None = not known, and not handed on.

        Raises:
            ValueError: If somebody refuses it, or waits for an epoch in training by iteration.
        """
        hand_on_progress(self.progress, epoch, max_epochs)
        for consumer in self.difficulty.values():
            if planned is not None and takes_validations(consumer):
                consumer.set_validations(state.num_validations, planned)
            consumer.set_class_difficulty(state.difficulty, state.accuracy)
        self.hand_on_prior(state.train_counts)

    def begin_epoch(self, train_counts: IntVector, epoch: int, max_epochs: int | None) -> None:
        """Hand on the epoch that begins, and the frequencies, which may follow from it.

        Args:
            train_counts: (C,) int64, training samples per class.
            epoch: Epochs done.
            max_epochs: Epochs of the training; None = as above.

        Raises:
            ValueError: As above.
        """
        hand_on_progress(self.progress, epoch, max_epochs)
        self.hand_on_prior(train_counts)

    def hand_on_prior(self, train_counts: IntVector) -> None:
        """Hand on the frequencies that training sees, (C,) int64 samples per class by the law of the sampler."""
        hand_on_prior(self.prior, self.sampler, train_counts)
