"""The words of a host for what every host has: a sample, the head of a model, its loss, its last layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cdb_video.advice import as_code


@dataclass(frozen=True)
class HostWords:
    """How a host calls things in its configs, and its users in talk.

    Attributes:
        sample: What is classified, in the singular.
        head: The head in the config of a model.
        loss: The loss in the config of a head.
        last_layer: The linear layer in a head that scores the classes.
        metric: The metric in whose place ClassAccuracy stands.
        packing: The transform that packs a sample, and decides which names it keeps.
    """

    sample: str = 'clip'
    head: str = 'cls_head'
    loss: str = 'loss_cls'
    last_layer: str = 'fc_cls'
    metric: str = 'AccMetric'
    packing: str = 'PackActionInputs'

    @property
    def samples(self) -> str:
        """The plural of `sample`."""
        return f'{self.sample}s'

    @property
    def classifier(self) -> str:
        """The name of the last layer in the model."""
        return f'{self.head}.{self.last_layer}'

    def loss_line(self, loss: Mapping[str, Any]) -> str:
        """The line of a config that sets the loss of the head."""
        return f'model = dict({self.head}=dict({self.loss}={as_code(loss)}))'


VIDEO = HostWords()
"""Of mmaction2, and where no host is known."""
IMAGES = HostWords('image', 'head', 'loss', 'fc', 'Accuracy', 'PackInputs')
"""Of mmpretrain."""
_sources: list[Callable[[], HostWords | None]] = []


def add_source(source: Callable[[], HostWords | None]) -> None:
    """Ask a function which host is at work; the first answer counts."""
    if source not in _sources:
        _sources.append(source)


def words_now() -> HostWords:
    """The words of the host whose run is at work in this process; `VIDEO` where there is none."""
    return next((words for source in _sources if (words := source()) is not None), VIDEO)
