"""What `@app.agent` is given: which form a function has, and whether it can be an agent."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Literal

from moldau.streams.callables import can_take, name_of, signature, unbound
from moldau.streams.errors import DefinitionError
from moldau.streams.instructions import Instruction

BatchForm = Literal["list", "arrow", "polars"]


def form_of(function: Callable[..., Any], batch: BatchForm | None) -> str:
    """Raises DefinitionError."""
    if batch is not None:
        if batch not in ("list", "arrow", "polars"):
            raise DefinitionError(f"agent: batch={batch!r} is not one of list, arrow, polars")
        return batch
    called = _called(function)
    if inspect.isasyncgenfunction(called) or inspect.isgeneratorfunction(called):
        raise DefinitionError(
            f"agent {name_of(function)}: it yields, but nobody takes that: `await topic.send(...)`"
        )
    if not inspect.iscoroutinefunction(called):
        return "sync"
    return "stream" if _iterates(called, _parameter(function)) else "async"


def takes_a_record(function: Callable[..., Any]) -> None:
    """Raises DefinitionError where it cannot be called with one."""
    if not can_take(function, 1):
        raise DefinitionError(
            f"agent {name_of(function)}: it is called with the record alone, and cannot be with "
            f"{signature(function)} as its parameters"
        )


def alone(function: Callable[..., Any], what: str) -> Callable[..., Any]:
    """A function that is called with nothing. Raises DefinitionError where it cannot be."""
    if not callable(function) or not can_take(function, 0, wrapped=False):
        called = name_of(function) if callable(function) else repr(function)
        raise DefinitionError(
            f"{what} {called}: it is called with nothing, and cannot be with "
            f"{signature(function) if callable(function) else None} as its parameters"
        )
    return function


def _called(function: Callable[..., Any]) -> Any:
    """Whose code runs: of a callable object, its `__call__`."""
    inner = unbound(function)
    return inner if inspect.isroutine(inner) else type(inner).__call__


def _parameter(function: Callable[..., Any]) -> str | None:
    """What it calls the records that it is given."""
    found = signature(function)
    parameters = () if found is None else found.parameters.values()
    needed = [one.name for one in parameters if one.default is one.empty]
    return needed[-1] if needed else None


def _iterates(function: Any, parameter: str | None) -> bool:
    """Does it say `async for … in` its parameter, or pass it to what it iterates over?"""
    code = getattr(function, "__code__", None)
    steps = [] if code is None else Instruction.of(code)
    for at, one in enumerate(steps):
        if one.name == "GET_AITER":
            before = steps[max(at - 8, 0) : at]
            if any(other.loads(parameter) for other in before):
                return not _reads_fields(steps, parameter)
    return False


def _reads_fields(steps: list[Instruction], parameter: str | None) -> bool:
    """`record.field`, `record["field"]`: then it is a record, and what is iterated over is
    something else."""
    return any(
        one.loads(parameter)
        and (
            (after.name in ("LOAD_ATTR", "LOAD_METHOD") and after.value not in _STREAMS)
            or (after.name.startswith("LOAD_") and then.name == "SUBSCRIPT")
        )
        for one, after, then in zip(steps, steps[1:], steps[2:], strict=False)
    )


_STREAMS = ("items",)
