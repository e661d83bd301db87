"""Tables: values by key that agents keep, as dicts.

What a handler changes is seen by itself at once, and by all others when its record ends; when it
fails, nothing has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from datetime import timedelta
from operator import itemgetter
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from moldau.streams.engine.keyed_store import KeyedStore, Place
from moldau.streams.engine.keys import typed
from moldau.streams.engine.scope import SCOPE, Scope
from moldau.streams.engine.typed_keys import plain
from moldau.streams.errors import StreamsError
from moldau.streams.faust.keeping import FIXED, GONE, InHand, pack, shown, unpack
from moldau.streams.faust.records import Record
from moldau.streams.faust.refusals import refuse
from moldau.streams.faust.tabulating import tabulated
from moldau.streams.faust.warnings import Warnings
from moldau.streams.program import Kept

if TYPE_CHECKING:
    from moldau.streams.faust.app import App
    from moldau.streams.faust.windows import WindowWrapper


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
        self._warnings = Warnings(name)

    def node(self, users: tuple[Any, ...]) -> Kept:
        """Its state, in the stage of the agents that use it."""
        if self.window is None:
            return Kept(f"table-{self.name}", users, made=self._stores.add, shown=shown)
        return Kept(
            f"table-{self.name}",
            users,
            made=self._stores.add,
            shown=shown,
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
        self.write(None, key, GONE)

    def __contains__(self, key: object) -> bool:
        return self._found(None, key)[0] is not GONE

    def __iter__(self) -> Iterator[Any]:
        return self.keys_at(None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def read(self, start: int | None, key: Any) -> Any:
        """Raises KeyError where there is none, and no default."""
        value, held = self._found(start, key)
        if value is not GONE:
            return value
        if self.default is None:
            raise KeyError(key)
        value = self.default()
        if held is not None and not isinstance(value, FIXED):
            held[0].changes[held[1], (start, typed(key))] = InHand(value, pack(value))
        return value

    def write(self, start: int | None, key: Any, value: Any) -> None:
        store, scope = self._writable(key)
        if start is not None and store.is_closed(start):
            self._warnings.gone()
            return
        if value is not GONE and not isinstance(value, FIXED):
            pack(value)  # refuse it here, where it is written
        place = (start, typed(key))
        held = scope.changes.get((store, place))
        if isinstance(held, InHand):
            held.value, held.default = value, None
        else:
            scope.changes[store, place] = InHand(value)

    def _found(self, start: int | None, key: Any) -> tuple[Any, tuple[Scope, KeyedStore] | None]:
        """The value, or GONE; and where a handler asks, where it is."""
        place = (start, typed(key))
        if not _in_agent():
            found = [data for one in self._live if (data := one.get(place)) is not None]
            return (self._value(found[0]) if found else GONE), None
        store, scope = self._writable(key)
        held = scope.changes.get((store, place))
        if isinstance(held, InHand):
            return held.value, (scope, store)
        data = store.get(place)
        if data is None:
            return GONE, (scope, store)
        value = self._value(data)
        if not isinstance(value, FIXED):
            scope.changes[store, place] = InHand(value)
        return value, (scope, store)

    def _value(self, data: bytes) -> Any:
        value = unpack(data)
        kind = self.value_type
        if isinstance(value, dict) and isinstance(kind, type) and issubclass(kind, Record):
            return kind.from_data(value)
        return value

    def keys_at(self, start: int | None) -> Iterator[Any]:
        """Of a window; None: of a table without windows."""
        return (plain(key) for at, key in self.places() if at == start)

    def places(self) -> Iterator[Place]:
        """In an agent: of this partition, with what the handler has changed. Elsewhere: of all
        partitions in this process."""
        if not _in_agent():
            for one in self._live:
                yield from one.all_keys()
            return
        scope = SCOPE.get()
        store = self._store(scope)
        held = {place: one.value for (of, place), one in scope.changes.items() if of is store}
        for place in store.all_keys():
            if held.get(place) is not GONE:
                yield place
        for place, value in held.items():
            if value is not GONE and store.get(place) is None:
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
        self._warnings.other_key(key, plain(scope.taken.batch.keys[scope.index]))
        return self._store(scope), scope

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

    def as_ansitable(
        self,
        *,
        key: str = "Key",
        value: str = "Value",
        sort: bool = False,
        sortkey: Callable[[Any], Any] = itemgetter(0),
        title: str = "{table.name}",
        **_: Any,
    ) -> str:
        """What is there, for people."""
        shown = sorted(self.items(), key=sortkey) if sort else list(self.items())
        return tabulated(title.format(table=self), [(key, value), *shown])

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
