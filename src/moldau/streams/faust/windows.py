"""Tables in windows of event time."""

from __future__ import annotations

import asyncio
import math
import operator
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from moldau.streams.engine.keys import typed
from moldau.streams.engine.scope import SCOPE
from moldau.streams.errors import DefinitionError, StreamsError
from moldau.streams.faust.events import VALUE, Event
from moldau.streams.faust.keeping import unpack
from moldau.streams.faust.refusals import refuse

if TYPE_CHECKING:
    from moldau.streams.faust.tables import Table

When = Callable[[], int]


def ms(span: float | timedelta, what: str) -> int:
    """Of s, or a timedelta. Raises DefinitionError."""
    seconds = span.total_seconds() if isinstance(span, timedelta) else span
    if not isinstance(seconds, (int, float)) or seconds <= 0:
        raise DefinitionError(
            f"{what}={span!r} must be a number of seconds above 0, or a timedelta"
        )
    return round(seconds * 1000)


class WindowWrapper:
    """A table of windows: `table[key]` is what the key has in all of them."""

    def __init__(
        self,
        table: Table,
        size: float | timedelta,
        step: float | timedelta,
        expires: float | timedelta | None,
        when: When | None = None,
    ) -> None:
        self.table = table
        self.size = ms(size, "size")
        self.step = ms(step, "step")
        if self.step > self.size:
            raise DefinitionError(
                f"table {table.name!r}: step={step!r} is longer than size={size!r}"
            )
        self.keeps = None if expires is None else max(self.size, ms(expires, "expires"))
        self.field: Any = None
        self._when = when or _record_ms

    # --- which window -----------------------------------------------------------------------

    def relative_to_stream(self) -> WindowWrapper:
        """`value()` is that of the record's time (so it is anyway)."""
        self.field = None
        return self._relative(_record_ms)

    def relative_to_now(self) -> WindowWrapper:
        self.field = None
        return self._relative(now_ms)

    def relative_to_field(self, field: Any) -> WindowWrapper:
        """Time is that field of the value: s since 1970, or a datetime. It is the time of its
        agents' topics then, by which windows close."""
        self.field = field
        return self._relative(lambda: field_ms(field, VALUE.get()[0]))

    def relative_to(self, timestamp: Any) -> WindowWrapper:
        if timestamp is None or not hasattr(timestamp, "getattr"):
            raise refuse("relative_to(...)", "relative_to_field(Model.field) or relative_to_now()")
        return self.relative_to_field(timestamp)

    def _relative(self, when: When) -> WindowWrapper:
        self._when = when
        return self

    def starts(self, at: int) -> list[int]:
        """Of the windows that a time is in, the latest last."""
        latest = at - at % self.step
        return [
            latest - back * self.step
            for back in range(math.ceil(self.size / self.step) - 1, -1, -1)
            if latest - back * self.step + self.size > at
        ]

    # --- as a mapping -----------------------------------------------------------------------

    def __getitem__(self, key: Any) -> WindowSet:
        return WindowSet(self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        if not isinstance(value, WindowSet):  # of `table[key] += 1`: it is done
            for start in self.starts(self._when()):
                self.table.write(start, key, value)

    def __contains__(self, key: Any) -> bool:
        return typed(key) in set(map(typed, self.keys()))

    def keys(self) -> Iterator[Any]:
        """Those that have a value in the latest window."""
        start = self.starts(self._now())[-1]
        return self.table.keys_at(start)

    __iter__ = keys

    def values(self) -> Iterator[Any]:
        return (value for _, value in self.items())

    def items(self) -> Iterator[tuple[Any, Any]]:
        start = self.starts(self._now())[-1]
        return ((key, self.table.read(start, key)) for key in self.keys())

    def _now(self) -> int:
        """Where there is no record: by the wall clock."""
        scope = SCOPE.get(None)
        return now_ms() if scope is None or scope.taken is None else self._when()

    # --- when one is over -------------------------------------------------------------------

    def closed(self, key: Any, start: int, data: bytes) -> None:
        """Calls on_window_close, as Faust does: `key` is (key, (start, end)), in s."""
        assert self.table.on_window_close is not None
        bounds = (start / 1000, (start + self.size) / 1000)
        try:
            made = self.table.on_window_close((key, bounds), unpack(data))
            if made is None or not hasattr(made, "send"):
                return
            made.send(None)
        except StopIteration:
            return
        except Exception as error:  # there is no record to give up, and it must not be lost
            raise StreamsError(
                f"table {self.table.name!r}: on_window_close of {key!r}, {bounds}: {error!r}"
            ) from error
        made.close()
        raise StreamsError(
            f"table {self.table.name!r}: on_window_close may send, and wait for nothing else"
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise refuse(f"table.{name} of a table in windows")


class WindowSet:
    """What a key has in the windows."""

    def __init__(self, wrapper: WindowWrapper, key: Any) -> None:
        self.key = key
        self._wrapper = wrapper

    def value(self, event: Event | None = None) -> Any:
        """Relative to what the table is: the record's time, now, or a field."""
        return self._at(self._time(event))

    def current(self, event: Event | None = None) -> Any:
        """In the latest window of the record's time."""
        return self._at(_record_ms() if event is None else _event_ms(event))

    def now(self) -> Any:
        """In the latest window, by the wall clock."""
        return self._at(now_ms())

    def delta(self, back: float | timedelta, event: Event | None = None) -> Any:
        """In the window of so long before."""
        return self._at(self._time(event) - ms(back, "delta"))

    def _time(self, event: Event | None) -> int:
        return self._wrapper._when() if event is None else _event_ms(event)

    def _at(self, time_ms: int) -> Any:
        return self._wrapper.table.read(self._wrapper.starts(time_ms)[-1], self.key)

    def apply(self, function: Callable[[Any, Any], Any], value: Any) -> WindowSet:
        """To the value in each window that the record is in."""
        table = self._wrapper.table
        for start in self._wrapper.starts(self._wrapper._when()):
            table.write(start, self.key, function(table.read(start, self.key), value))
        return self

    def __iadd__(self, value: Any) -> WindowSet:
        return self.apply(operator.add, value)

    def __isub__(self, value: Any) -> WindowSet:
        return self.apply(operator.sub, value)

    def __imul__(self, value: Any) -> WindowSet:
        return self.apply(operator.mul, value)

    def __ior__(self, value: Any) -> WindowSet:
        return self.apply(operator.or_, value)

    def __iand__(self, value: Any) -> WindowSet:
        return self.apply(operator.and_, value)

    def __itruediv__(self, value: Any) -> WindowSet:
        return self.apply(operator.truediv, value)

    def __ifloordiv__(self, value: Any) -> WindowSet:
        return self.apply(operator.floordiv, value)

    def __imod__(self, value: Any) -> WindowSet:
        return self.apply(operator.mod, value)

    def __repr__(self) -> str:
        return f"<WindowSet {self.key!r} of {self._wrapper.table.name}: say .current(), .now() …>"


def _record_ms() -> int:
    scope = SCOPE.get(None)
    if scope is None or scope.timestamp is None:
        raise StreamsError("there is no record here, whose time could say which window: say .now()")
    return scope.timestamp


def now_ms() -> int:
    """Of the wall clock, or the one of a test."""
    try:
        virtual = getattr(asyncio.get_running_loop(), "wall_ms", None)
    except RuntimeError:
        virtual = None
    return time.time_ns() // 1_000_000 if virtual is None else round(virtual())


def _event_ms(event: Event) -> int:
    return round(event.message.timestamp * 1000)


def field_ms(field: Any, record: Any) -> int:
    """The time that it has there: s since 1970, a datetime (a naive one is UTC), or one in ISO
    8601. Raises TypeError, ValueError."""
    value = field.getattr(record)
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        value = (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    seconds: float = value
    return round(seconds * 1000)
