"""Tables: values by key that agents keep, as dicts.

What a handler changes is seen by itself at once, and by all others when its record ends; when it
fails, nothing has changed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, MutableMapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from moldau.streams.engine.coding import decode, encode
from moldau.streams.engine.keyed_store import KeyedStore, Place
from moldau.streams.engine.scope import SCOPE, Scope
from moldau.streams.errors import StreamsError
from moldau.streams.faust.records import META, Record, from_blessed
from moldau.streams.faust.refusals import refuse
from moldau.streams.program import Kept

if TYPE_CHECKING:
    from moldau.streams.faust.app import App
    from moldau.streams.faust.windows import WindowWrapper

_LOG = logging.getLogger("moldau.faust")
_GONE: Any = object()
_FIXED = (int, float, str, bytes, bool, type(None))  # cannot be changed in place


class _Held:
    """A value in the hands of a handler. When its record ends it is asked for what is kept: what
    was changed in place is. `default`: what is not kept unless it was."""

    __slots__ = ("default", "value")

    def __init__(self, value: Any, default: bytes | None = None) -> None:
        self.value = value
        self.default = default

    def __call__(self) -> bytes | None:
        data = None if self.value is _GONE else pack(self.value)
        return None if data == self.default else data


class Table(MutableMapping[Any, Any]):
    """`default` makes the value of a key that there is none of."""

    def __init__(
        self,
        app: App,
        name: str,
        default: Callable[[], Any] | None = None,
        key_type: Any = None,
        value_type: Any = None,
        help: str = "",
        on_window_close: Callable[[Any, Any], Any] | None = None,
    ) -> None:
        self.app = app
        self.name = name
        self.default = default
        self.key_type = key_type
        self.value_type = value_type
        self.help = help
        self.on_window_close = on_window_close
        self.window: WindowWrapper | None = None
        self._stores: WeakSet[KeyedStore] = WeakSet()
        self._warned = False

    def node(self, users: tuple[Any, ...]) -> Kept:
        """Its state, in the stage of the agents that use it."""
        if self.window is None:
            return Kept(f"table-{self.name}", users, made=self._stores.add)
        return Kept(
            f"table-{self.name}",
            users,
            made=self._stores.add,
            keeps=self.window.keeps,
            on_close=self.window.closed if self.on_window_close else None,
        )

    # --- values -----------------------------------------------------------------------------

    def __getitem__(self, key: Any) -> Any:
        return self.read(None, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self.write(None, key, value)

    def __delitem__(self, key: Any) -> None:
        if key not in self:
            raise KeyError(key)
        self.write(None, key, _GONE)

    def __contains__(self, key: object) -> bool:
        return self._found(None, key)[0] is not _GONE

    def __iter__(self) -> Iterator[Any]:
        return (key for start, key in self.places() if start is None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def read(self, start: int | None, key: Any) -> Any:
        """Raises KeyError where there is none, and no default."""
        value, held = self._found(start, key)
        if value is not _GONE:
            return value
        if self.default is None:
            raise KeyError(key)
        value = self.default()
        if held is not None and not isinstance(value, _FIXED):
            held[0].changes[held[1], (start, key)] = _Held(value, pack(value))
        return value

    def write(self, start: int | None, key: Any, value: Any) -> None:
        store, scope = self._writable(key)
        if start is not None and store.is_closed(start):
            self._once(f"table {self.name}: a record came for a window that is gone: passed over")
            return
        if value is not _GONE and not isinstance(value, _FIXED):
            pack(value)  # refuse it here, where it is written
        place = (start, key)
        held = scope.changes.get((store, place))
        if isinstance(held, _Held):
            held.value, held.default = value, None
        else:
            scope.changes[store, place] = _Held(value)

    def _found(self, start: int | None, key: Any) -> tuple[Any, tuple[Scope, KeyedStore] | None]:
        """The value, or _GONE; and where a handler asks, where it is."""
        place = (start, key)
        if not _in_agent():
            found = [one.values[place] for one in self._live if place in one.values]
            return (self._value(found[0]) if found else _GONE), None
        store, scope = self._writable(key)
        held = scope.changes.get((store, place))
        if isinstance(held, _Held):
            return held.value, (scope, store)
        data = store.values.get(place)
        if data is None:
            return _GONE, (scope, store)
        value = self._value(data)
        if not isinstance(value, _FIXED):
            scope.changes[store, place] = _Held(value)
        return value, (scope, store)

    def _value(self, data: bytes) -> Any:
        value = unpack(data)
        kind = self.value_type
        if isinstance(value, dict) and isinstance(kind, type) and issubclass(kind, Record):
            return kind.from_data(value)
        return value

    def places(self) -> Iterator[Place]:
        """In an agent: of this partition, with what the handler has changed. Elsewhere: of all
        partitions in this process."""
        if not _in_agent():
            for one in self._live:
                yield from list(one.values)
            return
        scope = SCOPE.get()
        store = self._store(scope)
        held = {place: one.value for (of, place), one in scope.changes.items() if of is store}
        for place in list(store.values):
            if held.get(place) is not _GONE:
                yield place
        for place, value in held.items():
            if value is not _GONE and place not in store.values:
                yield place

    @property
    def _live(self) -> list[KeyedStore]:
        """Its partitions in this process."""
        return [one for one in self._stores if one.is_live]

    # --- where it is ------------------------------------------------------------------------

    def _store(self, scope: Scope) -> KeyedStore:
        store = scope.stores.get(f"table-{self.name}")
        if not isinstance(store, KeyedStore):
            raise StreamsError(
                f"table {self.name!r} is used by an agent of which that could not be seen: say "
                f"@app.agent(topic, tables=[{self.name}])"
            )
        return store

    def _writable(self, key: Any) -> tuple[KeyedStore, Scope]:
        scope = SCOPE.get(None)
        if scope is None or scope.taken is None:
            raise StreamsError(
                f"table {self.name!r} is written by agents only: send to one (agent.cast), which "
                f"writes where the key's partition is"
            )
        if not self._warned:
            batch = scope.taken.batch
            self._compare(key, batch.keys[scope.index])
        return self._store(scope), scope

    def _compare(self, key: Any, records: Any) -> None:
        """Promise 19: under another key than the record's, each partition has its own value."""
        if key == records or (
            isinstance(records, bytes) and key == records.decode(errors="replace")
        ):
            return
        self._once(
            f"table {self.name}: it is used under {key!r}, the record's key is {records!r}, so "
            f"each partition has a value of its own for it; take the records with "
            f"stream.group_by(...) by what the table's key is"
        )

    def _once(self, text: str) -> None:
        if not self._warned:
            self._warned = True
            _LOG.warning(text)

    # --- windows ----------------------------------------------------------------------------

    def tumbling(
        self, size: float | timedelta, expires: float | timedelta | None = None, **_: Any
    ) -> WindowWrapper:
        """In windows one behind the other. `size` and `expires` in s, or as timedelta; windows are
        kept until event time is so far behind their beginning."""
        return self.hopping(size, size, expires)

    def hopping(
        self,
        size: float | timedelta,
        step: float | timedelta,
        expires: float | timedelta | None = None,
        **_: Any,
    ) -> WindowWrapper:
        """In windows of a size, one beginning at every step."""
        from moldau.streams.faust.windows import WindowWrapper

        self.window = WindowWrapper(self, size, step, expires)
        return self.window

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise refuse(f"table.{name}")

    def __repr__(self) -> str:
        return f"<Table {self.name}>"

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other


class SetTable(Table):
    """Sets by key."""

    def __init__(self, app: App, name: str, **options: Any) -> None:
        super().__init__(app, name, default=set, **options)


def _in_agent() -> bool:
    scope = SCOPE.get(None)
    return scope is not None and scope.taken is not None


def pack(value: Any) -> bytes:
    """Raises TypeError."""
    try:
        return encode(_tagged(value))
    except TypeError as error:
        raise TypeError(
            f"a table cannot keep {type(value).__name__} ({error}): it keeps numbers, texts, "
            f"times, lists, dicts, sets and Records"
        ) from None


def unpack(data: bytes) -> Any:
    return _untagged(decode(data))


_SET = "\0set"


def _tagged(value: Any) -> Any:
    if isinstance(value, Record):
        return _tagged(value.model_dump())
    if isinstance(value, (set, frozenset)):
        return {_SET: sorted((_tagged(one) for one in value), key=repr)}
    if isinstance(value, dict):
        return {key: _tagged(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_tagged(one) for one in value]
    return value


def _untagged(value: Any) -> Any:
    if isinstance(value, list):
        return [_untagged(one) for one in value]
    if isinstance(value, dict):
        if _SET in value:
            return {_untagged(one) for one in value[_SET]}
        made = {key: _untagged(one) for key, one in value.items()}
        return from_blessed(made) if META in made else made
    return value
