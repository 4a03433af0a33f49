"""Marks for tests that not every supported environment can run."""

import sys

import pytest
import torch

_TORCH = tuple(int(part) for part in torch.__version__.split('.')[:2])

# torch.compile came to Python 3.11 with torch 2.1 and to Python 3.12 with torch 2.4.
needs_compile = pytest.mark.skipif(
    ((2, 4) if sys.version_info >= (3, 12) else (2, 1)) > _TORCH,
    reason='torch.compile of this torch refuses this Python',
)
