"""The settings of a config as plain values, and their hashes, by which a run that goes on is seen to be the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from mmengine.config import Config

from cdb_video_files.json_values import plain

# How fast a loader is, and what a run shows, changes nothing in what comes out.
_NO_MATTER = {'num_workers', 'persistent_workers', 'pin_memory', 'prefetch_factor'}
_SHOWN = {'logger', 'visualization', 'timer', 'runtime_info'}
_DIGITS = 16


def plain_config(config: Config) -> Config:
    """The same with names in the place of classes, as of a config that imports what it names (lazy imports).

    Whoever copies a part of such a config gets classes, which no file of a config can hold.
    """

    def named(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: named(one) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(named(one) for one in value)
        return f'{value.__module__}.{value.__qualname__}' if isinstance(value, type) else value

    return Config(named(config.to_dict()))


def setting_hashes(config: Config, names: Iterable[str]) -> dict[str, str]:
    """A hash of every named setting that a config has, less what changes nothing in what a training gives.

    Args:
        config: With names in the place of classes, see `plain_config`.
        names: Of settings.

    Returns:
        Name -> 16 hexadecimal digits.
    """
    found = {}
    for name in names:
        value = plain(config.get(name))
        if isinstance(value, dict):
            dropped = _SHOWN if name == 'default_hooks' else _NO_MATTER if name.endswith('dataloader') else set()
            value = {key: one for key, one in value.items() if key not in dropped}
        if value is not None:
            text = json.dumps(value, sort_keys=True)
            found[name] = hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
    return found
