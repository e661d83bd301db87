"""Which tables a function uses, seen in its code and in that of the functions it names."""

from __future__ import annotations

import inspect
import types
from functools import partial
from typing import Any

from moldau.streams.faust.tables import Table
from moldau.streams.faust.windows import WindowWrapper
from moldau.streams.seen import codes, names_in, plain_of


def tables_of(function: Any) -> list[Table]:
    """In the order in which they are named."""
    found: dict[Table, None] = {}
    seen: set[int] = set()
    todo: list[Any] = [function]
    while todo:
        one = todo.pop()
        if isinstance(one, partial):
            todo += [*one.args, *one.keywords.values(), one.func]
        if isinstance(one, WindowWrapper):
            one = one.table
        if isinstance(one, Table):
            found[one] = None
        elif isinstance(one, (types.FunctionType, types.MethodType)) and id(one) not in seen:
            seen.add(id(one))
            todo += _named(one)
    return list(found)


def table_at(dotted: list[str], function: Any) -> Table | None:
    """What `a.b` is in that function, where it is a table."""
    scope = names_in(function)
    one = scope.get(dotted[0])
    for name in dotted[1:]:
        one = inspect.getattr_static(one, name, None)
    if isinstance(one, WindowWrapper):
        one = one.table
    return one if isinstance(one, Table) else None


def _named(function: Any) -> list[Any]:
    names = {name for code in codes(plain_of(function).__code__) for name in code.co_names}
    scope = names_in(function)
    free = plain_of(function).__code__.co_freevars
    direct = [scope[name] for name in (*free, *sorted(names)) if name in scope]
    owner = getattr(function, "__self__", None)
    holders = [one for one in (*direct, owner) if one is not None and not isinstance(one, type)]
    within = [
        inspect.getattr_static(one, name, None)
        for one in holders
        if not isinstance(one, (Table, WindowWrapper))
        for name in sorted(names)
    ]
    return direct + within
