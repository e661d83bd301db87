"""Tables by tables: what comes are changes, in the order of event time; what leaves too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from moldau.streams.engine.operators import Operator
from moldau.streams.engine.rows import Rows
from moldau.streams.engine.sides import Joining
from moldau.streams.join_nodes import TableJoin


class TableJoining(Joining):
    """The row of a key is that of both tables' rows, whenever one changes."""

    def __init__(
        self, node: TableJoin, left: Rows, right: Rows, following: Sequence[Operator]
    ) -> None:
        super().__init__(following)
        self._merge = node.merge
        self._rows = (left, right)
        self._needs = (node.how in ("inner", "left"), node.how == "inner")

    def advance(self, watermark: int) -> None:
        made = []
        for time, rank, row in self._taken():
            key = row[4]
            before = self._row(key)
            self._rows[rank].put(key, row[5])
            after = self._row(key)
            if before is not None or after is not None:
                made.append((key, after, time))
        self._emit(made)

    def _row(self, key: Any) -> Any:
        left, right = (rows.get(key) for rows in self._rows)
        needs_left, needs_right = self._needs
        if (left is None and (needs_left or right is None)) or (right is None and needs_right):
            return None
        return self._merge(left, right)
