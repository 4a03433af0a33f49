"""Checks of a run when its training starts, whatever hooks it has: mmengine asks hooks alone."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

from cdb_video.watched_imports import when_imported

_RUNNERS = {'mmengine.runner.runner': 'Runner', 'mmengine.runner._flexible_runner': 'FlexibleRunner'}


def check_before_training(check: Callable[[Any], None]) -> None:
    """Have `check` called with every runner of mmengine before the hooks are asked for `before_train`.

    By then all parts of the run are built and checkpoints are loaded. The runners are not imported for it.

    Args:
        check: Raises what is to stop the training.
    """
    for module in _RUNNERS:
        when_imported(module, functools.partial(_check_first, check))


def _check_first(check: Callable[[Any], None], module: ModuleType) -> bool:
    runner = getattr(module, _RUNNERS[module.__name__])
    call_hook = runner.call_hook
    if hasattr(call_hook, '__wrapped__'):
        return False

    @functools.wraps(call_hook)
    def checked(self: Any, fn_name: str, **kwargs: Any) -> None:
        if fn_name == 'before_train':
            check(self)
        call_hook(self, fn_name, **kwargs)

    runner.call_hook = checked
    return True
