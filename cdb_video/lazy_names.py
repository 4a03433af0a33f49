"""Names that a package hands on from its modules, imported when they are first asked for (PEP 562)."""

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any


def lazy_names(
    package: str, homes: Mapping[str, Sequence[str]]
) -> tuple[list[str], Callable[[str], Any], Callable[[], list[str]]]:
    """Make what answers for the names of a package; in its face, ``__all__, __getattr__, __dir__ =`` what is returned.

    So `cdb_video.difficulty.class_weights` is there for everyone, and who asks for it loads numpy, but not torch, which
    another module of that package needs. For type checkers the face imports the same names under TYPE_CHECKING.

    Args:
        package: The name of the package.
        homes: Module of cdb_video -> the names in it that are handed on.

    Returns:
        The names, and what answers for them.
    """
    home_of = {name: home for home, names in homes.items() for name in names}
    own = vars(sys.modules[package])

    def find(name: str) -> Any:
        if name not in home_of:
            raise AttributeError(f'module {package!r} has no attribute {name!r}')
        own[name] = getattr(import_module(f'cdb_video.{home_of[name]}'), name)
        return own[name]

    return sorted(home_of), find, lambda: sorted({*own, *home_of})
