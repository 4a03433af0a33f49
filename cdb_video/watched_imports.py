"""Acting on a module when somebody imports it, so that who acts need not import it himself."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

Act = Callable[[ModuleType], bool]
"""What is done to a module; tells whether there was anything to do."""


class _Watch(MetaPathFinder):
    """Finds modules that are awaited, by the finders that there are; acts on each once it was executed."""

    def __init__(self) -> None:
        self.awaited: dict[str, list[Act]] = {}
        self._asked: set[str] = set()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in self.awaited or fullname in self._asked:
            return None
        self._asked.add(fullname)  # others may ask all finders, too
        try:
            others = [finder for finder in sys.meta_path if finder is not self and hasattr(finder, 'find_spec')]
            spec = next((found for other in others if (found := other.find_spec(fullname, path, target))), None)
        finally:
            self._asked.discard(fullname)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                execute(module)
                for act in self.awaited.pop(fullname, ()):
                    act(module)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


_WATCH = _Watch()


def when_imported(name: str, act: Act) -> bool:
    """Act on a module: now where it is imported already, else right after its import.

    Args:
        name: Of the module.
        act: Called with it once, after its first import; a second request to do the same is none.

    Returns:
        What `act` tells; of a module that is not imported, whether this is the first request.
    """
    if name in sys.modules:
        return act(sys.modules[name])
    if _WATCH not in sys.meta_path:
        sys.meta_path.insert(0, _WATCH)
    awaited = _WATCH.awaited.setdefault(name, [])
    if act in awaited:
        return False
    awaited.append(act)
    return True
