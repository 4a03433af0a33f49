"""The loss in a head: a model -> its losses, by the names that the hosts give them."""

from __future__ import annotations

from typing import Any

from torch import nn

LOSS_NAMES = ('loss_cls', 'loss_module')
"""What a head calls its loss: in mmaction2, and in mmpretrain."""

PROPOSALS = 'rpn_head'
"""What mmdet calls the head that proposes places: it tells objects from background, and knows no classes."""


def head_losses(model: nn.Module) -> dict[str, nn.Module]:
    """The losses of the heads of a model, by their full names in it."""
    return {name: part for name, part in model.named_modules() if name.rpartition('.')[2] in LOSS_NAMES}


def loss_of(head: nn.Module) -> Any:
    """The loss of a head; None = it has none."""
    return next((loss for name in LOSS_NAMES if (loss := getattr(head, name, None)) is not None), None)
