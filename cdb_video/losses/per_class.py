"""A number per class that a loss keeps beside its scores."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike
from torch import Tensor


class ClassVector:
    """One number per class, not a buffer: it must stay out of state dicts and of SyncBuffersHook.

    Args:
        of_background: The number of a background, whose score comes after those of the C classes; None = there is none.

    Attributes:
        value: (C,) float64 on the CPU; None before the first `set`.
        size: C, None before the first `set`.
    """

    def __init__(self, of_background: float | None = None) -> None:
        self._of_background = of_background
        self.value: Tensor | None = None
        self.size: int | None = None
        self._copy: Tensor | None = None

    def set(self, values: ArrayLike) -> None:
        """Take new values, in place where there are old ones, so that compiled graphs stay valid."""
        with torch.inference_mode(False):
            new = torch.from_numpy(np.array(values, dtype=np.float64))
            if self.value is None:
                self.value, self.size = new, len(new)
            else:
                self.value.copy_(new)
            if self._copy is not None:
                self._copy[: len(new)].copy_(new)

    def like(self, tensor: Tensor) -> Tensor | None:
        """The values with the device and dtype of `tensor`, copied there once: (C,), or (C + 1,) with a background."""
        if self.value is None:
            return None
        if self._copy is None or self._copy.device != tensor.device or self._copy.dtype != tensor.dtype:
            with torch.inference_mode(False):
                last = self._of_background
                values = self.value if last is None else F.pad(self.value, (0, 1), value=last)
                self._copy = values.to(device=tensor.device, dtype=tensor.dtype, copy=True)
        return self._copy


def along_classes(vector: Tensor, scores: Tensor) -> Tensor:
    """A vector (C,) shaped to be combined with scores (N, C, ...)."""
    return vector.reshape(-1, *(1,) * (scores.dim() - 2))
