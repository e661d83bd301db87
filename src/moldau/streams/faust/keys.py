"""By what an agent's table is keyed, read from the agent's source: `counts[order["customer"]] += 1`
in `async for order in orders` says that its records belong together by `order["customer"]`.

Where that cannot be read, records stay with their own key, and the table warns of another.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import textwrap
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from moldau.streams.faust.uses import table_at
from moldau.streams.seen import names_in, plain_of

_SAME = ("filter", "echo", "noack")  # operations behind which values are what they were
_READS = ("get", "setdefault", "pop")
_DEPTH = 8


def key_of(function: Any) -> Callable[[Any], Any] | None:
    """From a value to the key; None: the record's own, or it cannot be read."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(plain_of(function))))
    except (OSError, TypeError, SyntaxError):  # no source, or part of a line
        return None
    made = next((one for one in ast.walk(tree) if isinstance(one, _FUNCTIONS)), None)
    if made is None or not made.args.args:
        return None
    stream = made.args.args[-1].arg
    for loop in ast.walk(made):
        if isinstance(loop, ast.AsyncFor) and (target := _value_of(loop, stream)) is not None:
            return _from_loop(function, made, loop, target)
    return None


_FUNCTIONS = (ast.AsyncFunctionDef, ast.FunctionDef)


def _value_of(loop: ast.AsyncFor, stream: str) -> str | None:
    """The name of what holds the value: `x`, or `event` of `event.value`."""
    over, last = loop.iter, ""
    while isinstance(over, ast.Call) and isinstance(over.func, ast.Attribute):
        last = last if over.func.attr in _SAME else last or over.func.attr
        over = over.func.value
    if not (isinstance(over, ast.Name) and over.id == stream):
        return None
    target = loop.target
    if last in ("", "events") and isinstance(target, ast.Name):
        return f"{target.id}.value" if last else target.id
    if last in ("items", "enumerate") and isinstance(target, ast.Tuple):
        second = target.elts[-1]
        return second.id if isinstance(second, ast.Name) else None
    return None


def _from_loop(
    function: Any, made: ast.AST, loop: ast.AsyncFor, value: str
) -> Callable[[Any], Any] | None:
    keys = _table_keys(function, loop)
    if not keys:
        return None
    expression, assigned = keys[0], _assigned_once(made, loop)
    for _ in range(_DEPTH):
        expression = _Put(assigned, value).visit(deepcopy(expression))
    names = {one.id for one in ast.walk(expression) if isinstance(one, ast.Name)}
    scope, locals_ = names_in(function), set(_stored(made))
    waits = any(isinstance(one, (ast.Await, ast.NamedExpr)) for one in ast.walk(expression))
    known = all(
        one not in locals_ and (one in scope or hasattr(builtins, one))
        for one in names - {_PARAMETER}
    )
    if waits or not known or _PARAMETER not in names:
        return None
    return _compiled(expression, scope)


_PARAMETER = "value__"


def _compiled(expression: ast.expr, scope: dict[str, Any]) -> Callable[[Any], Any]:
    parameters = ast.arguments([], [ast.arg(_PARAMETER)], None, [], [], None, [])
    tree = ast.fix_missing_locations(ast.Expression(ast.Lambda(parameters, expression)))
    read: Callable[[Any], Any] = eval(compile(tree, "<key of a table>", "eval"), scope)
    return read


def _table_keys(function: Any, loop: ast.AsyncFor) -> list[ast.expr]:
    """Under which its tables are used in the loop, those that are written to first."""
    written: list[ast.expr] = []
    read: list[ast.expr] = []
    for one in ast.walk(loop):
        if isinstance(one, ast.Subscript) and _is_table(one.value, function):
            (read if isinstance(one.ctx, ast.Load) else written).append(one.slice)
        elif (
            isinstance(one, ast.Call)
            and isinstance(one.func, ast.Attribute)
            and one.func.attr in _READS
            and one.args
            and _is_table(one.func.value, function)
        ):
            read.append(one.args[0])
    return written + read


def _is_table(expression: ast.expr, function: Any) -> bool:
    dotted: list[str] = []
    while isinstance(expression, ast.Attribute):
        dotted.insert(0, expression.attr)
        expression = expression.value
    if not isinstance(expression, ast.Name):
        return False
    return table_at([expression.id, *dotted], function) is not None


def _assigned_once(made: ast.AST, loop: ast.AsyncFor) -> dict[str, ast.expr]:
    """Names that the loop gives one value: what that is."""
    stored = _stored(made)
    pairs = [pair for one in loop.body for pair in _pairs(one)]
    return {
        target.id: value
        for target, value in pairs
        if isinstance(target, ast.Name) and stored.count(target.id) == 1
    }


def _pairs(one: ast.stmt) -> list[tuple[ast.expr, ast.expr]]:
    """Of an assignment, also of several at once: to what, and what."""
    if isinstance(one, ast.AnnAssign) and one.value is not None:
        return [(one.target, one.value)]
    if not isinstance(one, ast.Assign):
        return []
    target, value = one.targets[0], one.value
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        starred = any(isinstance(part, ast.Starred) for part in (*target.elts, *value.elts))
        return [] if starred else list(zip(target.elts, value.elts, strict=False))
    return [(target, value)]


def _stored(made: ast.AST) -> list[str]:
    """Names, as often as they are given a value."""
    return [
        one.id
        for one in ast.walk(made)
        if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)
    ]


def _is_name(one: ast.AST, name: str) -> bool:
    return isinstance(one, ast.Name) and one.id == name


class _Put(ast.NodeTransformer):
    """In the place of names: what they were given, and the parameter for the value."""

    def __init__(self, assigned: dict[str, ast.expr], value: str) -> None:
        self._assigned = assigned
        self._event, _, field = value.partition(".")
        self._is_event = bool(field)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if self._is_event and node.attr == "value" and _is_name(node.value, self._event):
            return ast.Name(_PARAMETER, ast.Load())
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id == self._event and not self._is_event:
            return ast.Name(_PARAMETER, ast.Load())
        return deepcopy(self._assigned.get(node.id, node))
