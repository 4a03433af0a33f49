"""Registries of mmengine with names whose classes are imported when they are first asked for.

mmengine registers classes, not names. So to register a hook one must import it, and what hooks need of mmengine and
torch: a second for everyone who reads a config. A registry keeps its classes in a dictionary, and asks only that, for
itself and for its children. Here another dictionary takes its place.

A config with a name that none of them has gets mmengine's error; where it resembles one of ours, in other words.
"""

from __future__ import annotations

import functools
from collections import UserDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mmengine import registry as registries
from mmengine.registry import Registry

from cdb_video.options import nearest

_ALIKE = 0.7
_OURS: dict[str, Registry] = {}
"""Name of a class -> the registry that it is in."""


@dataclass(frozen=True)
class _Later:
    """What is imported when it is asked for."""

    load: Callable[[], Any]


class LazyClasses(UserDict[str, Any]):
    """The classes of a registry by name; those that wait are imported by whatever reads them."""

    def __getitem__(self, name: str) -> Any:
        found = super().__getitem__(name)
        if isinstance(found, _Later):
            found = self.data[name] = found.load()
        return found

    def await_class(self, name: str, load: Callable[[], Any]) -> None:
        """Add a name, whose class `load` returns."""
        self.data[name] = _Later(load)


def register(name: str, registry: str, load: Callable[[], Any]) -> None:
    """Register a class that is imported when it is first asked for; as with mmengine, no name twice.

    Args:
        name: Of the class, as configs have it.
        registry: Of mmengine, as 'MODELS'.
        load: Imports and returns the class, or a function that stands for it.

    Raises:
        KeyError: If the registry has another class of that name.
    """
    target = getattr(registries, registry)
    if not isinstance(target._module_dict, LazyClasses):
        target._module_dict = LazyClasses(target._module_dict)
    if name in target._module_dict:
        taken = target.module_dict[name]
        raise KeyError(
            f'{name} is already registered in {registry} at {taken.__module__}: register yours under another'
        )
    target._module_dict.await_class(name, load)
    _OURS[name] = target


def name_the_nearest() -> bool:
    """Have registries say which of our names a config is likely to mean, where there is none of the name that it has.

    Returns:
        Whether that was to be done.
    """
    build = Registry.build
    if hasattr(build, '__wrapped__'):
        return False

    @functools.wraps(build)
    def build_or_advise(self: Registry, cfg: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return build(self, cfg, *args, **kwargs)
        except KeyError as error:
            advice = _advice(self, cfg, str(error))
            if advice is None:
                raise
            raise KeyError(advice) from None

    Registry.build = build_or_advise
    return True


def _advice(registry: Registry, cfg: Any, said: str) -> str | None:
    """What to say of the name in a config that mmengine does not know; None = it has nothing to do with ours."""
    name = cfg.get('type') if isinstance(cfg, Mapping) else None
    if not isinstance(name, str) or f'{name} is not in the ' not in said:
        return None
    _, bare = Registry.split_scope_key(name)
    own = _OURS.get(bare)
    if own is not None and own is not registry.root:
        return (
            f'type={name!r} is of the registry {own.name!r}, and this place of the config takes one of '
            f'{registry.name!r}: write it elsewhere'
        )
    meant = nearest(bare, _names_in(registry.root), _ALIKE)
    if meant not in _OURS:
        return None
    ours = ', '.join(other for other, home in _OURS.items() if home is registry.root)
    return f'type={name!r}: there is no {registry.name} of that name; did you mean {meant!r}? cdb_video has: {ours}'


def _names_in(registry: Registry) -> Iterator[str]:
    """The names in a registry and in all below it; none of the classes is imported."""
    yield from registry.module_dict
    for child in registry.children.values():
        yield from _names_in(child)
