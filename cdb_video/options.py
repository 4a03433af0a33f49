"""Options of a class by name: those that it takes, and the nearest to one that it does not."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Iterable, Sequence
from typing import Any

_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def nearest(name: str, names: Iterable[str], alike: float = 0.6) -> str | None:
    """The one of `names` that resembles `name` most, whatever the case; None = none does.

    Args:
        name: As it was written.
        names: Those that there are.
        alike: Least ratio of `difflib`, in [0, 1].
    """
    by_lower = {other.lower(): other for other in names}
    found = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=alike)
    return by_lower[found[0]] if found else None


def options_of(kind: type) -> list[str] | None:
    """The names that a class takes, with those that it hands on to its base classes; None = it takes any."""
    names: dict[str, None] = {}
    for own in kind.__mro__[:-1]:
        if '__init__' not in vars(own):
            continue
        _, *parameters = inspect.signature(vars(own)['__init__']).parameters.values()
        names |= dict.fromkeys(part.name for part in parameters if part.kind in _BY_NAME)
        if all(part.kind is not inspect.Parameter.VAR_KEYWORD for part in parameters):
            return list(names)
    return None


def check_options(kind: str, given: Iterable[str], options: Sequence[str]) -> None:
    """Raise a TypeError that names the first of `given` that is none of `options`, the nearest one, and all of them."""
    unknown = next((name for name in given if name not in options), None)
    if unknown is None:
        return
    meant = nearest(unknown, options)
    question = f'; did you mean {meant!r}?' if meant else '.'
    raise TypeError(
        f'{kind} has no option {unknown!r}{question} Its options: {", ".join(options) or "none"}. Where the base of a '
        'config gives it, _delete_=True in the dict drops what that has'
    )


def name_options(kind: type) -> bool:
    """Have a class, but none that derives from it, refuse unknown options by `check_options`, once.

    Python's own message names the base class that an option was handed on to, and no option that there is.

    Returns:
        Whether that was to be done.
    """
    create: Any = kind.__init__  # type: ignore[misc]
    options = options_of(kind)
    if options is None or getattr(create, 'names_options_of', None) is kind:
        return False

    @functools.wraps(create)
    def checked(self: Any, *args: Any, **given: Any) -> None:
        if type(self) is kind:
            check_options(kind.__name__, given, options)
        create(self, *args, **given)

    checked.names_options_of = kind  # type: ignore[attr-defined]
    kind.__init__ = checked  # type: ignore[misc]
    return True
