"""The rows of a table as they are after the last change, in the state of a step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from moldau.streams.engine.cached import Cached
from moldau.streams.engine.state import Table
from moldau.streams.engine.values import ValueFormat


class Rows:
    """By key; None is no row. `get` is of one, `fetch` of those of a batch before it."""

    def __init__(self, table: Table, type_: Any) -> None:
        format_ = ValueFormat(type_)
        self._rows = Cached(table, format_.encode, format_.decode)
        self.get = self._rows.__getitem__
        self.fetch = self._rows.fetch

    def put(self, key: Any, row: Any) -> None:
        if row is not None or self._rows[key] is not None:
            self._rows.put(key, row)

    def __iter__(self) -> Iterator[Any]:
        return self._rows.all_keys()
