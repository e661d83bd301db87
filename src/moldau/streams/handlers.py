"""What `@app.agent` is given: which form a function has, and whether it can be an agent."""

from __future__ import annotations

import dis
import inspect
from collections.abc import Callable
from itertools import pairwise
from typing import Any, Literal

from moldau.streams.errors import DefinitionError

BatchForm = Literal["list", "arrow", "polars"]


def form_of(function: Callable[..., Any], batch: BatchForm | None) -> str:
    """Raises DefinitionError."""
    if batch is not None:
        if batch not in ("list", "arrow", "polars"):
            raise DefinitionError(f"agent: batch={batch!r} is not one of list, arrow, polars")
        return batch
    if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
        raise DefinitionError(
            f"agent {function.__name__}: it yields, but nobody takes that: `await topic.send(...)`"
        )
    if not inspect.iscoroutinefunction(function):
        return "sync"
    return "stream" if _iterates(function) else "async"


def _iterates(function: Callable[..., Any]) -> bool:
    """Does it say `async for … in` its parameter, or pass it to what it iterates over?"""
    code = inspect.unwrap(function).__code__
    names = code.co_varnames[: code.co_argcount]
    parameter = names[-1] if names else None
    instructions = list(dis.get_instructions(code))
    for at, one in enumerate(instructions):
        if one.opname == "GET_AITER":
            before = instructions[max(at - 8, 0) : at]
            if any(_loads(other, parameter) for other in before):
                return not _reads_fields(instructions, parameter)
    return False


def _loads(one: dis.Instruction, parameter: str | None) -> bool:
    return one.opname.startswith("LOAD_") and (
        one.argval == parameter or (isinstance(one.argval, tuple) and parameter in one.argval)
    )


def _reads_fields(instructions: list[dis.Instruction], parameter: str | None) -> bool:
    """`record.field`: then it is a record, and what is iterated over is something else."""
    return any(
        _loads(one, parameter) and after.opname == "LOAD_ATTR" and after.argval not in _STREAMS
        for one, after in pairwise(instructions)
    )


_STREAMS = ("items",)
