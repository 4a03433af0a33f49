"""The function of the project that a call leads to, as far as imports, annotations and class bases tell."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from tools.maintain.measures.source_tree import Definition, FunctionNode, Module, SourceTree, functions

_BOUND = ('self', 'cls')


@dataclass(frozen=True)
class Scope:
    """A function being read.

    Attributes:
        tree: The project.
        function: What is read.
        types: Local name -> its class, for names of which that is known.
    """

    tree: SourceTree
    function: Definition
    types: dict[str, Definition] = field(default_factory=dict)

    @classmethod
    def of(cls, tree: SourceTree, function: Definition) -> Scope:
        """The scope of a function whose arguments have the classes that they are annotated with."""
        scope = cls(tree, function)
        for argument in parameters(function):
            if function.owner is not None and argument.arg in _BOUND:
                scope.types[argument.arg] = function.owner
            else:
                scope.note(argument.arg, scope.annotated(argument.annotation, function.module))
        return scope

    def note(self, name: str, cls: Definition | None) -> None:
        """Remember the class of a local name; None = forget it."""
        self.types.pop(name, None)
        if cls is not None:
            self.types[name] = cls

    def target(self, called: ast.expr) -> Definition | None:
        """The function or class that an expression names."""
        found = self._named(called)
        return found if isinstance(found, Definition) and not isinstance(found.node, ast.Assign) else None

    def class_of(self, value: ast.expr) -> Definition | None:
        """The class of the value of an expression, where that is known."""
        if isinstance(value, ast.Name):
            return self.types.get(value.id)
        if isinstance(value, ast.Attribute):
            holder = self.class_of(value.value)
            return None if holder is None else self._class_of_attribute(holder, value.attr)
        if isinstance(value, ast.Call):
            target = self.target(value.func)
            if target is not None and isinstance(target.node, FunctionNode):
                return self.annotated(target.node.returns, target.module)
            return target
        return None

    def annotated(self, annotation: ast.expr | None, module: Module) -> Definition | None:
        """The first class of the project that an annotation names."""
        if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
            annotation = ast.parse(annotation.value, mode='eval').body
        if isinstance(annotation, ast.BinOp):
            return self.annotated(annotation.left, module) or self.annotated(annotation.right, module)
        if not isinstance(annotation, ast.Name | ast.Attribute):
            return None
        found = self.tree.find(module.name, ast.unparse(annotation))
        return found if isinstance(found, Definition) and isinstance(found.node, ast.ClassDef) else None

    def _named(self, called: ast.expr) -> Module | Definition | None:
        if isinstance(called, ast.Name):
            return self.types.get('cls') if called.id == 'cls' else self.tree.find(self.function.module.name, called.id)
        if not isinstance(called, ast.Attribute):
            return None
        if is_super(called.value) and self.function.owner is not None:
            return self._inherited(self.function.owner, called.attr)
        holder = self.class_of(called.value)
        if holder is not None:
            return self.method(holder, called.attr)
        outer = self._named(called.value)
        if isinstance(outer, Module):
            return self.tree.find(outer.name, called.attr)
        return self.method(outer, called.attr) if outer is not None else None

    def method(self, cls: Definition, name: str) -> Definition | None:
        """A method of a class or of the first of its bases that has it."""
        return cls.module.definitions.get(f'{cls.name}.{name}') or self._inherited(cls, name)

    def is_bound(self, function: Definition, called: ast.expr) -> bool:
        """Whether a call by this expression gives a method its first argument."""
        if not (isinstance(function.node, FunctionNode) and function.owner and isinstance(called, ast.Attribute)):
            return False
        marks = {mark.id for mark in function.node.decorator_list if isinstance(mark, ast.Name)}
        on_object = is_super(called.value) or self.class_of(called.value) is not None
        return 'classmethod' in marks or (on_object and 'staticmethod' not in marks)

    def _inherited(self, cls: Definition, name: str) -> Definition | None:
        return next(filter(None, (self.method(base, name) for base in self._bases(cls))), None)

    def _bases(self, cls: Definition) -> Iterator[Definition]:
        for base in cls.node.bases if isinstance(cls.node, ast.ClassDef) else ():
            found = self.annotated(base, cls.module)
            if found is not None and found is not cls:
                yield found

    def _class_of_attribute(self, cls: Definition, name: str) -> Definition | None:
        """The class that an attribute is annotated with, or that is called where a method sets it."""
        method = self.method(cls, name)
        if method is not None and isinstance(method.node, FunctionNode):
            return self.annotated(method.node.returns, method.module)
        for annotation in _annotations(cls, name):
            if found := self.annotated(annotation, cls.module):
                return found
        bases = (self._class_of_attribute(base, name) for base in self._bases(cls))
        return next(filter(None, bases), None)


def parameters(function: Definition) -> list[ast.arg]:
    """The arguments of a function in the order in which a call by position fills them, then those by name alone."""
    if not isinstance(function.node, FunctionNode):
        return []
    given = function.node.args
    return [*given.posonlyargs, *given.args, *given.kwonlyargs]


def is_super(value: ast.expr) -> bool:
    """Whether an expression is a call of `super`."""
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == 'super'


def _annotations(cls: Definition, name: str) -> Iterator[ast.expr]:
    """What a class says of the type of an attribute: annotations, and the classes called to make it."""
    body = cls.node.body if isinstance(cls.node, ast.ClassDef) else []
    inner = [node for function in functions(cls.node) for node in ast.walk(function)]
    for node in (*body, *inner):
        if isinstance(node, ast.AnnAssign) and _is_attribute(node.target, name):
            yield node.annotation
        elif (
            isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Call)
            and any(_is_attribute(target, name) for target in node.targets)
        ):
            yield node.value.func


def _is_attribute(target: ast.expr, name: str) -> bool:
    if isinstance(target, ast.Attribute):
        return target.attr == name and isinstance(target.value, ast.Name) and target.value.id in _BOUND
    return isinstance(target, ast.Name) and target.id == name
