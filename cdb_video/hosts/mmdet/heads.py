"""Heads of mmdet that have no place for a loss of ours, refused before the first step."""

from __future__ import annotations

from mmdet.models.roi_heads.bbox_heads import BBoxHead
from torch import nn

from cdb_video.head_loss import PROPOSALS
from cdb_video.losses.class_loss import ClassLoss

_BOX_HEAD = "model=dict(roi_head=dict(bbox_head=dict(loss_cls=dict(type='{}', background=1.0))))"


def refuse_other_heads(model: nn.Module) -> None:
    """A loss of ours belongs where a box head scores the classes of proposals, and must know of their background.

    Losses of a user's own heads, which are no box heads and not of mmdet, are left alone.

    Raises:
        ValueError: If it is the loss of a head with sigmoids, of the proposals, of masks or of places; or of a box head
            and has no `background`.
    """
    for name, head in model.named_modules():
        for place, loss in head.named_children():
            if not isinstance(loss, ClassLoss):
                continue
            said = f'{f"{name}." if name else ""}{place} ({type(loss).__name__} in {type(head).__name__})'
            remedy = _BOX_HEAD.format(type(loss).__name__)
            if not isinstance(head, BBoxHead):
                if _is_of_mmdet(head):
                    raise ValueError(f'{said}: {_why_not(name, place)}. Set {remedy}')
            elif place != 'loss_cls':
                raise ValueError(f'{said}: it is made for the classes of boxes, the loss_cls. Set {remedy}')
            elif loss.background is None:
                raise ValueError(
                    f'{said}: a box head has a score for the background beside those of the classes, and background is '
                    f'not set: set {remedy}, the weight that mmdet gives it'
                )


def _why_not(name: str, place: str) -> str:
    """Why a head of mmdet that is no box head has no place for a loss of ours."""
    if PROPOSALS in name.split('.'):
        return 'this head tells objects from background, and knows no classes'
    if 'mask' in place:
        return 'a loss of masks tells the pixels of an object from others, and compares no classes'
    if place != 'loss_cls':
        return 'it is made for scores of classes, the loss_cls of a box head'
    return (
        'it is made for the softmax over the classes and the background of proposals, as two-stage detectors have it, '
        'and this head takes a sigmoid of every class: keep its own loss, and use CDBImageSampler, or a two-stage '
        'detector such as Mask R-CNN or Cascade R-CNN'
    )


def _is_of_mmdet(head: nn.Module) -> bool:
    return any(kind.__module__.partition('.')[0] == 'mmdet' for kind in type(head).__mro__)
