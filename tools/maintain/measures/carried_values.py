"""The values in a function that carry a parameter, and the calls that pass it on.

Carried is: the arguments that it came in by; its attributes and items; what its methods return; its parts in a loop;
what is put together from these by an operator, a literal or a comprehension, or by a builtin that hands its arguments
on; what a function of the project returns that was given one of these and returns one of them; a local name for any.
A comparison is a truth about it and does not carry it. The trip ends where it is stored in an attribute, becomes part
of an object of the project, or goes to another library.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Set

from tools.maintain.measures.call_arguments import Given, receiving_names
from tools.maintain.measures.call_targets import Scope, is_super
from tools.maintain.measures.source_tree import Definition, FunctionNode

Enter = Callable[[Definition, Set[str]], bool]
_HANDS_ON = {
    *('cast', 'dict', 'enumerate', 'filter', 'getattr', 'iter', 'list', 'map', 'max', 'min', 'next', 'reversed'),
    *('set', 'sorted', 'sum', 'tuple', 'vars', 'zip'),
}
Comprehension = ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp


class CarriedValues(ast.NodeVisitor):
    """Reads one function in order.

    Args:
        scope: The function.
        names: The arguments that carry the parameter.
        enter: Called for each function of the project that it is passed to, with the names of the arguments there;
            tells whether that function returns it.
    """

    def __init__(self, scope: Scope, names: Set[str], enter: Enter) -> None:
        self._scope, self._names, self._enter = scope, set(names), enter
        self._returns = False

    def read(self, function: FunctionNode) -> bool:
        """Read the function, and tell whether it returns the parameter."""
        self._read_all(function.body)
        return self._returns

    def visit(self, node: ast.AST) -> None:
        """Read a statement, or an expression whose value nobody takes."""
        if isinstance(node, ast.expr):
            self._carries(node)
        else:
            super().visit(node)

    def visit_Return(self, node: ast.Return) -> None:
        """What is returned goes on in the caller."""
        self._returns |= node.value is not None and self._carries(node.value)

    def visit_Assign(self, node: ast.Assign) -> None:
        """A name for it, or for something else from now on."""
        carries, cls = self._carries(node.value), self._scope.class_of(node.value)
        for target in node.targets:
            self._bind(target, carries, cls)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        """The same with an annotation."""
        if node.value is not None:
            cls = self._scope.annotated(node.annotation, self._scope.function.module)
            self._bind(node.target, self._carries(node.value), cls)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        """What it is added to carries it."""
        if self._carries(node.value):
            self._bind(node.target, True)

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        """Its parts, one by one."""
        self._bind(node.target, self._carries(node.iter))
        self._read_all((*node.body, *node.orelse))

    def visit_withitem(self, node: ast.withitem) -> None:
        """What a context gives."""
        carries, cls = self._carries(node.context_expr), self._scope.class_of(node.context_expr)
        if node.optional_vars is not None:
            self._bind(node.optional_vars, carries, cls)

    def visit_FunctionDef(self, node: FunctionNode) -> None:
        """An inner function, which knows the names around it; what it returns is not returned yet."""
        returns = self._returns
        self._read_all(node.body)
        self._returns = returns
        self._bind(ast.Name(node.name), self._mentioned(node))

    visit_AsyncFor, visit_AsyncFunctionDef = visit_For, visit_FunctionDef

    def _read_all(self, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            self.visit(node)

    def _bind(self, target: ast.expr, carries: bool, cls: Definition | None = None) -> None:
        if isinstance(target, ast.Name):
            (self._names.add if carries else self._names.discard)(target.id)
            self._scope.note(target.id, cls)
            return
        for part in _parts(target):
            if isinstance(target, ast.Tuple | ast.List | ast.Starred):
                self._bind(part, carries)
            else:
                self._carries(part)

    def _mentioned(self, node: ast.AST) -> bool:
        return any(isinstance(part, ast.Name) and part.id in self._names for part in ast.walk(node))

    def _carries(self, node: ast.expr) -> bool:
        """Whether the value of an expression carries the parameter; follows the calls in it."""
        match node:
            case ast.Name():
                return node.id in self._names
            case ast.Lambda():
                return self._mentioned(node.body)
            case ast.Call():
                return self._call(node)
            case ast.NamedExpr():
                carries = self._carries(node.value)
                self._bind(node.target, carries, self._scope.class_of(node.value))
                return carries
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                return self._comprehension(node)
        read = [(part, self._carries(part)) for part in _parts(node)]
        if isinstance(node, ast.Yield | ast.YieldFrom):
            self._returns |= any(carries for _, carries in read)
        return any(carries for part, carries in read if part not in _not_carrying(node))

    def _comprehension(self, node: Comprehension) -> bool:
        outside = set(self._names)
        for generator in node.generators:
            self._bind(generator.target, self._carries(generator.iter))
            self._read_all(generator.ifs)
        carries = [self._carries(part) for part in _parts(node)]
        self._names = outside
        return any(carries)

    def _call(self, node: ast.Call) -> bool:
        """Follow a call, then read the lambdas that it was given."""
        on_it = self._carries_receiver(node.func)
        words = [*((None, value) for value in node.args), *((word.arg, word.value) for word in node.keywords)]
        given = [Given(name, value, self._carries(value)) for name, value in words]
        target = self._scope.target(node.func)
        if target is not None:
            carries = self._pass_on(target, node.func, on_it, given)
        else:
            hands_on = isinstance(node.func, ast.Name) and node.func.id in _HANDS_ON
            carries = on_it or (hands_on and any(item.carries for item in given))
        self._read_all(item.value.body for item in given if item.carries and isinstance(item.value, ast.Lambda))
        return carries

    def _carries_receiver(self, called: ast.expr) -> bool:
        """Whether a call is on it: a method of it, or it as a function."""
        value = called.value if isinstance(called, ast.Attribute) else called
        return not is_super(value) and self._carries(value)

    def _pass_on(self, target: Definition, called: ast.expr, on_it: bool, given: list[Given]) -> bool:
        """Enter what a call leads to, if it is passed there; an object that is made of it does not carry it."""
        makes = isinstance(target.node, ast.ClassDef)
        function = self._scope.method(target, '__init__') if makes else target
        if function is None or not isinstance(function.node, FunctionNode):
            return False
        bound = makes or self._scope.is_bound(function, called)
        names = receiving_names(function.node, given, bound=bound)
        if on_it and bound and not makes:
            names.add(function.node.args.args[0].arg)
        return bool(names) and self._enter(function, names) and not makes


def _parts(node: ast.expr) -> Iterator[ast.expr]:
    return (part for part in ast.iter_child_nodes(node) if isinstance(part, ast.expr))


def _not_carrying(node: ast.expr) -> list[ast.expr]:
    """The parts of an expression whose value its own value does not hold."""
    match node:
        case ast.Compare() | ast.UnaryOp(op=ast.Not()):
            return list(_parts(node))
        case ast.IfExp():
            return [node.test]
        case ast.Subscript():
            return [node.slice]
    return []
