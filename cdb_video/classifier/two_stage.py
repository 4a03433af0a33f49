"""Training in two stages: features from a first run, and a classifier that is trained on top of them.

A classifier on frozen features is cRT where it is new and LWS where only a scale for each class is learned (arXiv
1910.09217); sampler and loss are those of any other run, so class-balanced sampling, CDB-S and CDB-W all go with it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.registry import MODELS
from mmengine.runner import BaseLoop
from torch import nn
from torch.nn.modules.batchnorm import _NormBase

FIRST_STAGE = (
    'Set load_from to a checkpoint of the first stage (our configs read the environment variable CDB_FIRST_STAGE). '
    'For configs/egtea/mini this makes one: python tools/train.py configs/egtea/mini/slowfast_ce.py --seed 0'
)


def FrozenFeatures(recognizer: str, trained: Sequence[str] = ('cls_head.fc_cls',), **kwargs: Any) -> nn.Module:
    """A model of which only some parts are trained; the model itself is returned.

    The other parameters get no gradient, and the norm layers among them keep their statistics, in training too.
    Frozen when it is built, before optimizer and DistributedDataParallel see it. It merges over the model of a base
    config::

        model = dict(type='FrozenFeatures', recognizer='Recognizer3D')

    Args:
        recognizer: Type of the model.
        trained: Names of the modules or parameters that are trained.
        **kwargs: The arguments of the model.

    Returns:
        The model, as its type makes it.

    Raises:
        ValueError: If a name in `trained` is not in the model.
    """
    model: nn.Module = MODELS.build({'type': recognizer, **kwargs})
    trained = (trained,) if isinstance(trained, str) else tuple(trained)
    names = [name for name, _ in model.named_parameters()]
    for part in trained:
        if not any(_is_within(name, part) for name in names):
            raise ValueError(
                f'trained: {recognizer} has no parameters in {part!r}; its parts are '
                f'{", ".join(sorted({name.rpartition(".")[0] for name in names[-4:]}))} and others'
            )
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(any(_is_within(name, part) for part in trained))
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
            if isinstance(module, _NormBase) and not any(_is_within(name, part) for part in self.trained_parts):
                module.eval()
        return self


class SecondStageHook(Hook):
    """Takes the features of a first run from ``load_from``, and sees to it that nothing of them is missing.

    A resumed run and a test load their checkpoint whole.

    Args:
        new_classifier: Whether to leave the classifier out, so that it starts anew (cRT). False = it comes along (LWS).
        layer: Name of the classifier in the model.

    Raises:
        ValueError: If training starts without ``load_from``, or the checkpoint lacks a part of the features.
        FileNotFoundError: If training starts with a ``load_from`` that is not there.
    """

    def __init__(self, new_classifier: bool, layer: str = 'cls_head.fc_cls') -> None:
        if not isinstance(new_classifier, bool):
            raise ValueError(f'new_classifier={new_classifier!r}: must be True (cRT) or False (LWS)')
        self.new_classifier = new_classifier
        self.layer = layer

    def before_run(self, runner: Any) -> None:
        """Say what a checkpoint that is not there was meant to be; mmengine would only say that it is not."""
        if runner._resume or runner._has_loaded or not isinstance(runner._train_loop, BaseLoop):
            return
        path = runner._load_from
        # Other places than a disk are left to mmengine.
        if path is not None and '://' not in str(path) and not os.path.isfile(os.path.expanduser(path)):
            raise FileNotFoundError(
                f'SecondStageHook: there is no file {os.fspath(path)!r}, so there are no features to train on. '
                f'{FIRST_STAGE}'
            )

    def after_load_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        """Check what the first run has, and take the classifier out of it, before it reaches the model."""
        if runner._resume or not isinstance(runner._train_loop, BaseLoop):
            return
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        weights = checkpoint.get('state_dict', checkpoint)
        found = {name.removeprefix('module.') for name in weights}
        missing = [name for name in model.state_dict() if name not in found and not self._is_new(name)]
        if missing:
            raise ValueError(
                f'load_from={runner._load_from!r} lacks {missing[0]} ({len(missing)} such): the second stage needs all '
                'features of the first; name a checkpoint of a run with the same model'
            )
        if self.new_classifier:
            for name in [name for name in weights if _is_within(name.removeprefix('module.'), self.layer)]:
                del weights[name]
            runner.logger.info(f'second stage: the features come from {runner._load_from}, {self.layer} starts anew')

    def before_train(self, runner: Any) -> None:
        """Refuse to train a classifier on features that were never trained."""
        if not runner._has_loaded:
            raise ValueError(f'SecondStageHook: no checkpoint was loaded, so the features are untrained. {FIRST_STAGE}')

    def _is_new(self, name: str) -> bool:
        """Whether a part of the model need not be in the first run."""
        own = name.removeprefix(f'{self.layer}.')
        return own != name and (self.new_classifier or own == 'class_scale')


def _is_within(name: str, part: str) -> bool:
    return name == part or name.startswith(f'{part}.')
