"""The rows of a table as they are after the last change, in the state of a step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from moldau.streams.engine.state import Table
from moldau.streams.engine.values import ValueFormat


class Rows:
    """By key; None is no row."""

    def __init__(self, table: Table, type_: Any) -> None:
        self._table = table
        self._format = ValueFormat(type_)
        self._changed: dict[Any, None] = {}
        table.saver = self._save
        self._rows = {key: self._format.decode(data) for key, data in table.load()}
        self.get = self._rows.get

    def put(self, key: Any, row: Any) -> None:
        if row is not None:
            self._rows[key] = row
            self._changed[key] = None
        elif self._rows.pop(key, None) is not None:
            self._changed.pop(key, None)
            self._table.drop([key])

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows)

    def _save(self) -> list[tuple[Any, Any]]:
        changed, self._changed = self._changed, {}
        return [(key, self._format.encode(self._rows[key])) for key in changed]
