"""Two networks of the long-tailed literature that mmpretrain 1.2 lacks: ResNet-32 and its like for CIFAR, ResNet-10."""

from __future__ import annotations

from typing import Any, ClassVar

import torch.nn.functional as F
from mmpretrain.models import ResNet
from mmpretrain.models.backbones.base_backbone import BaseBackbone
from mmpretrain.models.backbones.resnet import BasicBlock
from torch import Tensor, nn

_STAGES = 3
_KAIMING = ({'type': 'Kaiming', 'layer': 'Conv2d'}, {'type': 'Constant', 'val': 1, 'layer': 'BatchNorm2d'})


class CIFARResNet(BaseBackbone):
    """The residual network for 32x32 images of He et al. (arXiv 1512.03385, section 4.2), of 6n + 2 layers.

    A 3x3 convolution, then three stages of n blocks with 1, 2 and 4 times `base_channels`, at full, half and a quarter
    of the resolution. A shortcut that changes size takes every second pixel and adds channels of zeros (option A of the
    paper), so it has no parameters. ResNet-32 has 0.46 million, as the paper counts them. mmpretrain's ResNet_CIFAR is
    another network, the ImageNet one with a smaller stem. The papers on long tails use ResNet-32 on CIFAR-100-LT::

        model = dict(type='ImageClassifier', backbone=dict(type='CIFARResNet', depth=32),
                     neck=dict(type='GlobalAveragePooling'), head=dict(type='LinearClsHead', in_channels=64, ...))

    Args:
        depth: 6n + 2 with n >= 1: 8, 14, 20, 32, 44, 56, 110 and so on.
        in_channels: Channels of the images.
        base_channels: Channels of the first stage.
        init_cfg: How the parameters start; None = Kaiming's normal distribution, and 1 for the scales of norm layers.

    Raises:
        ValueError: If the depth is none of these, or there are no channels.
    """

    def __init__(
        self,
        depth: int = 32,
        in_channels: int = 3,
        base_channels: int = 16,
        init_cfg: dict[str, Any] | list[dict[str, Any]] | None = None,
    ) -> None:
        super().__init__(list(_KAIMING) if init_cfg is None else init_cfg)
        if not isinstance(depth, int) or depth < 8 or (depth - 2) % 6:
            raise ValueError(f'depth={depth!r}: must be 6n + 2 with n >= 1, as 20, 32, 44 or 56')
        for name, number in (('in_channels', in_channels), ('base_channels', base_channels)):
            if not isinstance(number, int) or number < 1:
                raise ValueError(f'{name}={number!r}: must be a whole number >= 1')
        self.conv1 = nn.Conv2d(in_channels, base_channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(base_channels)
        for stage in range(_STAGES):
            before, channels = base_channels << max(stage - 1, 0), base_channels << stage
            blocks = [_Block(channels, channels) for _ in range((depth - 2) // 6 - 1)]
            setattr(self, f'layer{stage + 1}', nn.Sequential(_Block(before, channels), *blocks))

    def forward(self, x: Tensor) -> tuple[Tensor]:
        """Features of the last stage: (N, in_channels, H, W) to (N, 4 base_channels, H / 4, W / 4)."""
        x = F.relu(self.bn1(self.conv1(x)))
        for stage in range(_STAGES):
            x = getattr(self, f'layer{stage + 1}')(x)
        return (x,)


class _Block(nn.Module):
    """Two 3x3 convolutions and a shortcut without parameters; more channels than before come with half the size."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self._added = channels - in_channels
        self._stride = 2 if self._added else 1
        self.conv1 = nn.Conv2d(in_channels, channels, 3, self._stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        below = self._added // 2
        shortcut = F.pad(x[:, :, :: self._stride, :: self._stride], (0, 0, 0, 0, below, self._added - below))
        return F.relu(out + shortcut)


class ResNet10(ResNet):
    """mmpretrain's ResNet with one basic block a stage: the ResNet-10 of the papers on ImageNet-LT.

    5.4 million parameters with a classifier of 1,000 classes; the features have 512 channels.

    Args:
        **kwargs: The arguments of ResNet, but for its depth.
    """

    arch_settings: ClassVar[dict[int, tuple[type[nn.Module], tuple[int, ...]]]] = {10: (BasicBlock, (1, 1, 1, 1))}

    def __init__(self, **kwargs: Any) -> None:
        if 'depth' in kwargs:
            raise ValueError(f'depth={kwargs["depth"]!r}: ResNet10 has 10 layers; leave it out, or use ResNet')
        super().__init__(depth=10, **kwargs)
