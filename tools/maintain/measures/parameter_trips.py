"""The trip of one parameter: the files that it is passed to, in the order of the calls.

The parameter is followed into every function of the project that is called with it, or with something taken from it,
depth first and in the order in which the code is written; of branches, all are taken. It arrives where it is an
argument, or where a method of it is called. What counts as "it" in a function is said in `carried_values`.

A function or method is found by the imports, by `self` and `super()`, and by the class that a name, an argument or an
attribute is annotated with or made by, through the bases of that class. A lambda is read after the call that takes it,
an inner function where it stands. A function that was read before is entered again, and not read again.

A stay is a stretch of entries of functions in one file; a return is a stay in a file that was left before. So if the
first function is in a.py and calls b.f(runner), b.g(runner) and then _h(runner) of its own file, those are 2 files,
3 stays and 1 return.
"""

from __future__ import annotations

import itertools
from collections.abc import Set
from dataclasses import dataclass, field
from pathlib import Path

from tools.maintain.measures.call_targets import Scope
from tools.maintain.measures.carried_values import CarriedValues
from tools.maintain.measures.source_tree import Definition, FunctionNode, SourceTree


@dataclass
class Trip:
    """Where a parameter was passed to.

    Attributes:
        tree: The project.
        entries: The file and the function of each entry, in order.
        returned: Function that was read -> whether it returns the parameter.
    """

    tree: SourceTree
    entries: list[tuple[Path, str]] = field(default_factory=list)
    returned: dict[Definition, bool] = field(default_factory=dict)

    @classmethod
    def of(cls, tree: SourceTree, function: Definition, parameter: str) -> Trip:
        """Follow a parameter of a function."""
        trip = cls(tree)
        trip.enter(function, {parameter})
        return trip

    @property
    def stays(self) -> list[Path]:
        """The file of each stay, in order."""
        return [path for path, _ in itertools.groupby(path for path, _ in self.entries)]

    @property
    def counts(self) -> tuple[int, int, int]:
        """Files entered, stays, returns."""
        files = len(set(self.stays))
        return files, len(self.stays), len(self.stays) - files

    def enter(self, function: Definition, names: Set[str]) -> bool:
        """Enter a function whose arguments `names` are the parameter, and tell whether it returns it."""
        self.entries.append((function.module.path, function.name))
        if function not in self.returned and isinstance(function.node, FunctionNode):
            self.returned[function] = False  # as long as it is read, which ends a recursion
            values = CarriedValues(Scope.of(self.tree, function), names, self.enter)
            self.returned[function] = values.read(function.node)
        return self.returned[function]
