"""The words of a host for what every host has: a sample, the head of a model, its loss, its last layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
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
        metric: The metric in whose place ClassAccuracy stands, or beside which ObjectAccuracy does.
        packing: The transform that packs a sample, and decides which names it keeps.
        unit: What bears one label and is counted by class, in the singular: the sample, or an object in it.
    """

    sample: str = 'clip'
    head: str = 'cls_head'
    loss: str = 'loss_cls'
    last_layer: str = 'fc_cls'
    metric: str = 'AccMetric'
    packing: str = 'PackActionInputs'
    unit: str = 'clip'

    @property
    def samples(self) -> str:
        """The plural of `sample`."""
        return f'{self.sample}s'

    @property
    def units(self) -> str:
        """The plural of `unit`."""
        return f'{self.unit}s'

    @property
    def accuracy(self) -> str:
        """The metric of ours that counts by class: what it counts are samples, or objects in them."""
        return 'ObjectAccuracy' if self.has_objects else 'ClassAccuracy'

    @property
    def has_objects(self) -> bool:
        """Whether a sample holds many of what is counted."""
        return self.unit != self.sample

    @property
    def prefix(self) -> str:
        """That of the results of our metric, as in 'acc/mean1'."""
        return 'obj' if self.has_objects else 'acc'

    @property
    def mean_accuracy(self) -> str:
        """The key under which it returns the mean class accuracy."""
        return f'{self.prefix}/mean1'

    @property
    def classifier(self) -> str:
        """The name of the last layer in the model."""
        return f'{self.head}.{self.last_layer}'

    def loss_line(self, loss: Mapping[str, Any]) -> str:
        """The line of a config that sets the loss of the head."""
        setting = f'{self.loss}={as_code(loss)}'
        for part in reversed(self.head.split('.')):
            setting = f'{part}=dict({setting})'
        return f'model = dict({setting})'


VIDEO = HostWords()
"""Of mmaction2, and where no host is known."""
IMAGES = HostWords('image', 'head', 'loss', 'fc', 'Accuracy', 'PackInputs', 'image')
"""Of mmpretrain."""
DETECTION = HostWords('image', 'roi_head.bbox_head', 'loss_cls', 'fc_cls', 'CocoMetric', 'PackDetInputs', 'object')
"""Of mmdet: an image has many objects."""
PLAIN = HostWords(sample='sample', unit='sample')
"""Of a loop of a user's own, which may be about anything."""
BY_SCOPE = {'mmaction': VIDEO, 'mmpretrain': IMAGES, 'mmdet': DETECTION}
"""By the name of the host in mmengine's registries, which configs have as `default_scope`."""
_chosen: ContextVar[HostWords | None] = ContextVar('words', default=None)
_sources: list[Callable[[], HostWords | None]] = []


def add_source(source: Callable[[], HostWords | None]) -> None:
    """Ask a function which host is at work; the first answer counts."""
    if source not in _sources:
        _sources.append(source)


def words_now() -> HostWords:
    """The words of who is spoken of: see `speaking`, or else of the host at work in this process, or else `VIDEO`."""
    chosen = _chosen.get()
    if chosen is not None:
        return chosen
    return next((words for source in _sources if (words := source()) is not None), VIDEO)


@contextmanager
def speaking(words: HostWords | None) -> Iterator[None]:
    """Speak in the words of a host, whichever is at work; None changes nothing."""
    token = _chosen.set(words or _chosen.get())
    try:
        yield
    finally:
        _chosen.reset(token)


def worded(text: str) -> str:
    """A text of ours with {sample}, {samples}, {unit} and {units} in it, in the words of who is spoken of."""
    words = {'{sample}': sample(), '{samples}': samples(), '{unit}': unit(), '{units}': units()}
    for place, word in words.items():
        text = text.replace(place, word)
    return text


def sample() -> str:
    """What is classified, in the singular, in the words of who is spoken of."""
    return words_now().sample


def samples() -> str:
    """The plural of `sample`."""
    return words_now().samples


def unit() -> str:
    """What is counted by class, in the singular, in the words of who is spoken of."""
    return words_now().unit


def units() -> str:
    """The plural of `unit`."""
    return words_now().units
