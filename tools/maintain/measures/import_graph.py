"""The imports of a package as a graph: its floors, its circles, and the imports that wait inside functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tools.maintain.measures.source_tree import Import, Module, SourceTree

Graph = Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class ImportGraph:
    """Who imports whom inside one package.

    A face (`__init__.py`) is no node: a name that is taken from it counts as taken from the module that defines it.

    Attributes:
        edges: Module -> the modules that it imports when it is imported.
        deferred: How many imports of the package's own modules stand inside functions; they are no edges.
    """

    edges: Graph
    deferred: int

    @classmethod
    def of(cls, tree: SourceTree, folder: str, *, types: bool = False) -> ImportGraph:
        """The graph of one package of a checkout; with `types` also of what is imported for type checkers alone."""
        kept = {'import', 'types'} if types else {'import'}
        nodes = {module.name for module in tree.package(folder) if not module.is_face}
        found = {name: [(item, _target(tree, item)) for item in tree.modules[name].imports] for name in nodes}
        return cls(
            {
                name: frozenset(to for item, to in items if to in nodes - {name} and item.when in kept)
                for name, items in found.items()
            },
            sum(item.when == 'call' and to in nodes for items in found.values() for item, to in items),
        )

    def joined(self, rooms: Mapping[str, str]) -> ImportGraph:
        """The graph of rooms: modules that are mapped to one name are one node."""
        pairs = {(rooms[name], rooms[to]) for name, below in self.edges.items() for to in below}
        edges = {room: frozenset(to for start, to in pairs if start == room != to) for room in set(rooms.values())}
        return ImportGraph(edges, self.deferred)

    @property
    def circles(self) -> list[frozenset[str]]:
        """Groups of modules that import each other, directly or through others."""
        return sorted({group for group in self._groups().values() if len(group) > 1}, key=sorted)

    @property
    def floors(self) -> int:
        """Modules on the longest chain of imports, a circle counted as one."""
        groups = self._groups()
        heights: dict[frozenset[str], int] = {}

        def height(group: frozenset[str]) -> int:
            if group not in heights:
                below = {groups[to] for name in group for to in self.edges[name]} - {group}
                heights[group] = 1 + max(map(height, below), default=0)
            return heights[group]

        return max(map(height, groups.values()), default=0)

    def reached(self, start: str) -> set[str]:
        """The modules that a module imports, directly or through others."""
        found: set[str] = set()
        waiting = [start]
        while waiting:
            new = self.edges[waiting.pop()] - found
            found |= new
            waiting += new
        return found

    def _groups(self) -> dict[str, frozenset[str]]:
        """Module -> those that it reaches and that reach it, itself included."""
        reached = {name: self.reached(name) for name in self.edges}
        return {
            name: frozenset({name, *(other for other in reached[name] if name in reached[other])})
            for name in self.edges
        }


def _target(tree: SourceTree, item: Import) -> str | None:
    """The name of the module that an import leads to; None = none of the project's."""
    found = tree.find(item.module, item.name)
    source = tree.modules.get(item.module)
    if source is not None and not source.is_face:
        return source.name
    if found is None:
        return None
    return found.name if isinstance(found, Module) else found.module.name
