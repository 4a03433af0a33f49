"""The text of a config as mmengine writes it, read without executing it: names with plain values."""

from __future__ import annotations

import ast
from typing import Any

_NUMBERS = {'inf': float('inf'), 'nan': float('nan')}


def read_config_text(text: str) -> dict[str, Any]:
    """Read the text of a config that mmengine has written, in a work directory or into a checkpoint.

    There are assignments to names, of numbers, text, None, lists, tuples, sets and dicts, the last also as calls of
    ``dict``; bases and expressions are worked out by then.

    Raises:
        ValueError: If the text holds anything else; the message has the line.
    """
    try:
        statements = ast.parse(text).body
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError(f'it is no Python ({error})') from error
    values = {}
    for statement in statements:
        if not isinstance(statement, ast.Assign) or not all(isinstance(one, ast.Name) for one in statement.targets):
            raise ValueError(f'line {statement.lineno} gives no value to a name: {ast.unparse(statement)[:80]}')
        value = _value(statement.value)
        values.update({one.id: value for one in statement.targets if isinstance(one, ast.Name)})
    return values


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Call(func=ast.Name(id='dict'), args=[ast.Dict() as content], keywords=[]):
            return _value(content)
        case ast.Call(func=ast.Name(id='dict'), args=[], keywords=keywords) if all(one.arg for one in keywords):
            return {one.arg: _value(one.value) for one in keywords}
        case ast.Dict(keys=keys, values=values) if None not in keys:
            return {_value(key): _value(value) for key, value in zip(keys, values, strict=True) if key is not None}
        case ast.List(elts=items):
            return [_value(item) for item in items]
        case ast.Tuple(elts=items):
            return tuple(_value(item) for item in items)
        case ast.Set(elts=items):
            return {_value(item) for item in items}
        case ast.Name(id=name) if name in _NUMBERS:
            return _NUMBERS[name]
        case ast.UnaryOp(op=ast.USub(), operand=ast.Name(id='inf')):
            return -_NUMBERS['inf']
    try:
        return ast.literal_eval(node)
    except ValueError as error:
        raise ValueError(f'line {node.lineno} holds no plain value: {ast.unparse(node)[:80]}') from error
