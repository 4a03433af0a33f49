"""Last layers that some methods need, and a head of a host with one of them in the place of its linear layer."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cdb_video.checks import check_positive
from cdb_video.head_loss import loss_of
from cdb_video.host_words import IMAGES, VIDEO, HostWords


class NormalizedLinear(nn.Module):
    """Scores s cos(w_c, x): rows and features are scaled to length 1, without bias; LDAM needs it.

    Args:
        in_features: Length of the features.
        num_classes: Number of classes C.
        scale: s > 0.
    """

    bias = None

    def __init__(self, in_features: int, num_classes: int, scale: float) -> None:
        super().__init__()
        check_positive(scale=scale)
        self.scale = scale
        self.weight = nn.Parameter(torch.empty(num_classes, in_features))
        nn.init.normal_(self.weight)

    def forward(self, features: Tensor) -> Tensor:
        """Score the classes: (N, in_features) to (N, C), in [-s, s]."""
        return self.scale * F.linear(F.normalize(features), F.normalize(self.weight))

    def extra_repr(self) -> str:
        """The arguments, for ``print(model)``."""
        return f'in_features={self.weight.shape[1]}, num_classes={self.weight.shape[0]}, scale={self.scale}'


class ScaledLinear(nn.Linear):
    """A linear layer whose scores are multiplied by a number for each class, which is all that is trained: LWS.

    The number acts on the bias too (arXiv 1910.09217 scales the rows and does not speak of the bias).

    Args:
        in_features: Length of the features.
        num_classes: Number of classes C.

    Attributes:
        class_scale: (C,), 1 at the start.
    """

    def __init__(self, in_features: int, num_classes: int) -> None:
        super().__init__(in_features, num_classes)
        self.class_scale = nn.Parameter(torch.ones(num_classes))

    def forward(self, features: Tensor) -> Tensor:
        """Score the classes: (N, in_features) to (N, C)."""
        return self.class_scale * super().forward(features)


def ClassifierHead(
    head: str, classifier: str, scale: float | None = None, layer: str | None = None, **kwargs: Any
) -> nn.Module:
    """A head with another last layer: the head itself is returned, so everything that it does stays.

    It merges over the head of a base config::

        model = dict(cls_head=dict(type='ClassifierHead', head='SlowFastHead', classifier='normalized', ...))

    Args:
        head: Type of the head, whose last layer is an ``nn.Linear``: SlowFastHead, I3DHead, TSNHead and others; of
            images LinearClsHead.
        classifier: 'normalized' (`NormalizedLinear`, for LDAM) or 'scaled' (`ScaledLinear`, for LWS).
        scale: Of 'normalized', > 0. None = that of the head's loss, which must have one (LDAMLoss has 30).
        layer: Name of the last layer in the head; None = 'fc_cls' as in mmaction2, or 'fc' as in mmpretrain.
        **kwargs: The arguments of the head.

    Returns:
        The head, as its type makes it.

    Raises:
        ValueError: If the head has no such layer, or an argument is wrong.
    """
    from mmengine.registry import MODELS

    built: nn.Module = MODELS.build({'type': head, **kwargs})
    layer = _words(built).last_layer if layer is None else layer
    linear = getattr(built, layer, None)
    if type(linear) is not nn.Linear:
        raise ValueError(
            f'{head} has no nn.Linear called {layer!r}, but {type(linear).__name__}: give the name of its last layer '
            'as layer'
        )
    wanted = getattr(loss_of(built), 'score_scale', None)
    if classifier == 'normalized':
        if scale is not None and wanted is not None and scale != wanted:
            raise ValueError(f'scale={scale!r} of ClassifierHead and scale={wanted!r} of its loss: leave out the first')
        scale = wanted if scale is None else scale
        if scale is None:
            raise ValueError("classifier='normalized' needs scale, the factor on the cosines: its loss states none")
        setattr(built, layer, NormalizedLinear(linear.in_features, linear.out_features, scale))
    elif classifier == 'scaled':
        if scale is not None:
            raise ValueError(f"scale={scale!r}: classifier='scaled' learns its factors; leave it out")
        setattr(built, layer, ScaledLinear(linear.in_features, linear.out_features))
    else:
        raise ValueError(f"classifier={classifier!r}: must be 'normalized' or 'scaled'")
    return built


def _words(head: nn.Module) -> HostWords:
    """The words of the host of a head, by what it calls its loss."""
    return IMAGES if hasattr(head, 'loss_module') else VIDEO


def check_classifier_of_loss(model: nn.Module) -> None:
    """Raise a ValueError if a loss needs a normalised classifier and its head has another one."""
    for name, head in model.named_modules():
        loss = loss_of(head)
        scale = getattr(loss, 'score_scale', None)
        if scale is None:
            continue
        scales = [part.scale for part in head.children() if isinstance(part, NormalizedLinear)]
        if scales != [scale]:
            raise ValueError(
                f'{type(loss).__name__} needs scores that are {scale:g} times a cosine, and {name or "the model"} '
                f'({type(head).__name__}) has {scales or "none"} such layer: set '
                f"{_words(head).head}=dict(type='ClassifierHead', head='{type(head).__name__}', "
                "classifier='normalized')"
            )
