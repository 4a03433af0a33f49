"""Counts from the training batches' own predictions, for a difficulty without held-out samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from cdb_video.difficulty.formulas import IntVector
from cdb_video.head_loss import LOSS_NAMES, head_losses
from cdb_video.host_words import sample, words_now
from cdb_video.processes import all_reduce
from cdb_video.torch_compat import leave_uncompiled


class TrainingCounts:
    """Samples and correct predictions of each class among what the loss of a model sees in training.

    The predictions are those of the training step: before its update, with dropout and augmentation. They cost an
    argmax a step, and no transfer until `take`. A soft label counts as its largest share.

    Args:
        model: With one loss in its head, see `head_losses`.
        num_classes: Number of classes C.

    Raises:
        ValueError: If the model has no such loss or several.
    """

    def __init__(self, model: nn.Module, num_classes: int) -> None:
        losses = list(head_losses(model).values())
        if len(losses) != 1:
            raise ValueError(
                f"source='train' counts what the loss of the head sees, and the model has {len(losses)} modules called "
                f"{' or '.join(LOSS_NAMES)}: it must have one; use source='val' otherwise"
            )
        self._num_classes = num_classes
        self._counts: Tensor | None = None
        self._handle = losses[0].register_forward_pre_hook(self._count, with_kwargs=True)

    def take(self) -> tuple[IntVector, IntVector]:
        """The counts since the last call, over all processes: samples and correct ones, (C,) int64 each.

        Raises:
            ValueError: In all processes, if a score was NaN.
        """
        counts = torch.zeros(3, self._num_classes, dtype=torch.int64) if self._counts is None else self._counts
        all_reduce(counts)
        num_clips, num_correct, num_nan = counts.cpu().numpy().copy()
        counts.zero_()
        if num_nan.any():
            raise ValueError(
                f'the scores of {num_nan.sum()} of {num_clips.sum()} training {words_now().samples} hold NaN: training '
                f'has diverged; lower the learning rate, {sample()} gradients (optim_wrapper.clip_grad) or check '
                'the loss'
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
        cls_score, label = [*args, *(kwargs[name] for name in ('cls_score', 'label') if name in kwargs)][:2]
        if label.shape == cls_score.shape:
            label = label.argmax(dim=1)
        right = (cls_score.argmax(dim=1) == label).reshape(-1).long()
        diverged = cls_score.isnan().any(dim=1).reshape(-1).long()
        label = label.reshape(-1).long()
        if self._counts is None or self._counts.device != label.device:
            self._counts = torch.zeros(3, self._num_classes, dtype=torch.int64, device=label.device)
        self._counts[0].index_add_(0, label, torch.ones_like(label))
        self._counts[1].index_add_(0, label, right)
        self._counts[2].index_add_(0, label, diverged)
