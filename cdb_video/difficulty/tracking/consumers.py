"""What a hook that owns a difficulty hands on, beside it: class frequencies and the epoch; and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from torch import Tensor, nn

from cdb_video.difficulty.consumer import (
    TakesPrior,
    TakesProgress,
    acts_by_difficulty,
    has_class_law,
    takes_difficulty,
    takes_prior,
    takes_progress,
)
from cdb_video.difficulty.formulas import IntVector
from cdb_video.difficulty.records import Derived


def class_prior(sampler: Any, train_counts: IntVector) -> Any:
    """(C,) clips per class as training sees them, by the law of the sampler; some methods need their scale.

    Where an image has objects of several classes, those that it is not drawn for are seen too: `object_probability`.
    """
    drawn = getattr(sampler, 'class_probability', None)
    probability = getattr(sampler, 'object_probability', drawn)
    return train_counts if probability is None else probability * train_counts.sum()


def hand_on_prior(consumers: Iterable[TakesPrior], sampler: Any, train_counts: IntVector) -> None:
    """Hand on the frequencies that training sees."""
    for consumer in consumers:
        consumer.set_class_prior(class_prior(sampler, train_counts))


def hand_on_progress(consumers: Iterable[TakesProgress], epoch: int, max_epochs: int | None) -> None:
    """Hand on how many epochs are done, and of how many.

    Args:
        consumers: What takes them.
        epoch: Epochs done.
        max_epochs: Epochs of the run; None in training by iteration, which has none.

    Raises:
        ValueError: If something waits for an epoch in training by iteration.
    """
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


def consumer_vectors(consumers: Mapping[str, Any]) -> dict[str, Derived]:
    """Tau or strength, and weight or probability, of every consumer, as the history has them."""
    vectors = {}
    for name, consumer in consumers.items():
        vector = consumer_vector(consumer)
        strength = getattr(consumer, 'strength_', None)
        named = {} if vector is None else dict([vector])
        vectors[name] = Derived(consumer_tau(consumer), strength=strength, **named)
    return vectors


def find_difficulty_consumers(model: nn.Module, sampler: Any) -> dict[str, Any]:
    """Everything with `set_class_difficulty` in the model and the sampler, by a unique name.

    The name is that of the class; a second one of the same class is called 'CDBLoss.1', and so on.
    """
    return named(part for part in (*model.modules(), sampler) if takes_difficulty(part))


def waiting_for_difficulty(model: nn.Module, sampler: Any) -> list[str]:
    """What acts by a difficulty and was handed none, by name; of parts of a user's own that is not known."""
    parts = find_difficulty_consumers(model, sampler)
    return [name for name, part in parts.items() if acts_by_difficulty(part) and _has_none(part)]


def _has_none(part: Any) -> bool:
    """Whether a part of ours was handed no difficulty: it has then no exponent, of either law."""
    exponents = [getattr(part, name) for name in ('tau_', 'strength_') if hasattr(part, name)]
    return bool(exponents) and all(exponent is None for exponent in exponents)


def waiting_for_prior(model: nn.Module) -> list[str]:
    """The losses of ours that cannot be computed without class frequencies and were handed none, by name."""
    parts = named(part for part in find_prior_consumers(model) if getattr(part, 'needs_prior', False))
    return [name for name, part in parts.items() if prior_array(part) is None]


def find_class_parts(model: nn.Module, sampler: Any) -> dict[str, Any]:
    """Everything in the model and the sampler that derives something from difficulty, frequency or epoch, by name."""
    return named([*class_parts_of(model), *class_parts_of(sampler)])


def class_parts_of(part: Any) -> list[Any]:
    """Those that derive something from difficulty, frequency or epoch: the part itself, and what is in a module."""
    ways = (takes_difficulty, takes_prior, takes_progress, has_class_law)
    among = part.modules() if isinstance(part, nn.Module) else (part,)
    return [one for one in among if any(way(one) for way in ways)]


def named(found: Iterable[Any]) -> dict[str, Any]:
    """By the name of the class; a second one of the same class is called 'CDBLoss.1', and so on."""
    consumers: dict[str, Any] = {}
    for consumer in found:
        name = type(consumer).__name__
        same = sum(type(other).__name__ == name for other in consumers.values())
        consumers[f'{name}.{same}' if same else name] = consumer
    return consumers


def find_prior_consumers(model: nn.Module) -> list[TakesPrior]:
    """Every module of the model with `set_class_prior`."""
    return [module for module in model.modules() if takes_prior(module)]


def find_progress_consumers(model: nn.Module, sampler: Any) -> list[TakesProgress]:
    """Everything with `set_progress` in the model and the sampler: what a deferred start or a growing tau needs."""
    return [part for part in (*model.modules(), sampler) if takes_progress(part)]


def consumer_tau(consumer: Any) -> float | None:
    """The exponent that a consumer uses now, None if it does not say."""
    return getattr(consumer, 'tau_', None)


def consumer_vector(consumer: Any) -> tuple[str, list[float]] | None:
    """What a consumer derived: ('weight' or 'probability', C numbers); None if it does not say."""
    found = consumer_array(consumer)
    return None if found is None else (found[0], found[1].astype(np.float64).tolist())


def consumer_array(consumer: Any) -> tuple[str, np.ndarray] | None:
    """The same, (C,) in the dtype that the consumer uses."""
    for attribute, name in (('class_weight', 'weight'), ('class_probability', 'probability')):
        vector = getattr(consumer, attribute, None)
        if vector is not None:
            return name, vector.detach().cpu().numpy() if isinstance(vector, Tensor) else np.asarray(vector)
    return None


def prior_array(consumer: Any) -> np.ndarray | None:
    """What a loss of ours derived from the class frequencies, (C,); None if it is no such loss, or has none."""
    value = getattr(consumer, 'prior_term', None)
    return value.numpy() if isinstance(value, Tensor) else None
