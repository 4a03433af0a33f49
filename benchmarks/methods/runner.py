"""The runner of a run of a method, and its training."""

from __future__ import annotations

import importlib

import torch
from mmengine.config import Config
from mmengine.runner import Runner
from torch import nn

_OF_VIDEO = ('mmaction.engine', 'mmaction.models')


def import_hosts(data: str) -> None:
    """Import what a training on a data set needs, so that processes that are forked later need not, each for itself."""
    for name in ('mmpretrain.models', 'mmpretrain.datasets') if data == 'fashion' else _OF_VIDEO:
        importlib.import_module(name)


def make_runner(config: Config) -> Runner:
    """The runner, with kernels in the layout that is fastest on a CPU; nothing but rounding depends on it."""
    runner = Runner.from_cfg(config)
    for module in runner.model.modules():
        if isinstance(module, nn.Conv3d):
            module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last_3d)
    return runner


def train(runner: Runner) -> None:
    """Train; a FloatingPointError if the network is not finite then, or when training stops with an error."""
    error = None
    try:
        runner.train()
    except ValueError as stopped:  # online difficulty refuses scores that are NaN
        error = stopped
    if not all(bool(torch.isfinite(value).all()) for value in runner.model.state_dict().values()):
        raise FloatingPointError('the network is not finite after training') from error
    if error is not None:
        raise error
