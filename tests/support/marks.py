"""Marks for tests that not every supported environment can run."""

import sys
import warnings

import pytest
import torch
from mmengine.runner import checkpoint

from cdb_video.hosts.mmengine import mends

_TORCH = tuple(int(part) for part in torch.__version__.split('.')[:2])


def _has_half_on_cpu() -> bool:
    """Whether autocast on the CPU knows float16; older torch knows bfloat16 alone, and says so."""
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        try:
            torch.autocast('cpu', dtype=torch.float16)
        except (UserWarning, RuntimeError):
            return False
    return True


needs_half_on_cpu = pytest.mark.skipif(not _has_half_on_cpu(), reason='autocast of this torch has no float16 on CPUs')
needs_safe_loading = pytest.mark.skipif(
    # onedl-mmengine, the fork, loads after a warning what torch refuses.
    _TORCH < (2, 6) or mends._mmengine_decides() or hasattr(checkpoint, 'get_torch_safe_globals'),
    reason='this torch or mmengine loads what it does not know',
)
# torch.compile came to Python 3.11 with torch 2.1 and to Python 3.12 with torch 2.4.
needs_compile = pytest.mark.skipif(
    ((2, 4) if sys.version_info >= (3, 12) else (2, 1)) > _TORCH,
    reason='torch.compile of this torch refuses this Python',
)
