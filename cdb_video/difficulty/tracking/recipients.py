"""Who is handed a difficulty, the class frequencies and the epoch, and in which order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cdb_video.difficulty.consumer import (
    TakesPrior,
    TakesProgress,
    has_class_law,
    takes_difficulty,
    takes_prior,
    takes_progress,
    takes_validations,
)
from cdb_video.difficulty.formulas import IntVector
from cdb_video.difficulty.records import Derived
from cdb_video.difficulty.state import DifficultyState
from cdb_video.difficulty.tracking.consumers import (
    class_parts_of,
    consumer_vectors,
    hand_on_prior,
    hand_on_progress,
    named,
)


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

    @classmethod
    def among(cls, consumers: Any) -> Recipients:
        """Who takes something among the parts of a training that are given, and in the models among them.

        Args:
            consumers: A list or tuple of losses, samplers and models with losses inside; or one of these alone.

        Raises:
            TypeError: If one of them takes nothing.
            ValueError: If there are several samplers with a law.
        """
        given = consumers if isinstance(consumers, list | tuple) else () if consumers is None else (consumers,)
        parts: dict[int, Any] = {}
        for one in given:
            found = class_parts_of(one)
            if not found:
                raise TypeError(
                    f'consumers: {type(one).__name__} has no set_class_difficulty, nor has a part of it: give a loss '
                    'or a sampler that takes the difficulty, such as CDBLoss or CDBSampler, or a model with such a '
                    'loss inside; of a DataLoader give the sampler'
                )
            parts |= {id(part): part for part in found}
        laws = [part for part in parts.values() if has_class_law(part)]
        if len(laws) > 1:
            raise ValueError(
                f'consumers: {" and ".join(type(law).__name__ for law in laws)} are samplers with a law of classes '
                'each: one training has one; give that of its DataLoader'
            )
        return cls(
            named(part for part in parts.values() if takes_difficulty(part)),
            [part for part in parts.values() if takes_prior(part)],
            [part for part in parts.values() if takes_progress(part)],
            next(iter(laws), None),
        )

    @property
    def parts(self) -> list[Any]:
        """All of them, each once."""
        every = (*self.difficulty.values(), *self.prior, *self.progress)
        return list({id(part): part for part in every}.values())

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
