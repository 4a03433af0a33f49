"""What a hook that owns a difficulty hands on, beside it: class frequencies and the epoch; and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from cdb_video import wiring
from cdb_video.difficulty import IntVector


def class_prior(sampler: Any, train_counts: IntVector) -> Any:
    """(C,) clips per class as training sees them, by the law of the sampler; some methods need their scale."""
    probability = getattr(sampler, 'class_probability', None)
    return train_counts if probability is None else probability * train_counts.sum()


def hand_on_prior(model: nn.Module, sampler: Any, train_counts: IntVector) -> None:
    """Hand on the frequencies that training sees."""
    for consumer in wiring.find_prior_consumers(model):
        consumer.set_class_prior(class_prior(sampler, train_counts))


def hand_on_progress(model: nn.Module, sampler: Any, epoch: int, max_epochs: int | None) -> None:
    """Hand on how many epochs are done, and of how many.

    Args:
        model: Of the run.
        sampler: The one that picks the training clips.
        epoch: Epochs done.
        max_epochs: Epochs of the run; None in training by iteration, which has none.

    Raises:
        ValueError: If something waits for an epoch in training by iteration.
    """
    consumers = wiring.find_progress_consumers(model, sampler)
    if max_epochs is not None:
        for consumer in consumers:
            # A run that is resumed with fewer epochs than it has trains nothing more.
            consumer.set_progress(min(epoch, max_epochs), max_epochs)
        return
    waiting = [type(consumer).__name__ for consumer in consumers if consumer.follows_progress]
    if waiting:
        raise ValueError(
            f'{", ".join(waiting)} changes with the epoch, and this run is trained by iteration: train by epoch '
            '(train_cfg=dict(by_epoch=True, max_epochs=...)), or leave out begin, drw_begin and a tau that grows'
        )


def follows_progress(model: nn.Module, sampler: Any) -> bool:
    """Whether anything changes with the epoch."""
    return any(consumer.follows_progress for consumer in wiring.find_progress_consumers(model, sampler))


def consumer_vectors(consumers: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Tau and weight or probability of every consumer, as the history has them."""
    vectors = {}
    for name, consumer in consumers.items():
        vector = wiring.consumer_vector(consumer)
        vectors[name] = {'tau': wiring.consumer_tau(consumer)} | ({} if vector is None else dict([vector]))
    return vectors
