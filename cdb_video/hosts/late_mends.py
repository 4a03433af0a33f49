"""Mends for modules that nobody has imported yet: they wait for the import, and cost nothing where it never comes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

Mend = Callable[[ModuleType], None]


class _Awaiting(MetaPathFinder):
    """Finds the modules that are waited for as Python would, and mends each when it has been run."""

    def __init__(self) -> None:
        self.mends: dict[str, Mend] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of a module that is waited for; None = it is none."""
        if fullname not in self.mends:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            _mend_after(spec, self.mends[fullname])
        return spec


def _mend_after(spec: ModuleSpec, mend: Mend) -> None:
    loader = spec.loader
    assert loader is not None
    run = loader.exec_module

    def run_and_mend(module: ModuleType) -> None:
        run(module)
        mend(module)

    loader.exec_module = run_and_mend  # type: ignore[method-assign]


_AWAITING = _Awaiting()


def when_imported(name: str, mend: Mend) -> None:
    """Mend a module now, if it has been imported, and else right after its import.

    Args:
        name: Of the module.
        mend: Gets the module; for a module that is mended twice, it has to see that for itself.
    """
    if name in sys.modules:
        mend(sys.modules[name])
        return
    _AWAITING.mends[name] = mend
    if _AWAITING not in sys.meta_path:
        sys.meta_path.insert(0, _AWAITING)
