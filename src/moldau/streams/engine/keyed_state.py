"""State that handlers keep: values by key, in the task's changelog."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, is_typeddict

from moldau.streams.engine.cached import Cached
from moldau.streams.engine.coding import decode, encode
from moldau.streams.engine.keys import typed
from moldau.streams.engine.returning import is_made_again, named, strange, strict_reader
from moldau.streams.engine.scope import SCOPE, Scope
from moldau.streams.engine.state import Table
from moldau.streams.errors import DefinitionError, NoRow, StreamsError

Value = TypeVar("Value")


class Store:
    """Of one partition. Values are kept as bytes, so that each reader has its own."""

    def __init__(self, table: Table) -> None:
        self._rows = Cached(table)
        self.get: Callable[[Any], bytes | None] = self._rows.__getitem__
        self.all_keys = self._rows.all_keys

    def set(self, key: Any, data: bytes | None) -> None:
        self._rows.put(key, data)


class KeyedState(Generic[Value]):
    """What the agents that it was given to keep by key, in the partition of their record. A value
    that is changed in place is not kept: assign it. What is set is kept when the record ends, and
    dropped when the handler fails."""

    def __init__(
        self, name: str, default: Callable[[], Value] | None, type_: type[Value] | Any = Any
    ) -> None:
        if default is not None and not callable(default):
            raise DefinitionError(
                f"state {name!r}: default={default!r} is no function: write it as in default=int, "
                f"or default=lambda: {default!r}"
            )
        self.name = name
        self._default = default
        if type_ is Any and isinstance(default, type) and is_made_again(default):
            type_ = default
        self._read = strict_reader(type_, f"state {name!r}")
        is_class = isinstance(type_, type) and not is_typeddict(type_)
        self._kind = type_ if self._read is not None and is_class else object

    def __getitem__(self, key: Any) -> Value:
        data = self._data(key)
        if data is not None:
            return self._value(data)
        if self._default is None:
            said = f"state {self.name!r} has no value of {key!r}; give it a default=, or take .get"
            raise NoRow(key, said)
        return self._default()

    def __setitem__(self, key: Any, value: Value) -> None:
        scope, store = self._here()
        self._check(value)
        scope.changes[store, typed(key)] = encode(value)

    def __delitem__(self, key: Any) -> None:
        scope, store = self._here()
        scope.changes[store, typed(key)] = None

    def __contains__(self, key: Any) -> bool:
        return self._data(key) is not None

    def get(self, key: Any, otherwise: Any = None) -> Any:
        data = self._data(key)
        return otherwise if data is None else self._value(data)

    def _value(self, data: bytes) -> Value:
        value: Value = decode(data)
        return value if self._read is None else self._read(value)

    def _check(self, value: Any) -> None:
        """Raises TypeError for what would not come back as it is."""
        its = strange(value) if self._read is None else ""
        if its:
            raise TypeError(
                f"state {self.name!r}: what would come back is not {its}, but the fields or values "
                f"of it: say what it keeps, app.state({self.name!r}, {its})"
            )
        if not isinstance(value, self._kind):
            raise TypeError(
                f"state {self.name!r} keeps {named(self._kind)}, and not {named(type(value))}"
            )

    def _data(self, key: Any) -> bytes | None:
        scope, store = self._here()
        place = (store, typed(key))
        return scope.changes[place] if place in scope.changes else store.get(place[1])

    def _here(self) -> tuple[Scope, Store]:
        scope = SCOPE.get(None)
        store = None if scope is None else scope.stores.get(self.name)
        if scope is None or store is None:
            raise StreamsError(
                f"state {self.name!r}: it is kept for the agents that it was given to, as in "
                f"@app.agent(topic, states=[{self.name}]), while they have a record"
            )
        return scope, store
