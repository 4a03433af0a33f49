"""What the variants need that no host has."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import torch
from mmaction.models import Recognizer3D
from mmaction.registry import MODELS
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.registry import HOOKS, OPTIM_WRAPPERS
from mmengine.runner import Runner
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


@HOOKS.register_module()
class CompiledBackboneHook(Hook):
    """Compiles the backbone, which is one graph.

    mmengine's `compile` takes the whole training step. A head of mmaction2 computes with NumPy, which breaks the graph,
    and so the backbone is traced anew for each of the functions around it.

    Args:
        backend: Of torch.compile.
    """

    def __init__(self, backend: str) -> None:
        self.backend = backend

    def before_train(self, runner: Runner) -> None:
        """Compile; the work is done in the first steps."""
        backbone = runner.model.backbone
        backbone.forward = torch.compile(backbone.forward, backend=self.backend)
