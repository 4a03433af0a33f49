"""Training in two stages: features from a first run, and a classifier that is trained on top of them.

A classifier on frozen features is cRT where it is new and LWS where only a scale for each class is learned (arXiv
1910.09217); sampler and loss are those of any other run, so class-balanced sampling, CDB-S and CDB-W all go with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmengine.registry import MODELS
from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from cdb_video.classifier.last_layer import last_layer

FIRST_STAGE = (
    'Set load_from to a checkpoint of the first stage (our configs read the environment variable CDB_FIRST_STAGE). '
    'For configs/egtea/mini this makes one: cdb-video train cdb_video::egtea/mini/slowfast_ce.py --seed 0'
)


def FrozenFeatures(recognizer: str, trained: Sequence[str] | None = None, **kwargs: Any) -> nn.Module:
    """A model of which only some parts are trained; the model itself is returned.

    The other parameters get no gradient, and the norm layers among them keep their statistics, in training too.
    Frozen when it is built, before optimizer and DistributedDataParallel see it. It merges over the model of a base
    config::

        model = dict(type='FrozenFeatures', recognizer='Recognizer3D')

    Args:
        recognizer: Type of the model: Recognizer3D or another one of mmaction2, ImageClassifier of mmpretrain.
        trained: Names of the modules or parameters that are trained; None = the classifier, see `last_layer`.
        **kwargs: The arguments of the model.

    Returns:
        The model, as its type makes it.

    Raises:
        ValueError: If a name in `trained` is not in the model.
    """
    model: nn.Module = MODELS.build({'type': recognizer, **kwargs})
    names = [name for name, _ in model.named_parameters()]
    trained = last_layer(names) if trained is None else trained
    trained = (trained,) if isinstance(trained, str) else tuple(trained)
    for part in trained:
        if not any(is_within(name, part) for name in names):
            raise ValueError(
                f'trained: {recognizer} has no parameters in {part!r}; its parts are '
                f'{", ".join(sorted({name.rpartition(".")[0] for name in names[-4:]}))} and others'
            )
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(any(is_within(name, part) for part in trained))
    kind = type(model)
    names_of_kind = {'__module__': kind.__module__, 'trained_parts': trained}
    model.__class__ = type(kind.__name__, (_KeepsStatistics, kind), names_of_kind)
    return model


class _KeepsStatistics(nn.Module):
    """A model whose frozen norm layers stay in evaluation mode."""

    trained_parts: tuple[str, ...] = ()

    def train(self, mode: bool = True) -> _KeepsStatistics:
        """Set the mode of all parts, but for frozen norm layers."""
        super().train(mode)
        for name, module in self.named_modules():
            if isinstance(module, _NormBase) and not any(is_within(name, part) for part in self.trained_parts):
                module.eval()
        return self


def is_within(name: str, part: str) -> bool:
    """Whether a parameter or module is that part of the model, or in it."""
    return name == part or name.startswith(f'{part}.')
