"""Lengths of files and functions, typed functions, and how errors are told."""

from __future__ import annotations

import ast
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from tools.maintain.measures.source_tree import FunctionNode, Module, functions


@dataclass(frozen=True)
class CodeSizes:
    """What was counted in the files of a package.

    Attributes:
        largest_folder: (files, folder) of the folder with most files side by side, `__init__.py` not counted.
        file_lengths: Lines of each file.
        function_lengths: Lines of each function from `def` to its end, without its docstring.
        typed: How many functions state what they return, or the type of every argument.
        raises: How many `raise` statements there are.
        asserts: How many `assert` statements.
    """

    largest_folder: tuple[int, str]
    file_lengths: Sequence[int]
    function_lengths: Sequence[int]
    typed: int
    raises: int
    asserts: int

    @classmethod
    def of(cls, modules: Collection[Module]) -> CodeSizes:
        """Count in these files."""
        folders = [str(module.path.parent) for module in modules if not module.is_face]
        nodes = [node for module in modules for node in ast.walk(module.tree)]
        found = [function for module in modules for function in functions(module.tree)]
        return cls(
            max(((folders.count(folder), folder) for folder in set(folders)), default=(0, '')),
            [module.length for module in modules],
            [function_length(function) for function in found],
            sum(map(is_typed, found)),
            sum(isinstance(node, ast.Raise) for node in nodes),
            sum(isinstance(node, ast.Assert) for node in nodes),
        )


def function_length(function: FunctionNode) -> int:
    """Lines from `def` to the end, without the docstring; decorators are not counted."""
    end = function.end_lineno or function.lineno
    length = end - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is not None and first.end_lineno is not None:
        length -= first.end_lineno - first.lineno + 1
    return length


def is_typed(function: FunctionNode) -> bool:
    """Whether the function states what it returns, or the types of all arguments but `self` and `cls`; one has some."""
    given = function.args
    arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs, *filter(None, (given.vararg, given.kwarg))]
    asked = [argument for argument in arguments if argument.arg not in ('self', 'cls')]
    return function.returns is not None or (bool(asked) and all(argument.annotation for argument in asked))


def median_and_p90(lengths: Sequence[int]) -> tuple[int, int]:
    """The values at ranks ceil(n / 2) and ceil(0.9 n) from below: of 10, 20, 30, 40 lines 20 and 40; 0 of none."""
    ordered = sorted(lengths) or [0]
    return ordered[math.ceil(len(ordered) / 2) - 1], ordered[math.ceil(0.9 * len(ordered)) - 1]
