"""Registries of mmengine with names whose classes are imported when they are first asked for.

mmengine registers classes, not names. So to register a hook one must import it, and what hooks need of mmengine and
torch: a second for everyone who reads a config. A registry keeps its classes in a dictionary, and asks only that, for
itself and for its children. Here another dictionary takes its place.
"""

from __future__ import annotations

from collections import UserDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mmengine import registry as registries


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
