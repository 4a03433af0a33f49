"""The Python sources of a checkout: modules by name, with what each defines and imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

PACKAGES = {'cdb_video': 'cdb_video', 'cdb_video_files': 'cdb_video_files', 'data_prep': ''}
"""Folder -> the prefix of its modules' names: the scripts of data_prep import each other without one."""

When = Literal['import', 'call', 'types']
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, eq=False)
class Definition:
    """A function, class or variable of a module.

    Attributes:
        module: Where it stands.
        name: As seen from the module: `Hook.before_train` for a method.
        node: What defines it; an assignment for a variable.
    """

    module: Module
    name: str
    node: ast.stmt

    @property
    def owner(self) -> Definition | None:
        """The class of a method."""
        holder = self.name.rpartition('.')[0]
        return self.module.definitions.get(holder)


@dataclass(frozen=True)
class Import:
    """A name that an import statement binds.

    Attributes:
        module: Absolute name of the module that is imported.
        name: What is taken from it; None = the module itself.
        bound: The name that the importing module knows it by.
        when: It is done as the module is imported, in a call of a function, or by type checkers alone.
    """

    module: str
    name: str | None
    bound: str
    when: When


@dataclass(frozen=True, eq=False)
class Module:
    """A source file: `name` is what it is imported by, `path` is relative to the root of the checkout."""

    name: str
    path: Path
    tree: ast.Module
    length: int

    @property
    def is_face(self) -> bool:
        """Whether it is the `__init__.py` of a package."""
        return self.path.name == '__init__.py'

    @cached_property
    def definitions(self) -> dict[str, Definition]:
        """What it defines at its top, also below `if` and `try`, and the methods of its classes."""
        return {name: Definition(self, name, node) for name, node in _defined(self.tree.body, '')}

    @cached_property
    def imports(self) -> tuple[Import, ...]:
        """What it imports, wherever that stands."""
        package = self.name if self.is_face else self.name.rpartition('.')[0]
        return tuple(_imports(self.tree, package, 'import'))


@dataclass(frozen=True)
class SourceTree:
    """The modules of all packages, by name."""

    modules: dict[str, Module] = field(default_factory=dict)

    @classmethod
    def read(cls, root: Path) -> SourceTree:
        """Parse the packages that the checkout at `root` has.

        Raises:
            FileNotFoundError: If it has none.
        """
        modules = {module.name: module for folder in PACKAGES for module in _read_package(root, folder)}
        if not modules:
            raise FileNotFoundError(f'{root} has none of {", ".join(PACKAGES)}: name the root of a checkout')
        return cls(modules)

    def package(self, folder: str) -> list[Module]:
        """The modules of one of `PACKAGES`."""
        return [module for module in self.modules.values() if module.path.parts[0] == folder]

    def find(self, module: str, name: str | None, seen: frozenset[str] = frozenset()) -> Module | Definition | None:
        """What `from module import name` gives; through a face, what the face hands on."""
        full = module if name is None else f'{module}.{name}'
        if full in self.modules or name is None:
            return self.modules.get(full)
        source = self.modules.get(module)
        if source is None or full in seen:
            return None
        for item in source.imports:
            if item.bound == name:
                return self.find(item.module, item.name, seen | {full})
        return source.definitions.get(name) or (self._below(source, name) if source.is_face else None)

    def _below(self, face: Module, name: str) -> Definition | None:
        """The one definition of `name` in a package, as a lazy face hands it on; None if it has none, or several."""
        found = [
            module.definitions[name]
            for module in self.modules.values()
            if module.name.startswith(f'{face.name}.') and name in module.definitions
        ]
        return found[0] if len(found) == 1 else None


def functions(tree: ast.AST) -> Iterator[FunctionNode]:
    """All functions below a node, nested ones and methods too."""
    return (node for node in ast.walk(tree) if isinstance(node, FunctionNode))


def _read_package(root: Path, folder: str) -> Iterator[Module]:
    for path in sorted((root / folder).rglob('*.py')):
        inner = path.relative_to(root / folder).with_suffix('').parts
        parts = [*filter(None, [PACKAGES[folder]]), *(inner[:-1] if inner[-1] == '__init__' else inner)]
        text = path.read_text(encoding='utf-8')
        yield Module('.'.join(parts), path.relative_to(root), ast.parse(text), len(text.splitlines()))


def _defined(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, ast.stmt]]:
    for node in body:
        if isinstance(node, FunctionNode | ast.ClassDef):
            yield prefix + node.name, node
            if isinstance(node, ast.ClassDef):
                yield from _defined(node.body, f'{prefix}{node.name}.')
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from ((prefix + target.id, node) for target in targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.If | ast.Try):
            handled = [inner for handler in getattr(node, 'handlers', ()) for inner in handler.body]
            yield from _defined([*node.body, *handled, *node.orelse], prefix)


def _imports(node: ast.AST, package: str, when: When) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield Import(alias.name, None, alias.asname or alias.name, when)
    elif isinstance(node, ast.ImportFrom):
        module = '.'.join(filter(None, [_ancestor(package, node.level), node.module]))
        yield from (Import(module, alias.name, alias.asname or alias.name, when) for alias in node.names)
    else:
        inner: When = 'call' if isinstance(node, FunctionNode) and when == 'import' else when
        for_types = node.body if isinstance(node, ast.If) and 'TYPE_CHECKING' in ast.unparse(node.test) else []
        for child in ast.iter_child_nodes(node):
            yield from _imports(child, package, 'types' if child in for_types else inner)


def _ancestor(package: str, level: int) -> str:
    """The package that a relative import of this level starts from; '' for an absolute one."""
    parts = package.split('.')
    return '.'.join(parts[: len(parts) - level + 1]) if level else ''
