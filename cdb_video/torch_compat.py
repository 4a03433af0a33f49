"""Differences between the supported versions of torch."""

from collections.abc import Callable
from typing import Any, TypeVar

import torch

_Function = TypeVar('_Function', bound=Callable[..., Any])


def leave_uncompiled(function: _Function) -> _Function:
    """Keep ``torch.compile`` from looking into a function, as ``torch.compiler.disable`` does.

    That one loads the compiler when the function is defined, which takes a second and a half for nothing where nobody
    compiles. So the mark is used that torch has for its own functions, optimizers for instance: it loads the compiler
    when the function is first called. A torch without it gets the public one.

    torch 2.0 has no ``torch.compiler``. Its ``torch.compile`` refuses Python 3.11, the oldest that this
    package supports, so there the function can stay as it is.
    """
    compiler = getattr(torch, 'compiler', None)
    if compiler is None:
        return function
    lazily: Callable[[_Function], _Function] = getattr(torch, '_disable_dynamo', compiler.disable)
    return lazily(function)
