"""The arguments of a call, laid on the parameters of the function that is called."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tools.maintain.measures.source_tree import FunctionNode


@dataclass(frozen=True)
class Given:
    """An argument of a call.

    Attributes:
        name: Of an argument by name; None = by position.
        value: What is given.
        carries: Whether it carries what is followed.
    """

    name: str | None
    value: ast.expr
    carries: bool


def receiving_names(function: FunctionNode, given: Sequence[Given], *, bound: bool) -> set[str]:
    """The parameters that get what is carried.

    Args:
        function: What is called.
        given: All arguments, those by position first.
        bound: Whether the first parameter is the object or class that the call is on.
    """
    places = _places(function, given, bound=bound)
    return {name for item, names in zip(given, places, strict=True) if item.carries for name in names}


def _places(function: FunctionNode, given: Sequence[Given], *, bound: bool) -> Iterator[list[str]]:
    """For each argument the parameters that it may fill; a starred one may fill all that are left."""
    free = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)][bound:]
    named = {*free, *(argument.arg for argument in function.args.kwonlyargs)}
    rest = [function.args.vararg.arg] if function.args.vararg else []
    rest_by_name = [function.args.kwarg.arg] if function.args.kwarg else []
    for item in given:
        if isinstance(item.value, ast.Starred):
            yield free + rest
        elif item.name is not None:
            yield [item.name] if item.name in named else rest_by_name
        elif free:
            yield [free.pop(0)]
        else:
            yield rest
