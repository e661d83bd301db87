"""What `@app.agent` is given: which form a function has, and whether it can be an agent."""

from __future__ import annotations

import dis
import inspect
import re
from collections.abc import Callable
from types import CodeType
from typing import Any, Literal, NamedTuple

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


class _Step(NamedTuple):
    """An instruction, the same in every CPython: 3.13 began to load or store two names in one."""

    name: str
    value: Any

    @classmethod
    def of(cls, code: CodeType) -> list[_Step]:
        steps = []
        for one in dis.get_instructions(code):
            if isinstance(one.argval, tuple) and one.opname.startswith(("LOAD_FAST", "STORE_FAST")):
                pair = re.findall("(?:LOAD|STORE)_FAST", one.opname)
                steps += [cls(name, value) for name, value in zip(pair, one.argval, strict=True)]
            elif one.opname == "BINARY_SUBSCR" or one.argrepr == "[]":  # BINARY_OP since 3.14
                steps.append(cls("SUBSCRIPT", None))
            else:
                steps.append(cls(one.opname, one.argval))
        return steps

    def loads(self, parameter: str | None) -> bool:
        return self.name.startswith("LOAD_") and self.value == parameter


def _iterates(function: Callable[..., Any]) -> bool:
    """Does it say `async for … in` its parameter, or pass it to what it iterates over?"""
    code = inspect.unwrap(function).__code__
    names = code.co_varnames[: code.co_argcount]
    parameter = names[-1] if names else None
    steps = _Step.of(code)
    for at, one in enumerate(steps):
        if one.name == "GET_AITER":
            before = steps[max(at - 8, 0) : at]
            if any(other.loads(parameter) for other in before):
                return not _reads_fields(steps, parameter)
    return False


def _reads_fields(steps: list[_Step], parameter: str | None) -> bool:
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
