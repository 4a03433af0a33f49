"""The loss in a head: a model -> its losses, by the names that the hosts give them."""

from __future__ import annotations

from typing import Any

from torch import nn

LOSS_NAMES = ('loss_cls', 'loss_module')
"""What a head calls its loss: in mmaction2, and in mmpretrain."""

PROPOSALS = 'rpn_head'
"""What mmdet calls the head that proposes places: it tells objects from background, and knows no classes."""

BOX_HEAD = 'bbox_head'
"""What mmdet calls the head that scores the classes of proposals, or a list of them."""


def head_losses(model: nn.Module) -> dict[str, nn.Module]:
    """The losses of the heads of a model, by their full names in it."""
    return {name: part for name, part in model.named_modules() if name.rpartition('.')[2] in LOSS_NAMES}


def class_loss(model: nn.Module) -> tuple[str, nn.Module] | None:
    """The loss that scores the classes, with its full name; None = there is none, or several heads have one each.

    The head that only proposes places is left out. Of box heads one behind the other, as in Cascade R-CNN, the last
    counts: what it is given are the best places.
    """
    found = {name: loss for name, loss in head_losses(model).items() if PROPOSALS not in name.split('.')}
    heads = {name.rpartition('.')[0] for name in found}
    if len({_without_number(head) for head in heads}) != 1 or len(heads) != len(found):
        return None
    return list(found.items())[-1]


def _without_number(head: str) -> str:
    """The name of a box head without its place in a list of them."""
    before, _, last = head.rpartition('.')
    return before if last.isdigit() and before.rpartition('.')[2] == BOX_HEAD else head


def loss_of(head: nn.Module) -> Any:
    """The loss of a head; None = it has none."""
    return next((loss for name in LOSS_NAMES if (loss := getattr(head, name, None)) is not None), None)
