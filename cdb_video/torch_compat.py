"""Differences between the supported versions of torch."""

from collections.abc import Callable
from typing import Any, TypeVar

import torch

_Function = TypeVar('_Function', bound=Callable[..., Any])


def leave_uncompiled(function: _Function) -> _Function:
    """Keep ``torch.compile`` from looking into a function, as ``torch.compiler.disable`` does.

    torch 2.0 has no ``torch.compiler``. Its ``torch.compile`` refuses Python 3.11, the oldest that this
    package supports, so there the function can stay as it is.
    """
    compiler = getattr(torch, 'compiler', None)
    return function if compiler is None else compiler.disable(function)
