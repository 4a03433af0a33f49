"""Counts from the training batches' own predictions, for a difficulty without held-out samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from cdb_video.difficulty.formulas import IntVector
from cdb_video.head_loss import BOX_HEAD, LOSS_NAMES, class_loss, head_losses
from cdb_video.host_words import units
from cdb_video.processes import all_reduce
from cdb_video.torch_compat import leave_uncompiled


class TrainingCounts:
    """Samples and correct predictions of each class among what the loss of a model sees in training.

    The predictions are those of the training step: before its update, with dropout and augmentation. They cost an
    argmax a step, and no transfer until `take`. A soft label counts as its largest share.

    In a detector they are the proposals of its box head that have an object, by its class. Those of the background,
    whose label is C, and those with the weight 0 are left out; an object that is taken for background is not correct.

    Args:
        model: With one loss that scores the classes, see `class_loss`.
        num_classes: Number of classes C.

    Raises:
        ValueError: If the model has no such loss or several, or that of a detector does not take the softmax of the
            scores.
    """

    def __init__(self, model: nn.Module, num_classes: int) -> None:
        found = class_loss(model)
        if found is None:
            raise ValueError(
                f"source='train' counts what the loss of the head sees, and the model has {len(head_losses(model))} "
                f"modules called {' or '.join(LOSS_NAMES)}: it must have one; use source='val' otherwise"
            )
        name, loss = found
        # The heads of other hosts answer with the largest score, whatever their loss makes of it.
        is_box_head = BOX_HEAD in name.split('.')
        if is_box_head and (getattr(loss, 'use_sigmoid', False) or getattr(loss, 'custom_activation', False)):
            raise ValueError(
                f"source='train': {name} ({type(loss).__name__}) does not take the softmax of its scores, so what it "
                "would answer does not show in them; use source='val'"
            )
        self._num_classes = num_classes
        self._counts: Tensor | None = None
        self._handle = loss.register_forward_pre_hook(self._count, with_kwargs=True)

    def take(self) -> tuple[IntVector, IntVector]:
        """The counts since the last call, over all processes: samples and correct ones, (C,) int64 each.

        Raises:
            ValueError: In all processes, if a score was NaN.
        """
        own = self._zeros() if self._counts is None else self._counts
        counts = own[:, :-1].contiguous()
        own.zero_()
        all_reduce(counts)
        num_clips, num_correct, num_nan = counts.cpu().numpy().copy()
        if num_nan.any():
            raise ValueError(
                f'the scores of {num_nan.sum()} of {num_clips.sum()} training {units()} hold NaN: training has '
                'diverged; lower the learning rate, clip gradients (optim_wrapper.clip_grad) or check the loss'
            )
        return np.asarray(num_clips), np.asarray(num_correct)

    def stop(self) -> None:
        """Count no more."""
        self._handle.remove()

    @leave_uncompiled
    @torch.no_grad()
    def _count(self, loss: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if not loss.training:
            return
        given = dict(zip(('cls_score', 'label', 'weight'), args, strict=False)) | kwargs
        cls_score, label, weight = given['cls_score'], given['label'], given.get('weight')
        if label.shape == cls_score.shape:
            label = label.argmax(dim=1)
        right = (cls_score.argmax(dim=1) == label).reshape(-1).long()
        diverged = cls_score.isnan().any(dim=1).reshape(-1).long()
        label = label.reshape(-1).long()
        counted = torch.ones_like(label) if weight is None else (weight.reshape(-1) != 0).long()
        if self._counts is None or self._counts.device != label.device:
            self._counts = self._zeros(label.device)
        self._counts[0].index_add_(0, label, counted)
        self._counts[1].index_add_(0, label, right * counted)
        self._counts[2].index_add_(0, label, diverged * counted)

    def _zeros(self, device: torch.device | None = None) -> Tensor:
        """(3, C + 1): units, correct ones and those that diverged, of each class and of the background."""
        return torch.zeros(3, self._num_classes + 1, dtype=torch.int64, device=device)
