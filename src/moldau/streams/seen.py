"""What a function names, seen in its code and in that of the functions it names."""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from moldau.streams.instructions import Instruction

Found = TypeVar("Found")

MOST = 100  # of a list or dict that is named: the first ones are looked at
_NOT_OURS = sys.stdlib_module_names | {"moldau"}  # they name nothing of a program by themselves
_NOTHING: Any = object()
_GLOBAL = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF")


def seen(named: Iterable[Any], kind: type[Found]) -> list[Found]:
    """The objects of that kind, in the order in which they are met. `named`: functions, and lists
    and dicts of them."""
    found: dict[int, Found] = {}
    met: dict[int, Any] = {}
    todo = list(named)
    while todo:
        one = todo.pop(0)
        if id(one) in met:
            continue
        met[id(one)] = one
        if isinstance(one, kind):
            found[id(one)] = one
        else:
            todo += _within(one)
    return list(found.values())


def _within(one: Any) -> Iterable[Any]:
    if isinstance(one, partial):
        return [one.func, *one.args, *one.keywords.values()]
    if isinstance(one, Mapping) and type(one).__module__ == "builtins":
        return islice(one.values(), MOST)
    if isinstance(one, list | tuple):
        return islice(one, MOST)
    if isinstance(one, types.FunctionType):
        return _of_function(one, _NOTHING)
    if isinstance(one, types.MethodType):
        return _of_function(plain_of(one), one.__self__)
    call = getattr(type(one), "__call__", None)  # noqa: B004
    if isinstance(call, types.FunctionType) and not isinstance(one, type):
        return _of_function(call, one)
    wrapped = inspect.getattr_static(one, "__wrapped__", None)
    return [] if wrapped is None else [wrapped]


def _of_function(function: Any, owner: Any) -> list[Any]:
    around = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    around += closed_over(function).values()
    if str(function.__module__).partition(".")[0] in _NOT_OURS:
        return around
    return around + [
        one for code in codes(function.__code__) for one in _loads(code, function, owner)
    ]


def _loads(code: types.CodeType, function: Any, owner: Any) -> Iterator[Any]:
    """Globals, what is closed over, and `a.b` of these and of its `self`."""
    scope = {**function.__globals__, **closed_over(function)}
    first = function.__code__.co_varnames[0] if function.__code__.co_argcount else None
    now = _NOTHING
    for step in Instruction.of(code):
        if step.name in _GLOBAL:
            now = scope.get(step.value, _NOTHING)
        elif step.name in ("LOAD_ATTR", "LOAD_METHOD") and now is not _NOTHING:
            now = inspect.getattr_static(now, step.value, _NOTHING)
        elif owner is not _NOTHING and first is not None and step.loads(first):
            now = owner
            continue
        else:
            now = _NOTHING
        if now is not _NOTHING:
            yield now


def plain_of(function: Any) -> Any:
    """The function that was written, without what is around it."""
    while True:
        inner = getattr(function, "func", None) if isinstance(function, partial) else None
        inner = (
            inner or getattr(function, "__func__", None) or getattr(function, "__wrapped__", None)
        )
        if inner is None:
            return function
        function = inner


def names_in(function: Any) -> dict[str, Any]:
    """Its globals, and what it closes over."""
    function = plain_of(function)
    return {**function.__globals__, **closed_over(function)}


def closed_over(function: Any) -> dict[str, Any]:
    found = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # not yet
            continue
    return found


def codes(code: types.CodeType) -> Iterator[types.CodeType]:
    """It, and what is defined in it."""
    yield code
    for one in code.co_consts:
        if isinstance(one, types.CodeType):
            yield from codes(one)
