"""The hook that starts the second of two stages from the features of the first: `SecondStageHook`."""

from __future__ import annotations

import os
from typing import Any

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper

from cdb_video.classifier.last_layer import last_layer
from cdb_video.classifier.two_stage import FIRST_STAGE, is_within
from cdb_video.run.loop import Loop


class SecondStageHook(Hook):
    """Takes the features of a first run from ``load_from``, and sees to it that nothing of them is missing.

    A resumed run and a test load their checkpoint whole.

    Args:
        new_classifier: Whether to leave the classifier out, so that it starts anew (cRT). False = it comes along (LWS).
        layer: Name of the classifier in the model; None = it is found, see `last_layer`.

    Raises:
        ValueError: If training starts without ``load_from``, or the checkpoint lacks a part of the features.
        FileNotFoundError: If training starts with a ``load_from`` that is not there.
    """

    def __init__(self, new_classifier: bool, layer: str | None = None) -> None:
        if not isinstance(new_classifier, bool):
            raise ValueError(f'new_classifier={new_classifier!r}: must be True (cRT) or False (LWS)')
        self.new_classifier = new_classifier
        self.layer = layer

    def before_run(self, runner: Any) -> None:
        """Say what a checkpoint that is not there was meant to be; mmengine would only say that it is not."""
        loop = Loop(runner)
        if loop.asked_to_resume or loop.has_loaded or not loop.is_built:
            return
        path = loop.load_from
        # Other places than a disk are left to mmengine.
        if path is not None and '://' not in str(path) and not os.path.isfile(os.path.expanduser(path)):
            raise FileNotFoundError(
                f'SecondStageHook: there is no file {os.fspath(path)!r}, so there are no features to train on. '
                f'{FIRST_STAGE}'
            )

    def after_load_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        """Check what the first run has, and take the classifier out of it, before it reaches the model."""
        loop = Loop(runner)
        if loop.asked_to_resume or not loop.is_built:
            return
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        layer = last_layer(model.state_dict()) if self.layer is None else self.layer
        weights = checkpoint.get('state_dict', checkpoint)
        found = {name.removeprefix('module.') for name in weights}
        missing = [name for name in model.state_dict() if name not in found and not self._is_new(name, layer)]
        if missing:
            raise ValueError(
                f'load_from={loop.load_from!r} lacks {missing[0]} ({len(missing)} such): the second stage needs all '
                'features of the first; name a checkpoint of a run with the same model'
            )
        if self.new_classifier:
            for name in [name for name in weights if is_within(name.removeprefix('module.'), layer)]:
                del weights[name]
            runner.logger.info(f'second stage: the features come from {loop.load_from}, {layer} starts anew')

    def before_train(self, runner: Any) -> None:
        """Refuse to train a classifier on features that were never trained."""
        if not Loop(runner).has_loaded:
            raise ValueError(f'SecondStageHook: no checkpoint was loaded, so the features are untrained. {FIRST_STAGE}')

    def _is_new(self, name: str, layer: str) -> bool:
        """Whether a part of the model need not be in the first run."""
        own = name.removeprefix(f'{layer}.')
        return own != name and (self.new_classifier or own == 'class_scale')
