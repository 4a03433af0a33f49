"""What the variants need that no host has."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import torch
from mmaction.models import Recognizer3D
from mmaction.registry import MODELS
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS
from torch import Tensor, nn


@MODELS.register_module()
class ChannelsLastRecognizer(Recognizer3D):
    """A Recognizer3D whose kernels and clips lie in memory with the channels last, as tensor cores want them.

    The kernels are so before DDP makes its buckets, which follow their layout.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.backbone.to(memory_format=torch.channels_last_3d)
        self.backbone.register_forward_pre_hook(_channels_last)


def _channels_last(module: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
    return (inputs[0].contiguous(memory_format=torch.channels_last_3d),)


@OPTIM_WRAPPERS.register_module()
class CPUAutocastWrapper(OptimWrapper):
    """bfloat16 for rehearsals without a GPU, which mmengine's AmpOptimWrapper refuses."""

    def optim_context(self, model: nn.Module) -> AbstractContextManager[Any]:
        """Autocast; gradients are not accumulated here, so there is nothing else to enter."""
        return torch.autocast('cpu', dtype=torch.bfloat16)
