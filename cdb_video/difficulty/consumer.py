"""Consumers: parts that take a class difficulty."""

from __future__ import annotations

import logging
from typing import Any

_LOG = logging.getLogger('cdb_video')


def warn_undriven(part: Any, acts_as: str) -> None:
    """Log that nobody hands difficulty to a loss or sampler."""
    _LOG.warning(
        f'{type(part).__name__} has been handed no class difficulty, so it acts as {acts_as}: put '
        "dict(type='ClassDifficultyHook') into custom_hooks (a list in a child config replaces that of its base), "
        'without observe_only; or call set_class_difficulty'
    )
