"""How the records of an agent come to it: what `group_by` and `through` in its function ask for.

Topics are known before a program runs, so a function that names one of the two is called once
before, up to where it asks for its first record, and stopped there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator
from inspect import isasyncgen
from typing import Any

from moldau.streams.faust.fields import FieldDescriptor
from moldau.streams.faust.refusals import refuse
from moldau.streams.faust.streams import Operations
from moldau.streams.seen import codes, plain_of

Asked = list[tuple[str, Any]]
"""("filter", function), ("group_by", function) and ("through", topic), in order."""


def asked_by(function: Any) -> Asked:
    """Raises NotAvailable for what cannot be done before a repartition."""
    names = {name for code in codes(plain_of(function).__code__) for name in code.co_names}
    if not names & {"group_by", "through"}:
        return []
    asked = _Asking([])
    _call(function, asked)
    return asked.reached


class _Stop(BaseException):
    """At the first record."""


class _Asking(Operations):
    def __init__(self, so_far: Asked, root: _Asking | None = None) -> None:
        self._so_far = so_far
        self._root = root or self
        self.reached: Asked = []
        self.channel = None

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        so_far = self._so_far
        last = max((at for at, (verb, _) in enumerate(so_far) if verb in _CUTS), default=-1)
        self._root.reached = so_far[: last + 1]
        raise _Stop

    def _with(self, verb: str, what: Any) -> _Asking:
        return _Asking([*self._so_far, (verb, what)], self._root)

    def filter(self, function: Callable[[Any], Any]) -> Any:
        return self._with("filter", function)

    def echo(self, *topics: Any) -> Any:
        return self._with("echo", topics)

    def group_by(self, key: Any, *, name: str | None = None, **_: Any) -> Operations:
        if isinstance(key, FieldDescriptor):
            return self._with("group_by", key.getattr)
        if not callable(key):
            raise refuse(f"group_by({key!r})", "group_by(Model.field) or group_by(function)")
        return self._with("group_by", key)

    def through(self, topic: Any) -> Operations:
        return self._with("through", topic)

    async def _ask(self, *_: Any, **__: Any) -> AsyncIterator[Any]:
        await self.__anext__()
        yield None

    items = events = enumerate = take = _ask


_CUTS = ("group_by", "through")


def _call(function: Any, asked: _Asking) -> None:
    made = function(asked)
    awaitable = made.__anext__() if isasyncgen(made) else made
    steps: Generator[Any, None, Any] = awaitable.__await__()
    try:
        next(steps)
    except (_Stop, StopIteration, StopAsyncIteration):
        return
    except RuntimeError:  # it waits for something that needs an event loop
        return
    finally:
        steps.close()
